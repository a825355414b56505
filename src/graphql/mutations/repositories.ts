import { repositoryOf } from "../../config.ts";
import { afterRepositoryChanged, deleteRepository } from "../../http/repositories.ts";
import { unwrap } from "../../http/status.ts";
import { about, write } from "../../http/write-target.ts";
import type { Result, Written } from "../../ledger/api.ts";
import type { Resource } from "../../resource/types.ts";
import { forbid, mayTouch, permit } from "../access.ts";
import type { GraphContext } from "../context.ts";
import { badInput, failure } from "../errors.ts";
import { idOf, parseId } from "../ids.ts";
import { kindOf, nameOf } from "../kinds.ts";
import { byId } from "../lookup.ts";
import { conflictOf } from "./conflict.ts";
import { authored, given, idempotency, replayed, targetOf, withoutNulls } from "./write.ts";

const API_VERSION = "gitstore.dev/v1beta1";
/** Between reading a Repository and writing its changed form, as often as kube-apiserver tries. */
const ATTEMPTS = 5;

type Fields = Record<string, unknown>;

interface Named {
  namespace: string;
  name: string;
  labels?: unknown;
  annotations?: unknown;
  idempotencyKey?: string | null;
}

async function create(graph: GraphContext, mutation: string, input: Named, spec: Fields) {
  const kind = kindOf("Repository");
  const { namespace, name, labels, annotations } = input;
  permit(graph.identity, kind, { verb: "create", namespace, name });
  const resource = authored(kind, namespace, {
    apiVersion: API_VERSION,
    kind: "Repository",
    metadata: withoutNulls({ name, namespace, labels, annotations }),
    spec,
  });
  const target = targetOf(graph, kind, namespace);
  const keyed = idempotency(mutation, input as unknown as Fields);
  const result = await write(target, { operation: "CREATE", name, resource, ...keyed });
  const { object, replayed: isReplay = false } = unwrap(result, about(target));
  const repository = JSON.parse(object) as Resource;
  if (!isReplay) await afterRepositoryChanged(target, repository);
  return { repository, isReplay };
}

export async function createRepository(graph: GraphContext, input: Named & { defaultBranch?: string | null }) {
  const { defaultBranch } = input;
  const { repository } = await create(graph, "createRepository", input, branchesOf(defaultBranch));
  return { repository };
}

/** `main` is among the defaults. */
function branchesOf(defaultBranch: string | null | undefined): Fields {
  return defaultBranch && defaultBranch !== "main" ? { branches: [defaultBranch, "draft"] } : {};
}

interface RegisterInput extends Named {
  spec: Fields;
  secret?: string | null;
}

export async function registerRepository(graph: GraphContext, input: RegisterInput) {
  const spec = specOf(input.spec);
  if (typeof spec.url !== "string" || spec.url === "")
    throw badInput("spec.url: is required; createRepository makes a Repository without a remote");
  const { namespace, name } = input;
  const { repository, isReplay } = await create(graph, "registerRepository", input, spec);
  const webhookUrl = new URL(`/webhooks/${namespace}/${name}`, graph.c.req.url).href;
  if (isReplay) return { repository, webhookUrl, secret: null };
  const request = typeof input.secret === "string" ? { secret: input.secret } : {};
  const issued = await repositoryOf(graph.env, namespace, name).issueSecret(request);
  if (issued.ok) return { repository, webhookUrl, secret: issued.value.secret };
  throw failure(
    "UNAVAILABLE",
    `the repository is registered, but has no secret yet (${issued.message}): rotate its secret, POST …/repositories/${name}/rotate-secret`,
  );
}

/** Lists and nested fields as they were given; null is no value. */
function specOf(spec: Fields): Fields {
  const { release, ...rest } = withoutNulls(spec);
  return { ...rest, ...(release === undefined ? {} : { release: withoutNulls(release as Fields) }) };
}

interface UpdateInput {
  repositoryId: string;
  resourceVersion?: string | null;
  labels?: unknown;
  annotations?: unknown;
  spec?: Fields | null;
  idempotencyKey?: string | null;
}

