import type { Connection, History } from "../history.ts";
import { Violation } from "../violation.ts";

export const CLOSES =
  "Every end is one of the table's with a reason of at most 123 bytes, its Status and its close code belong together, and who asks for what it may is never told to stop";

export class WrongClose extends Violation {
  readonly promise = CLOSES;
}

/** Codes after which a client goes on: a cut or fault of the server, an expired token or cursor, too slow, not now. */
const GOES_ON = new Set([1000, 1001, 1006, 1011, 1012, 4401, 4408, 4410, 4429, 4503]);
const CLOSE_OF: Readonly<Record<number, number>> = { 401: 4401, 410: 4410, 429: 4429, 503: 4503 };
/** Statuses of HTTP and ERROR events, likewise. */
const STATUS_GOES_ON = new Set([401, 410, 429, 500, 503]);

export function closes({ connections }: History): WrongClose[] {
  return connections.flatMap(ends);
}

function ends(connection: Connection): WrongClose[] {
  const found: WrongClose[] = [];
  const { received } = connection;
  const at = received.findIndex((record) => record.what === "error");
  const error = received[at];
  const close = received.find((record) => record.what === "close");
  if (error?.what === "error") {
    if (!STATUS_GOES_ON.has(error.code))
      found.push(new WrongClose(`error ${error.code} ${error.reason}: ${error.message}`, { connection }));
    if (received.slice(at + 1).some((record) => record.what !== "close"))
      found.push(new WrongClose(`something came after error ${error.code}`, { connection }));
  }
  if (close?.what !== "close" || close.byClient) return found;
  if (!GOES_ON.has(close.code)) found.push(new WrongClose(`close ${close.code} ${close.reason}`, { connection }));
  if (new TextEncoder().encode(close.reason).length > 123)
    found.push(new WrongClose(`close ${close.code} has a reason of over 123 bytes`, { connection }));
  const belongs = error?.what === "error" ? CLOSE_OF[error.code] : undefined;
  if (belongs !== undefined && close.code >= 4000 && close.code !== belongs)
    found.push(
      new WrongClose(`error ${error?.what === "error" ? error.code : ""} was closed with ${close.code}`, {
        connection,
      }),
    );
  return found;
}
