import { same } from "../equal.ts";
import type { Connection, History, RecordedEvent, WatchedObject } from "../history.ts";
import type { LogModel } from "../model.ts";
import { parts, read } from "../reading.ts";
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
    const { initial, steps, compacted } = read(connection);
    // An initial state that is cut starts again, and the cache stays as it was.
    if (initial && initial.rv === undefined) return;
    if (initial) this.#versions.clear();
    for (const { key, rv, object } of initial?.events ?? []) this.#versions.set(key, { rv, object });
    for (const event of compacted?.events ?? []) this.#take(event);
    for (const step of steps) if (step.step === "event") this.#take(step.event);
  }

  #take({ type, key, rv, object }: RecordedEvent): void {
    if (rv <= (this.#versions.get(key)?.rv ?? 0)) return;
    this.#versions.set(key, { rv, object: type === "DELETED" ? undefined : object });
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
  const begun = new Set<string>();
  for (const connection of connections) {
    const { client, selection } = connection;
    const known = clients.get(client);
    const first = !begun.has(client);
    begun.add(client);
    const whole = connection.start.from === "state" || (first && fromTheBeginning(connection.start));
    if (!known && !whole) continue;
    const entry = known ?? { cache: new Cache(), selection, last: connection };
    for (const part of parts(connection)) entry.cache.apply(part);
    entry.last = connection;
    clients.set(client, entry);
  }
  return [...clients.values()].flatMap(({ cache, selection, last }) => compare(cache, selection, last, log));
}

/** A watcher without a position gets the initial state. */
function fromTheBeginning(start: Connection["start"]): boolean {
  return start.from === "position" || (start.from === "rv" && start.rv === 1);
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
