/** Webhooks in: verify a delivery over its raw bytes, then read it as hints. The configured provider picks the headers. */
import type { ParsedDelivery, Secret, Verification, WebhookProvider } from "./delivery.ts";
import { git } from "./git.ts";
import { github } from "./github.ts";

export type { ParsedDelivery, RefHint, RepositoryClaim, Secret, Verification } from "./delivery.ts";
export { standardHeaders, standardKey } from "./git.ts";

export type ProviderName = "github" | "git";

const PROVIDERS: Record<ProviderName, WebhookProvider> = { github, git };

/**
 * Whether `body` was signed with one of `secrets`, by the scheme of `provider`. Headers of another provider are never
 * looked at, even where the right ones are missing: Gitea, for one, sends GitHub's too.
 * `headers` have lower-cased names; `nowMs` is the time the signed timestamp is compared with, where there is one.
 */
export async function verifyDelivery(
  provider: ProviderName,
  headers: Record<string, string>,
  body: Uint8Array,
  secrets: Secret[],
  nowMs: number,
): Promise<Verification> {
  if (secrets.length === 0) {
    return { ok: false, reason: "this repository has no valid secret: run gitstorectl repo rotate-secret" };
  }
  return PROVIDERS[provider].verify(headers, body, secrets, nowMs);
}

/** Reads a verified delivery. Never throws: a body that is not this provider's is `malformed`. */
export function parseDelivery(
  provider: ProviderName,
  headers: Record<string, string>,
  body: Uint8Array,
): ParsedDelivery {
  return PROVIDERS[provider].parse(headers, body);
}
