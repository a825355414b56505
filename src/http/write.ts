/** POST, PUT, PATCH and DELETE on Kubernetes paths: for the kinds that the API owns; 405 for those that Git owns. */
import type { Verb } from "../auth/grants.ts";
import type { Result, Written } from "../ledger/api.ts";
import { isObject } from "../resource/json.ts";
import type { KindDef } from "../resource/kind.ts";
import { parseObject } from "../resource/parseObject.ts";
import { jsonPatch, mergePatch, PatchError } from "../resource/patch.ts";
import { coreRegistry } from "../resource/registry.ts";
import type { AuthoredResource, Json, JsonObject, Resource } from "../resource/types.ts";
import { readObject, readOptions, readPatch } from "./body.ts";
import { type AppContext, authorize, authorizeAny } from "./context.ts";
import { prefixOf, underGeneratedName, underName, withoutPrefix } from "./generate-name.ts";
import { notOwnedByApi } from "./git-owned.ts";
import { ledgerFor, ledgerName, type Place, requireInCluster, resolveKind } from "./kinds.ts";
import { afterNamespaceCreated, deleteNamespace } from "./namespaces.ts";
import { requireJson } from "./negotiate.ts";
import { afterRepositoryChanged, deleteRepository } from "./repositories.ts";
import {
  badRequest,
  invalid,
  kindName,
  methodNotAllowed,
  noSuchPath,
  type Status,
  StatusError,
  unwrap,
} from "./status.ts";
import { writeStatus } from "./status-writes.ts";
import { about, type WriteRequest, type WriteTarget, write } from "./write-target.ts";

const VERB: Record<string, Verb> = { POST: "create", PUT: "update", PATCH: "update", DELETE: "delete" };
/** Between reading an object and writing its patched form, as often as kube-apiserver tries. */
const PATCH_ATTEMPTS = 5;

export async function handleWrite(c: AppContext, place: Place, query: URLSearchParams): Promise<Response> {
  const { target, kind: named } = place;
  const method = c.req.method;
  const verb = VERB[method];
  if (!verb || target.rest !== undefined) throw new StatusError(noSuchPath());
  const scope = place.namespace ?? (named.plural === "namespaces" ? target.name : undefined);
  const wanted = { kind: named, namespace: scope, name: target.name, subresource: target.subresource };
  // Who may read a kind is told where it is written, instead of being refused: that is what `kubectl apply` shows.
  const gitOwned = isGitOwned(place) && target.subresource === undefined;
  const identity = gitOwned
    ? await authorizeAny(c, { ...wanted, verb }, { ...wanted, verb: "get" }, { ...wanted, verb: "list" })
    : await authorize(c, { ...wanted, verb });
  requireInCluster(place);
  requireJson(c.req.raw);
  const kind = await resolveKind(c, place);
  const ledger = ledgerFor(c, place.namespace);
  const namespace = ledgerName(place.namespace);
  const options = { c, kind, namespace, ledger, identity, query };
  if (target.subresource === "status" && target.name !== undefined)
    return await writeStatus({ ...options, dryRun: dryRunOf(query, kind) }, target.name, scope);
  if (target.subresource !== undefined) throw new StatusError(noSuchPath());
  if (kind.owner === "git" || kind.owner === "system") {
    const name = target.name ?? (method === "POST" ? await nameInBody(c) : undefined);
    throw new StatusError(methodNotAllowed(kindName(kind), await notOwnedByApi(ledger, kind, namespace, name, method)));
  }
  const write: WriteTarget = { ...options, dryRun: dryRunOf(query, kind) };
  if (target.name === undefined) {
    if (method === "POST") return await create(write);
    throw new StatusError(
      methodNotAllowed(
        kindName(kind),
        `${verb} of a collection is not supported on resources of kind "${kind.plural}.${kind.group}"`,
      ),
    );
  }
  if (method === "PUT") return await replace(write, target.name);
  if (method === "PATCH") return await patch(write, target.name);
  if (method === "DELETE") return await remove(write, target.name);
  throw new StatusError(methodNotAllowed(kindName(kind), `POST is for the collection, not for "${target.name}"`));
}

