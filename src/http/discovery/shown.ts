/** Which kinds a caller is shown: by discovery and OpenAPI alike. */
import { reaches } from "../../auth/grants.ts";
import type { KindDef } from "../../resource/kind.ts";
import { coreRegistry } from "../../resource/registry.ts";
import { type AppContext, identify } from "../context.ts";
import { hasStatus, registryOf } from "../kinds.ts";
import { forbidden, NAMESPACES, StatusError } from "../status.ts";

/**
 * The kinds that one of the caller's grants is about. At the root the core ones, for custom kinds belong to a
 * namespace; under `/clusters/{ns}` that namespace's own as well. Throws 401; 403 for a namespace in which the caller
 * may do nothing, before its ledger is asked; 404 for one that does not exist.
 */
export async function shownKinds(c: AppContext, cluster: string | undefined): Promise<KindDef[]> {
  const identity = await identify(c);
  const shown = (kind: KindDef) =>
    reaches(identity, cluster, kind.plural) || (hasStatus(kind) && reaches(identity, cluster, `${kind.plural}/status`));
  if (cluster === undefined) return coreRegistry.all().filter(shown);
  c.set("namespace", cluster);
  if (!reaches(identity, cluster)) {
    throw new StatusError(forbidden(NAMESPACES, { sub: identity.sub, verb: "get", namespace: cluster, name: cluster }));
  }
  return (await registryOf(c.env, cluster)).all().filter(shown);
}

export interface GroupVersion {
  version: string;
  kinds: KindDef[];
}

export interface Group {
  name: string;
  /** The preferred one first. */
  versions: GroupVersion[];
}

/** By group and version; the groups in the order in which their kinds come. */
export function groupsOf(kinds: readonly KindDef[]): Group[] {
  const groups = new Map<string, Map<string, KindDef[]>>();
  for (const kind of kinds) {
    const versions = groups.get(kind.group) ?? new Map<string, KindDef[]>();
    groups.set(kind.group, versions);
    versions.set(kind.version, [...(versions.get(kind.version) ?? []), kind]);
  }
  return [...groups].map(([name, versions]) => ({
    name,
    versions: [...versions]
      .map(([version, ofVersion]) => ({ version, kinds: ofVersion }))
      .sort((a, b) => compareVersions(a.version, b.version)),
  }));
}

const STAGES = ["alpha", "beta", ""];

/** `v2`, `v1`, `v1beta2`, `v1beta1`, `v1alpha1`, then all others by name (apimachinery pkg/version/helpers.go). */
export function compareVersions(a: string, b: string): number {
  const left = rank(a);
  const right = rank(b);
  if (left === undefined || right === undefined) {
    return left === right ? a.localeCompare(b) : left === undefined ? 1 : -1;
  }
  const index = left.findIndex((part, i) => part !== right[i]);
  return index < 0 ? 0 : (right[index] ?? 0) - (left[index] ?? 0);
}

function rank(version: string): number[] | undefined {
  const match = /^v([1-9][0-9]*)(?:(alpha|beta)([1-9][0-9]*))?$/.exec(version);
  if (!match) return undefined;
  return [STAGES.indexOf(match[2] ?? ""), Number(match[1]), Number(match[3] ?? 0)];
}
