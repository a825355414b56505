/** The event about a push that the pre-receive check refused. It belongs to no move of a ref: none happened. */
import type { StandaloneEvent } from "../../ledger/api.ts";
import { typeOf } from "../../resource/gitevent.ts";
import { type CheckPolicy, isMatched, type PreReceiveOutcome } from "./check.ts";
import type { PreReceivePush } from "./gather.ts";

/** Errors an event carries (contract, events: push-rejected). */
const EVENT_ERRORS_MAX = 100;
/** Refs an event carries: a push of thousands would outgrow an object's 1 MiB. */
const EVENT_REFS_MAX = 1_000;

/** For `recordEvent`. The push id is the key, so that a part sent twice is told of once. */
export function pushRejected(
  push: Pick<PreReceivePush, "pushId" | "actor" | "updates">,
  outcome: PreReceiveOutcome,
  context: { repository: { uid: string; name: string }; policy: CheckPolicy; time: string; traceparent?: string },
): StandaloneEvent {
  const { pushId, actor, updates } = push;
  const { repository, policy, time, traceparent } = context;
  const refused = updates.find((update) => isMatched(update, policy)) ?? updates[0];
  return {
    repository,
    type: typeOf("push-rejected"),
    subject: refused?.ref ?? "",
    key: `push-rejected/${pushId}`,
    time,
    data: {
      refs: updates.slice(0, EVENT_REFS_MAX).map(({ ref, old, new: after }) => ({ ref, old, new: after })),
      actor: { name: actor, email: null, id: null, provider: "git" },
      stage: outcome.stage ?? "parse",
      errors: outcome.errors.slice(0, EVENT_ERRORS_MAX),
      errorCount: outcome.errorCount,
    },
    ...(traceparent === undefined ? {} : { traceparent }),
  };
}
