import { same } from "../equal.ts";
import type { History, WatchedObject } from "../history.ts";
import { keyOf } from "../history.ts";
import type { LogModel } from "../model.ts";
import { read } from "../reading.ts";
import { GIT_EVENT, type Selection } from "../selection.ts";
import { Violation } from "../violation.ts";

export const CONSISTENT =
  "A list, and an initial state, is one consistent state: exactly the objects as they were at its RV";

export class NotConsistent extends Violation {
  readonly promise = CONSISTENT;
}

export function consistent({ connections, listings }: History, log: LogModel): NotConsistent[] {
  const found: NotConsistent[] = [];
  for (const connection of connections) {
    const { initial } = read(connection);
    if (initial?.rv === undefined) continue;
    const objects = initial.events.map(({ object }) => object);
    for (const problem of differences(objects, connection.selection, initial.rv, log))
      found.push(new NotConsistent(`initial state at RV ${initial.rv}: ${problem}`, { connection, rv: initial.rv }));
    if (connection.start.from === "state" && initial.rv < (connection.start.notOlderThan ?? 0))
      found.push(new NotConsistent(`initial state at RV ${initial.rv} is older than was asked for`, { connection }));
  }
  for (const { id, at, selection, outcome } of listings) {
    if (outcome.known === "expired" && at !== undefined && at === log.head)
      found.push(new NotConsistent(`list ${id} at the newest RV ${at} was answered 410`));
    if (outcome.known !== "listed") continue;
    if (at !== undefined && outcome.rv !== at)
      found.push(new NotConsistent(`list ${id} at RV ${at} is at ${outcome.rv}`));
    for (const problem of differences(outcome.items, selection, outcome.rv, log))
      found.push(new NotConsistent(`list ${id} at RV ${outcome.rv}: ${problem}`, { rv: outcome.rv }));
  }
  return found;
}

/** GitEvents leave a list when they are no longer kept, so of them only what is there is compared. */
function differences(objects: readonly WatchedObject[], selection: Selection, rv: number, log: LogModel): string[] {
  const found: string[] = [];
  const expected = log.state(rv, selection);
  for (const object of objects) {
    const key = keyOf(object);
    const version = expected.get(key);
    if (!version) found.push(`${key} is in it and was not there`);
    else if (!same(version.object, object))
      found.push(`${key} is in it as of RV ${object.metadata.resourceVersion}, and was as of RV ${version.rv}`);
    expected.delete(key);
  }
  for (const key of expected.keys()) if (!key.startsWith(GIT_EVENT)) found.push(`${key} was there and is not in it`);
  return found;
}
