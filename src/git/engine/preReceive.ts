/** The blocking check of a plain Git server's pre-receive hook: verified here, judged in hooks/, told to the ledger. */
import type { JsonObject } from "../../resource/types.ts";
import type { Delivery, PreReceiveAnswer } from "../api.ts";
import { type Gathering, pushRejected, receivePart } from "../hooks/preReceive.ts";
import type { Settings } from "../settings.ts";
import { verifyDelivery } from "../webhooks/index.ts";
import { MAX_DELIVERY_BYTES, openSecrets } from "./deliver.ts";
import type { EngineDeps } from "./deps.ts";
import { ledgerValue } from "./errors.ts";

type Answer = { status: number; body: PreReceiveAnswer | { message: string } };

export async function preReceive(deps: EngineDeps, open: Map<string, Gathering>, delivery: Delivery): Promise<Answer> {
  if (delivery.body.length > MAX_DELIVERY_BYTES) {
    const message = `the body has ${delivery.body.length} bytes: at most ${MAX_DELIVERY_BYTES} are taken`;
    return { status: 413, body: { message } };
  }
  const settings = deps.inbox.settings();
  if (settings === null) return { status: 404, body: { message: "no such repository: is it registered?" } };
  const now = deps.clock();
  // Our own hooks sign by Standard Webhooks, whoever sends the repository's webhooks.
  const verified = await verifyDelivery("git", delivery.headers, delivery.body, await openSecrets(deps, settings), now);
  if (!verified.ok) return { status: 401, body: { message: verified.reason } };
  const { branches, releaseTags, pushers } = settings;
  const policy = { branches, releaseTags, ...(pushers !== undefined && { pushers }) };
  const read = deps.readFor(settings);
  try {
    const answer = await receivePart(open, delivery.body, now, policy, async () => {
      const { specs } = ledgerValue(await deps.ledgerOf(settings.namespace).definitions());
      return { definitions: specs.map((spec) => JSON.parse(spec) as JsonObject), read };
    });
    if (answer.refused !== undefined) await tell(deps, settings, answer.refused, policy, delivery.traceparent);
    return { status: answer.status, body: answer.body };
  } catch (error) {
    deps.log("a pre-receive check failed", { repository: settings.name, error });
    return { status: 503, body: { message: "the push cannot be checked now: push again" } };
  }
}

/** The refusal stands whether or not it could be recorded: its author waits for it. */
async function tell(
  deps: EngineDeps,
  settings: Settings,
  refused: { push: Parameters<typeof pushRejected>[0]; outcome: Parameters<typeof pushRejected>[1] },
  policy: Parameters<typeof pushRejected>[2]["policy"],
  traceparent: string | undefined,
): Promise<void> {
  const repository = { uid: settings.uid, name: settings.name };
  const time = new Date(deps.clock()).toISOString();
  const context = { repository, policy, time, ...(traceparent !== undefined && { traceparent }) };
  try {
    const event = pushRejected(refused.push, refused.outcome, context);
    ledgerValue(await deps.ledgerOf(settings.namespace).recordEvent(event));
  } catch (error) {
    deps.log("a refused push could not be recorded", { repository: settings.name, error });
  }
}
