import { utf8Length } from "../../resource/canonical.ts";
import { mergeConditions } from "../../resource/conditions.ts";
import type { KindDef } from "../../resource/kind.ts";
import { prepare } from "../../resource/prepare.ts";
import type { FieldError, Json, JsonObject, Resource, ResourceStatus } from "../../resource/types.ts";
import { type KeyedRequest, MAX_KEY_CHARS, recall, remember, requestDigest } from "../idempotency.ts";
import { type Kinds, selectableText } from "../kinds.ts";
import { ADMISSION_MANAGER, REPOSITORY_MANAGER, seconds } from "../object.ts";
import { first } from "../sql.ts";
import type { Head, Store } from "../store.ts";
import { MAX_OBJECT_BYTES, type Transaction } from "../transaction.ts";
import { foreign, recreated, stale } from "./conflict.ts";
import { type Desired, desiredOf } from "./desired.ts";
import { type Read, readInput } from "./input.ts";
import {
  generationErrors,
  immutableErrors,
  limitErrors,
  MAX_STATUS_BYTES,
  resolvedErrors,
  statusBytes,
  systemErrors,
} from "./judge.ts";
import { type Changes, changesOf, foreignOwners, ownersAfter } from "./ownership.ts";
import type { StatusConflict, StatusOutcome, StatusRefusal, StatusWrite } from "./types.ts";

export interface StatusContext {
  store: Store;
  kinds: Kinds;
}

/** More than the keys of a status that was not there before. */
const KEYS_BYTES = 64;
/** kube-apiserver's limit for a given fieldManager; a token's subject may be longer. */
const MAX_MANAGER_CHARS = 128;

/**
 * One status write, in the transaction it is given. The order of the checks is status.md's, the first failure answers:
 * kind known → object exists → well-formed → precondition → spec and metadata equal → system fields → ownership →
 * observedGeneration → limits → no-op. Who calls has authenticated and authorised.
 */
export function writeStatus(request: StatusWrite, context: StatusContext, tx: Transaction): StatusOutcome {
  const { store, kinds } = context;
  const { name } = request;
  const kind = kinds.get(request.kind);
  if (!kind) return refused({ code: "KindNotFound", kind: request.kind });
  const head = store.find(request.kind, name);
  if (!head) return refused({ code: "NotFound", kind: request.kind, name });
  const stored = JSON.parse(head.json) as Resource;

  const { namespace } = stored.metadata;
  if (request.namespace && request.namespace !== namespace) {
    const message = "the namespace of the provided object does not match the namespace sent on the request";
    return refused({ code: "BadRequest", message });
  }
  const input = readInput(request.input, { kind, registry: kinds.registry(), name, namespace });
  if (!input.ok && "message" in input) return refused({ code: "BadRequest", message: input.message });
  const manager = request.fieldManager || request.sub;
  const malformed = [...(input.ok ? [] : input.errors), ...writerErrors(request, manager)];
  if (!input.ok || malformed.length > 0) return invalid(request, malformed);

  const keyed = keyedRequest(request, manager);
  if (keyed) {
    const answered = replay(store, keyed, request, stored, tx.now);
    if (answered) return answered;
  }
  const violated = precondition(request, input.read, head, stored);
  if (violated) return violated;

  const owners = head.meta.owners ?? {};
  const result = desiredOf(input.read.given, stored, (type) => owners[type] === manager);
  if (!result.ok) return invalid(request, result.errors);
  const { desired } = result;
  if (kind.resolved && desired.status.resolved !== undefined)
    desired.status.resolved = prepare(kind.resolved, desired.status.resolved);
  const changes = changesOf(desired, stored);
  const against = judged(request, input.read, { kind, stored, desired, changes, owners, manager });
  if (against) return against;

  const status = statusAfter(stored, desired, changes, seconds(tx.now));
  if (status === undefined) {
    if (keyed && !request.dryRun) rememberRv(store, keyed, "noop", head.rv, stored, tx.now);
    return { outcome: "noop", rv: String(head.rv), object: head.json };
  }
  const told = statusBytes(status as JsonObject);
  if (told > MAX_STATUS_BYTES)
    return refused({
      code: "TooLarge",
      message: `the status must be at most ${MAX_STATUS_BYTES} bytes, found ${told}`,
    });
  const resource: Resource = { ...stored, status };
  // Stored text is ASCII, so never shorter than its UTF-8: most objects are known to fit without being measured.
  const mayBeOver = head.json.length + MAX_STATUS_BYTES + KEYS_BYTES > MAX_OBJECT_BYTES;
  const bytes = mayBeOver ? utf8Length(JSON.stringify(resource)) : 0;
  if (bytes > MAX_OBJECT_BYTES) {
    const message = `the object with its status must be at most ${MAX_OBJECT_BYTES} bytes, found ${bytes}`;
    return refused({ code: "TooLarge", message });
  }
  if (request.dryRun) return { outcome: "written", rv: String(head.rv), object: JSON.stringify(resource) };

  const { owners: _, ...meta } = head.meta;
  const after = ownersAfter(changes, owners, manager);
  const written = tx.put({
    kind: request.kind,
    resource: { ...resource, metadata: { ...resource.metadata } },
    sel: selectableText(kind, resource),
    meta: after ? { ...meta, owners: after } : meta,
    before: head,
  });
  if (keyed) rememberRv(store, keyed, "written", written.rv, stored, tx.now);
  return { outcome: "written", rv: String(written.rv), object: written.json };
}

