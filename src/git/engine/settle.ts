/** What a look leaves behind: conditions, syncs, hints, and when to look again. */
import type { Condition } from "../../resource/types.ts";
import type { StoredSync } from "../inbox.ts";
import { matchesAny } from "../plan/globs.ts";
import { type Hint, shortName } from "../plan/moves.ts";
import { GitRemoteError } from "../remote/errors.ts";
import type { Settings } from "../settings.ts";
import type { EngineDeps } from "./deps.ts";
import { ledgerValue, MassDeletion } from "./errors.ts";
import type { LookReport } from "./look.ts";

/** Conditions that come and go; absent means that there is nothing to tell. */
const TRANSIENT = ["FetchTooLarge", "MassDeletionHeld", "BranchMatched", "Renamed"];

export interface StatusInput {
  failures: Error[];
  /** The remote's default branch, and the settings it is compared with; null where no look came that far. */
  head?: { ref: string | null; settings: Settings };
  renamed?: string;
}

/** The whole set, so that a condition that is not in it is removed. Messages change only when what they tell does. */
export function conditionsOf({ failures, head, renamed }: StatusInput): Condition[] {
  const conditions: Condition[] = [ready(failures)];
  const held = failures.filter((error) => error instanceof MassDeletion);
  if (held.length > 0) {
    const message = `${held.map((error) => error.message).join("; ")}: nothing of it is applied. Revert it, or allow it with \`gitstorectl repo sync --allow-mass-delete\``;
    conditions.push({ type: "MassDeletionHeld", status: "True", reason: "TooManyDeletes", message });
  }
  const tooLarge = failures.find((error) => error instanceof GitRemoteError && error.code === "FetchTooLarge");
  if (tooLarge !== undefined) {
    conditions.push({ type: "FetchTooLarge", status: "True", reason: "LimitExceeded", message: tooLarge.message });
  }
  if (head !== undefined && head.ref !== null) conditions.push(branchMatched(shortName(head.ref), head.settings));
  if (renamed !== undefined) {
    const message = `the provider now calls the repository ${renamed}: set spec.url to its new address`;
    conditions.push({ type: "Renamed", status: "True", reason: "RenamedAtProvider", message });
  }
  return conditions;
}

function ready(failures: Error[]): Condition {
  const [error] = failures;
  if (error === undefined) {
    return { type: "Ready", status: "True", reason: "Synced", message: "every ref of the remote is applied" };
  }
  const reason =
    error instanceof MassDeletion
      ? "MassDeletionHeld"
      : !(error instanceof GitRemoteError)
        ? "LedgerUnavailable"
        : error.code === "FetchTooLarge"
          ? "FetchTooLarge"
          : "FetchFailed";
  return { type: "Ready", status: "False", reason, message: error.message };
}

function branchMatched(name: string, { branches }: Settings): Condition {
  const matched = matchesAny(branches, name);
  const verdict = matched ? "matches" : "does not match: none of its files give resources. Add it to";
  const message = `the remote's default branch ${name} ${verdict} spec.branches ${JSON.stringify(branches)}`;
  return {
    type: "BranchMatched",
    status: matched ? "True" : "False",
    reason: matched ? "Matched" : "NotMatched",
    message,
  };
}

/** Writes the conditions where they differ from those written last: an unchanged poll must take no RV. */
export async function writeConditions(
  deps: EngineDeps,
  settings: Settings,
  input: StatusInput,
  lastSync?: { at: string; via: string },
): Promise<void> {
  const conditions = conditionsOf(input);
  const text = JSON.stringify([settings.uid, conditions]);
  if (deps.inbox.meta("conditions") === text && lastSync === undefined) return;
  const removeConditions = TRANSIENT.filter((type) => !conditions.some((condition) => condition.type === type));
  const patch = { conditions, removeConditions, ...(lastSync !== undefined && { lastSync }) };
  ledgerValue(await deps.ledgerOf(settings.namespace).setRepositoryStatus(settings.name, patch));
  deps.inbox.setMeta("conditions", text);
}

/** A sync ends with the look that observed its refs: all are applied, or something stopped one of them. */
export function settleSyncs(deps: EngineDeps, report: LookReport): void {
  for (const sync of report.observation.syncs) {
    for (const entry of sync.refs) entry.applied = !report.failures.has(entry.ref);
    sync.admitted += report.admitted;
    sync.rejected += report.rejected;
    const failed = [...report.failures.entries()];
    sync.state = failed.length === 0 ? "done" : "failed";
    if (failed.length > 0) sync.message = failed.map(([ref, error]) => `${ref}: ${error.message}`).join("; ");
    deps.inbox.saveSync(sync);
  }
}

export function failSyncs(deps: EngineDeps, syncs: readonly StoredSync[], message: string): void {
  for (const sync of syncs) deps.inbox.saveSync({ ...sync, state: "failed", message });
}

/** Looks after a hint that the remote does not show yet, by the hint's age: replicas lag by seconds. */
const LAG_LOOKS_MS = [3_000, 10_000, 30_000];

/**
 * Drops hints that have done their work. One that leads on from what is observed is kept: the remote may be behind its
 * own webhook, and the hint is what names the actor once the move shows. Answers when to look for it.
 */
export function settleHints(deps: EngineDeps, report: LookReport): number | null {
  const { hints, refs } = report.observation;
  const observed = new Map(refs.refs.map((ref) => [ref.name, ref.oid]));
  const drop: number[] = [];
  let lookAt: number | null = null;
  for (const [ref, ofRef] of Map.groupBy(hints, (hint) => hint.ref)) {
    if (report.failures.has(ref)) continue;
    const now = observed.get(ref) ?? null;
    const ahead = reachable(now, ofRef);
    for (const hint of ofRef) {
      if (hint.before === hint.after || hint.after === now || !ahead.has(hint.before)) drop.push(hint.seq);
      else {
        const next = LAG_LOOKS_MS.map((ms) => hint.receivedAt + ms).find((at) => at > deps.clock());
        if (next !== undefined) lookAt = Math.min(lookAt ?? next, next);
      }
    }
  }
  deps.inbox.dropHints(drop);
  return lookAt;
}

/** Oids that hints lead to from one, itself included. */
function reachable(from: string | null, hints: readonly Hint[]): ReadonlySet<string | null> {
  const byBefore = Map.groupBy(hints, (hint) => hint.before);
  const reached = new Set([from]);
  for (const oid of reached) for (const hint of byBefore.get(oid) ?? []) reached.add(hint.after);
  return reached;
}

export const RETRY_BASE_MS = 5_000;
export const RETRY_MAX_MS = 15 * 60_000;

/** Exponential with full jitter, so that repositories which failed together do not retry together. At least a second. */
export function retryDelay(failures: number, fraction: number): number {
  return 1_000 + fraction * Math.min(RETRY_MAX_MS, RETRY_BASE_MS * 2 ** Math.min(failures, 30));
}

/** A poll's next time, within a tenth of the period. */
export function pollDelay(pollMs: number, fraction: number): number {
  return pollMs * (0.9 + 0.2 * fraction);
}