/** Custom kinds come from Git as all core kinds do that say so. */
function isGitOwned({ target }: Place): boolean {
  const core = coreRegistry.byPlural(target.group, target.version, target.plural);
  return core === undefined || core.owner === "git" || core.owner === "system";
}

async function nameInBody(c: AppContext): Promise<string | undefined> {
  const value = await readObject(c.req.raw).catch(() => undefined);
  const metadata = isObject(value) ? value.metadata : undefined;
  return isObject(metadata) && typeof metadata.name === "string" ? metadata.name : undefined;
}

function dryRunOf(query: URLSearchParams, kind: KindDef): boolean {
  const values = query.getAll("dryRun").filter((value) => value !== "");
  const wrong = values.find((value) => value !== "All");
  if (wrong === undefined) return values.length > 0;
  const message = `${JSON.stringify(wrong)}: supported values: "All"`;
  throw new StatusError(invalid(kindName(kind), "", [{ field: "dryRun", reason: "NotSupported", message }]));
}

async function create(target: WriteTarget): Promise<Response> {
  const value = await readObject(target.c.req.raw);
  const wanted = prefixOf(value);
  if (wanted.given && "error" in wanted) throw new StatusError(invalid(kindName(target.kind), "", [wanted.error]));
  const result = wanted.given
    ? await underGeneratedName(wanted.prefix, randomBytes, (name) => createOne(target, underName(value, name)))
    : await createOne(target, value);
  const { object } = unwrap(result, about(target));
  if (!target.dryRun) await afterWrite(target, JSON.parse(object) as Resource, "created");
  return answer(object, 201);
}

async function createOne(target: WriteTarget, value: unknown): Promise<Result<Written>> {
  const resource = authored(target, value);
  return await write(target, { operation: "CREATE", name: resource.metadata.name, resource });
}

function randomBytes(count: number): Uint8Array {
  return crypto.getRandomValues(new Uint8Array(count));
}

async function replace(target: WriteTarget, name: string): Promise<Response> {
  const value = await readObject(target.c.req.raw);
  const resource = authored(target, value, name);
  const precondition = preconditionOf(value);
  if (precondition.resourceVersion === undefined) {
    const message = "must be specified for an update";
    throw new StatusError(
      invalid(kindName(target.kind), name, [{ field: "metadata.resourceVersion", reason: "Invalid", message }]),
    );
  }
  const { object, changed } = unwrap(
    await write(target, { operation: "UPDATE", name, resource, precondition }),
    about(target),
  );
  if (changed && !target.dryRun) await afterWrite(target, JSON.parse(object) as Resource, "changed");
  return answer(object, 200);
}

/*
 * Read, patch, write with the read RV as precondition. A patch that carries a resourceVersion itself is about that one
 * state: it conflicts; one that does not is applied to whatever is newest.
 */
async function patch(target: WriteTarget, name: string): Promise<Response> {
  const { type, patch: change } = await readPatch(target.c.req.raw);
  let result: Result<Written> | undefined;
  for (let attempt = 0; attempt < PATCH_ATTEMPTS; attempt += 1) {
    const current = JSON.parse(unwrap(await target.ledger.get(target.kind.key, name), about(target))) as JsonObject;
    const patched = applyPatch(type, current, change);
    const read = preconditionOf(current);
    const asked = preconditionOf(patched);
    const pinned = asked.resourceVersion !== undefined && asked.resourceVersion !== read.resourceVersion;
    const resource = authored(target, patched, name);
    result = await write(target, { operation: "UPDATE", name, resource, precondition: { ...read, ...asked } });
    if (result.ok || result.error.code !== "Conflict" || pinned) break;
  }
  if (!result) throw new Error("no attempt was made");
  const { object, changed } = unwrap(result, about(target));
  if (changed && !target.dryRun) await afterWrite(target, JSON.parse(object) as Resource, "changed");
  return answer(object, 200);
}

function applyPatch(type: string, current: JsonObject, change: unknown): Json {
  try {
    if (type === "application/json-patch+json") return jsonPatch(current, change);
    if (!isObject(change)) throw new PatchError("a merge patch of an object is an object");
    return mergePatch(current, change);
  } catch (error) {
    if (error instanceof PatchError) throw new StatusError(badRequest(`the patch cannot be applied: ${error.message}`));
    throw error;
  }
}

