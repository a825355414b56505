/** Repositories: what their object follows, and the subresources `sync`, `syncs/{id}`, `rotate-secret` and `info`. */

import { durationMs } from "../auth/duration.ts";
import { ledgerOf, repositoryOf } from "../config.ts";
import type { Answer, RepositoryApi } from "../git/api.ts";
import type { Written } from "../ledger/api.ts";
import type { Resource } from "../resource/types.ts";
import { log } from "../telemetry/log.ts";
import { readOptions } from "./body.ts";
import { type AppContext, authorize } from "./context.ts";
import { type Place, requireInCluster } from "./kinds.ts";
import {
  badRequest,
  conflict,
  invalid,
  methodNotAllowed,
  noSuchPath,
  notFound,
  REPOSITORIES,
  type Status,
  StatusError,
  unavailable,
  unwrap,
} from "./status.ts";
import { about, type WriteRequest, type WriteTarget, write } from "./write-target.ts";

const REPOSITORY = "Repository.gitstore.dev";
const SYNCS = { group: "gitstore.dev", plural: "syncs" };
/** A release of resources comes in parts; more parts than this many is a fault, not a large repository. */
const MAX_RELEASE_PARTS = 10_000;
/** Longer overlaps are forgotten secrets. */
const MAX_OVERLAP_MS = 30 * 86_400_000;

/** The ledger calls it too, until it succeeded; this only makes the first webhook or sync find it ready. */
export async function afterRepositoryChanged({ c, namespace }: WriteTarget, { metadata }: Resource): Promise<void> {
  const { name, uid } = metadata;
  try {
    const answer = await repositoryOf(c.env, namespace, name).reconcile({ namespace, name, uid });
    if (!answer.ok)
      log("warn", "a repository is not configured yet", { namespace, repository: name, message: answer.message });
  } catch (error) {
    log("warn", "a repository could not be told of its change yet", { namespace, repository: name, error });
  }
}

/**
 * `?policy=retain` (default): its resources stay, owned by nobody, and another repository may adopt them; `delete`:
 * they go with it. What it holds is let go before the object is, so that a request that was cut can be repeated.
 */
export async function deleteRepository(target: WriteTarget, request: WriteRequest): Promise<Written> {
  const { c, namespace, ledger, query, dryRun } = target;
  const { name } = request;
  const policy = query.get("policy") || "retain";
  if (policy !== "retain" && policy !== "delete") {
    const message = `${JSON.stringify(policy)}: supported values: "retain", "delete"`;
    throw new StatusError(invalid(REPOSITORIES, name, [{ field: "policy", reason: "NotSupported", message }]));
  }
  // The preconditions first: nothing may be let go for a request that is refused.
  const checked = unwrap(await write({ ...target, dryRun: true }, request), about(target));
  // A repository made again under the name since is none of an earlier request.
  if (dryRun || checked.replayed) return checked;
  for (let part = 0; part < MAX_RELEASE_PARTS; part += 1) {
    const released = await ledger.releaseRepository(name, policy);
    if (!released.ok && released.error.code === "NotFound") break;
    if (unwrap(released, about(target)).done) break;
  }
  const deleted = unwrap(await write(target, request), about(target));
  try {
    await repositoryOf(c.env, namespace, name).remove();
  } catch (error) {
    log("warn", "a removed repository could not be told yet", { namespace, repository: name, error });
  }
  return deleted;
}

export function isRepositorySubresource({ kind, target }: Place): boolean {
  if (kind.group !== REPOSITORIES.group || kind.plural !== REPOSITORIES.plural || target.name === undefined)
    return false;
  return ["sync", "syncs", "rotate-secret", "info"].includes(target.subresource ?? "");
}

