/** What upstream's controllers report of categories and namespaces, and how: every time, whole lists, in its own words. */
import {
  type Condition,
  CREATE_REPOSITORY,
  type Item,
  LISTS,
  listAll,
  REPOSITORY,
  type Resolved,
  UPDATE_CATEGORY,
  UPDATE_RESOURCE,
} from "./documents.ts";
import { Terminal } from "./queue.ts";
import { type Api, post } from "./transport.ts";

type Cache = ReadonlyMap<string, Item>;
type Told = Pick<Condition, "type" | "status" | "reason" | "message">;

/** Names that it leaves alone. */
const BOOTSTRAP = ["default", "gitstore-system"];

/** A write is never a no-op to it: it compares `True` with `TRUE`, and times that are the server's. */
export async function reconcileCategory(api: Api, cache: Cache, key: string): Promise<void> {
  const category = cache.get(key);
  // Its defect: the key of what was deleted is worked too, and quarantined.
  if (!category) throw new Terminal(`${key} is not in the cache`);
  const { name, namespace = "", resourceVersion, generation = 0 } = category.metadata;
  const line = lineOf(cache, category);
  const files = (category.spec?.media ?? []).length > 0;
  const told: Told[] = [
    line.missing === undefined
      ? { type: "ParentResolved", status: "TRUE", reason: "", message: "" }
      : { type: "ParentResolved", status: "FALSE", reason: "ParentNotFound", message: `no parent ${line.missing}` },
    line.isCyclic
      ? { type: "Acyclic", status: "FALSE", reason: "CycleDetected", message: "" }
      : { type: "Acyclic", status: "TRUE", reason: "", message: "" },
    ...(files ? [{ type: "FileRefConfirmed", status: "UNKNOWN", reason: "FileNotQueryable", message: "" }] : []),
    line.missing === undefined && !line.isCyclic
      ? { type: "Ready", status: "TRUE", reason: "", message: "" }
      : { type: "Ready", status: "FALSE", reason: "ConditionsNotSatisfied", message: "" },
  ];
  const siblings = [...cache.values()].filter(({ metadata }) => metadata.namespace === namespace);
  const references = await listAll(api, LISTS.references, namespace);
  const resolved: Resolved = {
    depth: line.path.length - 1,
    path: line.path,
    childCount: siblings.filter(({ spec }) => spec?.parentRef?.name === name).length,
    productCount: references.filter(({ spec }) => spec?.categoryRef?.name === name).length,
  };
  const conditions = whole(category, told);
  const input = { name, namespace, resourceVersion, observedGeneration: generation, conditions, resolved };
  const answer = await post<{ updateCategoryStatus: { conflict: object | null } }>(api, UPDATE_CATEGORY, { input });
  if (answer.updateCategoryStatus.conflict) throw new Error(`conflict: ${JSON.stringify(answer)}`);
}

/** From the root; an orphan is one itself. */
function lineOf(cache: Cache, category: Item): { path: string[]; missing?: string; isCyclic: boolean } {
  const path = [category.metadata.name];
  for (let at = category; at.spec?.parentRef; ) {
    const { name } = at.spec.parentRef;
    const parent = cache.get(`${category.metadata.namespace}/${name}`);
    if (!parent) return { path, ...(at === category ? { missing: name } : {}), isCyclic: false };
    if (path.includes(name)) return { path, isCyclic: true };
    path.unshift(name);
    at = parent;
  }
  return { path, isCyclic: false };
}

export async function reconcileNamespace(api: Api, cache: Cache, key: string): Promise<void> {
  const namespace = cache.get(key);
  if (!namespace) throw new Terminal(`${key} is not in the cache`);
  const { name, resourceVersion, generation = 0 } = namespace.metadata;
  if (BOOTSTRAP.includes(name)) return;
  const isAdmitted = (namespace.status?.conditions ?? []).some(
    ({ type, status }) => type === "AdmissionAccepted" && status.toUpperCase() === "TRUE",
  );
  if (isAdmitted) await ensureRepository(api, name);
  const [status, reason] = isAdmitted ? ["TRUE", "RepositoryReady"] : ["FALSE", "AdmissionPending"];
  const conditions = whole(namespace, [
    { type: "SystemRepoReady", status, reason, message: "" },
    { type: "Ready", status, reason: isAdmitted ? "NamespaceReady" : "AdmissionPending", message: "" },
  ]);
  const input = {
    kind: "Namespace",
    name,
    namespace: "",
    resourceVersion,
    observedGeneration: generation,
    conditions,
  };
  const answer = await post<{ updateResourceStatus: { conflict: object | null } }>(api, UPDATE_RESOURCE, { input });
  if (answer.updateResourceStatus.conflict) throw new Error(`conflict: ${JSON.stringify(answer)}`);
}

/** Asks, makes, and asks again where making failed: another may have been first. */
async function ensureRepository(api: Api, namespace: string): Promise<void> {
  const variables = { namespace, name: "gitstore-system" };
  const isThere = async () => (await post<{ repository: object | null }>(api, REPOSITORY, variables)).repository;
  if (await isThere()) return;
  try {
    await post(api, CREATE_REPOSITORY, { input: { ...variables, defaultBranch: "main" } });
  } catch (error) {
    if (!(await isThere())) throw error;
  }
}

/** The whole list, others' included as they were read, and times of its own clock. */
function whole({ metadata, status }: Item, told: readonly Told[]): Condition[] {
  const own = told.map(({ type }) => type);
  const kept = status?.conditions ?? [];
  const lastTransitionTime = new Date().toISOString();
  const observedGeneration = metadata.generation ?? 0;
  const foreign = kept.filter(({ type }) => !own.includes(type) && type !== "FileRefConfirmed");
  return [
    ...foreign.map((condition) => ({ ...condition, observedGeneration: condition.observedGeneration ?? 0 })),
    ...told.map((condition) => ({ ...condition, observedGeneration, lastTransitionTime })),
  ];
}
