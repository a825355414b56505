import { DurableObject } from "cloudflare:workers";
import { type Env, ledgerOf, repositoryOf } from "../config.ts";
import { log } from "../telemetry/log.ts";
import { Alarm } from "./alarm.ts";
import type {
  ApiWrite,
  GitState,
  HeadInfo,
  IndexEntry,
  LedgerApi,
  LedgerStats,
  ListPage,
  ListRequest,
  PushChunk,
  PushResult,
  RejectedRecord,
  RepositoryStatusPatch,
  Result,
  StandaloneEvent,
  WatcherInfo,
  Written,
} from "./api.ts";
import { CLUSTER_LEDGER } from "./api.ts";
import { pruneTombstones } from "./compact.ts";
import { LedgerCore, NO_NAMESPACE } from "./core.ts";
import { drainEffects, type EffectTargets, effectRunner } from "./effects.ts";
import type { Entry } from "./entry.ts";
import { cloudEvents } from "./gitevents.ts";
import { GroupCommit } from "./group.ts";
import { dropUnflushed, flush, pruneTail, pruneTarget, pruneWindow, type Retention } from "./outbox.ts";
import { applyChunk } from "./push/apply.ts";
import { rejectedRecords } from "./push/records.ts";
import {
  abandon,
  gitState,
  heldOnlyBy,
  patchRepositoryStatus,
  readIndex,
  release,
  repositoryUid,
} from "./push/repository.ts";
import { verifyAgainstWindow, windowHead } from "./restore.ts";
import { retentionOf } from "./retention.ts";
import { isOpened, migrate } from "./schema.ts";
import { type Faults, noFaults } from "./sql.ts";
import { ledgerStats } from "./stats.ts";
import { Store, type Transaction, TransactionTooLarge } from "./store.ts";
import { D1Window, type Window, WindowUnavailable } from "./window.ts";
import { writeObject } from "./write.ts";

/** The live half of the ledger, which `watch/` brings: the ledger tells it what was committed and when time passed. */
export interface Watching {
  /** Takes over an upgrade that the Worker has authorised. */
  upgrade(request: Request): Promise<Response>;
  message(socket: WebSocket, text: string | ArrayBuffer): void;
  closed(socket: WebSocket): void;
  /** Broadcasts in the commit's own turn. */
  committed(entries: readonly Entry[]): void;
  /** Deadlines of sessions; returns the next one, ms. */
  tend(now: number): number | undefined;
  closeAll(who: { jti?: string; sub?: string } | "namespace"): number;
  watchers(): WatcherInfo[];
  removeWatcher(name: string, sub: string | undefined): number;
  fenced(sub: string, name: string, epoch: number): boolean;
  /** Drops named watchers that nobody used for long. */
  forget(): void;
  stats(): { connected: number; parked: number; counters: Record<string, number> };
}

const FLUSH_AFTER_MS = 1_000;
const FLUSH_AT_ROWS = 500;
const FLUSH_BUDGET_MS = 10_000;
const PRUNE_EVERY_MS = 30_000;
const LONGEST_BACKOFF_MS = 60_000;
const DELETED_GRACE_MS = 7 * 24 * 3_600_000;
const RELEASE_BATCH = 500;
const PUBLISH_EVERY_MS = 60_000;
/** How long a first write waits for D1 to say whether the ledger was restored; then it goes on, and asks again later. */
const VERIFY_WITHIN_MS = 1_000;

/** A namespace's order. Thin: storage, sockets, alarm and RPC are wired to the cores; nothing here is worth a test alone. */
export abstract class LedgerObject extends DurableObject<Env> implements LedgerApi {
  protected readonly store: Store;
  protected readonly core: LedgerCore;
  protected readonly alarmClock: Alarm;
  protected readonly watching: Watching;
  readonly #group: GroupCommit;
  /** Tests shorten it. */
  protected readonly retention: Retention;
  #opened: boolean;
  /** Settles when this instance knows that it was not restored behind D1's back. */
  #verified: Promise<void> | undefined;
  #flushDue = false;
  #flushFailures = 0;
  #prunedAt = 0;
  #publishedAt = 0;
  readonly #faults: Faults;

