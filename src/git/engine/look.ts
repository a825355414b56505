/**
 * One look at a remote: what its refs are, what moved since the ledger last applied them, and the moves applied.
 *
 * Nothing of a look has to survive it. Whatever was not applied when a look ends, however it ends, is found again by
 * the next one from the refs and the ledger's state.
 */
import type { AppliedRef, GitState, LedgerApi, PushHeader } from "../../ledger/api.ts";
import type { StoredSync } from "../inbox.ts";
import { type Hint, type Move, planMoves, refTypeOf, shortName, stepsBetween } from "../plan/moves.ts";
import { GitRemoteError } from "../remote/errors.ts";
import type { GitRemote, RefList } from "../remote/remote.ts";
import { readSettings, type Settings } from "../settings.ts";
import { type ApplyContext, applyPush, Brake } from "./apply.ts";
import type { EngineDeps } from "./deps.ts";
import { LedgerUnavailable, ledgerValue, MassDeletion, RepositoryGone, StalePlan } from "./errors.ts";
import { policyOf, pushHeader } from "./header.ts";
import { isAncestor, MoveObjects } from "./objects.ts";
import { readTips, type Tip } from "./tips.ts";

export interface Observation {
  settings: Settings;
  /** Branches and tags only. */
  refs: RefList;
  at: number;
  /** As they were before the remote was asked: later ones are for the next look. */
  hints: Hint[];
  syncs: StoredSync[];
}

export interface LookReport {
  observation: Observation;
  /** Why a ref is not applied; by ref. */
  failures: Map<string, Error>;
  applied: Move[];
  admitted: number;
  rejected: number;
}

export async function look(deps: EngineDeps, known: Settings): Promise<LookReport> {
  const { inbox } = deps;
  const ledger = deps.ledgerOf(known.namespace);
  let state = ledgerValue(await ledger.gitState(known.name));
  const settings = followSpec(deps, known, state);
  const remote = deps.remoteFor(settings);
  const looker = new Looker(deps, ledger, remote, settings);

  const lastHint = inbox.lastHint();
  const syncs = inbox.runningSyncs();
  if (state.open.length > 0) {
    await looker.finishOpen(state);
    state = ledgerValue(await ledger.gitState(known.name));
  }
  const refs = await listRefs(remote);
  const at = deps.clock();
  for (const sync of syncs) if (!sync.observed) observeSync(deps, sync, refs);
  if (state.refs.length === 0) inbox.startBaseline(refs.refs.map((ref) => ref.name));
  await deps.faults.hit("afterRefsListed");

  // Read once there is something to compare them with: a remote that is away must not cost a reading of all of them.
  const hints = inbox.hints(lastHint);
  const observation = { settings, refs, at, hints, syncs };
  await looker.applyMoves(observation, state);
  await looker.followPatterns(observation);
  return { observation, failures: looker.failures, applied: looker.applied, ...looker.counts };
}

/** The spec as the ledger has it now: a change that nobody told us of counts all the same. */
function followSpec(deps: EngineDeps, known: Settings, state: GitState): Settings {
  const { uid, spec } = state.repository;
  const settings = readSettings({ namespace: known.namespace, name: known.name, uid }, spec);
  if (settings === null) throw new RepositoryGone(`the Repository ${known.name} has no remote to follow`);
  if (JSON.stringify(settings) !== JSON.stringify(known)) deps.inbox.configure(settings);
  return settings;
}

async function listRefs(remote: GitRemote): Promise<RefList> {
  const list = await remote.listRefs({ prefixes: ["HEAD", "refs/heads/", "refs/tags/"] });
  const refs = list.refs.filter((ref) => refTypeOf(ref.name) !== null);
  // A repository that was emptied looks like one that was moved, locked or not there: never take it for deletions.
  if (refs.length === 0) {
    throw new GitRemoteError(
      "BadResponse",
      "the remote advertises no branch and no tag: nothing is applied, nothing is deleted",
    );
  }
  return { head: list.head, refs };
}

/** Refs that a sync lists: a row of more would be over what SQLite takes in production (2 MB). */
const MAX_SYNC_REFS = 5_000;

function observeSync(deps: EngineDeps, sync: StoredSync, { refs }: RefList): void {
  sync.observed = true;
  sync.refs = refs.slice(0, MAX_SYNC_REFS).map(({ name, oid }) => ({ ref: name, oid, applied: false }));
  deps.inbox.saveSync(sync);
}

/** Each costs a question to the ledger. */
const MAX_RECHECKED_BRANCHES = 20;

class Looker {
  readonly failures = new Map<string, Error>();
  readonly applied: Move[] = [];
  readonly counts = { admitted: 0, rejected: 0 };
  readonly #deps: EngineDeps;
  readonly #ledger: LedgerApi;
  readonly #remote: GitRemote;
  readonly #settings: Settings;

