import { log } from "../telemetry/log.ts";
import type { Alarm } from "./alarm.ts";
import type { LedgerStats } from "./api.ts";
import { pruneTombstones } from "./compact.ts";
import type { LedgerCore } from "./core.ts";
import { drainEffects, type RunEffect } from "./effects.ts";
import { dropUnflushed, flush, pruneTail, pruneTarget, pruneWindow, type Retention } from "./outbox.ts";
import { verifyAgainstWindow } from "./restore.ts";
import { WindowUnavailable } from "./window.ts";

const FLUSH_AFTER_MS = 1_000;
const FLUSH_AT_ROWS = 500;
const FLUSH_BUDGET_MS = 10_000;
const PRUNE_EVERY_MS = 30_000;
const PUBLISH_EVERY_MS = 60_000;
const LONGEST_BACKOFF_MS = 60_000;
/** A deleted namespace's data is kept this long. */
const DELETED_GRACE_MS = 7 * 24 * 3_600_000;
/** How long a first write waits for D1 to say whether the ledger was restored; then it goes on, and asks again later. */
const VERIFY_WITHIN_MS = 1_000;

export interface UpkeepHost {
  now(): number;
  /** Lets other events in between two slices of work. */
  yieldTurn(): Promise<void>;
  wait(ms: number, signal: AbortSignal): Promise<void>;
  /** Deadlines of watch sessions; returns the next, ms. */
  tend(now: number): number | undefined;
  /** Drops named watchers that nobody used for long. */
  forgetWatchers(): void;
  stats(): LedgerStats;
  runEffect: RunEffect;
}

/** What a ledger does with time: all of it in the one alarm, closes and bookmarks first, D1 last because it may stall. */
export class Upkeep {
  readonly #core: LedgerCore;
  readonly #alarm: Alarm;
  readonly #retention: Retention;
  readonly #host: UpkeepHost;
  /** Settles when this instance knows that it was not restored behind D1's back. */
  #verified: Promise<void> | undefined;
  #flushDue = false;
  #flushFailures = 0;
  #prunedAt = 0;
  #publishedAt = 0;

  constructor(core: LedgerCore, alarm: Alarm, retention: Retention, host: UpkeepHost) {
    this.#core = core;
    this.#alarm = alarm;
    this.#retention = retention;
    this.#host = host;
  }

  /** A commit waits for the outbox: a second for company, or at once when there is enough of it. */
  committed(): void {
    const { store } = this.#core;
    const enough = store.head - store.flushed >= FLUSH_AT_ROWS;
    if (this.#flushDue && !enough) return;
    this.#flushDue = true;
    // While D1 is failing its own back-off decides, or every commit would ask it again.
    if (this.#flushFailures === 0) this.#alarm.wake(this.#host.now() + (enough ? 0 : FLUSH_AFTER_MS));
  }

  /** This ledger was just made, from what D1 said: there is nothing to verify. */
  trust(): void {
    this.#verified = Promise.resolve();
  }

  /** Before the first write of an instance: was this object restored to an earlier state? D1 knows, if it answers soon. */
  verify(): Promise<void> {
    const patience = (signal: AbortSignal): Promise<void> => this.#host.wait(VERIFY_WITHIN_MS, signal);
    this.#verified ??= verifyAgainstWindow(this.#core.store, this.#core.window, patience).then((answer) => {
      if (answer === "unknown") this.#verified = undefined;
    });
    return this.#verified;
  }

  /** After the namespace was deleted: its data goes when the grace period is over. */
  closed(): void {
    this.#alarm.wake(this.#host.now() + DELETED_GRACE_MS);
  }

