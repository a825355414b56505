import type { History } from "../history.ts";
import { framesOf } from "../reading.ts";
import { Violation } from "../violation.ts";

export const CHAINED =
  "prev is the rv of the frame before it on this connection (after a snapshot the snapshot's), and sent grows with each frame by its size";

export class NotChained extends Violation {
  readonly promise = CHAINED;
}

export function chained({ connections }: History): NotChained[] {
  return connections.flatMap((connection) => {
    const found: NotChained[] = [];
    let sent = 0;
    let before: number | undefined;
    for (const frame of framesOf(connection)) {
      const { rv } = frame;
      sent += frame.bytes;
      if (frame.sent !== sent)
        found.push(new NotChained(`sent is ${frame.sent} after ${sent} bytes`, { connection, rv }));
      if (!frame.snapshot && before !== undefined && frame.prev !== before)
        found.push(new NotChained(`prev is ${frame.prev}, the frame before ended at ${before}`, { connection, rv }));
      if (frame.prev !== undefined && frame.events.some((event) => event.rv <= (frame.prev ?? 0) || event.rv > rv))
        found.push(new NotChained(`a frame (${frame.prev}, ${rv}] has an event outside of it`, { connection, rv }));
      if (!frame.partial && (!frame.snapshot || frame.end)) before = rv;
    }
    return found;
  });
}
