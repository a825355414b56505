import type { Connection, History } from "../history.ts";
import type { LogModel } from "../model.ts";
import { type Frame, framesOf, read } from "../reading.ts";
import { Violation } from "../violation.ts";

export const ATOMIC =
  "Atomic: on gitstore.watch.v1 a frame whose rv is a resume point ends a transaction, and of one over 1 MiB all frames but the last are partial";

export class NotAtomic extends Violation {
  readonly promise = ATOMIC;
}

/** A transaction up to this size is never split. */
const SPLIT_BYTES = 1024 * 1024;

export function atomic({ connections }: History, log: LogModel): NotAtomic[] {
  return connections.flatMap((connection) => {
    const frames = framesOf(connection).filter((frame) => !frame.snapshot && !frame.compacted);
    return [...resumePoints(connection, frames, log), ...partials(connection, frames, log)];
  });
}

/** Where a client may resume, no transaction is under way; but for a start that was chosen inside one. */
function resumePoints(connection: Connection, frames: readonly Frame[], log: LogModel): NotAtomic[] {
  const { start } = connection;
  // A position may be any frame of a compacted range.
  const chosen = start.from === "rv" ? start.rv : start.from === "position" ? read(connection).start : undefined;
  return frames.flatMap((frame) => {
    if (frame.partial || frame.rv === chosen) return [];
    const transaction = log.transaction(frame.rv);
    if (!transaction || transaction.to === frame.rv) return [];
    const { from, to } = transaction;
    return new NotAtomic(`resume point ${frame.rv} lies inside the transaction of RVs ${from} to ${to}`, {
      connection,
      rv: frame.rv,
    });
  });
}

function partials(connection: Connection, frames: readonly Frame[], log: LogModel): NotAtomic[] {
  const found: NotAtomic[] = [];
  frames.forEach((frame, i) => {
    if (!frame.partial) return;
    const { rv } = frame;
    const next = frames[i + 1];
    if (next && (next.rv !== rv || next.prev !== frame.prev))
      found.push(
        new NotAtomic(
          `a partial frame (${frame.prev}, ${rv}] is followed by (${next.prev}, ${next.rv}], not by the rest of it`,
          { connection, rv },
        ),
      );
    const transaction = log.transaction(rv);
    if (!transaction) return;
    const foreign = frame.events.find((event) => event.rv < transaction.from || event.rv > transaction.to);
    if (foreign)
      found.push(
        new NotAtomic(`a partial frame of ${rv} has RV ${foreign.rv} of another transaction`, { connection, rv }),
      );
    const bytes = log
      .events(connection.selection, transaction.from - 1, transaction.to)
      .reduce((sum, event) => sum + JSON.stringify(event.object).length + 40, 0);
    if (bytes <= SPLIT_BYTES)
      found.push(new NotAtomic(`a transaction of ${bytes} bytes up to RV ${rv} was split`, { connection, rv }));
  });
  return found;
}