  constructor(ctx: DurableObjectState, env: Env) {
    super(ctx, env);
    this.#faults = this.faults();
    this.store = new Store(ctx.storage, () => this.now(), this.#faults);
    this.core = new LedgerCore(this.store, this.window(), (bytes) => crypto.getRandomValues(new Uint8Array(bytes)));
    this.retention = retentionOf(env);
    this.alarmClock = new Alarm(ctx.storage);
    this.#opened = isOpened(ctx.storage);
    if (this.#opened) {
      migrate(ctx.storage);
      this.core.load();
    }
    this.#group = new GroupCommit(
      this.store,
      () => scheduler.wait(0),
      (entries) => this.#committed(entries),
    );
    this.watching = this.watch();
    void ctx.blockConcurrencyWhile(() => this.alarmClock.load(this.now()));
  }

  protected abstract watch(): Watching;

  protected now(): number {
    return Date.now();
  }

  protected faults(): Faults {
    return noFaults;
  }

  protected window(): Window {
    return new D1Window(this.env.REPLAY, this.ctx.id.name ?? "");
  }

  // ---- lifecycle ----------------------------------------------------------------------------------------------------

  async open(namespace: { name: string; uid: string }): Promise<Result<HeadInfo>> {
    if (!this.#opened) {
      // A ledger that starts empty asks D1 first whether it was lost: its RVs must go on above what it gave out.
      const seen = await windowHead(this.core.window);
      if (!seen.ok) return seen;
      migrate(this.ctx.storage);
      this.#opened = true;
      this.#verified = Promise.resolve();
      return this.core.open(namespace, seen.value);
    }
    return this.core.open(namespace, 0);
  }

  async close(): Promise<Result<{ rv: string }>> {
    if (!this.#opened) return NO_NAMESPACE;
    const closed = this.core.close();
    this.watching.closeAll("namespace");
    this.alarmClock.wake(this.now() + DELETED_GRACE_MS);
    return closed;
  }

  /** The cluster's ledger opens by itself: there is one, and nobody creates it. */
  async #ready(): Promise<boolean> {
    if (this.core.serving) return true;
    if (this.ctx.id.name !== CLUSTER_LEDGER) return false;
    return (await this.open({ name: CLUSTER_LEDGER, uid: CLUSTER_LEDGER })).ok;
  }

  // ---- reads --------------------------------------------------------------------------------------------------------

