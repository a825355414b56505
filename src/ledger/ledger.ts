import { type Env, ledgerOf, replayOf, repositoryOf } from "../config.ts";
import { Alarm } from "./alarm.ts";
import type {
  ApiWrite,
  HeadInfo,
  LedgerApi,
  LedgerStats,
  PushChunk,
  PushResult,
  RepositoryStatusPatch,
  Result,
  StandaloneEvent,
  StatusOutcome,
  StatusWrite,
  WatcherInfo,
  Written,
} from "./api.ts";
import { CLUSTER_LEDGER } from "./api.ts";
import { LedgerCore, NO_NAMESPACE } from "./core.ts";
import { Counters } from "./counters.ts";
import { type EffectTargets, effectRunner } from "./effects.ts";
import type { Entry } from "./entry.ts";
import { GroupCommit } from "./group.ts";
import { LEASE, Leases } from "./leases.ts";
import type { Retention } from "./outbox.ts";
import { applyChunk } from "./push/apply.ts";
import { abandon, patchRepositoryStatus, release, repositoryUid } from "./push/repository.ts";
import { LedgerReads } from "./reads.ts";
import { recallWrite } from "./replay.ts";
import { dropWindow, windowHead } from "./restore.ts";
import { retentionOf } from "./retention.ts";
import { isOpened, migrate } from "./schema.ts";
import { type Faults, noFaults } from "./sql.ts";
import { ledgerStats } from "./stats.ts";
import { writeStatus } from "./status/write.ts";
import { Store } from "./store.ts";
import { type Transaction, TransactionTooLarge } from "./transaction.ts";
import { Upkeep } from "./upkeep.ts";
import type { Watching } from "./watching.ts";
import { D1Window, type Window } from "./window.ts";
import { writeObject } from "./write.ts";

const RELEASE_BATCH = 500;

/** A namespace's order. Thin: storage, sockets, alarm and RPC are wired to the cores; nothing here is worth a test alone. */
export abstract class LedgerObject extends LedgerReads implements LedgerApi {
  protected readonly store: Store;
  protected readonly core: LedgerCore;
  protected readonly leases: Leases;
  protected readonly alarmClock: Alarm;
  protected readonly watching: Watching;
  readonly #group: GroupCommit;
  /** Tests shorten it. */
  protected readonly retention: Retention;
  #opened: boolean;
  readonly #counters: Counters;
  readonly #startedAt: number;
  readonly #counted = { admitted: 0, refused: 0, unchanged: 0, foundByPoll: 0 };
  readonly #upkeep: Upkeep;

