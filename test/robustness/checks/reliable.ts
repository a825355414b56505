import { same } from "../equal.ts";
import type { Connection, History } from "../history.ts";
import type { LogModel } from "../model.ts";
import { eventsOf, type Reading, read } from "../reading.ts";
import { Violation } from "../violation.ts";

export const RELIABLE = "Reliable: every matching event, each with its object";

export class NotReliable extends Violation {
  readonly promise = RELIABLE;
}

/** What was told as covered, or passed over by a later event, has all its events in it, objects deep-equal. */
export function reliable({ connections }: History, log: LogModel): NotReliable[] {
  return connections.flatMap((connection) => {
    const reading = read(connection);
    return [...missing(connection, reading, log), ...altered(connection, reading, log)];
  });
}

function missing(connection: Connection, reading: Reading, log: LogModel): NotReliable[] {
  const events = eventsOf(reading);
  const told = new Set(events.map(({ rv }) => rv));
  // A watch from now on a line transport does not say where that is: what it got begins at its first event.
  const after = reading.start ?? (events[0]?.rv ?? Number.POSITIVE_INFINITY) - 1;
  const upTo = Math.max(reading.covered ?? 0, ...events.map(({ rv }) => rv));
  return log
    .events(connection.selection, after, upTo)
    .filter(({ rv }) => !told.has(rv))
    .map(
      ({ type, key, rv }) =>
        new NotReliable(`${type} ${key} at RV ${rv} never came, though everything up to ${upTo} was told`, {
          connection,
          rv,
        }),
    );
}

function altered(connection: Connection, reading: Reading, log: LogModel): NotReliable[] {
  return eventsOf(reading).flatMap((event) => {
    const change = log.at(event.rv);
    if (!change || event.type === "DELETED" || same(change.object, event.object)) return [];
    return new NotReliable(`${event.key} at RV ${event.rv} came with another object than the log has`, {
      connection,
      rv: event.rv,
    });
  });
}
