/** Objects by id or by path, for callers of whom nothing is assumed: what they may not get is not there. */

import type { Verb } from "../auth/grants.ts";
import { replayOf, replaysOf } from "../config.ts";
import { CLUSTER_LEDGER } from "../ledger/api.ts";
import type { KindDef } from "../resource/kind.ts";
import type { KindKey, Resource } from "../resource/types.ts";
import { timeBox } from "../telemetry/timebox.ts";
import { isAllowed, mayTouch, permit } from "./access.ts";
import { about, find, type GraphContext, ledgerFor } from "./context.ts";
import { failure } from "./errors.ts";
import { type GlobalId, parseId, typeName } from "./ids.ts";
import { kindByKey, kindOf, nameOf, scopeOf, type TypeName } from "./kinds.ts";

const INDEX_TIMEOUT_MS = 2_000;
const BY_UID = "SELECT ns, kind, name FROM uids WHERE uid = ?";

export interface By {
  id?: string | null;
  name?: string | null;
  identifier?: string | null;
  namespacePath?: { namespace?: string | null; name: string; kind?: string } | null;
}

/** `product(by: …)` and its like: null where it is not there, FORBIDDEN for a path the token may not get. */
export async function byTypeName(graph: GraphContext, type: TypeName, by: By): Promise<Resource | null> {
  if (typeof by.id === "string") return await byId(graph, by.id, "get", type);
  const kind = kindOf(type);
  const namespace = by.namespacePath?.namespace ?? undefined;
  const name = by.namespacePath?.name ?? by.name ?? by.identifier ?? "";
  permit(graph.identity, kind, { verb: "get", namespace, name });
  return await find(graph, kind, namespace, name);
}

/**
 * The object with this id; null where there is none, where it is of another type, and where the token may not get it:
 * an id says which namespace it is in, so any other answer would tell of objects elsewhere. No ledger is asked for
 * anything the token has no grant for.
 */
export async function byId(graph: GraphContext, id: string, verb: Verb, type?: TypeName): Promise<Resource | null> {
  const given = parseId(id);
  if (!given || (type !== undefined && given.type !== type)) return null;
  if (given.type === "Namespace" && given.namespace !== undefined) {
    return await fetchIf(graph, given, kindOf("Namespace"), undefined, given.namespace, verb);
  }
  if (given.namespace !== undefined && !couldGet(graph, given.type, given.namespace, verb)) return null;
  const place = await locate(graph, given);
  if (!place || (given.namespace !== undefined && place.ns !== given.namespace)) return null;
  const namespace = place.ns === CLUSTER_LEDGER ? undefined : place.ns;
  if (namespace !== undefined && !couldGet(graph, given.type, namespace, verb)) return null;
  const kind = await kindByKey(graph, place.kind, namespace);
  return kind ? await fetchIf(graph, given, kind, namespace, place.name, verb) : null;
}

/** Before anything is looked up. Of a custom kind only the name of the kind is known, not its plural. */
function couldGet(graph: GraphContext, type: string, namespace: string, verb: Verb): boolean {
  const known = TYPES_BY_PLURAL[type];
  if (known !== undefined) return mayTouch(graph.identity, known, namespace, verb);
  return graph.identity.grants.some((grant) => grant.namespaces.includes("*") || grant.namespaces.includes(namespace));
}

const TYPES_BY_PLURAL: Record<string, string> = Object.fromEntries(
  (["Product", "ProductVariant", "Category", "Collection", "Repository"] as const).map((type) => [
    type,
    kindOf(type).plural,
  ]),
);

async function fetchIf(
  graph: GraphContext,
  given: GlobalId,
  kind: KindDef,
  namespace: string | undefined,
  name: string,
  verb: Verb,
): Promise<Resource | null> {
  if (!isAllowed(graph.identity, { kind: nameOf(kind), verb, namespace: scopeOf(kind, namespace, name), name }))
    return null;
  const found = await find(graph, kind, namespace, name);
  return found?.metadata.uid === given.uid && typeName(found) === given.type ? found : null;
}

interface Place {
  ns: string;
  kind: KindKey;
  name: string;
}

/** The index in D1 has what was flushed; what was written in the last second is in the ledger that the id names. */
async function locate(graph: GraphContext, { uid, namespace }: GlobalId): Promise<Place | null> {
  const indexed = await fromIndex(graph, uid, namespace);
  if (indexed.answered && indexed.place) return indexed.place;
  if (namespace !== undefined) {
    const recent = await ledgerFor(graph, namespace).identify(uid);
    if (recent.ok) return { ns: namespace, ...recent.value };
    if (recent.error.code !== "NotFound" && recent.error.code !== "NoNamespace")
      throw failure("UNAVAILABLE", `ids in ${about(kindOf("Namespace"), namespace).namespace} cannot be looked up now`);
  }
  if (!indexed.answered) throw failure("UNAVAILABLE", "the index of ids does not answer right now: try again");
  return null;
}

async function fromIndex(
  graph: GraphContext,
  uid: string,
  namespace: string | undefined,
): Promise<{ answered: true; place: Place | null } | { answered: false }> {
  try {
    const databases = namespace === undefined ? replaysOf(graph.env) : [replayOf(graph.env, namespace)];
    const found = await timeBox(
      Promise.all(databases.map((database) => database.prepare(BY_UID).bind(uid).first<Place>())),
      INDEX_TIMEOUT_MS,
    );
    return { answered: true, place: found.find((place) => place !== null) ?? null };
  } catch {
    return { answered: false };
  }
}
