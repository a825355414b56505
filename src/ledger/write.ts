import { admit } from "../admission/admit.ts";
import type { KindDef } from "../resource/kind.ts";
import { parseObject } from "../resource/parseObject.ts";
import type { ObjectMeta, Resource } from "../resource/types.ts";
import type { ApiWrite, LedgerError, Result, Written } from "./api.ts";
import type { HeadMeta } from "./entry.ts";
import { type Kinds, NAMESPACE, REPOSITORY, selectableText } from "./kinds.ts";
import { makeObject, metaOf, seconds } from "./object.ts";
import { platformConditions } from "./platform.ts";
import { repositoryName } from "./push/evaluate.ts";
import { ChunkState } from "./push/state.ts";
import { recallWrite, rememberWrite } from "./replay.ts";
import type { Head, Store } from "./store.ts";
import type { Transaction } from "./transaction.ts";

export interface WriteContext {
  store: Store;
  kinds: Kinds;
  namespace: string;
  random: (bytes: number) => Uint8Array;
}

/** An API-originated change: the same `admit()` a push goes through, with trigger `api`. */
export function writeObject(write: ApiWrite, context: WriteContext, tx: Transaction): Result<Written> {
  const { store } = context;
  const recalled = recallWrite(store.storage, write, tx.now);
  if (recalled.found === "refused") return refuse(recalled.error);
  if (recalled.found === "answer") return { ok: true, value: recalled.written };
  const result = writeNew(write, context, tx);
  if (result.ok && !write.dryRun) rememberWrite(store.storage, write, result.value, tx.now);
  return result;
}

function writeNew(write: ApiWrite, context: WriteContext, tx: Transaction): Result<Written> {
  const { store, kinds } = context;
  const kind = kinds.get(write.kind);
  if (!kind) return refuse({ code: "NotFound", kind: write.kind, name: write.name });
  if (kind.owner !== "api")
    return refuse({ code: "MethodNotAllowed", kind: write.kind, message: ownedElsewhere(kind, write.name, store) });
  const before = store.find(write.kind, write.name);
  if (write.operation === "CREATE" && before)
    return refuse({ code: "AlreadyExists", kind: write.kind, name: write.name });
  if (write.operation !== "CREATE" && !before) return refuse({ code: "NotFound", kind: write.kind, name: write.name });
  const conflict = before && violated(write, (JSON.parse(before.json) as Resource).metadata);
  if (conflict) return refuse(conflict);
  if (write.operation === "DELETE")
    return before
      ? remove(write, before, context, tx)
      : refuse({ code: "NotFound", kind: write.kind, name: write.name });
  return put(write, kind, before, context, tx);
}

/** Where a kind is written instead: for one that Git owns, the very file. */
function ownedElsewhere(kind: KindDef, name: string, store: Store): string {
  const qualified = `${kind.plural}.${kind.group} "${name}"`;
  if (kind.owner !== "git") return `${qualified} is written by the system: it cannot be changed through the API`;
  const { repo, branch, path } = store.find(kind.key, name)?.meta ?? {};
  const repository = repo === undefined ? undefined : repositoryName(store, repo);
  const head = repository === undefined ? undefined : store.find(REPOSITORY, repository);
  if (!head) return `${qualified} is owned by Git`;
  const { url } = (JSON.parse(head.json) as Resource).spec;
  return `${qualified} is owned by Git: commit it to ${String(url ?? repository)}, ${branch}, ${path}`;
}

function refuse<T>(error: LedgerError): Result<T> {
  return { ok: false, error };
}

