/** Who refers to whom, found by reading: no ledger keeps an index of references. */

import { objectAt, stringAt } from "../resource/json.ts";
import type { KindDef } from "../resource/kind.ts";
import type { Resource } from "../resource/types.ts";
import { scan } from "./connection.ts";
import { type GraphContext, once } from "./context.ts";

export interface Referring {
  kind: KindDef;
  namespace: string | undefined;
  /** `categoryRef`, `parentRef`, `productRef`. */
  field: string;
  /** The object that is referred to. */
  name: string;
}

/** Objects whose `spec.<field>.name` is this name, in name order; one reading of the kind serves a whole operation. */
export async function referrers(
  graph: GraphContext,
  { kind, namespace, field, name }: Referring,
): Promise<{ items: Resource[]; rv: string }> {
  const { byName, rv } = await once(graph, `refs ${namespace} ${kind.key} ${field}`, async () => {
    const all = await scan(graph, { kind, namespace }, (object) => referred(object, field) !== undefined);
    const byName = new Map<string, Resource[]>();
    for (const object of all.items) {
      const to = referred(object, field) ?? "";
      const found = byName.get(to);
      if (found) found.push(object);
      else byName.set(to, [object]);
    }
    return { byName, rv: all.rv };
  });
  return { items: byName.get(name) ?? [], rv };
}

function referred(object: Resource, field: string): string | undefined {
  return stringAt(objectAt(object.spec, field), "name");
}
