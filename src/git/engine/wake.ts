/** The alarm's work: one look, its results settled, the next alarm armed. */
import { GitRemoteError } from "../remote/errors.ts";
import type { Settings } from "../settings.ts";
import type { EngineDeps } from "./deps.ts";
import { MassDeletion, RepositoryGone } from "./errors.ts";
import { type LookReport, look } from "./look.ts";
import { failSyncs, pollDelay, retryDelay, settleHints, settleSyncs, writeConditions } from "./settle.ts";

/** Where even arming goes wrong, or the Repository is gone, a look this much later finds out. */
const IDLE_MS = 3_600_000;

/** Never throws: an alarm that throws is retried six times and then forgotten, and the repository with it. */
export async function wake(deps: EngineDeps): Promise<void> {
  const settings = deps.inbox.settings();
  if (settings === null) return;
  const seen = deps.inbox.lastHint();
  // Whoever removes the Repository takes the inbox's tables away, in the middle of a look too.
  const isRemoved = () => deps.inbox.settings() === null;
  const syncs = new Set(deps.inbox.runningSyncs().map(({ id }) => id));
  let next = deps.clock() + IDLE_MS;
  try {
    next = await lookAndSettle(deps, settings);
  } catch (error) {
    if (isRemoved()) return;
    next = await settleFailure(deps, settings, error, syncs);
  }
  if (!isRemoved()) await arm(deps, next, seen);
}

async function lookAndSettle(deps: EngineDeps, known: Settings): Promise<number> {
  const { inbox, clock, random } = deps;
  const report = await look(deps, known);
  await deps.faults.hit("beforeSettle");
  const { settings, at } = report.observation;
  inbox.setMeta("lastPollAt", at);
  const lagAt = settleHints(deps, report);
  inbox.prune(clock());
  const renamed = inbox.meta("renamed");
  await writeConditions(
    deps,
    settings,
    {
      failures: [...report.failures.values()],
      head: { ref: report.observation.refs.head, settings },
      ...(renamed !== undefined && { renamed }),
    },
    lastSync(report),
  );
  // After the conditions: whoever waited for the sync reads them next.
  settleSyncs(deps, report);
  const pollAt = settings.pollMs === null ? null : at + pollDelay(settings.pollMs, random.fraction());
  inbox.setMeta("nextPollAt", pollAt === null ? null : Math.round(pollAt));
  const retryAt = retryAfter(deps, report);
  const times = [lagAt, pollAt, retryAt].filter((time) => time !== null);
  return times.length === 0 ? clock() + 24 * IDLE_MS : Math.min(...times);
}

function lastSync({ applied, observation }: LookReport): { at: string; via: string } | undefined {
  if (applied.length === 0 && observation.syncs.length === 0) return undefined;
  const hinted = applied.some((move) => move.hint !== null);
  const via = observation.syncs.length > 0 ? "sync" : hinted ? "webhook" : "poll";
  return { at: new Date(observation.at).toISOString(), via };
}

/** A ref that is over a limit or held is for people to mend; one that could not be read may be there the next time. */
function retryAfter(deps: EngineDeps, { failures }: LookReport): number | null {
  const passing = [...failures.values()].filter(isPassing);
  if (passing.length === 0) {
    deps.inbox.setMeta("failures", null);
    return null;
  }
  return nextRetry(deps);
}

function isPassing(error: Error): boolean {
  if (error instanceof GitRemoteError) return error.code !== "FetchTooLarge";
  return !(error instanceof MassDeletion);
}

function nextRetry(deps: EngineDeps): number {
  const failures = deps.inbox.number("failures");
  deps.inbox.setMeta("failures", failures + 1);
  return deps.clock() + retryDelay(failures, deps.random.fraction());
}

/** The remote or the ledger ended the look. A sync that was asked for meanwhile is the next look's, not this failure's. */
async function settleFailure(
  deps: EngineDeps,
  settings: Settings,
  error: unknown,
  syncs: ReadonlySet<string>,
): Promise<number> {
  const { inbox, clock } = deps;
  const failure = error instanceof Error ? error : new Error(String(error));
  deps.log("a look at the remote failed", { namespace: settings.namespace, repository: settings.name, error: failure });
  const begun = inbox.runningSyncs().filter(({ id }) => syncs.has(id));
  try {
    if (failure instanceof RepositoryGone) return clock() + IDLE_MS;
    const at = nextRetry(deps);
    inbox.prune(clock());
    const renamed = inbox.meta("renamed");
    await writeConditions(deps, settings, { failures: [failure], ...(renamed !== undefined && { renamed }) });
    return at;
  } catch (second) {
    deps.log("a failed look could not be told", { repository: settings.name, error: second });
    return nextRetry(deps);
  } finally {
    failSyncs(deps, begun, failure.message);
  }
}

/** Late, since an alarm set while one runs takes away that one's own retries. */
async function arm(deps: EngineDeps, next: number, seen: number): Promise<void> {
  const { inbox, clock } = deps;
  const cameIn = () => inbox.lastHint() > seen || inbox.runningSyncs().length > 0;
  const at = cameIn() ? clock() : Math.max(clock(), Math.round(next));
  const armed = await deps.alarm.get();
  if (armed !== null && armed <= at) return;
  await deps.alarm.set(at);
  // What came in between was armed for by whoever brought it, and that is overwritten now.
  if (at > clock() && cameIn()) await deps.alarm.set(clock());
}
