/** What a user calls a kind, and how its objects are shown. */
import type { Client, List } from "../client/http.ts";
import type { KindDef, KindRegistry } from "../resource/kind.ts";
import { AGE_COLUMN } from "../resource/kinds/define.ts";
import { cellOf } from "../resource/printer.ts";
import { coreRegistry, registryWith } from "../resource/registry.ts";
import { UsageError } from "./exit.ts";

const DEFINITIONS = { group: "apiextensions.gitstore.dev", version: "v1beta1", plural: "customresourcedefinitions" };

/** A core kind, or one of the namespace's own. */
export async function findKind(client: Client, namespace: string | undefined, word: string): Promise<KindDef> {
  const core = coreRegistry.resolve(word);
  if (core) return core;
  const custom = namespace === undefined ? undefined : (await customKinds(client, namespace)).resolve(word);
  if (custom) return custom;
  const known = coreRegistry
    .all()
    .map(({ plural }) => plural)
    .join(", ");
  throw new UsageError(
    `${JSON.stringify(word)} is no kind${namespace === undefined ? "" : ` of ${namespace}`}: there are ${known}, and the namespace's own`,
  );
}

async function customKinds(client: Client, namespace: string): Promise<KindRegistry> {
  const definitions = await client.list({ ...DEFINITIONS, namespace });
  return registryWith(definitions.items.map(({ spec }) => ({ spec })));
}

export function pathTo(kind: KindDef, namespace: string | undefined, name?: string) {
  return {
    group: kind.group,
    version: kind.version,
    plural: kind.plural,
    ...(kind.scope === "Namespaced" && namespace !== undefined ? { namespace } : {}),
    ...(name === undefined ? {} : { name }),
  };
}

export function tableOf(kind: KindDef, objects: List["items"], now: number): { columns: string[]; rows: string[][] } {
  const own = kind.printerColumns.filter(({ priority }) => !priority);
  // A custom kind says which columns it has; kubectl adds the age where it says nothing at all.
  const columns = own.length > 0 ? own : [AGE_COLUMN];
  return {
    columns: ["NAME", ...columns.map(({ name }) => name.toUpperCase())],
    rows: objects.map((object) => [
      object.metadata.name,
      ...columns.map((column) => String(cellOf(object, column, now) ?? "")),
    ]),
  };
}
