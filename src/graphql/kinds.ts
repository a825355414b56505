/** Kinds as GraphQL names them: the six with a type of their own, and every other as Resource. */
import { ALL_NAMESPACES } from "../auth/grants.ts";
import { registryOf } from "../http/kinds.ts";
import { type KindName, StatusError } from "../http/status.ts";
import { CLUSTER_LEDGER } from "../ledger/api.ts";
import type { KindDef, KindRegistry } from "../resource/kind.ts";
import { coreRegistry } from "../resource/registry.ts";
import type { KindKey } from "../resource/types.ts";
import { type Access, canAnything, forbid, isAllowed, permit, permitNamed } from "./access.ts";
import type { GraphContext } from "./context.ts";
import { badInput, failure } from "./errors.ts";

export type TypeName = "Product" | "ProductVariant" | "Category" | "Collection" | "Namespace" | "Repository";

const TYPES: Record<TypeName, KindKey> = {
  Product: "Product.catalog.gitstore.dev",
  ProductVariant: "ProductVariant.catalog.gitstore.dev",
  Category: "CategoryTaxonomy.catalog.gitstore.dev",
  Collection: "Collection.catalog.gitstore.dev",
  Namespace: "Namespace.gitstore.dev",
  Repository: "Repository.gitstore.dev",
};

const typeByKind = new Map(Object.entries(TYPES).map(([type, key]) => [key, type as TypeName]));

export function kindOf(type: TypeName): KindDef {
  const kind = coreRegistry.byKey(TYPES[type]);
  if (!kind) throw new Error(`the registry lacks ${TYPES[type]}`);
  return kind;
}

/** The GraphQL type of a kind's objects where it has one of its own. */
export function typeOf(key: KindKey): TypeName | undefined {
  return typeByKind.get(key);
}

export function keyOf({ apiVersion, kind }: { apiVersion: string; kind: string }): KindKey {
  return `${kind}.${apiVersion.split("/")[0]}`;
}

export function nameOf({ group, plural, kind }: KindDef): KindName {
  return { group, plural, kind };
}

/** Cluster-scoped kinds have a ledger of their own. */
export function ledgerName(namespace: string | undefined): string {
  return namespace ?? CLUSTER_LEDGER;
}

/** Namespaces are judged as lying in themselves, so that who works in one may read it, as in Kubernetes. */
export function scopeOf(kind: KindDef, namespace: string | undefined, name?: string): string {
  return namespace ?? (kind.plural === "namespaces" ? name : undefined) ?? ALL_NAMESPACES;
}

/**
 * The kind that a word means, once the caller may do `verb` with it. A core kind is judged before anything is looked
 * up. Custom ones are known to their namespace's ledger only, which is asked by those alone who may do something there;
 * and whether there is such a kind is told to those alone who may do this with whatever is called so.
 */
export async function authorisedKind(
  graph: GraphContext,
  word: string,
  given: string | null | undefined,
  access: Pick<Access, "verb" | "name" | "subresource">,
): Promise<{ kind: KindDef; namespace: string | undefined }> {
  const namespace = given === null || given === "" ? undefined : given;
  const core = coreRegistry.resolve(word);
  if (core) {
    permit(graph.identity, core, { ...access, namespace });
    if (core.scope === "Cluster" && namespace !== undefined)
      throw badInput(
        `namespace: kind ${core.kind} is cluster-scoped: leave it out, found ${JSON.stringify(namespace)}`,
      );
    if (core.scope === "Namespaced" && namespace === undefined)
      throw badInput(`namespace: kind ${core.kind} is namespaced: name one`);
    return { kind: core, namespace };
  }
  const plural = word.toLowerCase().split(".")[0] ?? word;
  const asked = { kind: { group: "", plural }, ...access, namespace };
  if (namespace === undefined) {
    permitNamed(graph.identity, asked);
    throw badInput(`namespace: ${JSON.stringify(word)} is no core kind: name a namespace`);
  }
  if (!canAnything(graph.identity, namespace, access.verb)) throw forbid(graph.identity, asked);
  const kind = (await customKinds(graph, namespace))?.resolve(word);
  if (kind && isAllowed(graph.identity, { ...asked, kind: nameOf(kind) })) return { kind, namespace };
  if (kind || !isAllowed(graph.identity, asked)) throw forbid(graph.identity, asked);
  throw failure(
    "KIND_NOT_FOUND",
    `kind ${JSON.stringify(word)} is not known in namespace ${JSON.stringify(namespace)}`,
  );
}

async function customKinds(graph: GraphContext, namespace: string): Promise<KindRegistry | undefined> {
  try {
    return await registryOf(graph.env, namespace);
  } catch (error) {
    if (error instanceof StatusError && error.status.code === 404) return undefined;
    throw error;
  }
}

/** The definition behind a key, core or custom; undefined where the namespace does not know it any more. */
export async function kindByKey(
  graph: GraphContext,
  key: KindKey,
  namespace: string | undefined,
): Promise<KindDef | undefined> {
  const core = coreRegistry.byKey(key);
  if (core || namespace === undefined) return core;
  return (await customKinds(graph, namespace))?.byKey(key);
}