  constructor(deps: EngineDeps, ledger: LedgerApi, remote: GitRemote, settings: Settings) {
    this.#deps = deps;
    this.#ledger = ledger;
    this.#remote = remote;
    this.#settings = settings;
  }

  /** Pushes that were begun: their ref event is out, so they are completed before anything newer. */
  async finishOpen(state: GitState): Promise<void> {
    const context = this.#context(state, new Brake(0, () => true));
    for (const { push, next } of state.open) {
      await this.#attempt(push.ref, async () => {
        try {
          await applyPush(context, push, { next });
          this.#deps.inbox.endBaseline(push.ref);
        } catch (error) {
          if (!(error instanceof GitRemoteError) || error.code !== "ObjectNotFound") throw error;
          const reason = `commit ${push.new} cannot be fetched any more: ${error.message}`;
          ledgerValue(await this.#ledger.abandonPush({ repository: push.repository.name, ref: push.ref, reason }));
        }
      });
    }
  }

  async applyMoves(observation: Observation, state: GitState): Promise<void> {
    const { refs, hints } = observation;
    const steps = await readTips(this.#remote, stepsBetween(state.refs, refs.refs, hints));
    const moves = planMoves(state.refs, refs.refs, hints, (oid) => steps.has(oid));
    const tips = await this.#readTips(moves);
    for (const [oid, tip] of steps) tips.set(oid, tip);
    const baseline = this.#deps.inbox.baseline();
    const context = this.#context(
      state,
      await this.#brake(
        observation.syncs,
        moves.some((move) => this.#mayDelete(move)),
      ),
    );
    for (const [ref, steps] of groupByRef(moves)) {
      if (this.failures.has(ref)) continue;
      await this.#attempt(ref, () => this.#applySteps(context, steps, tips, observation.at, baseline.has(ref)));
    }
  }

  /** Commits of the refs whose files are not read, in as few requests as possible. */
  async #readTips(moves: readonly Move[]): Promise<Map<string, Tip>> {
    const wanted = moves.filter((move) => move.new !== null && !this.#readsFiles(move));
    return readTips(
      this.#remote,
      wanted.map((move) => move.peeled ?? move.new ?? ""),
    );
  }

  #readsFiles(move: Move): boolean {
    return move.refType === "branch" && move.new !== null && policyOf(this.#settings, move.ref, "branch").matched;
  }

  #mayDelete({ ref, refType, old, new: target }: Move): boolean {
    if (refType !== "branch" || old === null) return false;
    return target === null || policyOf(this.#settings, ref, "branch").matched;
  }

  /** A step on the way that cannot be applied is skipped, and what comes after told as one move: only the end counts. */
  async #applySteps(
    context: ApplyContext,
    steps: Move[],
    tips: ReadonlyMap<string, Tip>,
    observedAt: number,
    baseline: boolean,
  ): Promise<void> {
    let from: Pick<Move, "old" | "move"> | undefined;
    for (const step of steps) {
      const move: Move = from === undefined ? step : { ...step, ...from };
      from = undefined;
      try {
        // A ref that was there at the first look, and moved since, is no part of it, even if a crash kept its mark.
        const first = baseline && move.move === 1;
        await this.#applyMove(context, move, tips, observedAt, first);
        this.applied.push(move);
        if (move.hint === null && !first) {
          this.#deps.inbox.setMeta("foundByPoll", this.#deps.inbox.number("foundByPoll") + 1);
        }
      } catch (error) {
        if (step.last || !isAboutRef(error)) throw error;
        from = { old: move.old, move: move.move };
      }
    }
    this.#deps.inbox.endBaseline(steps[0]?.ref ?? "");
  }

  async #applyMove(
    context: ApplyContext,
    move: Move,
    tips: ReadonlyMap<string, Tip>,
    observedAt: number,
    baseline: boolean,
  ): Promise<void> {
    const facts = { forced: false, baseline, observedAt };
    if (move.new !== null && this.#readsFiles(move)) {
      const objects = await MoveObjects.load(this.#remote, move.new, move.old);
      await this.#deps.faults.hit("afterFetch");
      const tip = { forced: objects.forced, commit: objects.commit(), peeled: move.new };
      return applyPush(context, pushHeader(this.#settings, move, { ...facts, ...tip }), { objects });
    }
    if (move.new === null) {
      return applyPush(context, pushHeader(this.#settings, move, { ...facts, commit: null, peeled: null }));
    }
    const tip = tips.get(move.peeled ?? move.new);
    const peeled = move.peeled ?? tip?.peeled ?? move.new;
    const forced =
      move.old !== null && (move.refType === "tag" || !(await isAncestor(this.#remote, move.old, move.new)));
    return applyPush(
      context,
      pushHeader(this.#settings, move, { ...facts, forced, peeled, commit: tip?.commit ?? null }),
    );
  }

  /**
   * A change of `spec.branches` moves no ref, and still brings files in or takes them out: a push whose `old` is its
   * `new`. Whether the index follows the patterns is asked of the ledger after each change of them; for the few
   * branches that match, after each change of the Repository too, so that a restored ledger is completed.
   */
  async followPatterns(observation: Observation): Promise<void> {
    const { inbox } = this.#deps;
    const state = ledgerValue(await this.#ledger.gitState(this.#settings.name));
    const [patterns, version] = [
      JSON.stringify([this.#settings.uid, this.#settings.branches]),
      state.repository.resourceVersion,
    ];
    const known = inbox.meta("appliedBranches")?.split("\n") ?? [];
    if (known[0] === patterns && known[1] === version) return;
    const branches = state.refs.filter(
      ({ ref, oid }) => oid !== null && refTypeOf(ref) === "branch" && !this.failures.has(ref),
    );
    const matching = branches.filter(({ ref }) => policyOf(this.#settings, ref, "branch").matched);
    const asked = known[0] !== patterns ? branches : matching.length <= MAX_RECHECKED_BRANCHES ? matching : [];
    const context = this.#context(state, await this.#brake(observation.syncs, asked.length > 0));
    for (const branch of asked)
      await this.#attempt(branch.ref, () => this.#followPattern(context, branch, observation.at));
    if (this.failures.size === 0) inbox.setMeta("appliedBranches", `${patterns}\n${version}`);
  }

  async #followPattern(context: ApplyContext, { ref, oid, move }: AppliedRef, observedAt: number): Promise<void> {
    const policy = policyOf(this.#settings, ref, "branch");
    if (oid === null || policy.matched === (await this.#hasIndex(ref))) return;
    // A move of its own, though the ref stands still: events of a pattern that comes, goes and comes again differ.
    const still = { ref, refType: "branch" as const, old: oid, new: oid, move: move + 1, hint: null };
    const facts = { forced: false, peeled: oid, observedAt };
    if (!policy.matched) {
      await applyPush(context, pushHeader(this.#settings, still, { ...facts, baseline: false, commit: null }));
      return;
    }
    const objects = await MoveObjects.load(this.#remote, oid, null);
    const commit = objects.commit();
    await applyPush(context, pushHeader(this.#settings, still, { ...facts, baseline: true, commit }), { objects });
  }

  async #hasIndex(ref: string): Promise<boolean> {
    const query = { repository: this.#settings.name, branch: shortName(ref), limit: 1 };
    return ledgerValue(await this.#ledger.index(query)).entries.length > 0;
  }

  /** What is counted is what there is before the first of the moves; most looks have none that could delete. */
  async #brake(syncs: readonly StoredSync[], mayDelete: boolean): Promise<Brake> {
    const counted = mayDelete ? await this.#ledger.gitState(this.#settings.name, { resources: true }) : undefined;
    const resources = counted === undefined ? 0 : (ledgerValue(counted).resources ?? 0);
    // Allowed is what the sync's caller could see: the refs as they were when it began.
    const isAllowed = (push: PushHeader) =>
      syncs.some(
        (sync) => sync.allowMassDelete && (sync.refs.find(({ ref }) => ref === push.ref)?.oid ?? null) === push.new,
      );
    return new Brake(resources, isAllowed);
  }

  #context(state: GitState, brake: Brake): ApplyContext {
    const deps = this.#deps;
    const { counts } = this;
    const commits = new Map(state.refs.map(({ ref, peeled }) => [ref, peeled]));
    return {
      ledger: this.#ledger,
      remote: this.#remote,
      read: deps.readFor(this.#settings),
      faults: deps.faults,
      brake,
      commitOf: (branch) => {
        const ref = `refs/heads/${branch}`;
        return policyOf(this.#settings, ref, "branch").matched ? (commits.get(ref) ?? null) : null;
      },
      count: ({ admitted, refused }) => {
        counts.admitted += admitted;
        counts.rejected += refused;
      },
    };
  }

  /** One ref's trouble must not keep the others from being applied; the remote's or the ledger's ends the look. */
  async #attempt(ref: string, work: () => Promise<void>): Promise<void> {
    try {
      await work();
    } catch (error) {
      if (!isAboutRef(error)) throw error;
      this.failures.set(ref, error);
    }
  }
}

const REF_CODES: ReadonlySet<string> = new Set(["FetchTooLarge", "ObjectNotFound", "BadResponse"]);

function isAboutRef(error: unknown): error is Error {
  if (error instanceof GitRemoteError) return REF_CODES.has(error.code);
  return error instanceof MassDeletion || error instanceof StalePlan || error instanceof LedgerUnavailable;
}

function groupByRef(moves: readonly Move[]): Map<string, Move[]> {
  const groups = new Map<string, Move[]>();
  for (const move of moves) groups.set(move.ref, [...(groups.get(move.ref) ?? []), move]);
  return groups;
}