  constructor(ctx: DurableObjectState, env: Env) {
    super(ctx, env);
    this.store = new Store(ctx.storage, () => this.now(), this.faults());
    this.core = new LedgerCore(this.store, this.window(), (bytes) => crypto.getRandomValues(new Uint8Array(bytes)));
    this.leases = new Leases(this.store, this.core.random);
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
    this.#startedAt = this.now();
    this.#counters = new Counters(this.store, () => ({
      ...this.watching.stats().counters,
      ...this.#group.counters,
      ...this.#counted,
    }));
    this.#upkeep = new Upkeep(this.core, this.alarmClock, this.retention, {
      now: () => this.now(),
      yieldTurn: () => ctx.storage.sync(),
      wait: (ms, signal) => scheduler.wait(ms, { signal }),
      tend: (now) => this.watching.tend(now),
      forgetWatchers: () => this.watching.forget(),
      stats: () => this.#stats(),
      runEffect: (effect) => effectRunner(this.core.namespace, this.targets())(effect),
    });
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
    const name = this.ctx.id.name ?? "";
    return new D1Window(replayOf(this.env, name), name, this.env.REPLAY);
  }

  // ---- lifecycle ----------------------------------------------------------------------------------------------------

  async open(namespace: { name: string; uid: string }): Promise<Result<HeadInfo>> {
    if (!this.#opened) {
      // A ledger that starts empty asks D1 first whether it was lost: its RVs must go on above what it gave out.
      const seen = await windowHead(this.core.window);
      if (!seen.ok) return seen;
      migrate(this.ctx.storage);
      this.#opened = true;
      this.#upkeep.trust();
      return this.core.open(namespace, seen.value);
    }
    if (this.core.wasAnother(namespace.uid)) {
      // Its rows in D1 would answer this one's lists of GitEvents.
      const dropped = await dropWindow(this.core.window);
      if (!dropped.ok) return dropped;
    }
    return this.core.open(namespace, 0);
  }

  async close(): Promise<Result<{ rv: string }>> {
    if (!this.#opened) return NO_NAMESPACE;
    const closed = this.core.close();
    this.watching.closeAll("namespace");
    this.#upkeep.closed();
    return closed;
  }

  /** The cluster's ledger opens by itself: there is one, and nobody creates it. */
  protected async ready(): Promise<boolean> {
    if (this.core.serving) return true;
    if (this.ctx.id.name !== CLUSTER_LEDGER) return false;
    return (await this.open({ name: CLUSTER_LEDGER, uid: CLUSTER_LEDGER })).ok;
  }

  // ---- writes -------------------------------------------------------------------------------------------------------

  async write(write: ApiWrite): Promise<Result<Written>> {
    if (!(await this.ready())) return NO_NAMESPACE;
    if (write.kind === LEASE) {
      const fenced = this.#fenced(write.watcher);
      if (fenced) return { ok: false, error: fenced };
      const { result, change } = this.leases.write(write, this.core.namespace);
      if (change) this.watching.leaseChanged(change);
      return result;
    }
    await this.#upkeep.verify();
    const written = await this.#group.run((tx): Result<Written> => {
      // In the transaction: a watcher may be taken over while its write waits for its group.
      const fenced = this.#fenced(write.watcher);
      if (fenced) return { ok: false, error: fenced };
      return writeObject(write, { ...this.#context(), namespace: this.core.namespace }, tx);
    });
    if (written.ok && written.value.changed) this.ctx.waitUntil(this.#upkeep.effects());
    return written;
  }

  async recall(write: Pick<ApiWrite, "actor" | "idempotency">): Promise<Result<Written | null>> {
    if (!(await this.ready())) return NO_NAMESPACE;
    const recalled = recallWrite(this.ctx.storage, write, this.now());
    if (recalled.found === "refused") return { ok: false, error: recalled.error };
    return { ok: true, value: recalled.found === "answer" ? recalled.written : null };
  }

  #fenced(watcher: ApiWrite["watcher"]): { code: "Fenced"; message: string } | undefined {
    if (!watcher || !this.watching.fenced(watcher.subject, watcher.name, watcher.epoch)) return undefined;
    return { code: "Fenced", message: `watcher ${watcher.name}: epoch ${watcher.epoch} was taken over` };
  }

  async updateStatus(write: StatusWrite): Promise<StatusOutcome> {
    if (!(await this.ready())) return { outcome: "refused", refusal: { code: "NoNamespace" } };
    await this.#upkeep.verify();
    return await this.#group.run((tx) => {
      const fenced = this.#fenced(write.watcher);
      return fenced ? { outcome: "refused", refusal: fenced } : writeStatus(write, this.#context(), tx);
    });
  }

  async applyPush(chunk: PushChunk): Promise<PushResult> {
    if (!(await this.ready())) return { result: "gone" };
    await this.#upkeep.verify();
    try {
      const run = (tx: Transaction) => applyChunk(chunk, this.#context(), tx);
      const result = await this.#group.run(run, Math.max(1, chunk.ops.length));
      if (result.result === "applied") this.#count(chunk, result);
      return result;
    } catch (error) {
      this.core.kinds.forget();
      if (error instanceof TransactionTooLarge) return { result: "tooLarge", message: error.message };
      throw error;
    }
  }

  #count({ push }: PushChunk, result: Extract<PushResult, { result: "applied" }>): void {
    for (const what of ["admitted", "refused", "unchanged"] as const) this.#counted[what] += result[what];
    if (result.done && push.observedVia === "poll" && !push.baseline) this.#counted.foundByPoll += 1;
  }

  async abandonPush(query: { repository: string; ref: string; reason: string }): Promise<Result<{ rv: string }>> {
    return this.#inRepository(query.repository, (tx) => {
      abandon(this.#context(), tx, query.repository, query.ref);
      return { rv: String(tx.rv) };
    });
  }

  async recordEvent(event: StandaloneEvent): Promise<Result<{ rv: string; duplicate: boolean }>> {
    if (!(await this.ready())) return NO_NAMESPACE;
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
    if (!(await this.ready())) return NO_NAMESPACE;
    if (repositoryUid(this.store, name) === undefined)
      return { ok: false, error: { code: "NotFound", kind: "Repository.gitstore.dev", name } };
    return { ok: true, value: await this.#group.run(request, weight) };
  }

  // ---- sockets ------------------------------------------------------------------------------------------------------

  override async fetch(request: Request): Promise<Response> {
    await this.ready();
    return this.watching.upgrade(request);
  }

  override async webSocketMessage(socket: WebSocket, message: string | ArrayBuffer): Promise<void> {
    this.watching.message(socket, message);
  }

  override async webSocketClose(socket: WebSocket, code: number): Promise<void> {
    this.watching.closed(socket);
    this.#counters.save();
    try {
      // The closing handshake is the object's to finish; 1005, 1006 and 1015 are never sent (RFC 6455 §7.4.1).
      socket.close([1005, 1006, 1015].includes(code) ? 1000 : code, "");
    } catch {
      // The peer is gone already.
    }
  }

  override async webSocketError(socket: WebSocket): Promise<void> {
    this.watching.closed(socket);
    this.#counters.save();
  }

  async revoke(who: { jti?: string; sub?: string }): Promise<{ closed: number }> {
    return { closed: this.watching.closeAll(who) };
  }

  async stats(): Promise<LedgerStats> {
    return this.#stats();
  }

  #stats(): LedgerStats {
    const watchers = this.core.serving ? this.watching.watchers() : [];
    const counters = this.#opened ? this.#counters.totals() : {};
    const overdue = this.alarmClock.overdue(this.now());
    return ledgerStats(this.core, this.watching.stats(), watchers, counters, overdue, this.#startedAt);
  }

  async drain(spreadMs: number): Promise<Result<{ closed: number }>> {
    return (await this.ready()) ? { ok: true, value: { closed: this.watching.drain(spreadMs) } } : NO_NAMESPACE;
  }

  async watchers(): Promise<Result<WatcherInfo[]>> {
    return (await this.ready()) ? { ok: true, value: this.watching.watchers() } : NO_NAMESPACE;
  }

  async removeWatcher(name: string, subject?: string): Promise<Result<{ removed: number }>> {
    return (await this.ready())
      ? { ok: true, value: { removed: this.watching.removeWatcher(name, subject) } }
      : NO_NAMESPACE;
  }

  // ---- time ---------------------------------------------------------------------------------------------------------

  #committed(entries: readonly Entry[]): void {
    if (entries.length === 0) return;
    this.watching.committed(entries);
    this.#upkeep.committed();
  }

  override async alarm(): Promise<void> {
    if (!this.#opened) return;
    await this.#upkeep.run();
    this.#counters.save();
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
