import type { ApiWrite, LedgerError, Written } from "./api.ts";
import { type KeyedRequest, MAX_KEY_CHARS, recall, remember, requestDigest } from "./idempotency.ts";
import type { Storage } from "./sql.ts";

/** An API write under a key: of one subject, for 24 hours. */
function keyed({ actor, idempotency }: Pick<ApiWrite, "actor" | "idempotency">): KeyedRequest | undefined {
  if (!idempotency) return undefined;
  return { sub: actor, key: idempotency.key, digest: requestDigest(idempotency.request) };
}

export type Recalled =
  | { found: "nothing" }
  | { found: "answer"; written: Written }
  | { found: "refused"; error: LedgerError };

/** How the same write was answered before. */
export function recallWrite(storage: Storage, write: Pick<ApiWrite, "actor" | "idempotency">, now: number): Recalled {
  const request = keyed(write);
  if (!request) return { found: "nothing" };
  if (request.key.length > MAX_KEY_CHARS) {
    const message = `idempotencyKey: must have at most ${MAX_KEY_CHARS} characters, found ${request.key.length}`;
    return { found: "refused", error: { code: "BadRequest", message } };
  }
  const recalled = recall(storage, request, now);
  if (recalled.found === "nothing") return { found: "nothing" };
  if (recalled.found === "another") {
    const message = "idempotencyKey: was used for another write in the last 24 hours: make a new key for each write";
    return { found: "refused", error: { code: "BadRequest", message } };
  }
  const { rv, object } = JSON.parse(recalled.answer) as Pick<Written, "rv" | "object">;
  return { found: "answer", written: { rv, object, changed: false, replayed: true } };
}

/** In the transaction of the write. */
export function rememberWrite(storage: Storage, write: ApiWrite, { rv, object }: Written, now: number): void {
  const request = keyed(write);
  if (request) remember(storage, request, JSON.stringify({ rv, object }), now);
}
