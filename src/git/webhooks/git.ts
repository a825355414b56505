/**
 * A plain Git server's post-receive hook, signed with Standard Webhooks: HMAC-SHA-256 over `id.timestamp.body`, so that
 * neither the id nor the time of a captured delivery can be changed.
 * https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md
 */
import * as z from "zod/mini";
import {
  deliveryId,
  followed,
  oid,
  type ParsedDelivery,
  parseJson,
  type Secret,
  schemaReason,
  type Verification,
  type WebhookProvider,
} from "./delivery.ts";
import { hmacMatches, hmacSign } from "./hmac.ts";

const ID_HEADER = "webhook-id";
const TIMESTAMP_HEADER = "webhook-timestamp";
const SIGNATURE_HEADER = "webhook-signature";

/** Clock skew and network delay that Standard Webhooks allows, in seconds. */
const TOLERANCE_SECONDS = 300;
/** Signatures of one delivery that are tried: a sender that rotates sends two. */
const SIGNATURES_MAX = 8;
const SECRET_PREFIX = "whsec_";
const BASE64 = /^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$/;

const fromBase64 = (value: string): Uint8Array => Uint8Array.from(atob(value), (char) => char.charCodeAt(0));

/**
 * The key bytes of a secret: what follows `whsec_` in base64. As the Standard Webhooks libraries do, the prefix may be
 * missing. A text that is no base64 is taken as its UTF-8 bytes, so that a secret of the operator's own choice works.
 */
export function standardKey(secret: string): Uint8Array {
  const encoded = secret.startsWith(SECRET_PREFIX) ? secret.slice(SECRET_PREFIX.length) : secret;
  return BASE64.test(encoded) ? fromBase64(encoded) : new TextEncoder().encode(secret);
}

function signedContent(id: string, timestamp: string, body: Uint8Array): Uint8Array {
  const head = new TextEncoder().encode(`${id}.${timestamp}.`);
  const content = new Uint8Array(head.length + body.length);
  content.set(head);
  content.set(body, head.length);
  return content;
}

/** The three headers of a delivery that is made here rather than by a hook; `timestamp` in seconds. */
export async function standardHeaders(
  secret: string,
  id: string,
  timestamp: number,
  body: Uint8Array,
): Promise<Record<string, string>> {
  const mac = await hmacSign(standardKey(secret), signedContent(id, String(timestamp), body));
  return {
    [ID_HEADER]: id,
    [TIMESTAMP_HEADER]: String(timestamp),
    [SIGNATURE_HEADER]: `v1,${btoa(String.fromCharCode(...mac))}`,
  };
}

async function verify(
  headers: Record<string, string>,
  body: Uint8Array,
  secrets: Secret[],
  nowMs: number,
): Promise<Verification> {
  const refuse = (reason: string): Verification => ({ ok: false, reason });
  const missing = [ID_HEADER, TIMESTAMP_HEADER, SIGNATURE_HEADER].find((name) => !headers[name]);
  if (missing !== undefined) return refuse(`the header ${missing} is missing`);
  const id = headers[ID_HEADER] ?? "";
  const timestamp = headers[TIMESTAMP_HEADER] ?? "";
  const signature = headers[SIGNATURE_HEADER] ?? "";
  // A dot would let `a.1` + `2` be read as `a` + `1.2`: the signed text is the same.
  if (id.includes(".")) return refuse(`the header ${ID_HEADER} has a dot, which separates the signed parts`);
  if (!/^\d{1,12}$/.test(timestamp)) return refuse(`the header ${TIMESTAMP_HEADER} is not a time in seconds`);
  const ageSeconds = Math.floor(nowMs / 1000) - Number(timestamp);
  if (Math.abs(ageSeconds) > TOLERANCE_SECONDS) {
    const found = ageSeconds > 0 ? `${ageSeconds} s old` : `${-ageSeconds} s in the future`;
    return refuse(`the delivery is ${found}, more than ${TOLERANCE_SECONDS} s: check the sender's clock`);
  }
  const macs = signature
    .split(" ")
    .slice(0, SIGNATURES_MAX)
    .map((entry) => /^v1,([A-Za-z0-9+/]{43}=)$/.exec(entry)?.[1])
    .filter((encoded) => encoded !== undefined)
    .map(fromBase64);
  if (macs.length === 0) return refuse(`the header ${SIGNATURE_HEADER} has no v1,<base64 of 32 bytes>`);
  const content = signedContent(id, timestamp, body);
  for (const { id: secretId, secret } of secrets) {
    const key = standardKey(secret);
    for (const mac of macs) {
      if (await hmacMatches(key, mac, content)) return { ok: true, secretId };
    }
  }
  return refuse(
    `the header ${SIGNATURE_HEADER} matches none of this repository's secrets: run gitstorectl hooks install again`,
  );
}

/**
 * The body. `repository` is `namespace/name`; `updates` are the lines post-receive got, an empty list is a ping;
 * `actor` is the name of who pushed.
 */
const bodySchema = z.object({
  repository: z.string().check(z.minLength(1)),
  updates: z.array(z.object({ ref: z.string().check(z.minLength(1)), old: oid, new: oid })),
  actor: z.optional(z.nullable(z.string())),
});

function parse(headers: Record<string, string>, body: Uint8Array): ParsedDelivery {
  const named = deliveryId(headers, ID_HEADER);
  if ("reason" in named) return { kind: "malformed", reason: named.reason };
  const json = parseJson(new TextDecoder().decode(body));
  if (!json.ok) return { kind: "malformed", reason: json.reason };
  const read = bodySchema.safeParse(json.value);
  if (!read.success) return { kind: "malformed", reason: schemaReason(read.error, json.value) };
  const { repository, actor: name } = read.data;
  if (read.data.updates.length === 0) return { kind: "ping", id: named.id };
  const { updates, others } = followed(read.data.updates);
  if (updates.length === 0) {
    return { kind: "ignored", id: named.id, reason: `${others.slice(0, 3).join(", ")}: neither branches nor tags` };
  }
  const actor = { name: name ?? null, email: null, id: null, provider: "git" };
  return {
    kind: "push",
    id: named.id,
    repository: { id: repository, fullName: repository, cloneUrls: [] },
    updates: updates.map(({ ref, old, new: after }) => ({ ref, before: old, after, actor })),
  };
}

export const git: WebhookProvider = { verify, parse };
