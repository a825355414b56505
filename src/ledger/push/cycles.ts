import { acyclicCondition } from "../../admission/references.ts";
import { mergeConditions } from "../../resource/conditions.ts";
import type { Resource } from "../../resource/types.ts";
import { CATEGORY, selectableText } from "../kinds.ts";
import { ADMISSION_MANAGER, seconds } from "../object.ts";
import type { Transaction } from "../transaction.ts";
import type { PushContext } from "./apply.ts";

type CycleThrough = (name: string, parentOf: (name: string) => string | undefined) => string[] | undefined;

/**
 * A cycle of parents is a condition of every member, also of those this push did not touch; and a cycle that the push
 * broke is one of none. `parents` has the categories that changed, with the parent each had before.
 */
export function markCycles(
  context: PushContext,
  tx: Transaction,
  parents: ReadonlyMap<string, string | undefined>,
  cycleThrough: CycleThrough,
): void {
  const { store } = context;
  const resources = new Map<string, Resource | undefined>();
  const read = (name: string): Resource | undefined => {
    if (!resources.has(name)) {
      const head = store.find(CATEGORY, name);
      resources.set(name, head && (JSON.parse(head.json) as Resource));
    }
    return resources.get(name);
  };
  const parentOf = (name: string): string | undefined =>
    (read(name)?.spec as { parentRef?: { name?: string } } | undefined)?.parentRef?.name;
  const before = (name: string): string | undefined => (parents.has(name) ? parents.get(name) : parentOf(name));
  const members = new Set<string>();
  for (const name of parents.keys()) {
    for (const member of cycleThrough(name, parentOf) ?? []) members.add(member);
    for (const member of cycleThrough(name, before) ?? []) members.add(member);
  }
  for (const name of members) {
    const head = store.find(CATEGORY, name);
    if (!head || (head.meta.owners?.Acyclic ?? ADMISSION_MANAGER) !== ADMISSION_MANAGER) continue;
    const resource = JSON.parse(head.json) as Resource;
    const cycle = cycleThrough(name, parentOf);
    const condition = acyclicCondition(cycle);
    const told = (resource.status?.conditions ?? []).find((other) => other.type === "Acyclic");
    if (told?.status === condition.status) continue;
    const merged = mergeConditions(resource.status?.conditions ?? [], [condition], seconds(tx.now));
    resource.status = { ...resource.status, conditions: merged.conditions };
    const sel = selectableText(context.kinds.get(CATEGORY), resource);
    const owners = { ...head.meta.owners, Acyclic: ADMISSION_MANAGER };
    tx.put({ kind: CATEGORY, resource, sel, meta: { ...head.meta, owners }, before: head });
  }
}
