import { same } from "../equal.ts";
import type { Change, LogModel } from "../model.ts";
import { Violation } from "../violation.ts";

export const WINDOW = "Nothing is lost, and the outbox drains when D1 is back, each event once";

const MOST_CHANGES = 10_000_000;

export class NotInWindow extends Violation {
  readonly promise = WINDOW;
}

/** D1 against what the ledger itself still has, and for holes, up to where the outbox has drained. */
export function windowWhole(
  rows: readonly Change[],
  tail: readonly Change[],
  log: LogModel,
  upTo = log.head,
): NotInWindow[] {
  const found: NotInWindow[] = [];
  const byRv = new Map<number, Change>();
  for (const row of rows) {
    if (byRv.has(row.rv)) found.push(new NotInWindow(`RV ${row.rv} is in D1 twice`, { rv: row.rv }));
    byRv.set(row.rv, row);
  }
  // Beyond that the log is not dense, and it has said so itself.
  if (upTo - log.floor > MOST_CHANGES) return [new NotInWindow(`RVs ${log.floor} to ${upTo} are no dense log`)];
  for (let rv = log.floor + 1; rv <= upTo; rv++) {
    if (!byRv.has(rv) && !log.isSkipped(rv)) found.push(new NotInWindow(`RV ${rv} is not in D1`, { rv }));
  }
  for (const change of tail) {
    const row = byRv.get(change.rv);
    if (!row) found.push(new NotInWindow(`RV ${change.rv} is in the ledger and not in D1`, { rv: change.rv }));
    else if (row.key !== change.key || row.type !== change.type || !same(row.object, change.object))
      found.push(new NotInWindow(`RV ${change.rv} is in D1 with another content than in the ledger`, { rv: row.rv }));
    else if (row.ends !== change.ends)
      found.push(
        new NotInWindow(`RV ${change.rv} ends a transaction in one place and not in the other`, { rv: row.rv }),
      );
  }
  return found;
}