  async head(): Promise<Result<HeadInfo>> {
    return (await this.#ready()) ? this.core.headInfo() : NO_NAMESPACE;
  }

  async get(kind: string, name: string): Promise<Result<string>> {
    return (await this.#ready()) ? this.core.get(kind, name) : NO_NAMESPACE;
  }

  async list(request: ListRequest): Promise<Result<ListPage>> {
    return (await this.#ready()) ? this.core.list(request) : NO_NAMESPACE;
  }

  async reached(rv: number): Promise<Result<HeadInfo>> {
    if (!(await this.#ready())) return NO_NAMESPACE;
    const until = this.now() + 3_000;
    while (this.store.head < rv && this.now() < until) await scheduler.wait(50);
    if (this.store.head >= rv) return this.core.headInfo();
    return { ok: false, error: { code: "FutureVersion", requested: String(rv), current: String(this.store.head) } };
  }

  async events(query: {
    after: number;
    types?: string[];
    limit: number;
  }): Promise<Result<{ rv: string; events: string[] }>> {
    if (!(await this.#ready())) return NO_NAMESPACE;
    try {
      return {
        ok: true,
        value: { rv: String(this.store.head), events: await cloudEvents(this.store, this.core.window, query) },
      };
    } catch (error) {
      if (!(error instanceof WindowUnavailable)) throw error;
      return {
        ok: false,
        error: { code: "Unavailable", message: "the replay window does not answer", retryAfterSeconds: 5 },
      };
    }
  }

  async rejected(query: {
    kind?: string;
    repository?: string;
    limit: number;
    after?: string;
  }): Promise<Result<{ records: RejectedRecord[]; next?: string }>> {
    if (!(await this.#ready())) return NO_NAMESPACE;
    return { ok: true, value: rejectedRecords(this.store, query) };
  }

  async definitions(): Promise<Result<{ rv: string; specs: string[] }>> {
    return (await this.#ready()) ? this.core.definitions() : NO_NAMESPACE;
  }

  // ---- writes -------------------------------------------------------------------------------------------------------

  async write(write: ApiWrite): Promise<Result<Written>> {
    if (!(await this.#ready())) return NO_NAMESPACE;
    const { watcher } = write;
    if (watcher && this.watching.fenced(watcher.subject, watcher.name, watcher.epoch)) {
      return {
        ok: false,
        error: { code: "Fenced", message: `watcher ${watcher.name}: epoch ${watcher.epoch} was taken over` },
      };
    }
    await this.#verify();
    const written = await this.#group.run((tx) =>
      writeObject(write, { ...this.#context(), namespace: this.core.namespace }, tx),
    );
    if (written.ok && written.value.changed) this.ctx.waitUntil(this.#effects());
    return written;
  }

  async applyPush(chunk: PushChunk): Promise<PushResult> {
    if (!(await this.#ready())) return { result: "gone" };
    await this.#verify();
    try {
      return await this.#group.run((tx) => applyChunk(chunk, this.#context(), tx), Math.max(1, chunk.ops.length));
    } catch (error) {
      this.core.kinds.forget();
      if (error instanceof TransactionTooLarge) return { result: "tooLarge", message: error.message };
      throw error;
    }
  }

  async abandonPush(query: { repository: string; ref: string; reason: string }): Promise<Result<{ rv: string }>> {
    return this.#inRepository(query.repository, (tx) => {
      abandon(this.#context(), tx, query.repository, query.ref);
      return { rv: String(tx.rv) };
    });
  }

  async recordEvent(event: StandaloneEvent): Promise<Result<{ rv: string; duplicate: boolean }>> {
    if (!(await this.#ready())) return NO_NAMESPACE;
    return { ok: true, value: await this.#group.run((tx) => this.core.record(event, tx)) };
  }

  async setRepositoryStatus(
    repository: string,
    patch: RepositoryStatusPatch,
  ): Promise<Result<{ rv: string; changed: boolean }>> {
    return this.#inRepository(repository, (tx) => {
      const patched = patchRepositoryStatus(this.#context(), tx, repository, patch);
      return { rv: String(tx.rv), changed: patched?.changed ?? false };
    });
  }

  async releaseRepository(repository: string, policy: "retain" | "delete"): Promise<Result<{ done: boolean }>> {
    return this.#inRepository(
      repository,
      (tx) => release(this.#context(), tx, repository, policy, RELEASE_BATCH) ?? { done: true },
      RELEASE_BATCH,
    );
  }

  async #inRepository<T>(name: string, request: (tx: Transaction) => T, weight = 1): Promise<Result<T>> {
    if (!(await this.#ready())) return NO_NAMESPACE;
    if (repositoryUid(this.store, name) === undefined)
      return { ok: false, error: { code: "NotFound", kind: "Repository.gitstore.dev", name } };
    return { ok: true, value: await this.#group.run(request, weight) };
  }

  // ---- Git reads ----------------------------------------------------------------------------------------------------

  async gitState(repository: string): Promise<Result<GitState>> {
    if (!(await this.#ready())) return NO_NAMESPACE;
    const state = gitState(this.store, repository);
    return state
      ? { ok: true, value: state }
      : { ok: false, error: { code: "NotFound", kind: "Repository.gitstore.dev", name: repository } };
  }

  async index(query: {
    repository: string;
    branch: string;
    after?: string;
    limit: number;
  }): Promise<Result<{ entries: IndexEntry[]; next?: string }>> {
    return this.#readRepository(query.repository, (uid) =>
      readIndex(this.store, uid, query.branch, query.after ?? "", query.limit),
    );
  }

  async heldOnlyBy(query: {
    repository: string;
    branch: string;
    after?: string;
    limit: number;
  }): ReturnType<LedgerApi["heldOnlyBy"]> {
    return this.#readRepository(query.repository, (uid) =>
      heldOnlyBy(this.store, uid, query.branch, query.after ?? "", query.limit),
    );
  }

  async #readRepository<T>(name: string, read: (uid: string) => T): Promise<Result<T>> {
    if (!(await this.#ready())) return NO_NAMESPACE;
    const uid = repositoryUid(this.store, name);
    if (uid === undefined) return { ok: false, error: { code: "NotFound", kind: "Repository.gitstore.dev", name } };
    return { ok: true, value: read(uid) };
  }

  // ---- sockets ------------------------------------------------------------------------------------------------------

  override async fetch(request: Request): Promise<Response> {
    await this.#ready();
    return this.watching.upgrade(request);
  }

  override async webSocketMessage(socket: WebSocket, message: string | ArrayBuffer): Promise<void> {
    this.watching.message(socket, message);
  }

  override async webSocketClose(socket: WebSocket, code: number): Promise<void> {
    this.watching.closed(socket);
    try {
      // The closing handshake is the object's to finish; 1005, 1006 and 1015 are never sent (RFC 6455 §7.4.1).
      socket.close([1005, 1006, 1015].includes(code) ? 1000 : code, "");
    } catch {
      // The peer is gone already.
    }
  }

  override async webSocketError(socket: WebSocket): Promise<void> {
    this.watching.closed(socket);
  }

  async revoke(who: { jti?: string; sub?: string }): Promise<{ closed: number }> {
    return { closed: this.watching.closeAll(who) };
  }

  async stats(): Promise<LedgerStats> {
    return ledgerStats(
      this.core,
      this.watching.stats(),
      this.core.serving ? this.watching.watchers() : [],
      this.alarmClock.overdue(this.now()),
    );
  }

  async watchers(): Promise<Result<WatcherInfo[]>> {
    return (await this.#ready()) ? { ok: true, value: this.watching.watchers() } : NO_NAMESPACE;
  }

  async removeWatcher(name: string, subject?: string): Promise<Result<{ removed: number }>> {
    return (await this.#ready())
      ? { ok: true, value: { removed: this.watching.removeWatcher(name, subject) } }
      : NO_NAMESPACE;
  }

  // ---- time ---------------------------------------------------------------------------------------------------------

  #committed(entries: readonly Entry[]): void {
    if (entries.length === 0) return;
    this.watching.committed(entries);
    const waiting = this.store.head - this.store.flushed;
    if (!this.#flushDue || waiting >= FLUSH_AT_ROWS) {
      this.#flushDue = true;
      // While D1 is failing its own back-off decides, or every commit would ask it again.
      if (this.#flushFailures === 0) this.alarmClock.wake(this.now() + (waiting >= FLUSH_AT_ROWS ? 0 : FLUSH_AFTER_MS));
    }
  }

  /** Closes and bookmarks first, D1 last: it may stall. Never throws, or the platform's six retries would run out. */
  override async alarm(): Promise<void> {
    this.alarmClock.fired();
    if (!this.#opened) return;
    let next: number | undefined;
    const later = (at: number | undefined): void => {
      if (at !== undefined) next = next === undefined ? at : Math.min(next, at);
    };
    try {
      if (!this.core.serving) return await this.#dropClosed();
      later(this.watching.tend(this.now()));
      later(await drainEffects(this.store, this.#runEffect()));
      await this.#verify();
      later(await this.#drainOutbox());
      await this.#publish();
    } catch (error) {
      this.#say("error", "the ledger's alarm failed; it runs again", { error: String(error) });
      later(this.now() + FLUSH_AFTER_MS);
    } finally {
      if (next !== undefined) this.alarmClock.wake(Math.max(next, this.now() + 1));
    }
  }

  /** Before the first write of an instance: was this object restored to an earlier state? D1 knows, if it answers soon. */
  #verify(): Promise<void> {
    this.#verified ??= verifyAgainstWindow(this.store, this.core.window, (signal) =>
      scheduler.wait(VERIFY_WITHIN_MS, { signal }),
    ).then((answer) => {
      if (answer === "unknown") this.#verified = undefined;
    });
    return this.#verified;
  }

  async #drainOutbox(): Promise<number | undefined> {
    try {
      this.#flushDue = false;
      await flush(this.store, this.core.window, this.now() + FLUSH_BUDGET_MS);
      this.#flushFailures = 0;
      this.#faults.hit("afterFlushBeforePrune");
      if (this.now() - this.#prunedAt >= PRUNE_EVERY_MS) {
        const target = pruneTarget(this.store, this.retention);
        while (pruneTail(this.store, target) > 0) await this.ctx.storage.sync();
        if (this.store.floor > 1) await pruneWindow(this.store, this.core.window, this.retention);
        this.watching.forget();
        const gone = pruneTombstones(this.ctx.storage.sql, this.now() - this.retention.tombstoneMs);
        if (gone !== undefined) this.store.setTombstoneFloor(gone);
        this.#prunedAt = this.now();
      }
      const room = await this.core.window.makeRoom(this.store.windowBytes, this.retention.replayMaxBytes);
      if (room)
        this.#say("warn", "the replay database is full: the oldest events of its longest window went", {
          of: room.namespace,
          dropped: room.dropped,
        });
    } catch (error) {
      if (!(error instanceof WindowUnavailable)) throw error;
      const dropped = dropUnflushed(this.store, this.retention.tailMaxBytes);
      if (dropped > 0)
        this.#say("error", "D1 is away and the tail is full: the oldest events went without it", { dropped });
      this.#flushFailures += 1;
      this.#flushDue = true;
      const backoff = Math.min(FLUSH_AFTER_MS * 2 ** this.#flushFailures, LONGEST_BACKOFF_MS);
      this.#say("warn", "a flush to D1 failed; it is retried", { failures: this.#flushFailures, error: error.message });
      return this.now() + backoff;
    }
    if (this.store.head > this.store.flushed) return this.now() + FLUSH_AFTER_MS;
    // What is due to leave the tail by age is looked at again then, so that an idle ledger sleeps in between.
    return this.store.head - this.store.floor > this.retention.tailEvents
      ? this.now() + this.retention.tailMs
      : undefined;
  }

  #say(level: "info" | "warn" | "error", msg: string, more: Record<string, unknown> = {}): void {
    log(level, msg, { namespace: this.core.namespace, ...more });
  }

  /** At most once a minute, and only while awake: a scrape reads this and wakes nobody. */
  async #publish(): Promise<void> {
    if (this.#flushFailures > 0 || this.now() - this.#publishedAt < PUBLISH_EVERY_MS) return;
    this.#publishedAt = this.now();
    try {
      await this.core.window.publish(JSON.stringify(await this.stats()), this.now());
    } catch (error) {
      if (!(error instanceof WindowUnavailable)) throw error; // the next minute's does as well
    }
  }

  async #dropClosed(): Promise<void> {
    const closedAt = this.store.number("closedAt");
    if (closedAt === 0) return;
    if (this.now() < closedAt + DELETED_GRACE_MS) {
      this.alarmClock.wake(closedAt + DELETED_GRACE_MS);
      return;
    }
    try {
      await this.core.window.drop();
    } catch {
      this.alarmClock.wake(this.now() + LONGEST_BACKOFF_MS);
      return;
    }
    for (const table of [
      "versions",
      "heads",
      "tombstones",
      "files",
      "refs",
      "pushes",
      "rejected",
      "skus",
      "recorded",
      "effects",
    ]) {
      this.ctx.storage.sql.exec(`DELETE FROM ${table}`);
    }
    // The counter stays: a namespace made again under this name goes on from here.
    for (const key of ["floor", "flushed"]) this.store.setMeta(key, this.store.head);
    this.core.load();
  }

  async #effects(): Promise<void> {
    const due = await drainEffects(this.store, this.#runEffect());
    if (due !== undefined) this.alarmClock.wake(due);
  }

  #runEffect(): ReturnType<typeof effectRunner> {
    return effectRunner(this.core.namespace, this.targets());
  }

  protected targets(): EffectTargets {
    const { env } = this;
    return {
      openNamespace: async (name, uid) => (await ledgerOf(env, name).open({ name, uid })).ok,
      closeNamespace: async (name) => {
        await ledgerOf(env, name).close();
        return true;
      },
      reconcileRepository: async (namespace, name, uid) =>
        (await repositoryOf(env, namespace, name).reconcile({ namespace, name, uid })).ok,
      removeRepository: async (namespace, name) => (await repositoryOf(env, namespace, name).remove()).ok,
    };
  }

  #context(): { store: Store; kinds: LedgerCore["kinds"]; namespace: string; random: (bytes: number) => Uint8Array } {
    return { store: this.store, kinds: this.core.kinds, namespace: this.core.namespace, random: this.core.random };
  }
}
