import { mergeConditions } from "../resource/conditions.ts";
import type { KindDef } from "../resource/kind.ts";
import type { AdmissionFailure, Candidate, Condition, Resource, ResourceStatus } from "../resource/types.ts";
import { uuidv7 } from "../resource/uuid.ts";
import type { HeadMeta } from "./entry.ts";
import { objectOf } from "./heads.ts";
import type { Head } from "./store.ts";

/** Owns the conditions that admission sets; a controller that owns a type keeps it through every push. */
export const ADMISSION_MANAGER = "system:admission";
/** Owns the conditions that a repository's object reports on itself. */
export const REPOSITORY_MANAGER = "system:repository";

export interface Making {
  kind: KindDef;
  namespace: string | undefined;
  candidate: Candidate;
  before: Head | undefined;
  conditions: readonly Condition[];
  /** ms since 1970. */
  now: number;
  revision?: string;
  random: (bytes: number) => Uint8Array;
}

/** The object that an admitted candidate gives. Identity and generation rules are those of resources.md's table. */
export function makeObject(making: Making): { resource: Resource; owners: Record<string, string> } {
  const { candidate, kind, now } = making;
  const old = making.before && objectOf(making.before);
  const authored = candidate.resource;
  const specChanged = making.before !== undefined && making.before.meta.specDigest !== candidate.specDigest;
  const generation = (old?.metadata.generation ?? 0) + (old === undefined || specChanged ? 1 : 0);
  const { labels, annotations } = authored.metadata;
  const owners = { ...making.before?.meta.owners };
  const resource: Resource = {
    apiVersion: `${kind.group}/${kind.version}`,
    kind: kind.kind,
    metadata: {
      name: authored.metadata.name,
      ...(making.namespace === undefined ? {} : { namespace: making.namespace }),
      ...(labels && Object.keys(labels).length > 0 ? { labels } : {}),
      ...(annotations && Object.keys(annotations).length > 0 ? { annotations } : {}),
      uid: old?.metadata.uid ?? uuidv7(now, making.random),
      resourceVersion: "",
      generation,
      creationTimestamp: old?.metadata.creationTimestamp ?? seconds(now),
      ...(making.revision === undefined ? {} : { revision: making.revision }),
    },
    spec: authored.spec,
    status: nextStatus(old?.status, making, owners, generation),
    ...(authored.body === undefined ? {} : { body: authored.body }),
  };
  if (old?.metadata.ownerReferences) resource.metadata.ownerReferences = old.metadata.ownerReferences;
  return { resource, owners };
}

/** Status survives a push, condition by condition; only what admission itself observed is merged in. */
function nextStatus(
  old: ResourceStatus | undefined,
  making: Making,
  owners: Record<string, string>,
  observedGeneration: number,
): ResourceStatus {
  const { admissionFailure: _, ...kept } = old ?? {};
  const status: ResourceStatus = { observedGeneration: 0, conditions: [], ...kept };
  if (making.kind.catalogue) status.phase ??= "draft";
  const mine = making.conditions.filter(
    (condition) => (owners[condition.type] ?? ADMISSION_MANAGER) === ADMISSION_MANAGER,
  );
  for (const condition of mine) owners[condition.type] = ADMISSION_MANAGER;
  const observed = mine.map((condition) => ({ ...condition, observedGeneration }));
  status.conditions = mergeConditions(status.conditions ?? [], observed, seconds(making.now)).conditions;
  return status;
}

/** The object with an admission failure; undefined when it says so already. */
export function withFailure(before: Head, failure: AdmissionFailure): Resource | undefined {
  const resource = JSON.parse(before.json) as Resource;
  const told = resource.status?.admissionFailure;
  if (
    told &&
    told.path === failure.path &&
    told.revision === failure.revision &&
    JSON.stringify(told.errors) === JSON.stringify(failure.errors)
  ) {
    return undefined;
  }
  resource.status = { ...resource.status, admissionFailure: failure };
  return resource;
}

let lastSecond = { at: Number.NaN, text: "" };

/** RFC 3339 in UTC with whole seconds, as Kubernetes writes times. The last is kept: a transaction has one time. */
export function seconds(ms: number): string {
  const at = Math.floor(ms / 1000);
  if (lastSecond.at !== at) lastSecond = { at, text: `${new Date(ms).toISOString().slice(0, 19)}Z` };
  return lastSecond.text;
}

export function metaOf(
  candidate: Candidate,
  owners: Record<string, string>,
  git?: Pick<HeadMeta, "repo" | "path" | "branch" | "holders">,
): HeadMeta {
  return {
    ...git,
    digest: candidate.digest,
    specDigest: candidate.specDigest,
    ...(Object.keys(owners).length > 0 ? { owners } : {}),
  };
}
