import type { AddressInfo } from "node:net";
import { connect, createServer, type Server, type Socket } from "node:net";

interface Pair {
  client: Socket;
  server: Socket;
  /** Bytes of the server's that are still passed on. */
  left: number;
}

/** A network between clients and server that breaks: a connection ends after so many more bytes, wherever that is. */
export class Cutter {
  readonly #listener: Server;
  readonly #pairs = new Set<Pair>();
  #cuts = 0;

  private constructor(listener: Server) {
    this.#listener = listener;
  }

  /** `port`: of the server, asked for at each connection. */
  static async start(port: () => number): Promise<Cutter> {
    const listener = createServer();
    const cutter = new Cutter(listener);
    listener.on("connection", (client) => cutter.#join(client, connect(port(), "127.0.0.1")));
    await new Promise<void>((resolve) => listener.listen(0, "127.0.0.1", resolve));
    return cutter;
  }

  get url(): string {
    return `http://127.0.0.1:${(this.#listener.address() as AddressInfo).port}`;
  }

  /** Connections that were cut before their time. */
  get cuts(): number {
    return this.#cuts;
  }

  /** Of the connections that are open, the one that `choose` says is cut after so many more bytes to its client. */
  cutOne(choose: (count: number) => number, bytes: number): void {
    const open = [...this.#pairs].filter(({ left }) => left === Number.POSITIVE_INFINITY);
    const pair = open.length > 0 ? open[choose(open.length)] : undefined;
    if (pair) pair.left = bytes;
  }

  /** From now on nothing is cut. */
  heal(): void {
    for (const pair of this.#pairs) pair.left = Number.POSITIVE_INFINITY;
  }

  async stop(): Promise<void> {
    for (const pair of this.#pairs) this.#end(pair);
    await new Promise((resolve) => this.#listener.close(resolve));
  }

  #join(client: Socket, server: Socket): void {
    const pair: Pair = { client, server, left: Number.POSITIVE_INFINITY };
    this.#pairs.add(pair);
    client.pipe(server);
    server.on("data", (bytes: Buffer) => {
      if (bytes.length >= pair.left) {
        this.#cuts += 1;
        // What is passed on is sent before the end: `destroy` at once would drop it.
        client.end(bytes.subarray(0, pair.left), () => this.#end(pair));
        server.pause();
        return;
      }
      pair.left -= bytes.length;
      // A client that does not read must hold up the server, as a network does.
      if (!client.write(bytes)) {
        server.pause();
        client.once("drain", () => server.resume());
      }
    });
    for (const socket of [client, server]) {
      socket.on("error", () => this.#end(pair));
      socket.on("close", () => this.#end(pair));
    }
  }

  #end(pair: Pair): void {
    this.#pairs.delete(pair);
    pair.client.destroy();
    pair.server.destroy();
  }
}
