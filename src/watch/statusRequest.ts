/** What a status frame asks for, authorised against the connection's own identity, as the ledger's one request. */
import { allows, type Grant } from "../auth/grants.ts";
import {
  CLUSTER_LEDGER,
  type StatusFields,
  type StatusOutcome,
  type StatusWrite,
  statusOfConflict,
  statusOfRefusal,
} from "../ledger/api.ts";
import {
  badRequest,
  failure,
  forbidden,
  invalid,
  type KindName,
  kindName,
  type Status,
  tooLarge,
  tooManyRequests,
  unauthorized,
} from "../resource/apiStatus.ts";
import { asciiJson } from "../resource/canonical.ts";
import { isObject, show } from "../resource/json.ts";
import type { KindRegistry } from "../resource/kind.ts";
import type { FieldError, JsonObject } from "../resource/types.ts";
import type { SessionState } from "./session.ts";

const FIELDS: (keyof StatusFields)[] = [
  "resourceVersion",
  "observedGeneration",
  "lastAppliedRevision",
  "conditions",
  "removeConditions",
  "resolved",
  "spec",
  "metadata",
];
const TEXTS = ["kind", "name", "namespace", "fieldManager", "idempotencyKey"] as const;

export interface StatusRequestContext {
  /** The ledger's name. */
  namespace: string;
  registry: KindRegistry;
  /** ms since 1970. */
  now: number;
  updateStatus(write: StatusWrite): Promise<StatusOutcome>;
}

/** The answer's text without its braces and id. */
export async function answerStatus(
  context: StatusRequestContext,
  state: SessionState,
  input: unknown,
): Promise<string> {
  const read = readStatus(context, state, input);
  if (!read.ok) return refused(read.status);
  const { write, kind } = read;
  const outcome = await context.updateStatus(write).catch((error: unknown) => failed(context.namespace, error));
  const about = { namespace: context.namespace, kind, name: write.name };
  switch (outcome.outcome) {
    case "written":
    case "noop":
      return `"result":${outcome.object}`;
    case "conflict":
      return `"conflict":${asciiJson({ ...outcome.conflict, message: statusOfConflict(outcome.conflict, about).message })}`;
    case "refused":
      return refused(statusOfRefusal(outcome.refusal, about));
  }
}

/** A frame without an answer would leave its client waiting, so a fault is one too. */
function failed(namespace: string, error: unknown): StatusOutcome {
  console.error(JSON.stringify({ level: "error", msg: "a status write failed", namespace, error: String(error) }));
  const message = "the write failed and was undone: send it again";
  return { outcome: "refused", refusal: { code: "Unavailable", message, retryAfterSeconds: 1 } };
}

function refused(status: Status): string {
  return `"refused":${asciiJson(status)}`;
}

export function refuseStatus(code: 413 | 429, message: string): string {
  return refused(code === 413 ? tooLarge(message) : tooManyRequests(message, 1));
}

type ReadStatus = { ok: true; write: StatusWrite; kind: KindName } | { ok: false; status: Status };

/** In status.md's order: authenticated → allowed → kind known; the rest is the ledger's. */
function readStatus(context: StatusRequestContext, state: SessionState, input: unknown): ReadStatus {
  const { namespace, registry, now } = context;
  if (state.exp > 0 && now >= state.exp * 1000)
    return { ok: false, status: unauthorized("Unauthorized: the token has expired: renew it with a token frame") };
  if (!isObject(input)) return { ok: false, status: badRequest(`status must be an object, found ${show(input)}`) };
  const { kind: word, name } = input;
  if (typeof word !== "string" || word === "") return missing("kind", word);
  const kind = registry.resolve(word);
  const named = kind ? kindName(kind) : { group: "", plural: word.toLowerCase() };
  if (typeof name !== "string" || name === "") return missing("name", name);
  if (state.writes === null) {
    const message = "the token has too many grants for a connection to hold: write statuses over HTTP";
    return { ok: false, status: failure(403, "Forbidden", message) };
  }
  // A Namespace is in the cluster's ledger, and whoever may write in a namespace may write its own object's status.
  const scope = namespace === CLUSTER_LEDGER ? name : namespace;
  const access = { namespace: scope, resource: `${named.plural}/status`, name };
  const identity = { grants: state.writes };
  if (!allows(identity, { ...access, verb: "update" })) {
    const told = { sub: state.sub, verb: "update", namespace: scope, name, subresource: "status" };
    return { ok: false, status: forbidden(named, told) };
  }
  const errors = shapeErrors(input);
  if (!kind) {
    const message = `kind: ${JSON.stringify(word)} is no kind of this namespace: give Kind, plural or plural.group`;
    return { ok: false, status: failure(404, "NotFound", message, {}) };
  }
  if (errors.length > 0) return { ok: false, status: invalid(named, name, errors) };
  const { namespace: within, fieldManager, idempotencyKey, force, ...rest } = input;
  const { kind: _kind, name: _name, ...fields } = rest;
  return {
    ok: true,
    kind: named,
    write: {
      kind: kind.key,
      name,
      input: { mode: "update", fields: fields as StatusFields },
      sub: state.sub,
      force: force === true,
      admin: allows(identity, { ...access, verb: "admin" }),
      ...(typeof within === "string" ? { namespace: within } : {}),
      ...(typeof fieldManager === "string" ? { fieldManager } : {}),
      ...(typeof idempotencyKey === "string" ? { idempotencyKey } : {}),
      ...(state.named ? { watcher: { subject: state.sub, name: state.named.name, epoch: state.named.epoch } } : {}),
    },
  };
}

function missing(field: string, value: unknown): { ok: false; status: Status } {
  const found = value === undefined || value === "" ? "is required" : `must be a string, found ${show(value)}`;
  return { ok: false, status: badRequest(`${field}: ${found}`) };
}

function shapeErrors(input: JsonObject): FieldError[] {
  const errors: FieldError[] = [];
  for (const [key, value] of Object.entries(input)) {
    const isText = TEXTS.some((known) => known === key);
    if (!isText && key !== "force" && !FIELDS.some((known) => known === key)) {
      const hint = `known fields: ${[...TEXTS, "force", ...FIELDS].join(", ")}`;
      errors.push({ field: key, reason: "UnknownField", message: `unknown field ${show(key)}`, hint });
    }
    if (isText && value !== null && typeof value !== "string")
      errors.push({ field: key, reason: "TypeInvalid", message: `must be a string, found ${show(value)}` });
  }
  const { force } = input;
  if (force !== undefined && force !== null && typeof force !== "boolean")
    errors.push({ field: "force", reason: "TypeInvalid", message: `must be true or false, found ${show(force)}` });
  return errors;
}

/** An attachment is at most 16 KiB with all that a session is. */
const MAX_GRANTS_CHARS = 4_096;

/** What of a token's grants a connection to this ledger may need for statuses; null: more than a session can hold. */
export function statusGrants(grants: readonly Grant[], ledger: string): Grant[] | null {
  const kept: Grant[] = [];
  for (const { namespaces, resources, verbs, names } of grants) {
    const here =
      ledger === CLUSTER_LEDGER ? namespaces : namespaces.includes("*") || namespaces.includes(ledger) ? [ledger] : [];
    const on = resources.filter((resource) => resource === "*" || resource.endsWith("/status"));
    const may = verbs.filter((verb) => verb === "update" || verb === "admin" || verb === "*");
    if (here.length > 0 && on.length > 0 && may.length > 0)
      kept.push({ namespaces: here, resources: on, verbs: may, ...(names ? { names } : {}) });
  }
  return JSON.stringify(kept).length > MAX_GRANTS_CHARS ? null : kept;
}
