/** Every promise of watch.md, and who checks it. */
import type { History } from "../history.ts";
import type { LogModel } from "../model.ts";
import { parts } from "../reading.ts";
import type { Violation } from "../violation.ts";
import { ATOMIC, atomic } from "./atomic.ts";
import { BOOKMARKABLE, bookmarkable } from "./bookmarkable.ts";
import { CHAINED, chained } from "./chained.ts";
import { CLOSES, closes } from "./closes.ts";
import { COMPACTED, compacted } from "./compacted.ts";
import { CONSISTENT, consistent } from "./consistent.ts";
import { DURABLE, durable } from "./durable.ts";
import { FILTERABLE, filterable } from "./filterable.ts";
import { MONOTONIC, monotonic } from "./monotonic.ts";
import { ORDERED, ordered } from "./ordered.ts";
import { RELIABLE, reliable } from "./reliable.ts";
import { RESUMABLE, resumable } from "./resumable.ts";
import { TRANSITIONS, transitions } from "./transitions.ts";
import { UNIQUE, unique } from "./unique.ts";
import { WELL_FORMED, wellFormed } from "./wellFormed.ts";

export type Check = (history: History, log: LogModel) => Violation[];

/** Those that hold at any moment. `converged` and `windowWhole` are for when the faults have stopped. */
export const CHECKS: Readonly<Record<string, { sentence: string; check: Check }>> = {
  wellFormed: { sentence: WELL_FORMED, check: wellFormed },
  ordered: { sentence: ORDERED, check: ordered },
  unique: { sentence: UNIQUE, check: unique },
  atomic: { sentence: ATOMIC, check: atomic },
  reliable: { sentence: RELIABLE, check: reliable },
  resumable: { sentence: RESUMABLE, check: resumable },
  bookmarkable: { sentence: BOOKMARKABLE, check: bookmarkable },
  filterable: { sentence: FILTERABLE, check: filterable },
  transitions: { sentence: TRANSITIONS, check: transitions },
  durable: { sentence: DURABLE, check: durable },
  monotonic: { sentence: MONOTONIC, check: monotonic },
  consistent: { sentence: CONSISTENT, check: consistent },
  chained: { sentence: CHAINED, check: chained },
  compacted: { sentence: COMPACTED, check: compacted },
  closes: { sentence: CLOSES, check: closes },
};

/** What each check finds, by its name. */
export function findings(history: History, log: LogModel): [string, Violation[]][] {
  const parted = { ...history, connections: history.connections.flatMap(parts) };
  // The sum of bytes runs through all of a connection.
  return Object.entries(CHECKS).map(([name, { check }]) => [name, check(check === chained ? history : parted, log)]);
}

export function checkAll(history: History, log: LogModel): Violation[] {
  return findings(history, log).flatMap(([, found]) => found);
}
