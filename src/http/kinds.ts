/** Which kind a path means, and in which ledger its objects are. */
import { type Env, ledgerOf } from "../config.ts";
import { CLUSTER_LEDGER, type LedgerStub } from "../ledger/api.ts";
import type { KindDef, KindRegistry } from "../resource/kind.ts";
import { coreRegistry, registryWith } from "../resource/registry.ts";
import { parseFieldSelector } from "../resource/selectors.ts";
import type { JsonObject } from "../resource/types.ts";
import type { AppContext } from "./context.ts";
import {
  type KindName,
  kindName,
  methodNotAllowed,
  NAMESPACES,
  namespaceNotFound,
  noSuchPath,
  StatusError,
  statusOfLedgerError,
} from "./status.ts";
import { GROUP, type KubeTarget } from "./target.ts";

const GIT_EVENT = "GitEvent.events.gitstore.dev";

/** A path with its namespace decided: the one in it, the `/clusters/{ns}` root's, or the field selector's. */
export interface Place {
  target: KubeTarget;
  /** Undefined: a cluster-scoped kind. */
  namespace?: string;
  /** What messages call the kind; known from the path alone, before anything is looked up. */
  kind: KindName;
}

export function placeOf(target: KubeTarget, query: URLSearchParams): Place {
  const { group, plural } = target;
  const core = coreRegistry.byPlural(group, target.version, plural);
  const kind: KindName = core ? kindName(core) : { group, plural };
  if (core?.scope === "Cluster") return { target, kind };
  const namespace = target.namespace ?? target.cluster ?? equalityOf(query.get("fieldSelector"), "metadata.namespace");
  if (namespace === undefined) {
    if (target.name !== undefined || (target.group === GROUP && target.plural === "namespaces"))
      throw new StatusError(noSuchPath());
    const name = `${plural}.${group}`;
    const verb = query.get("watch") ? "watch" : "list";
    throw new StatusError(
      methodNotAllowed(
        kind,
        `${verb} is not supported on resources of kind "${name}" across namespaces: each namespace has its own order of ` +
          `resourceVersions; name one with fieldSelector=metadata.namespace=NS, or use the server URL /clusters/NS`,
      ),
    );
  }
  return { target, namespace, kind };
}

/** Under `/clusters/{ns}` there is one namespace: another does not exist there. Call once the caller is authorised. */
export function requireInCluster({ target, namespace }: Place): void {
  if (target.cluster !== undefined && namespace !== undefined && namespace !== target.cluster) {
    throw new StatusError(namespaceNotFound(namespace));
  }
}

/** The kind itself; a custom one is known to its namespace's ledger only. Throws 404. Call once authorised. */
export async function resolveKind(c: AppContext, { target, namespace }: Place): Promise<KindDef> {
  const core = coreRegistry.byPlural(target.group, target.version, target.plural);
  if (core) {
    if ((core.scope === "Namespaced") === (namespace !== undefined)) return core;
    throw new StatusError(noSuchPath());
  }
  if (namespace === undefined) throw new StatusError(noSuchPath());
  const registry = await registryOf(c.env, namespace);
  const custom = registry.byPlural(target.group, target.version, target.plural);
  if (!custom) throw new StatusError(noSuchPath());
  return custom;
}

/** The core kinds and a namespace's own. Throws 404 for a namespace that does not exist. */
export async function registryOf(env: Env, namespace: string): Promise<KindRegistry> {
  const result = await ledgerOf(env, namespace).definitions();
  if (!result.ok) throw new StatusError(statusOfLedgerError(result.error, { namespace, kind: NAMESPACES }));
  const { specs } = result.value;
  if (specs.length === 0) return coreRegistry;
  // Compiling schemas costs more than the call: the same definitions give the same registry.
  const key = specs.join("\n");
  let registry = registries.get(key);
  if (!registry) {
    registry = registryWith(specs.map((spec) => ({ spec: JSON.parse(spec) as JsonObject })));
    if (registries.size >= MAX_REGISTRIES) registries.clear();
    registries.set(key, registry);
  }
  return registry;
}

const registries = new Map<string, KindRegistry>();
const MAX_REGISTRIES = 50;

/** A GitEvent is a log entry and a lease is all spec: neither has a status to write. */
export function hasStatus(kind: KindDef): boolean {
  return kind.key !== GIT_EVENT && kind.owner !== "client";
}

export function ledgerFor(c: AppContext, namespace: string | undefined): LedgerStub {
  return ledgerOf(c.env, ledgerName(namespace));
}

export function ledgerName(namespace: string | undefined): string {
  return namespace ?? CLUSTER_LEDGER;
}

/** What a field selector demands of one field: `metadata.name=shirt`. A malformed one demands nothing here. */
export function equalityOf(selector: string | null | undefined, field: string): string | undefined {
  const parsed = parseFieldSelector(selector ?? "", null);
  const found = parsed.ok ? parsed.value.requirements.find((one) => one.equals && one.field === field) : undefined;
  return found?.value || undefined;
}
