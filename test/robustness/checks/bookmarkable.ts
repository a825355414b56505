import type { Connection, History } from "../history.ts";
import type { LogModel } from "../model.ts";
import { read } from "../reading.ts";
import { Violation } from "../violation.ts";

export const BOOKMARKABLE = "Bookmarkable: nothing ≤ a bookmark comes later";

export class NotBookmarkable extends Violation {
  readonly promise = BOOKMARKABLE;
}

/** A bookmark is every resume point that is told: an empty frame, a whole one's `rv`, a BOOKMARK event. */
export function bookmarkable({ connections }: History, log: LogModel): NotBookmarkable[] {
  return connections.flatMap((connection) => resumePoints(connection, log));
}

function resumePoints(connection: Connection, log: LogModel): NotBookmarkable[] {
  const found: NotBookmarkable[] = [];
  const reading = read(connection);
  let bookmark = reading.start ?? 0;
  let newest = bookmark;
  for (const step of reading.steps) {
    if (step.step === "event") {
      const { rv, key } = step.event;
      // An event at or below the RV that the client itself gave is Resumable's to find.
      const told = connection.start.from !== "rv" || bookmark !== reading.start;
      if (rv <= bookmark && told)
        found.push(new NotBookmarkable(`${key} at RV ${rv} came after bookmark ${bookmark}`, { connection, rv }));
      newest = Math.max(newest, rv);
      continue;
    }
    const { rv } = step;
    if (rv < bookmark)
      found.push(new NotBookmarkable(`bookmark ${rv} came after bookmark ${bookmark}`, { connection, rv }));
    if (rv < newest)
      found.push(new NotBookmarkable(`bookmark ${rv} came after an event of RV ${newest}`, { connection, rv }));
    if (rv > log.head)
      found.push(new NotBookmarkable(`bookmark ${rv} is beyond the log's end, ${log.head}`, { connection, rv }));
    bookmark = Math.max(bookmark, rv);
    newest = Math.max(newest, rv);
  }
  return found;
}