/** Why a write's preconditions do not hold for the object that there is. */
export function violated(write: ApiWrite, metadata: ObjectMeta): LedgerError | undefined {
  const { precondition } = write;
  if (!precondition) return undefined;
  const { kind, name } = write;
  if (precondition.uid !== undefined && precondition.uid !== metadata.uid) {
    return {
      code: "Conflict",
      kind,
      name,
      message: `Precondition failed: UID in precondition: ${precondition.uid}, UID in object meta: ${metadata.uid}`,
      current: metadata.resourceVersion,
    };
  }
  if (precondition.resourceVersion !== undefined && precondition.resourceVersion !== metadata.resourceVersion) {
    return {
      code: "Conflict",
      kind,
      name,
      message: "the object has been modified; please apply your changes to the latest version and try again",
      current: metadata.resourceVersion,
    };
  }
  return undefined;
}

function remove(write: ApiWrite, before: Head, context: WriteContext, tx: Transaction): Result<Written> {
  const resource = JSON.parse(before.json) as Resource;
  if (write.dryRun) return { ok: true, value: { rv: String(before.rv), object: before.json, changed: false } };
  const removed = tx.remove(write.kind, write.name, before, {});
  effect(context, write.kind, write.name, resource.metadata.uid, "deleted", tx.now);
  return { ok: true, value: { rv: String(removed.rv), object: removed.json, changed: true } };
}

function put(
  write: ApiWrite,
  kind: KindDef,
  before: Head | undefined,
  context: WriteContext,
  tx: Transaction,
): Result<Written> {
  const { store, kinds } = context;
  const registry = kinds.registry();
  const parsed = parseObject(write.resource, { namespace: context.namespace, registry });
  const { candidate } = parsed;
  if (!candidate) return refuse({ code: "Invalid", kind: write.kind, name: write.name, errors: parsed.errors });
  if (candidate.identity.kind !== write.kind || candidate.identity.name !== write.name) {
    return refuse({
      code: "BadRequest",
      message: `the body names ${candidate.identity.kind} "${candidate.identity.name}", the request ${write.kind} "${write.name}"`,
    });
  }
  const state = new ChunkState(store);
  state.bring(candidate);
  const decision = admit({
    operation: write.operation,
    namespace: context.namespace,
    trigger: "api",
    stages: ["schema", "references"],
    registry,
    candidate,
    ...(before ? { oldObject: JSON.parse(before.json) as Resource } : {}),
    state,
    actor: write.actor,
    now: seconds(tx.now),
    ...(write.dryRun ? { dryRun: true } : {}),
  });
  if (!decision.allowed)
    return refuse({ code: "Invalid", kind: write.kind, name: write.name, errors: decision.errors });
  if (before && before.meta.digest === candidate.digest)
    return { ok: true, value: { rv: String(before.rv), object: before.json, changed: false } };
  const namespace = kind.scope === "Cluster" ? undefined : context.namespace;
  const { resource, owners } = makeObject({
    kind,
    namespace,
    candidate,
    before,
    conditions: [...decision.conditions, ...platformConditions(kind, candidate.resource.spec)],
    now: tx.now,
    random: context.random,
  });
  if (write.dryRun)
    return { ok: true, value: { rv: String(before?.rv ?? tx.rv), object: JSON.stringify(resource), changed: false } };
  const meta: HeadMeta = metaOf(candidate, owners);
  const written = tx.put({ kind: write.kind, resource, sel: selectableText(kind, resource), meta, before });
  effect(context, write.kind, write.name, resource.metadata.uid, "changed", tx.now);
  return { ok: true, value: { rv: String(written.rv), object: written.json, changed: true } };
}

/**
 * What has to follow in another object (a namespace's ledger, a repository's poller) is written down in the same
 * transaction and done afterwards, again and again until it succeeded: a crash in between loses nothing.
 */
function effect(
  context: WriteContext,
  kind: string,
  name: string,
  uid: string,
  action: "changed" | "deleted",
  now: number,
): void {
  if (kind !== NAMESPACE && kind !== REPOSITORY) return;
  context.store.storage.sql.exec(
    "INSERT INTO effects (kind, name, uid, action, attempts, due) VALUES (?, ?, ?, ?, 0, ?)",
    kind,
    name,
    uid,
    action,
    now,
  );
}
