/** One connection of a watch: frames in, acknowledgements out. */
import type { Frame } from "./machine.ts";

/** The part of the global `WebSocket` that is used: in Node ≥ 22, Workers and browsers the same. */
export interface SocketLike {
  readonly readyState: number;
  send(data: string): void;
  close(code?: number, reason?: string): void;
  addEventListener(type: string, listener: (event: { data?: unknown; code?: number; reason?: string }) => void): void;
}
export type SocketConstructor = new (url: string, protocols: string[]) => SocketLike;

export interface Timers {
  set(callback: () => void, ms: number): unknown;
  clear(timer: unknown): void;
}

export const realTimers: Timers = {
  set: (callback, ms) => setTimeout(callback, ms),
  clear: (timer) => clearTimeout(timer as ReturnType<typeof setTimeout>),
};

export const PROTOCOL = "gitstore.watch.v1";
/** Neither browsers nor Node's WebSocket can set headers, so the token travels as a subprotocol. */
const BEARER = "base64url.bearer.authorization.k8s.io.";
const PING_MS = 30_000;
const PONG_MS = 10_000;
const ACK_MS = 10_000;
const DONE_MS = 1_000;
/** A token is renewed when this much of its life is over. */
const RENEW_AT = 0.8;
/** Longer timers overflow and fire at once. */
const MAX_TIMER_MS = 2_147_483_647;
const OPEN = 1;

export type Incoming = { got: "frame"; frame: Frame } | { got: "close"; code: number; reason: string };

/**
 * Reads in the reader's own time: a frame is acknowledged once it was worked off, so a slow reader makes the server
 * wait, and nothing piles up here beyond the window.
 */
export class WatchSocket {
  readonly #socket: SocketLike;
  readonly #timers: Timers;
  readonly #quarter: number;
  readonly #queue: Incoming[] = [];
  #waiting: (() => void) | undefined;
  #taken = 0;
  #acked = 0;
  #ackTimer: unknown;
  #pingTimer: unknown;
  #pongTimer: unknown;
  #done: string | undefined;
  #doneTimer: unknown;
  #renewTimer: unknown;
  #over = false;

  constructor(socket: SocketLike, windowBytes: number, timers: Timers) {
    this.#socket = socket;
    this.#timers = timers;
    this.#quarter = windowBytes / 4;
    socket.addEventListener("open", () => this.#schedulePing());
    socket.addEventListener("message", ({ data }) => this.#receive(data));
    socket.addEventListener("close", ({ code = 1006, reason = "" }) => this.#end(code, reason));
    // An error event says nothing, and a close follows; but without a listener some runtimes throw it.
    socket.addEventListener("error", () => undefined);
  }

  async next(): Promise<Incoming> {
    while (this.#queue.length === 0) {
      await new Promise<void>((resolve) => {
        this.#waiting = resolve;
      });
    }
    return this.#queue.shift() as Incoming;
  }

  /** The frame has been worked off. */
  taken(sent: number): void {
    this.#taken = Math.max(this.#taken, sent);
    if (this.#taken - this.#acked >= this.#quarter) this.#ack();
    else if (this.#ackTimer === undefined && this.#taken > this.#acked) {
      this.#ackTimer = this.#timers.set(() => this.#ack(), ACK_MS);
    }
  }

  /** Reports a position, at most once a second; the newest wins. */
  done(resourceVersion: string): void {
    this.#done = resourceVersion;
    if (this.#doneTimer !== undefined || this.#over) return;
    this.#flushDone();
    this.#doneTimer = this.#timers.set(() => {
      this.#doneTimer = undefined;
      if (this.#done !== undefined) this.done(this.#done);
    }, DONE_MS);
  }

  #flushDone(): void {
    if (this.#done === undefined || this.#socket.readyState !== OPEN) return;
    this.#send(JSON.stringify({ done: this.#done }));
    this.#done = undefined;
  }

  /** Renews the token on the open socket before it expires, so that no cut is needed for it. */
  keepFresh(token: string, next: () => string | Promise<string>): void {
    const expires = expiryOf(token);
    if (expires === undefined) return;
    const inMs = Math.min(MAX_TIMER_MS, Math.max(1_000, (expires - Date.now()) * RENEW_AT));
    this.#renewTimer = this.#timers.set(() => void this.#renew(next), inMs);
  }

  async #renew(next: () => string | Promise<string>): Promise<void> {
    try {
      const token = await next();
      this.#send(JSON.stringify({ token }));
      if (!this.#over) this.keepFresh(token, next);
    } catch {
      // The socket closes 4401 when the old token expires, and the reconnect asks for a new one again.
    }
  }

  close(code: number, reason: string): void {
    this.#end(code, reason);
    try {
      // Codes of the server are not ours to send; the runtime refuses all but 1000 and 3000 to 4999.
      this.#socket.close(1000);
    } catch {
      // It is closed already.
    }
  }

  #ack(): void {
    this.#clear("ack");
    if (this.#over || this.#taken <= this.#acked) return;
    this.#acked = this.#taken;
    this.#send(JSON.stringify({ ack: this.#acked }));
  }

  #receive(data: unknown): void {
    if (data === "pong") {
      this.#clear("pong");
      return;
    }
    const frame = parseFrame(data);
    if (frame) this.#push({ got: "frame", frame });
    else this.close(1002, "a frame that is no JSON object");
  }

  #schedulePing(): void {
    this.#pingTimer = this.#timers.set(() => {
      this.#send("ping");
      this.#pongTimer = this.#timers.set(() => this.close(1006, "no answer to a ping"), PONG_MS);
      this.#schedulePing();
    }, PING_MS);
  }

  #send(text: string): void {
    if (!this.#over && this.#socket.readyState === OPEN) this.#socket.send(text);
  }

  #push(incoming: Incoming): void {
    this.#queue.push(incoming);
    this.#waiting?.();
    this.#waiting = undefined;
  }

  #end(code: number, reason: string): void {
    if (this.#over) return;
    this.#over = true;
    for (const timer of ["ack", "ping", "pong"] as const) this.#clear(timer);
    for (const timer of [this.#doneTimer, this.#renewTimer]) this.#timers.clear(timer);
    this.#push({ got: "close", code, reason });
  }

  #clear(which: "ack" | "ping" | "pong"): void {
    if (which === "ack") {
      this.#timers.clear(this.#ackTimer);
      this.#ackTimer = undefined;
    } else if (which === "ping") this.#timers.clear(this.#pingTimer);
    else this.#timers.clear(this.#pongTimer);
  }
}

/** Milliseconds since 1970; undefined where the token is no JWT or never expires. */
function expiryOf(token: string): number | undefined {
  try {
    const payload = (token.split(".")[1] ?? "").replace(/-/g, "+").replace(/_/g, "/");
    const { exp } = JSON.parse(atob(payload)) as { exp?: unknown };
    return typeof exp === "number" ? exp * 1000 : undefined;
  } catch {
    return undefined;
  }
}

function parseFrame(data: unknown): Frame | undefined {
  if (typeof data !== "string") return undefined;
  try {
    const value: unknown = JSON.parse(data);
    return typeof value === "object" && value !== null && !Array.isArray(value) ? (value as Frame) : undefined;
  } catch {
    return undefined;
  }
}

export function protocolsFor(token: string): string[] {
  const base64 = btoa(Array.from(new TextEncoder().encode(token), (byte) => String.fromCharCode(byte)).join(""));
  return [PROTOCOL, BEARER + base64.replace(/\+/g, "-").replace(/\//g, "_").replace(/=+$/, "")];
}