export async function handleRepositorySubresource(c: AppContext, place: Place): Promise<Response> {
  const { namespace = "", target } = place;
  const { name = "", subresource, rest } = target;
  const read = subresource === "syncs" || subresource === "info";
  if ((subresource === "syncs") !== (rest !== undefined)) throw new StatusError(noSuchPath());
  if (read !== (c.req.method === "GET" || c.req.method === "HEAD") || (!read && c.req.method !== "POST")) {
    throw new StatusError(
      methodNotAllowed(
        REPOSITORIES,
        `${c.req.method} is not supported on repositories/${subresource}: use ${read ? "GET" : "POST"}`,
      ),
    );
  }
  const scope = { kind: REPOSITORIES, namespace, name };
  if (subresource === "sync") await authorize(c, { ...scope, verb: "create", subresource });
  else if (subresource === "rotate-secret") await authorize(c, { ...scope, verb: "update" });
  else await authorize(c, { ...scope, verb: "get" });
  requireInCluster(place);
  const found = unwrap(await ledgerOf(c.env, namespace).get(REPOSITORY, name), { namespace, kind: REPOSITORIES });
  const { uid } = (JSON.parse(found) as Resource).metadata;
  const repository: Addressed = { object: repositoryOf(c.env, namespace, name), namespace, name, uid };
  switch (subresource) {
    case "sync": {
      const options = await readOptions(c.req.raw);
      const allowMassDelete = options.allowMassDelete === true || c.req.query("allowMassDelete") === "true";
      return c.json(await ask(repository, (object) => object.sync({ allowMassDelete })), 202);
    }
    case "syncs": {
      const state = await repository.object.syncState(rest ?? "");
      if (!state.ok && state.status === 404) throw new StatusError(notFound(SYNCS, rest ?? ""));
      return c.json(answered(state, name));
    }
    case "rotate-secret":
      return await rotateSecret(c, repository);
    default:
      return c.json(await ask(repository, (object) => object.info()));
  }
}

interface Addressed {
  object: RepositoryApi;
  namespace: string;
  name: string;
  uid: string;
}

/** The ledger has the Repository; an object that does not know it yet is told, and asked again. */
async function ask<T>(
  { object, ...place }: Addressed,
  call: (object: RepositoryApi) => Promise<Answer<T>>,
): Promise<T> {
  let answer = await call(object);
  if (!answer.ok && answer.status === 404) {
    await object.reconcile(place);
    answer = await call(object);
  }
  if (!answer.ok && answer.status === 404) {
    throw new StatusError(conflict(REPOSITORIES, place.name, "it has no remote: set spec.url and spec.provider first"));
  }
  return answered(answer, place.name);
}

/** The secret is in this answer and nowhere else, ever again. */
async function rotateSecret(c: AppContext, repository: Addressed): Promise<Response> {
  const { secret, overlap, additional } = await readOptions(c.req.raw);
  if (secret !== undefined && typeof secret !== "string") throw new StatusError(badRequest("secret: must be a string"));
  const overlapMs = overlap === undefined ? undefined : durationMs(overlap);
  if (overlap !== undefined && (overlapMs === undefined || overlapMs > MAX_OVERLAP_MS)) {
    throw new StatusError(badRequest('overlap: must be a duration of at most 720h, such as "24h"'));
  }
  const request = {
    ...(secret === undefined ? {} : { secret }),
    ...(overlapMs === undefined ? {} : { overlapMs }),
    ...(additional === true ? { additional } : {}),
  };
  const issued = await ask(repository, (object) => object.issueSecret(request));
  return c.json(issued, 201, { "cache-control": "no-store" });
}

function answered<T>(answer: Answer<T>, name: string): T {
  if (answer.ok) return answer.value;
  throw new StatusError(statusOfAnswer(answer, name));
}

function statusOfAnswer({ status, message }: { status: number; message: string }, name: string): Status {
  switch (status) {
    case 404:
      return notFound(REPOSITORIES, name);
    case 409:
      return conflict(REPOSITORIES, name, message);
    case 503:
      return unavailable(message, 1);
    case 422:
      return invalid(REPOSITORIES, name, [{ field: "", reason: "Invalid", message }]);
    default:
      return badRequest(message);
  }
}
