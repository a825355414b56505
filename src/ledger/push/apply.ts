import { cycleThrough } from "../../admission/cycle.ts";
import type { Candidate, Resource } from "../../resource/types.ts";
import type { PushChunk, PushHeader, PushProgress, PushResult } from "../api.ts";
import { objectOf } from "../heads.ts";
import { CATEGORY, DEFINITION, type Kinds, REPOSITORY, selectableText, VARIANT } from "../kinds.ts";
import { makeObject, metaOf, seconds, withFailure } from "../object.ts";
import { first } from "../sql.ts";
import type { Head, Store } from "../store.ts";
import type { Transaction } from "../transaction.ts";
import { markCycles } from "./cycles.ts";
import {
  AncestryNeeded,
  branchOf,
  changesDefinitions,
  type EvaluateContext,
  type Evaluation,
  evaluate,
  type Held,
  type Outcome,
} from "./evaluate.ts";
import { PushEvents } from "./events.ts";
import { dropBranch, Refusals, updateIndex } from "./records.ts";
import { setApplied } from "./repository.ts";

export interface PushContext {
  store: Store;
  kinds: Kinds;
  namespace: string;
  random: (bytes: number) => Uint8Array;
}

interface Applying extends PushContext {
  refusals: Refusals;
}

/**
 * Applies one chunk of a push in one transaction: what happened (events), what became of it (resources), what the
 * branch now consists of (index), and, with the last one, that the push is applied. Thrown errors leave nothing behind.
 */
export function applyChunk(chunk: PushChunk, context: PushContext, tx: Transaction): PushResult {
  const { store, kinds, namespace } = context;
  const repository = store.find(REPOSITORY, chunk.push.repository.name);
  if (!repository || (JSON.parse(repository.json) as Resource).metadata.uid !== chunk.push.repository.uid)
    return { result: "gone" };
  const progress = progressOf(store, chunk.push);
  const stale = staleness(store, chunk, progress);
  if (stale) return { result: "stale", message: stale };

  const evaluateContext: EvaluateContext = { store, kinds, namespace, now: seconds(tx.now) };
  let evaluation: Evaluation;
  try {
    evaluation = evaluate(chunk, evaluateContext);
  } catch (error) {
    if (error instanceof AncestryNeeded) return { result: "ancestry", commits: error.commits };
    throw error;
  }

  const push = progress?.push ?? chunk.push;
  const events = new PushEvents({ tx, kinds, namespace, random: context.random }, push);
  if (chunk.seq === 0) events.begin(chunk);
  events.files(chunk, evaluation.outcomes);
  const refusals = new Refusals(store, push.repository.uid);
  const counts = write(evaluation, chunk, { ...context, refusals }, tx);
  updateIndex(store, chunk, refusals);
  if (changesDefinitions(evaluation.outcomes)) kinds.forget();

  const admitted = (progress?.admitted ?? 0) + counts.admitted;
  const refused = (progress?.refused ?? 0) + counts.refused;
  const warned = (progress?.warned ?? 0) + evaluation.warnings;
  if (chunk.final) {
    // A branch that is gone, or that no pattern matches any more, holds nothing from now on.
    const left = push.new === null || !push.policy.matched;
    if (left && push.refType === "branch") dropBranch(store, push.repository.uid, branchOf(chunk));
    events.finish({ allowed: admitted, refused, warned }, evaluation);
    closePush(store, push);
    setApplied(context, tx, push);
  } else openPush(store, push, chunk.seq + 1, admitted, refused, warned);
  return { result: "applied", rv: String(tx.rv), next: chunk.seq + 1, done: chunk.final, ...counts };
}