export async function updateRepository(graph: GraphContext, input: UpdateInput) {
  const { kind, current, target } = await addressed(graph, input.repositoryId, "update");
  const keyed = idempotency("updateRepository", input as unknown as Fields);
  let read = current;
  let result: Result<Written> | undefined;
  for (let attempt = 0; attempt < ATTEMPTS; attempt += 1) {
    const { name, namespace, uid, resourceVersion } = read.metadata;
    const expected = input.resourceVersion ?? resourceVersion;
    const resource = authored(kind, namespace, changed(read, input));
    const precondition = { uid, resourceVersion: expected };
    result = await write(target, { operation: "UPDATE", name, resource, precondition, ...keyed });
    const isStale = !result.ok && result.error.code === "Conflict";
    if (!isStale) break;
    read = JSON.parse(unwrap(await target.ledger.get(kind.key, name), about(target))) as Resource;
    if (input.resourceVersion) return { repository: null, conflict: conflictOf(read, expected) };
  }
  if (!result) throw new Error("no attempt was made");
  const written = unwrap(result, about(target));
  const repository = JSON.parse(written.object) as Resource;
  if (written.changed) await afterRepositoryChanged(target, repository);
  return { repository, conflict: null };
}

/** What is not given stays; null removes. */
function changed({ metadata, spec }: Resource, input: UpdateInput): Fields {
  const { release, ...fields } = given(input.spec ?? {});
  const nested =
    release === undefined ? {} : { release: merged(spec.release as Fields | undefined, release as Fields | null) };
  return {
    apiVersion: API_VERSION,
    kind: "Repository",
    metadata: withoutNulls({
      name: metadata.name,
      namespace: metadata.namespace,
      labels: input.labels === undefined ? metadata.labels : input.labels,
      annotations: input.annotations === undefined ? metadata.annotations : input.annotations,
    }),
    spec: withoutNulls({ ...spec, ...fields, ...nested }),
  };
}

function merged(stored: Fields | undefined, change: Fields | null): Fields | null {
  return change && withoutNulls({ ...stored, ...given(change) });
}

interface DeleteInput {
  repositoryId: string;
  policy?: "RETAIN" | "DELETE" | null;
  idempotencyKey?: string | null;
}

export async function deleteRepositoryById(graph: GraphContext, input: DeleteInput) {
  const { repositoryId, policy } = input;
  const kind = kindOf("Repository");
  const keyed = idempotency("deleteRepository", input as unknown as Fields);
  const namespace = parseId(repositoryId)?.namespace;
  // One that was deleted under this key is not found any more; who may not delete here is told so below.
  if (namespace !== undefined && keyed.idempotency) {
    permit(graph.identity, kind, { verb: "delete", namespace });
    if (await replayed(targetOf(graph, kind, namespace), keyed)) return { deletedRepositoryId: repositoryId };
  }
  const { current, target } = await addressed(graph, repositoryId, "delete", {
    policy: policy === "DELETE" ? "delete" : "retain",
  });
  const { name, uid } = current.metadata;
  await deleteRepository(target, { operation: "DELETE", name, precondition: { uid }, ...keyed });
  return { deletedRepositoryId: idOf(current) };
}

/** The Repository with this id. Of one that the token may not change nothing is told, not even that it is there. */
async function addressed(
  graph: GraphContext,
  id: string,
  verb: "update" | "delete",
  query: Record<string, string> = {},
) {
  const kind = kindOf("Repository");
  const namespace = parseId(id)?.namespace;
  // Names are known after the look-up; whether there is anything to look up is known before.
  if (namespace !== undefined && !mayTouch(graph.identity, kind.plural, namespace, verb))
    throw forbid(graph.identity, { kind: nameOf(kind), verb, namespace });
  const current = await byId(graph, id, verb, "Repository");
  if (!current) throw failure("NOT_FOUND", `there is no repository with the id ${JSON.stringify(id.slice(0, 200))}`);
  return { kind, current, target: targetOf(graph, kind, current.metadata.namespace, query) };
}
