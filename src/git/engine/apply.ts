/** Applies one push to the ledger, from wherever it stopped before. */
import type { LedgerApi, PushChunk, PushHeader, PushResult } from "../../ledger/api.ts";
import type { ChangePlan } from "../plan/changes.ts";
import { CHUNK_LIMITS, type ChunkLimits, cutIntoChunks } from "../plan/chunks.ts";
import { shortName } from "../plan/moves.ts";
import type { GitRemote } from "../remote/remote.ts";
import type { Faults } from "../storage.ts";
import { planTip } from "./branch.ts";
import { planEnding } from "./ending.ts";
import { LedgerUnavailable, MassDeletion, RepositoryGone, StalePlan } from "./errors.ts";
import { isAncestor, MoveObjects } from "./objects.ts";
import type { ReadFile } from "./read.ts";

export interface ApplyContext {
  ledger: LedgerApi;
  remote: GitRemote;
  read: ReadFile;
  faults: Faults;
  brake: Brake;
  /** The applied commit of another branch that a pattern matches. */
  commitOf: (branch: string) => string | null;
  /** Called after each chunk that was applied. */
  count: (counts: { admitted: number; refused: number }) => void;
}

/** One observation's deletions together: refs that are emptied one by one are braked like one that is emptied at once. */
export class Brake {
  /** Below this, a deletion is a day's work. */
  static readonly MIN_DELETES = 100;
  readonly #resources: number;
  readonly #isAllowed: (push: PushHeader) => boolean;
  /** By push, so that one that is planned again counts once. */
  readonly #deletes = new Map<string, number>();

  constructor(resources: number, isAllowed: (push: PushHeader) => boolean) {
    this.#resources = resources;
    this.#isAllowed = isAllowed;
  }

  /** Throws `MassDeletion` where the push must wait. */
  check(push: PushHeader, deletes: number): void {
    const key = `${push.ref} ${push.move}`;
    let total = deletes;
    for (const [other, others] of this.#deletes) if (other !== key) total += others;
    if (deletes > 0 && total > Brake.MIN_DELETES && total > this.#resources / 2 && !this.#isAllowed(push)) {
      throw new MassDeletion(push.ref, deletes, this.#resources);
    }
    this.#deletes.set(key, deletes);
  }
}

const MAX_REPLANS = 8;

/**
 * `objects` are those of the push's new commit where the caller has fetched them. `next` is the chunk that the ledger
 * waits for; a push that was begun is not braked again, for its ref event is out.
 */
export async function applyPush(
  context: ApplyContext,
  push: PushHeader,
  options: { objects?: MoveObjects; next?: number } = {},
): Promise<void> {
  let next = options.next ?? 0;
  let limits = CHUNK_LIMITS;
  const ancestry: Record<string, boolean> = {};
  for (let attempt = 0; attempt < MAX_REPLANS; attempt++) {
    const plan = await planPush(context, push, options.objects);
    if (next === 0) context.brake.check(push, plan.changed.deleted);
    const sent = await sendAll(context, cutIntoChunks(push, plan, next, limits), ancestry);
    if (sent === null) return;
    next = sent.next;
    limits = halve(limits);
  }
  throw new LedgerUnavailable(`the ledger takes no chunk of ${push.ref}, however small`);
}

/** What the push does to files. Tags, and branches that no pattern matches, have none: their event is all. */
async function planPush(context: ApplyContext, push: PushHeader, objects?: MoveObjects): Promise<ChangePlan> {
  const { ledger, read, remote } = context;
  const branch = { ledger, read, repository: push.repository.name, branch: shortName(push.ref) };
  if (push.refType === "tag") return emptyPlan();
  if (push.new === null || (push.new === push.old && !push.policy.matched)) {
    return planEnding(branch, remote, context.commitOf);
  }
  if (!push.policy.matched) return emptyPlan();
  const base = push.old === push.new ? null : push.old;
  return planTip(branch, objects ?? (await MoveObjects.load(remote, push.new, base)));
}

function emptyPlan(): ChangePlan {
  return { items: [], first: [], last: [], changed: { files: 0, resources: 0, deleted: 0 } };
}

/** Null when all are applied; else the chunk that was too large. */
async function sendAll(
  context: ApplyContext,
  chunks: Iterable<PushChunk>,
  ancestry: Record<string, boolean>,
): Promise<{ next: number } | null> {
  for (const chunk of chunks) {
    await context.faults.hit("beforeChunk");
    const result = await sendOne(context, chunk, ancestry);
    await context.faults.hit("afterChunk");
    switch (result.result) {
      case "applied":
        context.count({ admitted: result.admitted, refused: result.refused });
        break;
      case "tooLarge":
        return { next: chunk.seq };
      case "stale":
        throw new StalePlan(result.message);
      case "gone":
        throw new RepositoryGone(`the Repository ${chunk.push.repository.name} is gone`);
      case "ancestry":
        throw new LedgerUnavailable(`the ledger asks for ancestry of ${result.commits.join(", ")} again`);
    }
  }
  return null;
}

/** A ledger asks at most once for each commit that holds an identity of the chunk; new ones can come in between. */
const MAX_QUESTIONS = 5;

async function sendOne(
  context: ApplyContext,
  chunk: PushChunk,
  ancestry: Record<string, boolean>,
): Promise<PushResult> {
  const ask = () => context.ledger.applyPush(Object.keys(ancestry).length > 0 ? { ...chunk, ancestry } : chunk);
  let result = await ask();
  for (let n = 0; n < MAX_QUESTIONS && result.result === "ancestry"; n++) {
    for (const commit of result.commits) {
      // A deleted branch has no commit that could descend from anything.
      const { peeled } = chunk.push;
      ancestry[commit] ??= peeled !== null && (await isAncestor(context.remote, commit, peeled));
    }
    result = await ask();
  }
  return result;
}

function halve(limits: ChunkLimits): ChunkLimits {
  return { maxOps: Math.max(1, limits.maxOps >> 1), maxBytes: Math.max(1, limits.maxBytes >> 1) };
}
