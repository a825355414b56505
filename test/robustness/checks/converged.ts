import { same } from "../equal.ts";
import type { Connection, History, WatchedObject } from "../history.ts";
import type { LogModel } from "../model.ts";
import { read } from "../reading.ts";
import { GIT_EVENT, type Selection } from "../selection.ts";
import { Violation } from "../violation.ts";

export const CONVERGED = "A client that resumed through every cut ends with the state of the log";

export class NotConverged extends Violation {
  readonly promise = CONVERGED;
}

/** What an informer holds that applied every event of all its connections: duplicates are dropped by RV. */
class Cache {
  readonly #versions = new Map<string, { rv: number; object: WatchedObject | undefined }>();

  apply(connection: Connection): void {
    const { initial, steps } = read(connection);
    // An initial state that is cut starts again, and the cache stays as it was.
    if (initial && initial.rv === undefined) return;
    if (initial) this.#versions.clear();
    for (const { key, rv, object } of initial?.events ?? []) this.#versions.set(key, { rv, object });
    for (const step of steps) {
      if (step.step !== "event") continue;
      const { type, key, rv, object } = step.event;
      if (rv <= (this.#versions.get(key)?.rv ?? 0)) continue;
      this.#versions.set(key, { rv, object: type === "DELETED" ? undefined : object });
    }
  }

  objects(): Map<string, WatchedObject> {
    const objects = new Map<string, WatchedObject>();
    for (const [key, { object }] of this.#versions) if (object) objects.set(key, object);
    return objects;
  }
}

/** Of those that watched from the log's beginning or from an initial state: their caches equal the state at the end. */
export function converged({ connections }: History, log: LogModel): NotConverged[] {
  const clients = new Map<string, { cache: Cache; selection: Selection; last: Connection }>();
  for (const connection of connections) {
    const { client, selection } = connection;
    const known = clients.get(client);
    if (!known && connection.start.from !== "state" && !(connection.start.from === "rv" && connection.start.rv === 1))
      continue;
    const entry = known ?? { cache: new Cache(), selection, last: connection };
    entry.cache.apply(connection);
    entry.last = connection;
    clients.set(client, entry);
  }
  return [...clients.values()].flatMap(({ cache, selection, last }) => compare(cache, selection, last, log));
}

function compare(cache: Cache, selection: Selection, connection: Connection, log: LogModel): NotConverged[] {
  const found: NotConverged[] = [];
  const expected = log.state(log.head, selection);
  for (const [key, object] of cache.objects()) {
    const version = expected.get(key);
    if (!version && !key.startsWith(GIT_EVENT))
      found.push(new NotConverged(`${key} is in its cache and gone`, { connection }));
    else if (version && !same(version.object, object))
      found.push(
        new NotConverged(
          `${key} is in its cache as of RV ${object.metadata.resourceVersion}, and is at ${version.rv}`,
          {
            connection,
          },
        ),
      );
    expected.delete(key);
  }
  for (const key of expected.keys()) {
    if (!key.startsWith(GIT_EVENT)) found.push(new NotConverged(`${key} is not in its cache`, { connection }));
  }
  return found;
}
