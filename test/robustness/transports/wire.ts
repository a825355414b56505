import type { Connection, Received } from "../history.ts";
import { read } from "../reading.ts";
import type { Recorder } from "../recorder.ts";
import type { Dial } from "./dial.ts";

/** Whether a client gives credit as it reads, or holds it back: slow, or stalled. */
export type Credit = "prompt" | "held";

export interface WireOptions {
  dial: Dial;
  recorder: Recorder;
  connection: Connection & { received: Received[] };
  /** The namespace that is watched. */
  namespace: string;
  credit: Credit;
  /** Bytes that may be unacknowledged, where the transport lets its client say. */
  window: number;
  /** Told of each `done` before it is sent. */
  worked: (rv: number) => void;
}

/** One open watch and what its client does to it. `GraphQL` and others are further implementations. */
export interface Wire {
  readonly connection: Connection;
  readonly open: boolean;
  /** From now on; what was held back is given at once when it becomes `prompt`. */
  setCredit(credit: Credit): void;
  /** Gives credit once for what has come, and holds again. */
  sip(): void;
  /** Leaves without a word after `after` more messages; what comes behind them is not seen. */
  cut(after?: number): void;
  /** Resolves at the next record. */
  changed(): Promise<void>;
}

/** How a transport opens a watch, and which selections it can ask for. */
export interface Transport {
  readonly name: string;
  /** Whether one watch may be of several kinds. */
  readonly manyKinds: boolean;
  open(options: WireOptions): Promise<Wire>;
}

/** What all transports do alike: record in order, wake who waits, stop at a cut. */
export abstract class RecordingWire implements Wire {
  readonly connection: Connection & { received: Received[] };
  protected readonly recorder: Recorder;
  protected credit: Credit;
  #cutAfter = Number.POSITIVE_INFINITY;
  #over = false;
  #waiting: (() => void)[] = [];

  constructor({ connection, recorder, credit }: WireOptions) {
    this.connection = connection;
    this.recorder = recorder;
    this.credit = credit;
  }

  get open(): boolean {
    return !this.#over;
  }

  abstract setCredit(credit: Credit): void;
  abstract sip(): void;
  /** Drops the connection itself. */
  protected abstract drop(): void;

  cut(after = 0): void {
    if (this.#over) return;
    if (after > 0) {
      this.#cutAfter = after;
      return;
    }
    this.ended(1006, "cut by the client", true);
    this.drop();
  }

  /** Records one message; false: nothing behind it is seen. */
  protected took(parse: (order: number) => Received): boolean {
    if (this.#over) return false;
    const order = this.recorder.next();
    try {
      this.connection.received.push(parse(order));
    } catch (error) {
      const message = error instanceof Error ? error.message : String(error);
      this.connection.received.push({ what: "error", order, code: 0, reason: "Malformed", causes: [], message });
    }
    this.#wake();
    this.#cutAfter -= 1;
    if (this.#cutAfter > 0) return true;
    this.cut();
    return false;
  }

  protected ended(code: number, reason: string, byClient = false): void {
    if (this.#over) return;
    this.#over = true;
    this.connection.received.push({ what: "close", order: this.recorder.next(), code, reason, byClient });
    this.#wake();
  }

  changed(): Promise<void> {
    return new Promise((resolve) => this.#waiting.push(resolve));
  }

  #wake(): void {
    const waiting = this.#waiting;
    this.#waiting = [];
    for (const wake of waiting) wake();
  }
}

/** Whether its cursor was answered 410: what it had is of no more use. */
export function wasExpired({ received }: Connection): boolean {
  return received.some((record) => record.what === "error" && record.code === 410);
}

/** Where the next connection of a client starts that was on this one. */
export function nextStart(connection: Connection, framed: boolean): Connection["start"] {
  const { start } = connection;
  if (wasExpired(connection)) return { from: "state" };
  const { initial, covered, steps } = read(connection);
  if (initial && initial.rv === undefined) return start;
  // On the line transports every event is a place to resume from; on frames only a whole frame's `rv` is.
  const newest = framed ? 0 : Math.max(0, ...steps.map((step) => (step.step === "event" ? step.event.rv : step.rv)));
  const rv = Math.max(covered ?? 0, newest);
  return rv > 0 ? { from: "rv", rv } : start;
}
