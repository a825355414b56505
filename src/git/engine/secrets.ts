/** Webhook secrets: made or taken, shown once, sealed. */
import type { Answer } from "../api.ts";
import { toBase64 } from "../sealing.ts";
import { sealContext } from "./deliver.ts";
import type { EngineDeps } from "./deps.ts";

const SECRET_BYTES = 32;
/** A secret of the caller's own may be any text, but not one that is guessed. */
const MIN_SECRET_CHARS = 16;
const MAX_SECRET_CHARS = 512;
const MAX_VALID_SECRETS = 20;

export async function issueSecret(
  deps: EngineDeps,
  request: { secret?: string; overlapMs?: number; additional?: boolean },
): Promise<Answer<{ id: string; secret: string }>> {
  const { inbox, clock, random } = deps;
  const settings = inbox.settings();
  if (settings === null) return { ok: false, status: 404, message: "no such repository: is it registered?" };
  const problem = request.secret === undefined ? undefined : problemOf(request.secret);
  if (problem !== undefined) return { ok: false, status: 422, message: `secret: ${problem}` };
  const now = clock();
  if (request.additional && inbox.secrets(now).length >= MAX_VALID_SECRETS) {
    const message = `the repository has ${MAX_VALID_SECRETS} valid secrets already: rotate them with \`gitstorectl repo rotate-secret\``;
    return { ok: false, status: 409, message };
  }
  const id = toBase64(random.bytes(6)).replaceAll("+", "-").replaceAll("/", "_");
  const encoded = toBase64(random.bytes(SECRET_BYTES));
  // Standard Webhooks names the form of its secrets; GitHub takes any text, and this one fits every shell and form.
  const made =
    settings.provider === "git"
      ? `whsec_${encoded}`
      : encoded.replaceAll("+", "-").replaceAll("/", "_").replaceAll("=", "");
  const secret = request.secret ?? made;
  const sealed = await deps.sealer.seal(secret, sealContext(settings, id));
  const expireOthersAt = request.additional ? null : now + Math.max(0, request.overlapMs ?? 0);
  inbox.addSecret({ id, createdAt: now, notAfter: null, sealed }, expireOthersAt);
  return { ok: true, value: { id, secret } };
}

function problemOf(secret: string): string | undefined {
  if (secret.length < MIN_SECRET_CHARS || secret.length > MAX_SECRET_CHARS) {
    return `it must have ${MIN_SECRET_CHARS} to ${MAX_SECRET_CHARS} characters, it has ${secret.length}`;
  }
  return /^[\x21-\x7e]+$/.test(secret) ? undefined : "it must consist of printable ASCII characters without spaces";
}
