import { same } from "../equal.ts";
import type { Connection, History, RecordedEvent } from "../history.ts";
import type { LogModel } from "../model.ts";
import { framesOf, read } from "../reading.ts";
import { GIT_EVENT } from "../selection.ts";
import { Violation } from "../violation.ts";

export const COMPACTED =
  "A compacted range says what became of each object that changed in it: is now so, or is not there or does not match any more; and it says that GitEvents were lost";

export class WronglyCompacted extends Violation {
  readonly promise = COMPACTED;
}

export function compacted({ connections }: History, log: LogModel): WronglyCompacted[] {
  return connections.flatMap((connection) => [...frames(connection), ...range(connection, log)]);
}

function frames(connection: Connection): WronglyCompacted[] {
  const made = framesOf(connection).filter((frame) => frame.compacted);
  const found: WronglyCompacted[] = [];
  if (made.length > 0 && connection.expired !== "compact")
    found.push(new WronglyCompacted("a compacted range that nobody asked for", { connection }));
  const { kinds } = connection.selection;
  const loses = kinds?.includes(GIT_EVENT) === true;
  for (const { rv, lost } of made) {
    if (loses !== (lost.length === 1 && lost[0] === "gitevents"))
      found.push(new WronglyCompacted(`lost is ${JSON.stringify(lost)}`, { connection, rv }));
  }
  return found;
}

/**
 * What was said last of each object in (after, to], against what it became as of `to`. Of a range that was cut all that
 * can be said is that each object is one that there was: its end is not known.
 */
function range(connection: Connection, log: LogModel): WronglyCompacted[] {
  const { compacted: made } = read(connection);
  if (!made) return [];
  const { after, to, events } = made;
  const unlike = events.filter(({ type, rv, object }) => type !== "DELETED" && !same(log.at(rv)?.object ?? {}, object));
  if (unlike.length > 0 || to === undefined)
    return unlike.map(({ rv, key }) => new WronglyCompacted(`${key} never was as said`, { connection, rv }));
  const { selection } = connection;
  const now = log.state(to, selection);
  const before = log.state(after, selection);
  const last = new Map<string, RecordedEvent>();
  const found: WronglyCompacted[] = [];
  for (const event of events) {
    last.set(event.key, event);
    if (event.type === "ADDED")
      found.push(new WronglyCompacted(`ADDED ${event.key}: nothing in it is an event`, { connection, rv: event.rv }));
  }
  const changed = new Set(log.between(after, to).map(({ key }) => key));
  for (const key of changed) {
    if (key.startsWith(GIT_EVENT)) continue;
    const version = now.get(key);
    const told = last.get(key);
    if (version && (told?.type !== "MODIFIED" || !same(told.object, version.object)))
      found.push(
        new WronglyCompacted(`${key} is so since RV ${version.rv}, and ${textOf(told)} was said`, { connection }),
      );
    if (!version && before.has(key) && told?.type !== "DELETED")
      found.push(new WronglyCompacted(`${key} is gone, and ${textOf(told)} was said`, { connection }));
    if (!version && told?.type === "MODIFIED")
      found.push(new WronglyCompacted(`${key} is gone, and ${textOf(told)} was said`, { connection }));
  }
  for (const [key, told] of last) {
    if (!changed.has(key))
      found.push(new WronglyCompacted(`${textOf(told)} ${key}, which did not change`, { connection, rv: told.rv }));
  }
  return found;
}

function textOf(event: RecordedEvent | undefined): string {
  return event ? `${event.type} at RV ${event.rv}` : "nothing";
}
