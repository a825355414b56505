import type { History } from "../history.ts";
import { read } from "../reading.ts";
import { Violation } from "../violation.ts";

export const ORDERED = "Ordered: RVs increase";

export class NotOrdered extends Violation {
  readonly promise = ORDERED;
}

/** Within one connection, no event has a lower RV than one before it. The initial state is a set, not a sequence. */
export function ordered({ connections }: History): NotOrdered[] {
  return connections.flatMap((connection) => {
    const found: NotOrdered[] = [];
    let highest = 0;
    for (const step of read(connection).steps) {
      if (step.step !== "event") continue;
      const { rv, key } = step.event;
      if (rv < highest)
        found.push(new NotOrdered(`${key} at RV ${rv} came after an event of RV ${highest}`, { connection, rv }));
      highest = Math.max(highest, rv);
    }
    return found;
  });
}
