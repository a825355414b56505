/**
 * GitHub's webhooks. `X-Hub-Signature-256: sha256=<hex>` is HMAC-SHA-256 of the raw body with the secret's UTF-8 bytes;
 * no timestamp is signed, so a replay is possible and harmless: it causes one more look at the refs.
 * https://docs.github.com/webhooks/using-webhooks/validating-webhook-deliveries
 */
import * as z from "zod/mini";
import type { Actor } from "../../ledger/api.ts";
import {
  deliveryId,
  followed,
  oid,
  type ParsedDelivery,
  parseJson,
  type RefHint,
  type RepositoryClaim,
  schemaReason,
  type Verification,
  type WebhookProvider,
} from "./delivery.ts";
import { hmacMatches } from "./hmac.ts";

const SIGNATURE_HEADER = "x-hub-signature-256";
const EVENT_HEADER = "x-github-event";
const DELIVERY_HEADER = "x-github-delivery";

const text = z.optional(z.nullable(z.string()));

const repositorySchema = z.object({
  id: z.union([z.number(), z.string()]),
  full_name: z.optional(z.string()),
  clone_url: text,
  ssh_url: text,
  git_url: text,
  html_url: text,
});

const senderSchema = z.optional(
  z.nullable(z.object({ login: text, id: z.optional(z.union([z.number(), z.string()])) })),
);

/** `created`, `deleted` and `forced` are there too, and are not read: a branch deletion was recorded with `forced`. */
const pushSchema = z.object({
  ref: z.string().check(z.minLength(1)),
  before: oid,
  after: oid,
  repository: repositorySchema,
  pusher: z.optional(z.nullable(z.object({ name: text, email: text }))),
  sender: senderSchema,
});

/** `create` and `delete` carry the short name, and no object ids. */
const refSchema = z.object({
  ref: z.string().check(z.minLength(1)),
  ref_type: z.string(),
  repository: repositorySchema,
  sender: senderSchema,
});

async function verify(
  headers: Record<string, string>,
  body: Uint8Array,
  secrets: { id: string; secret: string }[],
): Promise<Verification> {
  const header = headers[SIGNATURE_HEADER];
  if (header === undefined || header === "") {
    return { ok: false, reason: "X-Hub-Signature-256 is missing: set the webhook's secret at GitHub" };
  }
  const hex = /^sha256=([0-9a-f]{64})$/.exec(header)?.[1];
  if (hex === undefined) {
    return { ok: false, reason: "X-Hub-Signature-256 is not sha256= and 64 lower-case hex digits" };
  }
  const mac = Uint8Array.from(hex.match(/../g) ?? [], (pair) => Number.parseInt(pair, 16));
  for (const { id, secret } of secrets) {
    if (await hmacMatches(new TextEncoder().encode(secret), mac, body)) return { ok: true, secretId: id };
  }
  return {
    ok: false,
    reason: "X-Hub-Signature-256 matches none of this repository's secrets: compare the secret set at GitHub",
  };
}

function parse(headers: Record<string, string>, body: Uint8Array): ParsedDelivery {
  const event = headers[EVENT_HEADER];
  if (event === undefined || event === "") {
    return { kind: "malformed", reason: "X-GitHub-Event is missing: it names the event" };
  }
  const named = deliveryId(headers, DELIVERY_HEADER);
  if ("reason" in named) return { kind: "malformed", reason: named.reason };
  const json = parseJson(payloadText(body));
  if (!json.ok) return { kind: "malformed", reason: json.reason };
  switch (event) {
    case "ping":
      return { kind: "ping", id: named.id };
    case "push":
      return parsePush(named.id, json.value);
    case "create":
    case "delete":
      return parseRef(named.id, event, json.value);
    default:
      return { kind: "ignored", id: named.id, reason: `the event ${JSON.stringify(event)} is not about refs` };
  }
}

/**
 * GitHub's default content type is a form with the JSON in `payload`. Told by the body rather than by `content-type`:
 * curl labels everything a form, and no JSON document begins with `payload=`.
 */
function payloadText(body: Uint8Array): string {
  const raw = new TextDecoder().decode(body);
  return raw.startsWith("payload=") ? (new URLSearchParams(raw).get("payload") ?? "") : raw;
}

function parsePush(id: string, value: unknown): ParsedDelivery {
  const read = pushSchema.safeParse(value);
  if (!read.success) return { kind: "malformed", reason: schemaReason(read.error, value) };
  const { ref, before, after, repository, pusher, sender } = read.data;
  const actor = actorOf(pusher?.name ?? sender?.login, pusher?.email, sender?.id);
  return hints(id, repository, [{ ref, before, after, actor }]);
}

function parseRef(id: string, event: string, value: unknown): ParsedDelivery {
  const read = refSchema.safeParse(value);
  if (!read.success) return { kind: "malformed", reason: schemaReason(read.error, value) };
  const { ref, ref_type: refType, repository, sender } = read.data;
  if (refType !== "branch" && refType !== "tag") {
    return { kind: "ignored", id, reason: `${event} of a ${JSON.stringify(refType)} is not about a branch or a tag` };
  }
  const fullName = `refs/${refType === "branch" ? "heads" : "tags"}/${ref}`;
  const actor = actorOf(sender?.login, undefined, sender?.id);
  return hints(id, repository, [{ ref: fullName, before: null, after: null, actor }]);
}

function hints(id: string, repository: z.infer<typeof repositorySchema>, found: RefHint[]): ParsedDelivery {
  const { updates, others } = followed(found);
  if (updates.length === 0) {
    return { kind: "ignored", id, reason: `${others.join(", ")} is neither a branch nor a tag` };
  }
  return { kind: "push", id, repository: claimOf(repository), updates };
}

function claimOf(repository: z.infer<typeof repositorySchema>): RepositoryClaim {
  const { clone_url, ssh_url, git_url, html_url } = repository;
  const urls = [clone_url, ssh_url, git_url, html_url].filter((url) => typeof url === "string" && url !== "");
  return {
    id: String(repository.id),
    ...(repository.full_name === undefined ? {} : { fullName: repository.full_name }),
    cloneUrls: [...new Set(urls)] as string[],
  };
}

function actorOf(
  name: string | null | undefined,
  email: string | null | undefined,
  id: string | number | undefined,
): Actor {
  return { name: name ?? null, email: email ?? null, id: id === undefined ? null : String(id), provider: "github" };
}

export const github: WebhookProvider = { verify, parse };
