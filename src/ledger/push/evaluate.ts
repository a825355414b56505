import { admit } from "../../admission/admit.ts";
import type { Stage } from "../../admission/types.ts";
import type { KindDef } from "../../resource/kind.ts";
import type { Candidate, Condition, FieldError, Identity, Resource } from "../../resource/types.ts";
import type { PushChunk, PushHeader, PushOp } from "../api.ts";
import { decideBranch } from "../branches.ts";
import { Heads, objectOf } from "../heads.ts";
import { DEFINITION, type Kinds, REPOSITORY } from "../kinds.ts";
import { first } from "../sql.ts";
import type { Head, Store } from "../store.ts";
import { ChunkState } from "./state.ts";

/** What an op comes to, decided before anything is written, because events come before the changes they report. */
export type Outcome =
  | {
      does: "put";
      kind: KindDef;
      candidate: Candidate;
      before: Head | undefined;
      conditions: Condition[];
      path: string;
      held: Held;
      repo: string;
      joined: boolean;
    }
  /** The same content: only who holds it changes, without an RV. */
  | { does: "hold"; identity: Identity; before: Head; held: Held }
  | { does: "delete"; identity: Identity; before: Head; held: Held }
  | {
      does: "fail";
      path: string;
      blob: string;
      identity: Identity | undefined;
      stage: Stage;
      errors: FieldError[];
      before: Head | undefined;
      candidate: Candidate | undefined;
    }
  | { does: "nothing" };

/** The branch and commit that give a state. */
export interface Held {
  branch: string;
  commit: string;
}

export interface Evaluation {
  outcomes: Outcome[];
  warnings: number;
  policies: { name: string; decision: string; durationMs: number }[];
  stages: Stage[];
}

/** Ancestry that only the repository object can tell; nothing was written. */
export class AncestryNeeded extends Error {
  readonly commits: string[];
  constructor(commits: string[]) {
    super("ancestry of commits is not known");
    this.commits = commits;
  }
}

export interface EvaluateContext {
  store: Store;
  kinds: Kinds;
  namespace: string;
  now: string;
}

