/** What every provider's delivery becomes, and the readers that providers share. */
import * as z from "zod/mini";
import type { Actor } from "../../ledger/api.ts";

export interface Secret {
  id: string;
  secret: string;
}

export type Verification = { ok: true; secretId: string } | { ok: false; reason: string };

/**
 * A hint that a ref moved. `before` null: the ref was not there; `after` null: it is gone; both null: the provider did
 * not say (GitHub's `create` and `delete`). Only what the remote advertises decides what happened.
 */
export interface RefHint {
  /** The full name, under `refs/heads/` or `refs/tags/`. */
  ref: string;
  before: string | null;
  after: string | null;
  actor: Actor;
}

/** What a delivery says of the repository it is about, to be compared with what the Repository is bound to. */
export interface RepositoryClaim {
  /** The provider's own id, which outlives a rename. */
  id?: string;
  fullName?: string;
  cloneUrls: string[];
}

export type ParsedDelivery =
  | { kind: "ping"; id: string }
  | { kind: "ignored"; id: string; reason: string }
  | { kind: "malformed"; reason: string }
  | { kind: "push"; id: string; repository: RepositoryClaim; updates: RefHint[] };

/** One provider: which headers it uses, how it signs, what its bodies say. */
export interface WebhookProvider {
  verify(headers: Record<string, string>, body: Uint8Array, secrets: Secret[], nowMs: number): Promise<Verification>;
  /** Reads a delivery that was verified before. */
  parse(headers: Record<string, string>, body: Uint8Array): ParsedDelivery;
}

/** Longest delivery id that is stored; GitHub's are 36 characters. */
const DELIVERY_ID_MAX = 256;

/** The delivery id in `header`, or why there is none to work with. */
export function deliveryId(headers: Record<string, string>, header: string): { id: string } | { reason: string } {
  const id = headers[header];
  if (id === undefined || id === "") return { reason: `the header ${header} is missing: it names the delivery` };
  if (id.length > DELIVERY_ID_MAX) {
    return { reason: `the header ${header} has ${id.length} characters; at most ${DELIVERY_ID_MAX} are taken` };
  }
  return { id };
}

/** A body as JSON. Bytes that are no UTF-8 (a ref name may have some) become U+FFFD: a hint survives them. */
export function parseJson(text: string): { ok: true; value: unknown } | { ok: false; reason: string } {
  try {
    return { ok: true, value: JSON.parse(text) };
  } catch (error) {
    return { ok: false, reason: `the body is not JSON: ${error instanceof Error ? error.message : String(error)}` };
  }
}

/** `updates[0].ref: expected string, found number`: where a body differs from what its provider sends. */
export function schemaReason(error: z.core.$ZodError, body: unknown): string {
  const prefix = "the body is not one of this provider's: ";
  const [issue] = error.issues;
  if (issue === undefined) return `${prefix}it has another shape`;
  let field = "";
  let found: unknown = body;
  for (const key of issue.path) {
    field += typeof key === "number" ? `[${key}]` : field === "" ? String(key) : `.${String(key)}`;
    found = (found as Record<PropertyKey, unknown> | null | undefined)?.[key];
  }
  const place = field === "" ? "the whole" : field;
  if (found === undefined) return `${prefix}${place}: is missing`;
  // zod/mini ships without its messages; the type that was wanted is in the issue.
  const wanted = issue.code === "invalid_type" ? `expected ${issue.expected}` : issue.message;
  return `${prefix}${place}: ${wanted}, found ${Array.isArray(found) ? "array" : found === null ? "null" : typeof found}`;
}

/** An object id; the all-zero one, which Git writes for "no such ref", is null. */
export const oid = z.pipe(
  z.string().check(z.regex(/^(?:[0-9a-f]{40}|[0-9a-f]{64})$/, "expected 40 (or 64) lower-case hex digits")),
  z.transform((value) => (/^0+$/.test(value) ? null : value)),
);

/** Splits hints into those about branches and tags and the names of the others, which no event is derived from. */
export function followed<T extends { ref: string }>(updates: T[]): { updates: T[]; others: string[] } {
  const isFollowed = (update: T) => /^refs\/(?:heads|tags)\/./s.test(update.ref);
  return {
    updates: updates.filter(isFollowed),
    others: updates.filter((update) => !isFollowed(update)).map((update) => update.ref),
  };
}
