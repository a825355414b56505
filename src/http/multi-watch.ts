/** `/watch/v1/namespaces/{ns}`: several kinds in one ordered stream. */
import { registerSession } from "../auth/sessions.ts";
import type { KindDef } from "../resource/kind.ts";
import { coreRegistry } from "../resource/registry.ts";
import { type AppContext, authorize, type Wanted } from "./context.ts";
import { registryOf } from "./kinds.ts";
import { badRequest, kindName, namespaceNotFound, noSuchPath, StatusError } from "./status.ts";
import { openWatch } from "./watch.ts";

/** `GET /watch/v1/namespaces/{ns}?kind=…`. Without `kind`: every kind but GitEvents. */
export async function handleMultiKindWatch(c: AppContext): Promise<Response> {
  const namespace = c.req.param("ns") ?? "";
  const cluster = c.req.param("cluster");
  c.set("namespace", namespace);
  const query = new URL(c.req.url).searchParams;
  const words = query.getAll("kind").filter((word) => word !== "");
  const wanted = (kind: KindDef): Wanted => ({ kind: kindName(kind), verb: "watch", namespace });
  const core = words.map((word) => coreRegistry.resolve(word));
  const everything: Wanted = { kind: { group: "*", plural: "*" }, verb: "watch", namespace };
  // What is no core kind may be a custom one. Only a caller who may watch something by that name, or everything, is
  // told whether it is: the definitions are in the ledger, which an unauthorised request must not reach.
  const named = core.map((kind, index) => (kind ? wanted(kind) : unknownKind(words[index] ?? "", namespace)));
  const [first = everything, ...others] = named;
  const identity = await authorize(c, first, ...others);
  if (cluster !== undefined && cluster !== namespace) throw new StatusError(namespaceNotFound(namespace));
  const kinds = core.every((kind) => kind !== undefined) ? core : await resolveAll(c, namespace, words);
  // Leases are the clients' own, and in no log.
  const wrong = kinds.find((kind) => kind.scope === "Cluster" || kind.owner === "client");
  if (wrong) {
    const why =
      wrong.scope === "Cluster"
        ? "is cluster-scoped: watch it on its own path"
        : "has no place in the namespace's order: watch leases on their own path";
    throw new StatusError(badRequest(`kind: ${JSON.stringify(wrong.kind)} ${why}`));
  }
  c.executionCtx.waitUntil(registerSession(c.env, namespace, identity, Date.now()));
  return await openWatch({ request: c.req.raw, env: c.env, identity, namespace, kinds, query, strict: false });
}

function unknownKind(word: string, namespace: string): Wanted {
  const [plural = word, ...group] = word.toLowerCase().split(".");
  return { kind: { group: group.join("."), plural }, verb: "watch", namespace };
}

async function resolveAll(c: AppContext, namespace: string, words: string[]): Promise<KindDef[]> {
  const registry = await registryOf(c.env, namespace);
  return words.map((word) => {
    const kind = registry.resolve(word);
    if (!kind) {
      // As a path of an unknown kind: a definition may bring it later, so a client comes back instead of giving up.
      const message = `kind: ${JSON.stringify(word)} is no kind of this namespace: give Kind, plural or plural.group`;
      throw new StatusError({ ...noSuchPath(), message });
    }
    return kind;
  });
}