function write(
  evaluation: Evaluation,
  chunk: PushChunk,
  context: Applying,
  tx: Transaction,
): { admitted: number; refused: number; unchanged: number } {
  const counts = { admitted: 0, refused: 0, unchanged: 0 };
  const parents = new Map<string, string | undefined>();
  for (const outcome of evaluation.outcomes) {
    switch (outcome.does) {
      case "put":
        if (outcome.candidate.identity.kind === CATEGORY)
          parents.set(outcome.candidate.identity.name, oldParent(outcome.before));
        put(outcome, context, tx);
        counts.admitted += 1;
        break;
      case "hold":
        hold(outcome, context.store);
        context.refusals.dropOf(outcome.held.branch, outcome.identity);
        counts.unchanged += 1;
        break;
      case "delete":
        remove(outcome, chunk, context, tx);
        counts.admitted += 1;
        break;
      case "fail":
        fail(outcome, chunk, context, tx);
        counts.refused += 1;
        break;
      case "nothing":
        counts.unchanged += 1;
        break;
    }
  }
  if (parents.size > 0) markCycles(context, tx, parents, cycleThrough);
  return counts;
}

function oldParent(before: Head | undefined): string | undefined {
  if (!before) return undefined;
  const spec = objectOf(before).spec as { parentRef?: { name?: string } };
  return spec.parentRef?.name;
}

function revisionOf(held: Held): string {
  return `${held.branch}@sha1:${held.commit}`;
}

function put(outcome: Extract<Outcome, { does: "put" }>, context: Applying, tx: Transaction): void {
  const { store } = context;
  const { candidate, before, held } = outcome;
  const { identity } = candidate;
  const { resource, owners } = makeObject({
    kind: outcome.kind,
    namespace: context.namespace,
    candidate,
    before,
    conditions: outcome.conditions,
    now: tx.now,
    revision: revisionOf(held),
    random: context.random,
  });
  const holders = { ...(outcome.joined ? before?.meta.holders : {}), [held.branch]: held.commit };
  const meta = metaOf(candidate, owners, { repo: outcome.repo, path: outcome.path, branch: held.branch, holders });
  tx.put({ kind: identity.kind, resource, sel: selectableText(outcome.kind, resource), meta, before });
  indexSku(store, candidate);
  context.refusals.dropOf(held.branch, identity);
  context.refusals.dropAt(held.branch, outcome.path);
  // A definition that changes must count for what follows it in the same chunk.
  if (identity.kind === DEFINITION) context.kinds.forget();
}

function indexSku(store: Store, candidate: Candidate): void {
  if (candidate.identity.kind !== VARIANT) return;
  const { sku } = candidate.resource.spec;
  store.storage.sql.exec("DELETE FROM skus WHERE name = ?", candidate.identity.name);
  if (typeof sku === "string")
    store.storage.sql.exec("INSERT OR IGNORE INTO skus VALUES (?, ?)", sku, candidate.identity.name);
}

function hold(outcome: Extract<Outcome, { does: "hold" }>, store: Store): void {
  const { before, held, identity } = outcome;
  if (before.meta.holders?.[held.branch] === held.commit) return;
  store.setHeadMeta(identity.kind, identity.name, {
    ...before.meta,
    holders: { ...before.meta.holders, [held.branch]: held.commit },
  });
}

/** Deletes, unless another repository's refused file waits for the identity: then it moves there, uid and all. */
function remove(
  outcome: Extract<Outcome, { does: "delete" }>,
  chunk: PushChunk,
  context: Applying,
  tx: Transaction,
): void {
  const { store, kinds } = context;
  const { identity, before, held } = outcome;
  const kind = kinds.get(identity.kind);
  const heir = first<{ repo: string; branch: string; path: string; commit_sha: string; candidate: string }>(
    store.storage.sql,
    "SELECT repo, branch, path, commit_sha, candidate FROM rejected WHERE kind = ? AND name = ? AND repo <> ? AND candidate IS NOT NULL ORDER BY at, repo LIMIT 1",
    identity.kind,
    identity.name,
    chunk.push.repository.uid,
  );
  if (heir && kind) {
    const candidate = JSON.parse(heir.candidate) as Candidate;
    const heirHeld = { branch: heir.branch, commit: heir.commit_sha };
    const joined = false;
    put(
      {
        does: "put",
        kind,
        candidate,
        before,
        conditions: [],
        path: heir.path,
        held: heirHeld,
        repo: heir.repo,
        joined,
      },
      context,
      tx,
    );
    store.storage.sql.exec(
      "DELETE FROM rejected WHERE repo = ? AND branch = ? AND path = ?",
      heir.repo,
      heir.branch,
      heir.path,
    );
    return;
  }
  const holders = held.commit ? { [held.branch]: held.commit } : undefined;
  tx.remove(identity.kind, identity.name, before, {
    repo: chunk.push.repository.uid,
    ...(holders ? { holders } : {}),
  });
  if (identity.kind === VARIANT) store.storage.sql.exec("DELETE FROM skus WHERE name = ?", identity.name);
  if (identity.kind === DEFINITION) kinds.forget();
}

