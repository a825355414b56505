/** Status conditions: one per type, with a transition time that moves only when the status does. */
import type { Condition } from "./types.ts";

/** Whether two conditions say the same. The transition time is the server's, so it never makes a difference. */
export function conditionEquals(a: Condition, b: Condition): boolean {
  return (
    a.type === b.type &&
    a.status === b.status &&
    a.reason === b.reason &&
    a.message === b.message &&
    a.observedGeneration === b.observedGeneration
  );
}

/**
 * Merges by type: the incoming ones replace theirs, others' stay untouched, order is kept and new types go to the end.
 * @param now RFC 3339; the `lastTransitionTime` of every condition that is new or whose status moved.
 */
export function mergeConditions(
  existing: readonly Condition[],
  incoming: readonly Condition[],
  now: string,
): { conditions: Condition[]; changed: boolean } {
  const conditions = [...existing];
  let changed = false;
  for (const condition of incoming) {
    const index = conditions.findIndex(({ type }) => type === condition.type);
    const old = conditions[index];
    if (old !== undefined && conditionEquals(old, condition)) continue;
    changed = true;
    const isSameStatus = old !== undefined && old.status === condition.status && old.lastTransitionTime !== undefined;
    const merged = { ...condition, lastTransitionTime: isSameStatus ? (old.lastTransitionTime ?? now) : now };
    if (old === undefined) conditions.push(merged);
    else conditions[index] = merged;
  }
  return { conditions, changed };
}
