/** Idempotency keys: a write that is repeated is answered as it was the first time, and not done again. */
import { sha256 } from "@noble/hashes/sha2.js";
import { bytesToHex, utf8ToBytes } from "@noble/hashes/utils.js";
import { canonicalJson } from "../resource/canonical.ts";
import { first, type Storage } from "./sql.ts";

/** How long a key is remembered (graphql.md). */
export const REMEMBERED_MS = 24 * 3_600_000;
export const MAX_KEY_CHARS = 255;

export interface KeyedRequest {
  sub: string;
  key: string;
  /** Of all that the request asks for: the same key with another request is a mistake of the caller. */
  digest: string;
}

export function requestDigest(request: unknown): string {
  return bytesToHex(sha256(utf8ToBytes(canonicalJson(request))));
}

/** What was answered: the text that `remember` was given. `another`: the key belongs to a different request. */
export function recall(
  storage: Storage,
  { sub, key, digest }: KeyedRequest,
  now: number,
): { found: "nothing" } | { found: "another" } | { found: "answer"; answer: string } {
  const row = first<{ request: string; answer: string; at: number }>(
    storage.sql,
    "SELECT request, answer, at FROM idempotency WHERE sub = ? AND key = ?",
    sub,
    key,
  );
  if (!row || row.at <= now - REMEMBERED_MS) return { found: "nothing" };
  return row.request === digest ? { found: "answer", answer: row.answer } : { found: "another" };
}

/** In the transaction of the write itself. Only what succeeded is remembered: a refusal may succeed the next time. */
export function remember(storage: Storage, { sub, key, digest }: KeyedRequest, answer: string, now: number): void {
  storage.sql.exec("DELETE FROM idempotency WHERE at <= ?", now - REMEMBERED_MS);
  storage.sql.exec("INSERT OR REPLACE INTO idempotency VALUES (?, ?, ?, ?, ?)", sub, key, digest, answer, now);
}
