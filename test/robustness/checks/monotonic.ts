import type { History } from "../history.ts";
import type { LogModel } from "../model.ts";
import { framesOf, read } from "../reading.ts";
import { Violation } from "../violation.ts";

export const MONOTONIC = "Monotonic: a namespace's RV never goes back, whatever is lost or restored";

export class NotMonotonic extends Violation {
  readonly promise = MONOTONIC;
}

/** An RV that somebody knew of at `order`. */
interface Seen {
  order: number;
  rv: number;
}

/** Whoever asks after an RV was known gets no lower head; on one connection the head never falls; no RV is above the log's. */
export function monotonic(history: History, log: LogModel): NotMonotonic[] {
  const { connections, writes, listings } = history;
  const known = highestKnown(seen(history));
  const found: NotMonotonic[] = [];
  for (const connection of connections) {
    let head = 0;
    for (const frame of framesOf(connection)) {
      if (frame.head < head)
        found.push(new NotMonotonic(`head ${frame.head} was told after head ${head}`, { connection, rv: frame.head }));
      head = Math.max(head, frame.head);
    }
    const { initial, start } = read(connection);
    const chosen = connection.start.from === "rv" || connection.start.from === "position";
    const began = initial ? initial.rv : chosen ? undefined : start;
    const before = known(connection.opened);
    if (began !== undefined && began < before)
      found.push(new NotMonotonic(`it began at ${began}, after RV ${before} was known`, { connection, rv: began }));
  }
  for (const { id, called, outcome } of writes) {
    if (outcome.known === "applied" && outcome.rv < known(called))
      found.push(new NotMonotonic(`write ${id} got RV ${outcome.rv}, after ${known(called)} was known`, outcome));
  }
  for (const { id, called, outcome, at } of listings) {
    if (outcome.known === "listed" && at === undefined && outcome.rv < known(called))
      found.push(new NotMonotonic(`list ${id} is at RV ${outcome.rv}, after ${known(called)} was known`, outcome));
  }
  const highest = known(Number.POSITIVE_INFINITY);
  if (highest > log.head)
    found.push(new NotMonotonic(`RV ${highest} was given out, and the log ends at ${log.head}`, { rv: highest }));
  return found;
}

function seen({ connections, writes, listings }: History): Seen[] {
  const all: Seen[] = [];
  for (const { received } of connections) {
    for (const record of received) {
      if (record.what === "frame") all.push({ order: record.order, rv: record.head });
      else if (record.what === "event") all.push({ order: record.order, rv: record.event.rv });
      else if (record.what === "bookmark") all.push({ order: record.order, rv: record.rv });
    }
  }
  for (const { returned, outcome } of writes)
    if (outcome.known === "applied") all.push({ order: returned, rv: outcome.rv });
  for (const { returned, outcome } of listings)
    if (outcome.known === "listed") all.push({ order: returned, rv: outcome.rv });
  return all.sort((a, b) => a.order - b.order);
}

/** The highest RV that was known strictly before an order. */
function highestKnown(all: readonly Seen[]): (order: number) => number {
  const highest: number[] = [];
  for (const { rv } of all) highest.push(Math.max(highest.at(-1) ?? 0, rv));
  return (order) => {
    let low = 0;
    let high = all.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if ((all[middle]?.order ?? 0) < order) low = middle + 1;
      else high = middle;
    }
    return highest[low - 1] ?? 0;
  };
}
