/** PUT and PATCH on `…/{plural}/{name}/status`: the body as it came goes to the ledger, which judges all of it. */
import { ALL_NAMESPACES, allows } from "../auth/grants.ts";
import { requireConfig } from "../config.ts";
import { type StatusInput, type StatusWrite, statusOfConflict, statusOfRefusal } from "../ledger/api.ts";
import { deeperThan } from "../resource/json.ts";
import { readObject, readPatch } from "./body.ts";
import { badRequest, kindName, methodNotAllowed, StatusError } from "./status.ts";
import { writerOf } from "./watchers.ts";
import type { WriteTarget } from "./write-target.ts";

const MERGE = "application/merge-patch+json";
const JSON_PATCH = "application/json-patch+json";
const APPLY = "application/apply-patch+yaml";
/** No object nests so deep; a body of brackets would overflow the stack on its way to the ledger. */
const MAX_DEPTH = 200;

/** `scope`: the namespace of the path; undefined: a cluster-scoped kind. */
export async function writeStatus(target: WriteTarget, name: string, scope: string | undefined): Promise<Response> {
  const { c, kind, identity, ledger, query, dryRun, namespace } = target;
  const input = await readInput(target);
  const watcher = writerOf(c.req.raw, identity.sub);
  const idempotencyKey = c.req.header("idempotency-key");
  const access = { namespace: scope ?? ALL_NAMESPACES, resource: `${kind.plural}/status`, name };
  const write: StatusWrite = {
    kind: kind.key,
    name,
    input,
    sub: identity.sub,
    fieldManager: query.get("fieldManager") ?? "",
    force: flagOf(query, "force"),
    admin: allows(identity, { ...access, verb: "admin" }),
    unconditional: requireConfig(c.env).STATUS_PATCH_UNCONDITIONAL,
    dryRun,
    ...(idempotencyKey ? { idempotencyKey } : {}),
    ...(watcher ? { watcher } : {}),
  };
  const outcome = await ledger.updateStatus(write);
  const about = { namespace, kind: kindName(kind), name };
  switch (outcome.outcome) {
    case "written":
    case "noop":
      return new Response(outcome.object, { headers: { "content-type": "application/json" } });
    case "conflict":
      throw new StatusError(statusOfConflict(outcome.conflict, about, input.mode === "apply"));
    case "refused":
      throw new StatusError(statusOfRefusal(outcome.refusal, about));
  }
}

async function readInput({ c, kind }: WriteTarget): Promise<StatusInput> {
  const request = c.req.raw;
  if (request.method === "PUT") return { mode: "put", object: bounded(await readObject(request)) };
  if (request.method !== "PATCH") {
    const message = `${request.method} is not supported on ${kind.plural}/status: use PUT or PATCH`;
    throw new StatusError(methodNotAllowed(kindName(kind), message));
  }
  const { type, patch } = await readPatch(request, [JSON_PATCH, MERGE, APPLY]);
  const body = bounded(patch);
  if (type === JSON_PATCH) return { mode: "json", patch: body };
  return type === MERGE ? { mode: "merge", patch: body } : { mode: "apply", object: body };
}

function bounded(body: unknown): unknown {
  if (!deeperThan(body, MAX_DEPTH)) return body;
  throw new StatusError(badRequest(`the body of the request nests deeper than ${MAX_DEPTH} levels`));
}

/** As Go's strconv.ParseBool has it, which kube-apiserver reads parameters with. */
function flagOf(query: URLSearchParams, name: string): boolean {
  const value = query.get(name) ?? "";
  if (["", "0", "f", "F", "false", "FALSE", "False"].includes(value)) return false;
  if (["1", "t", "T", "true", "TRUE", "True"].includes(value)) return true;
  throw new StatusError(badRequest(`${name}: Invalid value: ${JSON.stringify(value)}: give true or false`));
}
