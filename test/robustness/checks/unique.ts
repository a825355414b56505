import type { History } from "../history.ts";
import { eventsOf, read } from "../reading.ts";
import { Violation } from "../violation.ts";

export const UNIQUE = "Unique: an event once per connection";

export class NotUnique extends Violation {
  readonly promise = UNIQUE;
}

/** An RV comes at most once on a connection, and an initial state has each object once. */
export function unique({ connections }: History): NotUnique[] {
  return connections.flatMap((connection) => {
    const found: NotUnique[] = [];
    const reading = read(connection);
    const rvs = new Set<number>();
    for (const { rv, key } of eventsOf(reading)) {
      if (rvs.has(rv)) found.push(new NotUnique(`${key} at RV ${rv} came twice`, { connection, rv }));
      rvs.add(rv);
    }
    const keys = new Set<string>();
    for (const { rv, key } of reading.initial?.events ?? []) {
      if (keys.has(key)) found.push(new NotUnique(`${key} is in the initial state twice`, { connection, rv }));
      keys.add(key);
    }
    return found;
  });
}
