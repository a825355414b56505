import type { Connection, History } from "../history.ts";
import type { LogModel } from "../model.ts";
import { eventsOf, read } from "../reading.ts";
import { Violation } from "../violation.ts";

export const RESUMABLE =
  "Resumable: from any RV in the window, strictly after it; a named watcher from its position, which is never beyond what it worked and never goes back";

export class NotResumable extends Violation {
  readonly promise = RESUMABLE;
}

export function resumable({ connections }: History, log: LogModel): NotResumable[] {
  return [
    ...connections.flatMap((connection) =>
      connection.start.from === "rv" ? resumed(connection, connection.start.rv, log) : [],
    ),
    ...positions(connections),
  ];
}

/** Where the connections of each named watcher began that said nothing of where. */
function positions(connections: readonly Connection[]): NotResumable[] {
  const found: NotResumable[] = [];
  const positionOf = new Map<string, number>();
  for (const connection of connections) {
    const { start, watcher, received } = connection;
    const first = received.find((record) => record.what === "frame");
    if (start.from !== "position" || watcher === undefined || first?.what !== "frame") continue;
    const before = positionOf.get(watcher) ?? 0;
    if (first.snapshot) {
      if (before > 0)
        found.push(new NotResumable(`it began with an initial state, and its position is ${before}`, { connection }));
      continue;
    }
    const position = first.prev ?? first.rv;
    if (position > start.worked)
      found.push(
        new NotResumable(`its position is ${position}, and it worked no more than ${start.worked}`, { connection }),
      );
    if (position < before)
      found.push(new NotResumable(`its position went back from ${before} to ${position}`, { connection }));
    positionOf.set(watcher, position);
  }
  return found;
}

function resumed(connection: Connection, from: number, log: LogModel): NotResumable[] {
  const found: NotResumable[] = [];
  const reading = read(connection);
  const events = eventsOf(reading);
  for (const { rv, key } of events) {
    if (rv <= from) found.push(new NotResumable(`${key} at RV ${rv} is not after ${from}`, { connection, rv }));
  }
  const first = connection.received.find((received) => received.what === "frame");
  if (first?.what === "frame" && !first.snapshot && first.prev !== from)
    found.push(new NotResumable(`its first frame begins at ${first.prev}`, { connection, rv: from }));
  const expected = reading.compacted || reading.initial ? undefined : log.events(connection.selection, from)[0];
  const begun = events[0]?.rv ?? reading.covered ?? from;
  if (expected && begun > from && begun > expected.rv)
    found.push(
      new NotResumable(`it began at RV ${begun}; the first matching event is ${expected.key} at RV ${expected.rv}`, {
        connection,
        rv: expected.rv,
      }),
    );
  // 410 is for a cursor below the window, one that was never given out, and one in a range a restore skipped.
  const expired = connection.received.find((received) => received.what === "error" && received.code === 410);
  if (expired && from >= log.floor && from <= log.head && !log.isSkipped(from))
    found.push(new NotResumable(`410, though the window begins at ${log.floor}`, { connection, rv: from }));
  return found;
}