function refused(refusal: StatusRefusal): StatusOutcome {
  return { outcome: "refused", refusal };
}

function invalid({ kind, name }: StatusWrite, errors: FieldError[]): StatusOutcome {
  return refused({ code: "Invalid", kind, name, errors });
}

function conflicting(conflict: StatusConflict): StatusOutcome {
  return { outcome: "conflict", conflict };
}

function writerErrors({ fieldManager, idempotencyKey }: StatusWrite, manager: string): FieldError[] {
  const errors: FieldError[] = [];
  if ((fieldManager ?? "").length > MAX_MANAGER_CHARS) {
    const message = `must have at most ${MAX_MANAGER_CHARS} characters, found ${(fieldManager ?? "").length}`;
    errors.push({ field: "fieldManager", reason: "TooLong", message });
  }
  if (manager === ADMISSION_MANAGER || manager === REPOSITORY_MANAGER) {
    const message = `${JSON.stringify(manager)} is the system's own manager`;
    errors.push({ field: "fieldManager", reason: "Forbidden", message, hint: "give a name of your own" });
  }
  if ((idempotencyKey ?? "").length > MAX_KEY_CHARS) {
    const message = `must have at most ${MAX_KEY_CHARS} characters, found ${(idempotencyKey ?? "").length}`;
    errors.push({ field: "idempotencyKey", reason: "TooLong", message });
  }
  return errors;
}

/** Undefined: it holds. */
function precondition(request: StatusWrite, read: Read, head: Head, stored: Resource): StatusOutcome | undefined {
  const { expected, uid } = read;
  if (expected === undefined) {
    const isPatch = ["merge", "json", "apply"].includes(request.input.mode);
    if (!(isPatch && request.unconditional)) {
      const field = "fields" in request.input ? "resourceVersion" : "metadata.resourceVersion";
      const message = "must be specified for an update: the one of the object that the status was made from";
      return invalid(request, [{ field, reason: "Required", message }]);
    }
  } else if (Number(expected) < head.created) return conflicting(recreated(stored, expected));
  if (uid !== undefined && uid !== stored.metadata.uid) return conflicting(recreated(stored, expected));
  if (expected !== undefined && expected !== stored.metadata.resourceVersion)
    return conflicting(stale(stored, expected));
  return undefined;
}

interface Judging {
  kind: KindDef;
  stored: Resource;
  desired: Desired;
  changes: Changes;
  owners: Record<string, string>;
  manager: string;
}

