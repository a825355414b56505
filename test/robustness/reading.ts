import type { Connection, Received, RecordedEvent } from "./history.ts";

export type Frame = Extract<Received, { what: "frame" }>;

/** A step of the log as a watch told it, whatever its transport. */
export type Step =
  | { step: "event"; event: RecordedEvent; order: number }
  /** Everything up to `rv` has been told: a whole frame, a bookmark, the end of the initial state. */
  | { step: "covered"; rv: number; order: number };

export interface InitialState {
  events: readonly RecordedEvent[];
  /** The RV it is a state at; undefined while its end has not come. */
  rv: number | undefined;
}

/** A connection's records, sorted into the initial state, a compacted range, and the log. */
export interface Reading {
  initial: InitialState | undefined;
  /** The range that was made up as of its end (`expired=compact`); `to` is undefined where it was cut before that. */
  compacted: { after: number; to: number | undefined; events: readonly RecordedEvent[] } | undefined;
  /** The resume point after which the log is told; undefined while unknown. */
  start: number | undefined;
  steps: readonly Step[];
  /** The highest resume point told; `start` before any. */
  covered: number | undefined;
}

export function framesOf(connection: Connection): Frame[] {
  return connection.received.filter((received) => received.what === "frame");
}

export function read(connection: Connection): Reading {
  const wantsState = connection.start.from === "state";
  const initial: { events: RecordedEvent[]; rv: number | undefined } = { events: [], rv: undefined };
  const compacted: { after: number; to: number | undefined; events: RecordedEvent[] } = {
    after: 0,
    to: undefined,
    events: [],
  };
  const steps: Step[] = [];
  let inState = wantsState;
  let sawState = wantsState;
  let sawCompacted = false;
  let start = connection.start.from === "rv" ? connection.start.rv : undefined;
  let covered = start;

  const begin = (rv: number): void => {
    initial.rv = rv;
    inState = false;
    start = rv;
    covered = rv;
  };
  for (const received of connection.received) {
    const { order } = received;
    if (received.what === "frame") {
      if (received.snapshot) {
        // A compacted watch whose cursor is too old even for that gets a snapshot: it replaces all that was told.
        if (!inState) initial.events = [];
        sawState = true;
        inState = true;
        initial.events.push(...received.events);
        if (received.end) begin(received.rv);
        continue;
      }
      if (received.compacted) {
        if (!sawCompacted) compacted.after = received.prev ?? start ?? 0;
        sawCompacted = true;
        compacted.events.push(...received.events);
        start = received.rv;
        covered = received.rv;
        continue;
      }
      // Nothing says that a frame of the range is its last one but the log going on.
      if (sawCompacted) compacted.to ??= received.prev;
      start ??= received.prev ?? received.rv;
      covered ??= start;
      for (const event of received.events) steps.push({ step: "event", event, order });
      if (!received.partial) {
        covered = Math.max(covered, received.rv);
        steps.push({ step: "covered", rv: received.rv, order });
      }
    } else if (received.what === "event") {
      if (inState) initial.events.push(received.event);
      else steps.push({ step: "event", event: received.event, order });
    } else if (received.what === "bookmark") {
      if (inState && received.initialEnd) begin(received.rv);
      else {
        covered = Math.max(covered ?? received.rv, received.rv);
        steps.push({ step: "covered", rv: received.rv, order });
      }
    }
  }
  return {
    initial: sawState ? initial : undefined,
    compacted: sawCompacted ? compacted : undefined,
    start,
    steps,
    covered,
  };
}

/**
 * A connection whose cursor expired while it was on (`expired=compact`), which may happen again and again, told the log
 * in stretches: readings of their own, as if it had been cut before each compacted range.
 */
export function parts(connection: Connection): Connection[] {
  const { received } = connection;
  const begins = received.findIndex(
    (record, i) => record.what === "frame" && record.compacted && received.slice(0, i).some(isOfTheLog),
  );
  if (begins < 0) return [connection];
  const first = { ...connection, received: received.slice(0, begins) };
  const rv = read(first).covered;
  if (rv === undefined) return [connection];
  return [first, ...parts({ ...connection, start: { from: "rv", rv }, received: received.slice(begins) })];
}

function isOfTheLog(record: Received): boolean {
  return record.what === "frame" && !record.compacted;
}

export function eventsOf(reading: Reading): RecordedEvent[] {
  return reading.steps.flatMap((step) => (step.step === "event" ? [step.event] : []));
}