export function branchOf(chunk: PushChunk): string {
  return chunk.push.ref.replace(/^refs\/heads\//, "");
}

/** Judges every op of a chunk against the state the chunk results in. */
export function evaluate(chunk: PushChunk, context: EvaluateContext): Evaluation {
  const state = new ChunkState(context.store);
  for (const op of chunk.ops) {
    if (op.op === "upsert") state.bring(op.candidate);
    else if (op.op === "delete") state.remove(op.identity);
  }
  const evaluation: Evaluation = { outcomes: [], warnings: 0, policies: [], stages: ["parse", "schema", "references"] };
  const asked = new Set<string>();
  const identities = chunk.ops.flatMap((op) =>
    op.op === "upsert" ? [op.candidate.identity] : op.op === "delete" ? [op.identity] : [],
  );
  const heads = new Heads(context.store.storage.sql, identities);
  for (const op of chunk.ops) evaluation.outcomes.push(judgeOp(op, chunk, context, heads, state, evaluation, asked));
  if (asked.size > 0) throw new AncestryNeeded([...asked].sort());
  return evaluation;
}

function judgeOp(
  op: PushOp,
  chunk: PushChunk,
  context: EvaluateContext,
  heads: Heads,
  state: ChunkState,
  evaluation: Evaluation,
  asked: Set<string>,
): Outcome {
  const { store } = context;
  const repo = chunk.push.repository.uid;
  if (op.op === "fail") {
    const before = op.identity && ownedBy(context, op.identity, repo);
    return {
      does: "fail",
      path: op.path,
      blob: op.blob,
      identity: op.identity,
      stage: op.stage,
      errors: op.errors,
      before,
      candidate: undefined,
    };
  }
  const identity = op.op === "upsert" ? op.candidate.identity : op.identity;
  const head = heads.get(identity);
  const owner = head?.meta.repo;
  const foreign = owner !== undefined && owner !== repo ? repositoryName(store, owner) : undefined;
  const moved = chunk.heldBy?.[op.path];
  const held: Held = moved ?? { branch: branchOf(chunk), commit: chunk.push.peeled ?? "" };
  const fail = (stage: Stage, errors: FieldError[]): Outcome => {
    state.refuse(
      identity,
      errors.every(({ field, reason }) => field === "spec.sku" && reason === "Duplicate"),
    );
    const blob = op.op === "upsert" ? op.blob : "";
    const before = foreign === undefined ? head : undefined;
    return {
      does: "fail",
      path: op.path,
      blob,
      identity,
      stage,
      errors,
      before,
      candidate: op.op === "upsert" ? op.candidate : undefined,
    };
  };

  // A refused file may name what was never this repository's: an object of the API, or one that nobody owns any more.
  if (op.op === "delete" && (!head || owner !== repo)) return { does: "nothing" };
  if (op.op === "upsert" && foreign !== undefined) {
    const other = `${foreign}:${head?.meta.path ?? "?"}`;
    return fail("references", [
      located(op, {
        field: "metadata.name",
        reason: "DuplicateResource",
        message: `${identity.kind.split(".")[0]} "${identity.name}" is held by repository ${foreign}, ${other}`,
        hint: `remove it from ${other} and it is admitted from here, or give this one another name`,
      }),
    ]);
  }

  // What the branch says now, against what is admitted: equal content joins, other content must have the right to change it.
  const same = op.op === "upsert" ? head !== undefined && head.meta.digest === op.candidate.digest : head === undefined;
  const resource = head && objectOf(head);
  const failure = resource?.status?.admissionFailure;
  if (moved === undefined && !(head === undefined && joinedAbsence(store, chunk.push, held.branch, identity))) {
    const last = head ?? store.tombstone(identity.kind, identity.name);
    // Another repository's branches say nothing about this one's, whatever they are called.
    const holders = last?.meta.repo === repo ? last.meta.holders : undefined;
    const decision = decideBranch(holders, held.branch, same, (commit) => chunk.ancestry?.[commit]);
    if (decision.decision === "ask") {
      for (const commit of decision.commits) asked.add(commit);
      return { does: "nothing" };
    }
    if (decision.decision === "diverged") {
      return fail("references", [
        located(op, {
          field: "metadata.name",
          reason: "DivergedBranch",
          message: `branch ${held.branch} would overwrite what branch ${decision.from} gave at ${decision.commit.slice(0, 12)}, and does not descend from it`,
          hint: `merge ${decision.from} into ${held.branch} and push again`,
        }),
      ]);
    }
    const isMended = failure?.revision.startsWith(`${held.branch}@sha1:`);
    if (decision.decision === "join" && head && !isMended) return { does: "hold", identity, before: head, held };
  }

  const decision = admit({
    operation: op.op === "delete" ? "DELETE" : head ? "UPDATE" : "CREATE",
    namespace: context.namespace,
    trigger: "push",
    stages: ["references"],
    registry: context.kinds.registry(),
    ...(op.op === "upsert" ? { candidate: op.candidate } : {}),
    ...(resource ? { oldObject: resource } : {}),
    state,
    commit: held.commit,
    ref: chunk.push.ref,
    now: context.now,
  });
  evaluation.warnings += decision.warnings.length;
  evaluation.policies.push(...decision.policies);
  if (!decision.allowed)
    return fail(
      decision.stage ?? "references",
      decision.errors.map((error) => ({ ...error, path: error.path ?? op.path })),
    );
  if (op.op === "delete") return head ? { does: "delete", identity, before: head, held } : { does: "nothing" };

  const kind = decision.kind ?? context.kinds.get(identity.kind);
  if (!kind)
    return fail("parse", [
      located(op, {
        field: "kind",
        reason: "UnknownKind",
        message: `kind ${identity.kind} is not known in this namespace`,
      }),
    ]);
  const stays = head?.meta.path === op.path && head.meta.branch === held.branch;
  const adopted = head !== undefined && head.meta.repo !== repo;
  if (head && same && failure === undefined && !adopted && (stays || head.meta.branch !== held.branch))
    return { does: "hold", identity, before: head, held };
  return {
    does: "put",
    kind,
    candidate: op.candidate,
    before: head,
    conditions: decision.conditions,
    path: op.path,
    held,
    repo,
    joined: same && !adopted,
  };
}

/**
 * Whether the branch, as this push found it, had no file of an identity that is not there: absence is a state that a
 * branch joins like any other. A branch that is new was in no state at all.
 */
function joinedAbsence(store: Store, push: PushHeader, branch: string, { kind, name }: Identity): boolean {
  if (push.old === null || push.old === push.new) return false;
  const query = "SELECT 1 AS found FROM files WHERE repo = ? AND kind = ? AND name = ? AND branch = ?";
  return first(store.storage.sql, query, push.repository.uid, kind, name, branch) === undefined;
}

function located(op: PushOp, error: FieldError): FieldError {
  const place = op.op === "upsert" ? op.candidate.positions[error.field] : undefined;
  return { path: op.path, ...(place ? { line: place.line, column: place.column } : {}), ...error };
}

/** The admitted object, where this repository holds it (or nobody does). What the API owns is no file's to fail. */
function ownedBy({ store, kinds }: EvaluateContext, identity: Identity, repo: string): Head | undefined {
  const head = store.find(identity.kind, identity.name);
  if (!head || (kinds.get(identity.kind)?.owner ?? "git") !== "git") return undefined;
  const owner = head.meta.repo;
  return owner === undefined || owner === repo || repositoryName(store, owner) === undefined ? head : undefined;
}

/** The name of a repository by uid; undefined when it is gone, so that what it held is nobody's. */
export function repositoryName(store: Store, uid: string): string | undefined {
  const rows = store.storage.sql
    .exec<{ name: string; json: string }>(
      "SELECT h.name, v.json FROM heads h JOIN versions v ON v.rv = h.rv WHERE h.kind = ?",
      REPOSITORY,
    )
    .toArray();
  return rows.find((row) => (JSON.parse(row.json) as Resource).metadata.uid === uid)?.name;
}

export function changesDefinitions(outcomes: readonly Outcome[]): boolean {
  return outcomes.some(
    (outcome) =>
      (outcome.does === "put" && outcome.candidate.identity.kind === DEFINITION) ||
      (outcome.does === "delete" && outcome.identity.kind === DEFINITION),
  );
}