/** Against the stored object, in status.md's order. Undefined: nothing is wrong. */
function judged(request: StatusWrite, read: Read, judging: Judging): StatusOutcome | undefined {
  const { kind, stored, desired, changes, owners, manager } = judging;
  const immutable = immutableErrors(desired, stored);
  if (immutable.length > 0)
    return refused({ code: "SpecImmutable", kind: request.kind, name: request.name, errors: immutable });
  const system = systemErrors(desired, stored);
  if (system.length > 0) return invalid(request, system);
  if (!request.force && !request.admin) {
    const others = foreignOwners(changes, owners, manager);
    if (others.length > 0) return conflicting(foreign(stored, read.expected, others));
  }
  const errors = generationErrors(desired, changes.set, stored);
  if (errors.length > 0) return invalid(request, errors);
  const limits = limitErrors(desired.conditions);
  if (changes.resolved?.to !== undefined) limits.push(...resolvedErrors(kind, changes.resolved.to));
  return limits.length > 0 ? invalid(request, limits) : undefined;
}

/** The status that is to be stored; undefined where it says what the stored one does. */
function statusAfter(stored: Resource, desired: Desired, changes: Changes, now: string): ResourceStatus | undefined {
  const before: ResourceStatus = stored.status ?? {};
  const scalars = ["observedGeneration", "lastAppliedRevision"].filter((key) => {
    const [is, given] = [before[key] ?? null, desired.status[key] ?? null];
    return is !== given && !(is === null && (given === 0 || given === "")) && !(given === null && is === 0);
  });
  if (scalars.length === 0 && changes.set.length === 0 && changes.removed.length === 0 && !changes.resolved)
    return undefined;
  const after: ResourceStatus = { ...before };
  for (const key of scalars) assign(after, key, desired.status[key]);
  if (changes.resolved) assign(after, "resolved", changes.resolved.to);
  const kept = (before.conditions ?? []).filter(({ type }) => !changes.removed.includes(type));
  after.conditions = mergeConditions(kept, changes.set, now).conditions;
  return after;
}

function assign(status: ResourceStatus, key: string, value: Json | undefined): void {
  if (value === undefined || value === null) delete status[key];
  else status[key] = value;
}

function keyedRequest(request: StatusWrite, manager: string): KeyedRequest | undefined {
  const { idempotencyKey: key, sub, kind, name, input } = request;
  if (!key) return undefined;
  return { sub, key, digest: requestDigest({ kind, name, input, manager, force: request.force ?? false }) };
}

interface Remembered {
  outcome: "written" | "noop";
  rv: number;
  uid: string;
}

/** The answer to a repeated write: the object as that write left it, or, where that is no longer kept, as it is. */
function replay(
  store: Store,
  keyed: KeyedRequest,
  request: StatusWrite,
  stored: Resource,
  now: number,
): StatusOutcome | undefined {
  const recalled = recall(store.storage, keyed, now);
  if (recalled.found === "nothing") return undefined;
  if (recalled.found === "another") {
    const message = "was used for another write in the last 24 hours";
    return invalid(request, [
      { field: "idempotencyKey", reason: "Duplicate", message, hint: "make a new key for each write" },
    ]);
  }
  const { outcome, rv, uid } = JSON.parse(recalled.answer) as Remembered;
  // The object was created again since: the precondition tells the caller.
  if (uid !== stored.metadata.uid) return undefined;
  const { kind, name } = request;
  const version = first<{ json: string }>(
    store.storage.sql,
    "SELECT json FROM versions WHERE rv = ? AND kind = ? AND name = ?",
    rv,
    kind,
    name,
  );
  return { outcome, rv: String(rv), object: version?.json ?? JSON.stringify(stored) };
}

function rememberRv(
  store: Store,
  keyed: KeyedRequest,
  outcome: Remembered["outcome"],
  rv: number,
  stored: Resource,
  now: number,
): void {
  const answer: Remembered = { outcome, rv, uid: stored.metadata.uid };
  remember(store.storage, keyed, JSON.stringify(answer), now);
}
