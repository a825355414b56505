/** What a user calls a kind, and how its objects are shown. */
import type { Client, List } from "../client/http.ts";
import type { KindDef, KindRegistry, PrinterColumn } from "../resource/kind.ts";
import { coreRegistry, registryWith } from "../resource/registry.ts";
import type { Resource } from "../resource/types.ts";
import { UsageError } from "./exit.ts";
import { ageOf } from "./io.ts";

const AGE: PrinterColumn = { name: "Age", type: "date", jsonPath: ".metadata.creationTimestamp" };
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
  const columns = own.length > 0 ? own : [AGE];
  return {
    columns: ["NAME", ...columns.map(({ name }) => name.toUpperCase())],
    rows: objects.map((object) => [
      object.metadata.name,
      ...columns.map(({ jsonPath, type }) => cell(object, jsonPath, type, now)),
    ]),
  };
}

function cell(object: Resource, jsonPath: string, type: string, now: number): string {
  const value = readPath(object, jsonPath);
  if (value === undefined || value === null) return "";
  if (type === "date") return ageOf(String(value), now);
  return typeof value === "object" ? JSON.stringify(value) : String(value);
}

/** The part of JSONPath that printer columns use: `.spec.title`, `.status.conditions[?(@.type=="Ready")].status`. */
export function readPath(object: unknown, jsonPath: string): unknown {
  let value: unknown = object;
  for (const [, key, index, field, wanted] of jsonPath.matchAll(
    /\.([A-Za-z_][\w-]*)|\[(\d+)\]|\[\?\(@\.([\w-]+)\s*==\s*["']([^"']*)["']\)\]/g,
  )) {
    if (key !== undefined) value = (value as Record<string, unknown> | null | undefined)?.[key];
    else if (index !== undefined) value = (value as unknown[] | undefined)?.[Number(index)];
    else if (Array.isArray(value))
      value = value.find((item: Record<string, unknown>) => item?.[field ?? ""] === wanted);
    else return undefined;
  }
  return value;
}