async function remove(target: WriteTarget, name: string): Promise<Response> {
  const options = await readOptions(target.c.req.raw);
  const given = isObject(options.preconditions) ? options.preconditions : {};
  const precondition = {
    ...(typeof given.uid === "string" ? { uid: given.uid } : {}),
    ...(typeof given.resourceVersion === "string" ? { resourceVersion: given.resourceVersion } : {}),
  };
  const dryRun = target.dryRun || (Array.isArray(options.dryRun) && options.dryRun.includes("All"));
  const request: WriteTarget = { ...target, dryRun };
  const operation: WriteRequest = { operation: "DELETE", name, precondition };
  const deleted =
    target.kind.kind === "Namespace"
      ? await deleteNamespace(request, operation)
      : target.kind.kind === "Repository"
        ? await deleteRepository(request, operation)
        : unwrap(await write(request, operation), about(request));
  return answer(JSON.stringify(deletedStatus(target.kind, name, deleted)), 200);
}

function deletedStatus(kind: KindDef, name: string, deleted: Written | undefined): Status {
  const uid = deleted ? (JSON.parse(deleted.object) as Resource).metadata.uid : undefined;
  return {
    kind: "Status",
    apiVersion: "v1",
    metadata: {},
    status: "Success",
    details: { name, group: kind.group, kind: kind.plural, ...(uid === undefined ? {} : { uid }) },
    code: 200,
  };
}

/** What the author wrote of a body; all of its mistakes in one 422. */
function authored({ kind, namespace }: WriteTarget, value: unknown, name?: string): AuthoredResource {
  const metadata = isObject(value) && isObject(value.metadata) ? value.metadata : {};
  if (name !== undefined && typeof metadata.name === "string" && metadata.name !== name) {
    throw new StatusError(
      badRequest(`the name of the object (${metadata.name}) does not match the name on the URL (${name})`),
    );
  }
  const within = kind.scope === "Cluster" ? undefined : namespace;
  if (
    within !== undefined &&
    typeof metadata.namespace === "string" &&
    metadata.namespace !== "" &&
    metadata.namespace !== within
  ) {
    throw new StatusError(
      badRequest("the namespace of the provided object does not match the namespace sent on the request"),
    );
  }
  const parsed = parseObject(completed(withoutPrefix(value), kind, name), {
    namespace: within ?? "",
    registry: coreRegistry,
    expected: { kind },
  });
  if (parsed.candidate) return parsed.candidate.resource;
  const called = parsed.identity?.name ?? name ?? (typeof metadata.name === "string" ? metadata.name : "");
  throw new StatusError(invalid(kindName(kind), called, parsed.errors));
}

/** What the URL has said already may be left out, as typed clients do with kind, version and name. */
function completed(value: unknown, kind: KindDef, name: string | undefined): unknown {
  if (!isObject(value)) return value;
  const { apiVersion = `${kind.group}/${kind.version}`, kind: ofKind = kind.kind, metadata } = value;
  const named =
    name !== undefined && (metadata === undefined || isObject(metadata)) && metadata?.name === undefined
      ? { metadata: { ...metadata, name } }
      : {};
  return { ...value, apiVersion, kind: ofKind, ...named };
}

function preconditionOf(value: unknown): { uid?: string; resourceVersion?: string } {
  const metadata = isObject(value) && isObject(value.metadata) ? value.metadata : {};
  const { uid, resourceVersion } = metadata;
  return {
    ...(typeof uid === "string" && uid !== "" ? { uid } : {}),
    ...(typeof resourceVersion === "string" && resourceVersion !== "" ? { resourceVersion } : {}),
  };
}

async function afterWrite(target: WriteTarget, object: Resource, what: "created" | "changed"): Promise<void> {
  if (target.kind.kind === "Namespace" && what === "created") await afterNamespaceCreated(target, object);
  if (target.kind.kind === "Repository") await afterRepositoryChanged(target, object);
}

function answer(body: string, status: number): Response {
  return new Response(body, { status, headers: { "content-type": "application/json" } });
}
