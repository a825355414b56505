/**
 * One ledger's watch, as it is read by a subscription: pulled item by item, and acknowledged as it is taken, so that a
 * reader that stops costs the ledger a cursor and this isolate one window. A connection that is cut (every deploy cuts
 * all of them) is opened again at the last RV before anyone notices.
 */
import type { LedgerStatus } from "./ending.ts";

export type StreamStart = { from: "state" } | { from: "now" } | { from: "rv"; rv: number };

export type Item =
  /** `last`: the end of the initial state, which is of `stateRv`. Before it an initial event is no place to resume. */
  | {
      is: "event";
      type: "ADDED" | "MODIFIED" | "DELETED";
      object: WatchedObject;
      initial: boolean;
      last: boolean;
      rv: string;
    }
  /** Everything up to `rv` was told. `start`: the watch begins here. */
  | { is: "mark"; rv: string; start: boolean }
  | { is: "over"; status: LedgerStatus };

export interface WatchedObject {
  apiVersion: string;
  kind: string;
  metadata: { name: string; namespace?: string; resourceVersion: string; [key: string]: unknown };
  [key: string]: unknown;
}

export interface StreamHost {
  /** Asks the ledger for a watch; the socket is accepted by the stream. */
  dial(start: StreamStart): Promise<WebSocket>;
  /** Something can be taken, or the stream is over. */
  wake(): void;
  wait(ms: number): Promise<void>;
  random(): number;
}

export interface StreamOptions {
  patient?: boolean;
  /** Events between the start and the head. */
  maxReplay?: number;
}

/** Bytes that the ledger may have sent without an acknowledgement. */
export const WINDOW_BYTES = 64 * 1024;
/** A frame that is taken is acknowledged at the latest so long after, for the ledger counts what is older than 10 s. */
const ACK_AFTER_MS = 5_000;
const FIRST_PAUSE_MS = 100;
const LONGEST_PAUSE_MS = 5_000;
/** Connections in a row that gave nothing. */
const MAX_ATTEMPTS = 6;
/** A restored ledger goes on so many RVs above what it gave out; there are no events between. */
const RESTORE_SKIPS = 1_000_000_000;
const REPLAY_LIMIT = { reason: "REPLAY_LIMIT" };
const TOO_FAR = "more happened since than is replayed";

interface Frame {
  head: Head;
  lines: string;
  /** Where in `lines` the next event begins. */
  at: number;
}

interface Head {
  sent?: number;
  rv?: string;
  prev?: string;
  head?: string;
  partial?: boolean;
  snapshot?: boolean;
  end?: boolean;
  error?: LedgerStatus;
}

export class LedgerStream {
  readonly #host: StreamHost;
  #socket: WebSocket | undefined;
  #frames: Frame[] = [];
  #start: StreamStart;
  #over: LedgerStatus | undefined;
  #closed = false;
  #attempts = 0;
  #taken = 0;
  #acked = 0;
  #ackTimer: ReturnType<typeof setTimeout> | undefined;
  /** An initial state was begun and not ended: another one would not say what is gone since. */
  #halfTold = false;
  /** Whether a 404 means "not yet": the namespace is known to be there. */
  readonly #patient: boolean;
  /** How far behind the head the subscriber may start; undefined once that is judged. */
  #maxReplay: number | undefined;
  /** Characters that wait to be taken. */
  queued = 0;
  /** Everything the ledger had when the stream last heard of it was taken. */
  synced = false;
  /** Between connections; then it holds nothing. */
  waiting = false;

  constructor(start: StreamStart, host: StreamHost, options: StreamOptions = {}) {
    this.#start = start;
    this.#host = host;
    this.#patient = options.patient ?? false;
    if (start.from === "rv") this.#maxReplay = options.maxReplay;
    void this.#open();
  }

  /** The next item, or undefined where there is none yet. */
  take(): Item | undefined {
    for (;;) {
      const frame = this.#frames[0];
      if (!frame) break;
      const item = this.#from(frame);
      if (frame.at >= frame.lines.length) this.#finish(frame);
      if (item) return item;
    }
    if (this.#over && !this.#closed) {
      this.close();
      return { is: "over", status: this.#over };
    }
    return undefined;
  }

  close(): void {
    this.#closed = true;
    this.#frames = [];
    this.queued = 0;
    clearTimeout(this.#ackTimer);
    try {
      this.#socket?.close(1000, "the subscription ended");
    } catch {
      // It is closed already.
    }
    this.#socket = undefined;
  }

  #from(frame: Frame): Item | undefined {
    const { head, lines } = frame;
    if (frame.at >= lines.length) return this.#mark(head);
    const end = lines.indexOf("\n", frame.at);
    const line = lines.slice(frame.at, end === -1 ? lines.length : end);
    frame.at = end === -1 ? lines.length : end + 1;
    const { type, object } = JSON.parse(line) as { type: "ADDED" | "MODIFIED" | "DELETED"; object: WatchedObject };
    const initial = head.snapshot === true;
    const last = initial && head.end === true && frame.at >= lines.length;
    const rv = initial ? (head.rv ?? "0") : object.metadata.resourceVersion;
    // Inside a transaction, too, a resume gives the rest of it.
    if (last || !initial) this.#reached(Number(rv));
    else this.#halfTold = true;
    return { is: "event", type, object, initial, last, rv };
  }

  #mark({ rv, prev, snapshot, end }: Head): Item | undefined {
    if (rv === undefined || (snapshot && !end)) return undefined;
    this.#reached(Number(rv));
    return { is: "mark", rv, start: !snapshot && prev === rv };
  }

