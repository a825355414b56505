import { WebSocket } from "ws";

const SUBPROTOCOL = "gitstore.watch.v1";

/** The protocol's default; a client acknowledges when a quarter of it has come. */
const WINDOW_BYTES = 256 * 1024;

/** A frame's head stands in its first bytes; its events are not parsed, as little as etcd's are. */
const HEAD_BYTES = 160;

/** What is less than a quarter of the window is acknowledged this long after it came at the latest. */
const ACK_MS = 10_000;

export interface Watching {
  token: string;
  /** Absent: from now. */
  from?: number;
  kinds?: string[];
  labelSelector?: string;
  onFrame?: (frame: Buffer) => void;
}

/** One connection of `gitstore.watch.v1`, without reconnects: a cut connection fails the benchmark. */
export class Watcher {
  /** The newest RV that a frame covered. */
  rv = 0;
  bytes = 0;
  readonly #socket: WebSocket;
  #taken = 0;
  #acked = 0;
  #ackTimer: NodeJS.Timeout | undefined;
  #closing = false;
  #stalled = false;
  #awaited: { rv: number; resolve: () => void; reject: (error: Error) => void } | undefined;

  private constructor(socket: WebSocket) {
    this.#socket = socket;
  }

  /** Resolves with the first frame, which fixes the start. */
  static open(url: string, options: Watching): Promise<Watcher> {
    const query = new URLSearchParams({ window: String(WINDOW_BYTES) });
    if (options.from === undefined) query.set("sendInitialEvents", "false");
    else query.set("resourceVersion", String(options.from));
    for (const kind of options.kinds ?? []) query.append("kind", kind);
    if (options.labelSelector !== undefined) query.set("labelSelector", options.labelSelector);
    const socket = new WebSocket(`${url.replace(/^http/, "ws")}?${query}`, SUBPROTOCOL, {
      headers: { Authorization: `Bearer ${options.token}` },
      // Offered, it would cost the server fifteen times the CPU of a send.
      perMessageDeflate: false,
    });
    const watcher = new Watcher(socket);
    return new Promise((resolve, reject) => {
      socket.on("error", reject);
      socket.on("close", (code, reason) => {
        if (watcher.#closing) return;
        const error = new Error(`the watch was closed: ${code} ${reason.toString()}`);
        watcher.#awaited?.reject(error);
        reject(error);
      });
      socket.on("message", (frame: Buffer) => {
        watcher.#take(frame);
        options.onFrame?.(frame);
        resolve(watcher);
      });
    });
  }

  /** Resolves when everything up to an RV has come. */
  reached(rv: number): Promise<void> {
    if (this.rv >= rv) return Promise.resolve();
    return new Promise((resolve, reject) => {
      this.#awaited = { rv, resolve, reject };
    });
  }

  /** Reads nothing any more: a client that hangs. The kernel still takes some MB for it. */
  stall(): void {
    this.#stalled = true;
    this.#socket.pause();
  }

  close(): void {
    this.#closing = true;
    this.#socket.terminate();
  }

  #ack(): void {
    clearTimeout(this.#ackTimer);
    this.#ackTimer = undefined;
    if (this.#closing || this.#stalled || this.#taken === this.#acked) return;
    this.#acked = this.#taken;
    this.#socket.send(`{"ack":${this.#acked}}`);
  }

  #take(frame: Buffer): void {
    const head = frame.toString("latin1", 0, HEAD_BYTES);
    const sent = Number(/^\{"sent":(\d+)/.exec(head)?.[1]);
    const rv = /"rv":"(\d+)"(,"partial":true)?/.exec(head);
    if (rv === null) throw new Error(`an unexpected frame: ${head}`);
    this.bytes += frame.length;
    if (rv[2] === undefined) this.rv = Number(rv[1]);
    this.#taken = sent;
    if (sent - this.#acked >= WINDOW_BYTES / 4) this.#ack();
    else this.#ackTimer ??= setTimeout(() => this.#ack(), ACK_MS);
    if (this.#awaited !== undefined && this.rv >= this.#awaited.rv) {
      this.#awaited.resolve();
      this.#awaited = undefined;
    }
  }
}

/** Stands before the time that an object was sent at, somewhere in its text; `|` ends it. */
export const SENT = "@sent:";

/** The times that were written into the objects of a frame. */
export function sentTimes(frame: Buffer): number[] {
  const times: number[] = [];
  for (let at = frame.indexOf(SENT); at >= 0; at = frame.indexOf(SENT, at + SENT.length)) {
    const from = at + SENT.length;
    times.push(Number(frame.toString("latin1", from, frame.indexOf("|", from))));
  }
  return times;
}
