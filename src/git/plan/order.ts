/** The order in which a push's ops are applied: deletes, then creates and updates, what is referred to before what refers. */
import type { PlanItem } from "./changes.ts";
import { identityKey } from "./claims.ts";

const KIND_ORDER = ["CustomResourceDefinition", "File", "CategoryTaxonomy", "Product", "ProductVariant", "Collection"];

function rank(item: PlanItem): number {
  const { op } = item;
  const key = op.identity?.kind;
  if (key === undefined) return KIND_ORDER.length + 1;
  const at = KIND_ORDER.indexOf(key.split(".")[0] ?? "");
  // Custom kinds may be named like core ones; only core groups rank with those.
  return at >= 0 && key.endsWith(".gitstore.dev") ? at : KIND_ORDER.length;
}

/** Deletes run the other way round: what refers goes before what it refers to. */
export function inOrder(items: readonly PlanItem[]): PlanItem[] {
  const deletes = items.filter((item) => item.op.op === "delete");
  const others = items.filter((item) => item.op.op !== "delete");
  const depth = parentDepths(others);
  const byPath = (a: PlanItem, b: PlanItem) => (a.op.path < b.op.path ? -1 : a.op.path > b.op.path ? 1 : 0);
  deletes.sort((a, b) => rank(b) - rank(a) || byPath(a, b));
  others.sort((a, b) => rank(a) - rank(b) || (depth.get(a) ?? 0) - (depth.get(b) ?? 0) || byPath(a, b));
  return [...deletes, ...others];
}

/** How many of its ancestors each item has in the same push; a cycle ends the count, for the ledger to report. */
function parentDepths(items: readonly PlanItem[]): Map<PlanItem, number> {
  const byName = new Map<string, PlanItem>();
  const parentOf = ({ op }: PlanItem) =>
    op.op === "upsert" && op.parent !== undefined ? byName.get(identityKey(op.parent)) : undefined;
  for (const item of items) if (item.op.op === "upsert") byName.set(identityKey(item.op.identity), item);
  const depths = new Map<PlanItem, number>();
  for (const start of items) {
    const chain: PlanItem[] = [];
    const seen = new Set<PlanItem>();
    let at: PlanItem | undefined = start;
    while (at !== undefined && !depths.has(at) && !seen.has(at)) {
      seen.add(at);
      chain.push(at);
      at = parentOf(at);
    }
    let depth = at === undefined ? -1 : (depths.get(at) ?? -1);
    for (const item of chain.reverse()) depths.set(item, ++depth);
  }
  return depths;
}