  #reached(rv: number): void {
    this.#start = { from: "rv", rv };
    this.#halfTold = false;
  }

  #finish(frame: Frame): void {
    this.#frames.shift();
    this.queued -= frame.lines.length;
    const { head } = frame;
    const isWhole = !head.partial && (!head.snapshot || head.end === true);
    if (this.#frames.length === 0) this.synced = isWhole && Number(head.rv) >= Number(head.head ?? head.rv);
    if (head.sent === undefined) return;
    this.#taken = head.sent;
    if (this.#taken - this.#acked >= WINDOW_BYTES / 4) this.#acknowledge();
    else this.#ackTimer ??= setTimeout(() => this.#acknowledge(), ACK_AFTER_MS);
  }

  #acknowledge(): void {
    clearTimeout(this.#ackTimer);
    this.#ackTimer = undefined;
    if (this.#acked === this.#taken) return;
    this.#acked = this.#taken;
    try {
      this.#socket?.send(`{"ack":${this.#acked}}`);
    } catch {
      // The connection was cut; the next one counts anew.
    }
  }

  async #open(): Promise<void> {
    let socket: WebSocket;
    try {
      socket = await this.#host.dial(this.#start);
    } catch {
      return await this.#again({ code: 503, message: "the namespace is not reachable right now" });
    }
    if (this.#closed) {
      socket.accept();
      socket.close(1000, "the subscription ended");
      return;
    }
    this.waiting = false;
    this.#socket = socket;
    this.#taken = 0;
    this.#acked = 0;
    let refused: LedgerStatus | undefined;
    socket.addEventListener("message", ({ data }) => {
      if (socket !== this.#socket || typeof data !== "string") return;
      const newline = data.indexOf("\n");
      const head = JSON.parse(newline === -1 ? data : data.slice(0, newline)) as Head;
      if (head.error) {
        refused = head.error;
        return;
      }
      this.#attempts = 0;
      if (this.#isTooFar(head)) return this.#end({ code: 410, message: TOO_FAR, details: { causes: [REPLAY_LIMIT] } });
      const lines = newline === -1 ? "" : data.slice(newline + 1);
      this.synced = false;
      this.queued += lines.length;
      this.#frames.push({ head, lines, at: 0 });
      this.#host.wake();
    });
    const cut = () => {
      if (socket !== this.#socket) return;
      this.#socket = undefined;
      clearTimeout(this.#ackTimer);
      this.#ackTimer = undefined;
      void this.#again(refused ?? { code: 0, message: "the connection to the namespace was cut" });
    };
    socket.addEventListener("close", cut);
    socket.addEventListener("error", cut);
    socket.accept();
  }

  /** Judged by the first frame, which says where the watch begins and where the ledger is. */
  #isTooFar({ prev, head }: Head): boolean {
    const maxReplay = this.#maxReplay;
    this.#maxReplay = undefined;
    return maxReplay !== undefined && (Number(head) - Number(prev)) % RESTORE_SKIPS > maxReplay;
  }

  #end(status: LedgerStatus): void {
    this.#over = status;
    const socket = this.#socket;
    this.#socket = undefined;
    socket?.close(1000, "the subscription ended");
    this.#host.wake();
  }

  /** After a connection that ended: on from where it was, unless its reason, or half an initial state, forbids it. */
  async #again(status: LedgerStatus): Promise<void> {
    if (this.#closed) return;
    const isCut = status.code === 0 || status.code >= 500;
    const isNotYet = status.code === 404 && this.#patient;
    this.#attempts += 1;
    if (!isNotYet && (!isCut || this.#halfTold || this.#attempts > MAX_ATTEMPTS)) return this.#end(status);
    // What was not taken comes again: the new connection starts behind what was.
    this.#frames = [];
    this.queued = 0;
    this.waiting = true;
    const pause = Math.min(LONGEST_PAUSE_MS, FIRST_PAUSE_MS * 2 ** (this.#attempts - 1));
    await this.#host.wait(pause * (0.5 + this.#host.random()));
    if (!this.#closed) await this.#open();
  }
}
