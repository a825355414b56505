import { same } from "../equal.ts";
import type { Connection, History, RecordedEvent } from "../history.ts";
import type { LogModel } from "../model.ts";
import { eventsOf, read } from "../reading.ts";
import { Violation } from "../violation.ts";

export const TRANSITIONS =
  "Leaving the selector is DELETED, entering is ADDED, and DELETED carries the last object with the RV of the change";

export class WrongTransition extends Violation {
  readonly promise = TRANSITIONS;
}

/** The event's type against the states before and after it, and on DELETED the object as it was before. */
export function transitions({ connections }: History, log: LogModel): WrongTransition[] {
  return connections.flatMap((connection) =>
    eventsOf(read(connection)).flatMap((event) => transition(connection, event, log)),
  );
}

function transition(connection: Connection, event: RecordedEvent, log: LogModel): WrongTransition[] {
  const { rv, key, type } = event;
  const change = log.at(rv);
  const expected = change && log.event(change, connection.selection);
  if (!expected) return [];
  if (expected.type !== type)
    return [
      new WrongTransition(`${key} at RV ${rv} came as ${type}; to this selector it is ${expected.type}`, {
        connection,
        rv,
      }),
    ];
  if (Number(event.object.metadata.resourceVersion) !== rv)
    return [new WrongTransition(`${key} came with RV ${event.object.metadata.resourceVersion}`, { connection, rv })];
  if (type !== "DELETED" || same(expected.object, event.object)) return [];
  return [
    new WrongTransition(`DELETED ${key} at RV ${rv} does not carry the object as it was before`, { connection, rv }),
  ];
}
