/** Who owns what of a status, and what a write takes of it. */
import { REFERENCE_CONDITIONS } from "../../admission/references.ts";
import { canonicalJson } from "../../resource/canonical.ts";
import type { Condition, Json, Resource } from "../../resource/types.ts";
import { ADMISSION_MANAGER } from "../object.ts";
import { sameCondition } from "./conditions.ts";
import type { Desired } from "./desired.ts";
import { conditionField } from "./judge.ts";

/** Beside condition types in a head's owners: no condition type has this form, so that none can pass for it. */
export const RESOLVED = "$resolved";

export interface Changes {
  /** Added, or no longer what they were. */
  set: Condition[];
  removed: string[];
  resolved: { from: Json | undefined; to: Json | undefined } | undefined;
}

/** A value equal to the stored one claims nothing, so only changes are looked at. */
export function changesOf(desired: Desired, stored: Resource): Changes {
  const before = stored.status?.conditions ?? [];
  const set = desired.conditions.filter((condition) => {
    const old = before.find(({ type }) => type === condition.type);
    return old === undefined || !sameCondition(old, condition);
  });
  const removed = before
    .map(({ type }) => type)
    .filter((type) => !desired.conditions.some((condition) => condition.type === type));
  const from = stored.status?.resolved;
  const to = desired.status.resolved ?? undefined;
  const moved = canonicalJson(from ?? null) !== canonicalJson(to ?? null);
  return { set, removed, resolved: moved ? { from, to } : undefined };
}

/**
 * Fields among the changes that another manager owns. What admission says of references is nobody's before a controller
 * reports it: upstream's controllers write ParentResolved and Acyclic in words of their own, and never force.
 */
export function foreignOwners(
  changes: Changes,
  owners: Record<string, string>,
  manager: string,
): { field: string; manager: string }[] {
  const touched = [...changes.set.map(({ type }) => type), ...changes.removed];
  if (changes.resolved) touched.push(RESOLVED);
  return touched.flatMap((key) => {
    const owner = Object.hasOwn(owners, key) ? owners[key] : undefined;
    if (owner === undefined || owner === manager) return [];
    if (owner === ADMISSION_MANAGER && REFERENCE_CONDITIONS.includes(key)) return [];
    return [{ field: key === RESOLVED ? "status.resolved" : conditionField(key), manager: owner }];
  });
}

/** The owners after the changes: what was set is the manager's, what was removed is nobody's. */
export function ownersAfter(
  changes: Changes,
  owners: Record<string, string>,
  manager: string,
): Record<string, string> | undefined {
  const after = new Map(Object.entries(owners));
  for (const { type } of changes.set) after.set(type, manager);
  for (const type of changes.removed) after.delete(type);
  if (changes.resolved?.to !== undefined) after.set(RESOLVED, manager);
  else if (changes.resolved) after.delete(RESOLVED);
  return after.size === 0 ? undefined : Object.fromEntries(after);
}