  async effects(): Promise<void> {
    const due = await drainEffects(this.#core.store, this.#host.runEffect);
    if (due !== undefined) this.#alarm.wake(due);
  }

  /** The alarm. Never throws, or the platform's six retries would run out. */
  async run(): Promise<void> {
    this.#alarm.fired();
    let next: number | undefined;
    const later = (at: number | undefined): void => {
      if (at !== undefined) next = next === undefined ? at : Math.min(next, at);
    };
    try {
      if (!this.#core.serving) return await this.#dropClosed();
      later(this.#host.tend(this.#host.now()));
      later(await drainEffects(this.#core.store, this.#host.runEffect));
      await this.verify();
      later(await this.#drainOutbox());
      await this.#publish();
    } catch (error) {
      this.#say("error", "the ledger's alarm failed; it runs again", { error: String(error) });
      later(this.#host.now() + FLUSH_AFTER_MS);
    } finally {
      if (next !== undefined) this.#alarm.wake(Math.max(next, this.#host.now() + 1));
    }
  }

  async #drainOutbox(): Promise<number | undefined> {
    const { store, window } = this.#core;
    const retention = this.#retention;
    const now = this.#host.now();
    try {
      this.#flushDue = false;
      await flush(store, window, now + FLUSH_BUDGET_MS);
      this.#flushFailures = 0;
      store.faults.hit("afterFlushBeforePrune");
      if (now - this.#prunedAt >= PRUNE_EVERY_MS) await this.#prune();
      const room = await window.makeRoom(store.windowBytes, retention.replayMaxBytes);
      if (room)
        this.#say("warn", "the replay database is full: the oldest events of its longest window went", {
          of: room.namespace,
          dropped: room.dropped,
        });
    } catch (error) {
      if (!(error instanceof WindowUnavailable)) throw error;
      return this.#flushFailed(error);
    }
    if (store.head > store.flushed) return this.#host.now() + FLUSH_AFTER_MS;
    // What is due to leave the tail by age is looked at again then, so that an idle ledger sleeps in between.
    // Not before the next pruning: with a short TAIL_MINUTES the alarm would run without end until then.
    const again = Math.max(retention.tailMs, PRUNE_EVERY_MS);
    return store.head - store.floor > retention.tailEvents ? this.#host.now() + again : undefined;
  }

  async #prune(): Promise<void> {
    const { store, window } = this.#core;
    const target = pruneTarget(store, this.#retention);
    while (pruneTail(store, target) > 0) {
      store.faults.hit("duringCompaction");
      await this.#host.yieldTurn();
    }
    if (store.floor > 1) {
      const floor = await pruneWindow(store, window, this.#retention);
      store.faults.hit("duringCompaction");
      store.setWindowFloor(floor);
    }
    this.#host.forgetWatchers();
    const gone = pruneTombstones(store.storage.sql, this.#host.now() - this.#retention.tombstoneMs);
    if (gone !== undefined) store.setTombstoneFloor(gone);
    this.#prunedAt = this.#host.now();
  }

  #flushFailed(error: WindowUnavailable): number {
    const dropped = dropUnflushed(this.#core.store, this.#retention.tailMaxBytes);
    if (dropped > 0)
      this.#say("error", "D1 is away and the tail is full: the oldest events went without it", { dropped });
    this.#flushFailures += 1;
    this.#flushDue = true;
    this.#say("warn", "a flush to D1 failed; it is retried", { failures: this.#flushFailures, error: error.message });
    return this.#host.now() + Math.min(FLUSH_AFTER_MS * 2 ** this.#flushFailures, LONGEST_BACKOFF_MS);
  }

  /** At most once a minute, and only while awake: a scrape reads this and wakes nobody. */
  async #publish(): Promise<void> {
    if (this.#flushFailures > 0 || this.#host.now() - this.#publishedAt < PUBLISH_EVERY_MS) return;
    this.#publishedAt = this.#host.now();
    try {
      await this.#core.window.publish(JSON.stringify(this.#host.stats()), this.#host.now());
    } catch (error) {
      if (!(error instanceof WindowUnavailable)) throw error; // the next minute's does as well
    }
  }

  async #dropClosed(): Promise<void> {
    const { store, window } = this.#core;
    const closedAt = store.number("closedAt");
    if (closedAt === 0) return;
    if (this.#host.now() < closedAt + DELETED_GRACE_MS) {
      this.#alarm.wake(closedAt + DELETED_GRACE_MS);
      return;
    }
    try {
      await window.drop();
    } catch {
      this.#alarm.wake(this.#host.now() + LONGEST_BACKOFF_MS);
      return;
    }
    store.empty();
    // The counter stays: a namespace made again under this name goes on from here.
    for (const key of ["floor", "flushed"]) store.setMeta(key, store.head);
    this.#core.load();
  }

  #say(level: "info" | "warn" | "error", msg: string, more: Record<string, unknown>): void {
    log(level, msg, { namespace: this.#core.namespace, ...more });
  }
}
