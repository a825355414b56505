import type { Connection, History, RecordedEvent } from "../history.ts";
import { kindOf } from "../history.ts";
import type { LogModel } from "../model.ts";
import { eventsOf, read } from "../reading.ts";
import { selects, wantsKind } from "../selection.ts";
import { Violation } from "../violation.ts";

export const FILTERABLE = "Filterable: what matches, and the transitions in and out; nothing else";

export class NotFilterable extends Violation {
  readonly promise = FILTERABLE;
}

export function filterable({ connections }: History, log: LogModel): NotFilterable[] {
  return connections.flatMap((connection) => {
    const reading = read(connection);
    return [
      ...eventsOf(reading).flatMap((event) => filtered(connection, event, log)),
      ...(reading.initial?.events ?? []).flatMap((event) =>
        selects(connection.selection, event.object)
          ? []
          : new NotFilterable(`${event.key} is in the initial state and does not match`, { connection, rv: event.rv }),
      ),
    ];
  });
}

function filtered(connection: Connection, event: RecordedEvent, log: LogModel): NotFilterable[] {
  const { rv, key } = event;
  if (!wantsKind(connection.selection, kindOf(event.object)))
    return [new NotFilterable(`${key} at RV ${rv} is of a kind that was not asked for`, { connection, rv })];
  const change = log.at(rv);
  if (!change || log.event(change, connection.selection)) return [];
  return [new NotFilterable(`${key} at RV ${rv} matches neither before the change nor after it`, { connection, rv })];
}
