import { WebSocket } from "ws";

interface Frame {
  id?: string;
  sent?: number;
  result?: { metadata: { resourceVersion: string } };
}

/** Status writes on a watch's connection. A conflict or a refusal fails the benchmark. */
export class StatusSocket {
  readonly #socket: WebSocket;
  readonly #waiting = new Map<string, { resolve: (rv: string) => void; reject: (error: Error) => void }>();
  #ids = 0;

  private constructor(socket: WebSocket) {
    this.#socket = socket;
    socket.on("message", (data: Buffer) => this.#take(data.toString()));
    socket.on("close", (code) => {
      for (const { reject } of this.#waiting.values()) reject(new Error(`the connection was closed: ${code}`));
    });
  }

  /** Watches Channels, of which there are none. */
  static open(url: string, token: string): Promise<StatusSocket> {
    const socket = new WebSocket(
      `${url.replace(/^http/, "ws")}?kind=Channel&sendInitialEvents=false`,
      "gitstore.watch.v1",
      {
        headers: { Authorization: `Bearer ${token}` },
        perMessageDeflate: false,
      },
    );
    return new Promise((resolve, reject) => {
      socket.on("error", reject);
      socket.on("open", () => resolve(new StatusSocket(socket)));
    });
  }

  /** @returns the object's resourceVersion after it */
  write(status: object): Promise<string> {
    const id = String(++this.#ids);
    return new Promise((resolve, reject) => {
      this.#waiting.set(id, { resolve, reject });
      this.#socket.send(JSON.stringify({ id, status }));
    });
  }

  close(): void {
    this.#socket.terminate();
  }

  #take(text: string): void {
    const frame = JSON.parse(text) as Frame;
    if (frame.id === undefined) {
      if (frame.sent !== undefined) this.#socket.send(`{"ack":${frame.sent}}`);
      return;
    }
    const waiting = this.#waiting.get(frame.id);
    this.#waiting.delete(frame.id);
    if (frame.result) waiting?.resolve(frame.result.metadata.resourceVersion);
    else waiting?.reject(new Error(`the write was not done: ${text}`));
  }
}
