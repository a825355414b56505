/** Takes a webhook delivery: judged and stored here, worked on in the alarm (contract, events: In: webhooks). */
import type { Delivery, DeliveryAnswer } from "../api.ts";
import type { Settings } from "../settings.ts";
import {
  type ParsedDelivery,
  parseDelivery,
  type RepositoryClaim,
  type Secret,
  verifyDelivery,
} from "../webhooks/index.ts";
import type { EngineDeps } from "./deps.ts";

/** What both big providers send at most. */
export const MAX_DELIVERY_BYTES = 25 * 1_048_576;

/** However many are refused, they cause a look at most so often. */
const LOOK_AFTER_REFUSAL_MS = 5_000;

/** One answer for every repository that is not there: whether its namespace is there cannot be probed. */
export const UNKNOWN: DeliveryAnswer = { status: 404, body: { message: "no such repository: is it registered?" } };

export async function deliver(deps: EngineDeps, delivery: Delivery): Promise<DeliveryAnswer> {
  const { inbox } = deps;
  if (delivery.body.length > MAX_DELIVERY_BYTES) {
    return {
      status: 413,
      body: { message: `the body has ${delivery.body.length} bytes: at most ${MAX_DELIVERY_BYTES} are taken` },
    };
  }
  const settings = inbox.settings();
  if (settings === null) return UNKNOWN;
  const now = deps.clock();
  const verified = await verifyDelivery(
    settings.provider,
    delivery.headers,
    delivery.body,
    await openSecrets(deps, settings),
    now,
  );
  if (!verified.ok) return { status: 401, body: { message: verified.reason } };
  // After the signature: whoever cannot sign must not use up what the sender is allowed.
  const waitMs = deps.deliveries.take();
  if (waitMs > 0) return await tooMany(deps, now, waitMs);
  const parsed = parseDelivery(settings.provider, delivery.headers, delivery.body);
  if (parsed.kind === "malformed") return { status: 400, body: { message: parsed.reason } };
  if (parsed.kind !== "push") return take(deps, parsed, now);

  const binding = bind(deps, settings, parsed.repository);
  if (!binding.ok) return { status: 403, body: { delivery: parsed.id, message: binding.reason } };
  const { provider } = settings;
  const trace = delivery.traceparent === undefined ? {} : { traceparent: delivery.traceparent };
  const hints = parsed.updates.map((update) => ({ provider, ...update, ...trace }));
  const isNew = inbox.record({ id: parsed.id, receivedAt: now, result: "accepted" }, hints);
  await deps.faults.hit("afterDeliveryStored");
  // A duplicate arms too: the object may have stopped between storing the first and arming for it.
  await deps.alarm.set(now);
  return { status: 202, body: { delivery: parsed.id, result: isNew ? "accepted" : "duplicate" } };
}

/** Nothing of it is stored, and nothing is lost: one look, soon, finds whatever the refused ones would have told. */
async function tooMany(deps: EngineDeps, now: number, waitMs: number): Promise<DeliveryAnswer> {
  const at = now + Math.max(waitMs, LOOK_AFTER_REFUSAL_MS);
  const armed = await deps.alarm.get();
  if (armed === null || armed > at) await deps.alarm.set(at);
  const retryAfterSeconds = Math.ceil(waitMs / 1000);
  const message = `too many deliveries: the next one is taken in ${retryAfterSeconds} s; the refs are looked at meanwhile`;
  return { status: 429, retryAfterSeconds, body: { message } };
}

function take(
  deps: EngineDeps,
  parsed: Extract<ParsedDelivery, { kind: "ping" | "ignored" }>,
  receivedAt: number,
): DeliveryAnswer {
  const isNew = deps.inbox.record({ id: parsed.id, receivedAt, result: parsed.kind }, []);
  const body: DeliveryAnswer["body"] = { delivery: parsed.id, result: isNew ? "ignored" : "duplicate" };
  if (parsed.kind === "ping") return { status: 200, body: { ...body, reason: "ping" } };
  return { status: 202, body: { ...body, reason: parsed.reason } };
}

/** The secrets that are valid now, in the clear. */
export async function openSecrets(deps: EngineDeps, settings: Settings): Promise<Secret[]> {
  const secrets: Secret[] = [];
  for (const { id, sealed } of deps.inbox.secrets(deps.clock())) {
    try {
      secrets.push({ id, secret: await deps.sealer.open(sealed, sealContext(settings, id)) });
    } catch {
      // Sealed under another SEALING_KEY: it verifies nothing any more, and the others must still.
      deps.log("a webhook secret cannot be opened: was SEALING_KEY changed? rotate it", {
        id,
        repository: settings.name,
      });
    }
  }
  return secrets;
}

export function sealContext(settings: Settings, id: string): string {
  return `${settings.uid}/${id}`;
}

/**
 * Whether a signed delivery is about this repository. The provider's id decides, and is learnt from the first delivery
 * whose clone URL is the registered one: a secret that two repositories share must not let one speak for the other.
 */
function bind(
  deps: EngineDeps,
  settings: Settings,
  claim: RepositoryClaim,
): { ok: true } | { ok: false; reason: string } {
  const { inbox } = deps;
  const found = claim.fullName ?? claim.id ?? "another repository";
  if (settings.provider === "git") {
    const own = `${settings.namespace}/${settings.name}`;
    return claim.id === own ? { ok: true } : { ok: false, reason: `the delivery is about ${found}, this is ${own}` };
  }
  const isOurUrl = claim.cloneUrls.some((url) => comparable(url) === comparable(settings.url));
  const bound = inbox.meta("boundId");
  if (bound === undefined) {
    if (!isOurUrl)
      return { ok: false, reason: `the delivery is about ${found}, whose clone URL is not ${settings.url}` };
    if (claim.id !== undefined) inbox.setMeta("boundId", claim.id);
    return { ok: true };
  }
  if (claim.id !== bound)
    return { ok: false, reason: `the delivery is about ${found}, which is not the repository this one is bound to` };
  const renamed = isOurUrl ? null : found;
  if ((inbox.meta("renamed") ?? null) !== renamed) inbox.setMeta("renamed", renamed);
  return { ok: true };
}

/** Host and path, as hosts compare them: scheme, user, case, `.git` and a trailing slash make no difference. */
function comparable(url: string): string {
  const scp = /^[\w.-]+@([\w.-]+):(?!\/)(.+)$/.exec(url);
  const text = scp === null ? url.replace(/^[a-z+]+:\/\/(?:[^@/]*@)?/i, "") : `${scp[1]}/${scp[2]}`;
  return text
    .toLowerCase()
    .replace(/\/+$/, "")
    .replace(/\.git$/, "");
}
