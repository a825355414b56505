import WebSocket from "ws";

export interface WatchedObject {
  apiVersion: string;
  kind: string;
  metadata: { name: string; resourceVersion: string; uid: string; generation: number; labels?: Record<string, string> };
  spec: Record<string, unknown>;
  status?: Record<string, unknown>;
}

export interface WatchedEvent {
  type: "ADDED" | "MODIFIED" | "DELETED";
  object: WatchedObject;
}

interface Frame {
  sent: number;
  prev?: string;
  rv: string;
  partial?: boolean;
  snapshot?: boolean;
  end?: boolean;
  events: WatchedEvent[];
  error?: { code: number; message: string };
}

export interface WatchOptions {
  url: string;
  token: string;
  namespace: string;
  resourceVersion?: string;
  kinds?: string[];
  query?: Record<string, string>;
  /** False: never acknowledges, and reads nothing when `pause` is called. */
  ack?: boolean;
}

/** A plain client of `gitstore.watch.v1` on the `ws` package: it records, checks `prev`, and acknowledges. */
export class RecordingWatcher {
  readonly events: WatchedEvent[] = [];
  readonly frames: Omit<Frame, "events">[] = [];
  readonly socket: WebSocket;
  readonly closed: Promise<{ code: number; reason: string }>;
  /** The last resume point, to go on from. */
  rv: string;
  error: Frame["error"];
  #prev: string | undefined;
  #waiting: (() => void)[] = [];

  constructor(options: WatchOptions) {
    this.rv = options.resourceVersion ?? "";
    const query = new URLSearchParams(options.query);
    if (options.resourceVersion !== undefined) query.set("resourceVersion", options.resourceVersion);
    for (const kind of options.kinds ?? []) query.append("kind", kind);
    const base = options.url.replace(/^http/, "ws");
    this.socket = new WebSocket(`${base}/watch/v1/namespaces/${options.namespace}?${query}`, ["gitstore.watch.v1"], {
      headers: { authorization: `Bearer ${options.token}` },
      // 15 x the server's CPU a send, and the proxy of a local runtime takes it up whenever it is offered.
      perMessageDeflate: false,
    });
    this.closed = new Promise((resolve) => {
      this.socket.on("close", (code, reason) => {
        resolve({ code, reason: reason.toString() });
        this.#wake();
      });
    });
    this.socket.on("error", () => undefined);
    this.socket.on("message", (data) => this.#take(JSON.parse(data.toString()) as Frame, options.ack ?? true));
  }

  #take(frame: Frame, ack: boolean): void {
    if (frame.error) {
      this.error = frame.error;
      this.#wake();
      return;
    }
    if (!frame.snapshot && this.#prev !== undefined && frame.prev !== this.#prev) {
      throw new Error(`a gap: prev ${frame.prev}, but the last rv was ${this.#prev}`);
    }
    const { events, ...head } = frame;
    this.frames.push(head);
    this.events.push(...events);
    const isResumePoint = !frame.partial && (!frame.snapshot || frame.end === true);
    if (isResumePoint) {
      this.rv = frame.rv;
      this.#prev = frame.rv;
    }
    if (ack) this.socket.send(JSON.stringify({ ack: frame.sent }));
    this.#wake();
  }

  #wake(): void {
    const waiting = this.#waiting;
    this.#waiting = [];
    for (const wake of waiting) wake();
  }

  async until(done: () => boolean): Promise<void> {
    while (!done()) {
      if (this.socket.readyState === WebSocket.CLOSED)
        throw new Error(`the watch closed: ${JSON.stringify(await this.closed)} ${JSON.stringify(this.error)}`);
      await new Promise<void>((resolve) => this.#waiting.push(resolve));
    }
  }

  /** CloudEvents among what came, in order. */
  get gitEvents(): { id: string; type: string; subject: string; data: Record<string, unknown> }[] {
    return this.events.filter(({ object }) => object.kind === "GitEvent").map(({ object }) => object.spec as never);
  }

  close(): void {
    this.socket.terminate();
  }
}