function fail(outcome: Extract<Outcome, { does: "fail" }>, chunk: PushChunk, context: Applying, tx: Transaction): void {
  const branch = branchOf(chunk);
  if (!outcome.before || !outcome.identity) {
    context.refusals.record(chunk, branch, outcome, seconds(tx.now));
    return;
  }
  const failure = {
    revision: revisionOf({ branch, commit: chunk.push.peeled ?? "" }),
    path: outcome.path,
    at: seconds(tx.now),
    errors: outcome.errors,
  };
  const resource = withFailure(outcome.before, failure);
  if (!resource) return;
  const kind = context.kinds.get(outcome.identity.kind);
  const sel = selectableText(kind, resource);
  tx.put({
    kind: outcome.identity.kind,
    resource,
    sel,
    meta: outcome.before.meta,
    before: outcome.before,
  });
}

// ---- progress -------------------------------------------------------------------------------------------------------

type Progress = PushProgress & { warned: number };

export function progressOf(store: Store, push: Pick<PushHeader, "repository" | "ref">): Progress | undefined {
  const row = first<{ header: string; next: number; admitted: number; refused: number; warned: number }>(
    store.storage.sql,
    "SELECT header, next, admitted, refused, warned FROM pushes WHERE repo = ? AND ref = ?",
    push.repository.uid,
    push.ref,
  );
  return (
    row && {
      push: JSON.parse(row.header) as PushHeader,
      next: row.next,
      admitted: row.admitted,
      refused: row.refused,
      warned: row.warned,
    }
  );
}

/** Why this chunk is not the next one; undefined when it is. */
function staleness(store: Store, chunk: PushChunk, open: Progress | undefined): string | undefined {
  const { push, seq } = chunk;
  if (open) {
    if (open.push.old !== push.old || open.push.new !== push.new || open.push.move !== push.move) {
      return `push ${open.push.old ?? "-"}→${open.push.new ?? "-"} of ${push.ref} is open and must be completed first`;
    }
    return seq === open.next ? undefined : `chunk ${seq} came, chunk ${open.next} is expected`;
  }
  if (seq !== 0) return `chunk ${seq} came of a push that is not open`;
  const ref = first<{ oid: string | null; move: number }>(
    store.storage.sql,
    "SELECT oid, move FROM refs WHERE repo = ? AND ref = ?",
    push.repository.uid,
    push.ref,
  );
  const oid = ref?.oid ?? null;
  if (oid !== push.old) return `${push.ref} is applied at ${oid ?? "nothing"}, not at ${push.old ?? "nothing"}`;
  const expected = (ref?.move ?? 0) + 1;
  return push.move === expected ? undefined : `move ${push.move} came, move ${expected} is expected`;
}

function openPush(
  store: Store,
  push: PushHeader,
  next: number,
  admitted: number,
  refused: number,
  warned: number,
): void {
  store.storage.sql.exec(
    `INSERT INTO pushes VALUES (?, ?, ?, ?, ?, ?, ?) ON CONFLICT (repo, ref) DO UPDATE
       SET next = excluded.next, admitted = excluded.admitted, refused = excluded.refused, warned = excluded.warned`,
    push.repository.uid,
    push.ref,
    JSON.stringify(push),
    next,
    admitted,
    refused,
    warned,
  );
}

export function closePush(store: Store, push: PushHeader): void {
  const { uid } = push.repository;
  store.storage.sql.exec("DELETE FROM pushes WHERE repo = ? AND ref = ?", uid, push.ref);
  store.storage.sql.exec(
    `INSERT INTO refs VALUES (?, ?, ?, ?, ?) ON CONFLICT (repo, ref) DO UPDATE
       SET oid = excluded.oid, peeled = excluded.peeled, move = excluded.move`,
    uid,
    push.ref,
    push.new,
    push.peeled,
    push.move,
  );
}
