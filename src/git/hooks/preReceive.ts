/** The server's side of the pre-receive hook: one verified part in, one answer out. See docs/hooks.md. */
import type { PreReceiveAnswer } from "../api.ts";
import { type CheckContext, type CheckPolicy, checkPreReceive, checkUpdates, type PreReceiveOutcome } from "./check.ts";
import { type Gathering, gatherPart, type PreReceivePush } from "./gather.ts";
import { parsePart, unpackPart } from "./part.ts";

export type { CheckContext, CheckPolicy, PreReceiveOutcome } from "./check.ts";
export { checkPreReceive, checkUpdates, isMatched } from "./check.ts";
export { type Gathering, type GatherStep, gatherPart, type PreReceivePush } from "./gather.ts";
export { type PreReceivePart, type PushedFile, parsePart, type RefUpdate, unpackPart } from "./part.ts";
export { pushRejected } from "./rejected.ts";

export interface PartAnswer {
  /** 200: decided, nothing more is to be sent. 202: the next part is awaited. Else the part was not taken. */
  status: 200 | 202 | 400 | 409 | 413 | 503;
  body: PreReceiveAnswer | { message: string };
  /** Where the push was refused: what `pushRejected` makes the event of. */
  refused?: { push: PreReceivePush; outcome: PreReceiveOutcome };
}

/**
 * Takes the body of one request, whose signature was verified. A push that no pattern matches, or that this user may
 * not make, is decided by its first part, so that its files need not be sent.
 * @param open the pushes being gathered; changed.
 * @param context asked for only when the push is complete: it costs a read of the ledger.
 */
export async function receivePart(
  open: Map<string, Gathering>,
  body: Uint8Array,
  nowMs: number,
  policy: CheckPolicy,
  context: () => Promise<Omit<CheckContext, keyof CheckPolicy>>,
): Promise<PartAnswer> {
  const unpacked = await unpackPart(body);
  if (!unpacked.ok) return { status: unpacked.status, body: { message: unpacked.message } };
  const parsed = parsePart(unpacked.value);
  if (!parsed.ok) return { status: parsed.status, body: { message: parsed.message } };
  const gathered = gatherPart(open, parsed.value, nowMs);
  if (gathered.step === "refused") return { status: gathered.status, body: { message: gathered.message } };
  const { push } = gathered;
  const early = parsed.value.part === 1 ? checkUpdates(push, policy) : undefined;
  if (early !== undefined) {
    open.delete(push.pushId);
    return decided(push, early);
  }
  if (gathered.step === "more") {
    return { status: 202, body: { allowed: true, checked: 0, of: push.files.length, errors: [], warnings: [] } };
  }
  return decided(push, checkPreReceive(push, { ...policy, ...(await context()) }));
}

function decided(push: PreReceivePush, outcome: PreReceiveOutcome): PartAnswer {
  const { allowed, checked, of, errors, warnings } = outcome;
  const body = { allowed, checked, of, errors, warnings };
  return allowed ? { status: 200, body } : { status: 200, body, refused: { push, outcome } };
}
