/**
 * What a repository object remembers of its own: deliveries, hints, syncs, sealed secrets, its settings. Nothing here
 * says what was applied; that is in the ledger, so losing all of this costs a poll and the actors' names.
 *
 * No table exists before the repository is configured: a request for a repository that nobody registered must leave
 * nothing behind, or guessing names would fill storage.
 */
import type { SyncState } from "./api.ts";
import type { Hint } from "./plan/moves.ts";
import type { Settings } from "./settings.ts";
import { first, type SqlValue, type Storage } from "./storage.ts";

/** GitHub redelivers for 3 days, GitHub Enterprise Server for 7, with the id of the first attempt (git.md §A2). */
export const DELIVERY_DAYS = 8;
/** A hint that no look could use yet still names the actor of a move that shows up late. */
export const HINT_MS = 3_600_000;
/** While a remote is away every look that fails leaves the hints where they are; beyond so many the oldest go. */
export const MAX_HINTS = 10_000;

/** Append-only: a step that has shipped is never edited, because objects in the field are at every one of them. */
export const INBOX_MIGRATIONS: readonly string[] = [
  `
CREATE TABLE deliveries (id TEXT NOT NULL PRIMARY KEY, received_at INTEGER NOT NULL, result TEXT NOT NULL) WITHOUT ROWID;
CREATE INDEX deliveries_by_time ON deliveries (received_at);
CREATE TABLE hints (
  seq INTEGER PRIMARY KEY AUTOINCREMENT,
  delivery TEXT NOT NULL,
  provider TEXT NOT NULL,
  ref TEXT NOT NULL,
  before TEXT,
  after TEXT,
  actor TEXT NOT NULL,
  traceparent TEXT,
  received_at INTEGER NOT NULL
);
CREATE TABLE syncs (id TEXT NOT NULL PRIMARY KEY, started_at INTEGER NOT NULL, allow INTEGER NOT NULL, state TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE secrets (id TEXT NOT NULL PRIMARY KEY, created_at INTEGER NOT NULL, not_after INTEGER, sealed TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE baseline (ref TEXT NOT NULL PRIMARY KEY) WITHOUT ROWID;
`,
  // Without them each wake reads every hint of an hour and every sync of 8 days.
  `
CREATE INDEX hints_by_time ON hints (received_at);
CREATE INDEX syncs_by_time ON syncs (started_at);
CREATE INDEX syncs_running ON syncs (started_at, id) WHERE state ->> '$.state' = 'running';
`,
];

export interface StoredSecret {
  id: string;
  createdAt: number;
  notAfter: number | null;
  sealed: string;
}

export interface StoredSync extends SyncState {
  startedAt: number;
  allowMassDelete: boolean;
  /** Whether its refs have been observed. */
  observed: boolean;
}

/** Keys of `meta`. */
export type MetaKey =
  /** Migrations that this object has. */
  | "schema"
  | "settings"
  /** The provider's repository id, learnt at the first signed delivery. */
  | "boundId"
  /** The name under which the bound repository sends, where it is no longer the registered one. */
  | "renamed"
  | "lastPollAt"
  | "nextPollAt"
  | "foundByPoll"
  /** Looks that failed in a row. */
  | "failures"
  /** Not before this time is looked again, after a failure. */
  | "retryAt"
  /** Conditions as last written, to write only what changed. */
  | "conditions"
  /** Branch patterns that the ledger's index is known to follow. */
  | "appliedBranches";

export class Inbox {
  readonly #storage: Storage;

  constructor(storage: Storage) {
    this.#storage = storage;
    if (this.isConfigured()) this.#migrate();
  }

  /** Reads only. */
  isConfigured(): boolean {
    const found = "SELECT 1 AS found FROM sqlite_master WHERE type = 'table' AND name = 'meta'";
    return first(this.#storage.sql, found) !== undefined;
  }

  #migrate(): void {
    this.#storage.transactionSync(() => {
      const meta = "CREATE TABLE IF NOT EXISTS meta (key TEXT NOT NULL PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID";
      this.#storage.sql.exec(meta);
      const steps = INBOX_MIGRATIONS.slice(this.number("schema"));
      for (const step of steps) this.#storage.sql.exec(step);
      if (steps.length > 0) this.setMeta("schema", INBOX_MIGRATIONS.length);
    });
  }

  settings(): Settings | null {
    const text = this.isConfigured() ? this.meta("settings") : undefined;
    return text === undefined ? null : (JSON.parse(text) as Settings);
  }

  /** Another uid is another Repository under an old name: nothing of the one before is kept. */
  configure(settings: Settings): void {
    this.#storage.transactionSync(() => {
      const before = this.settings();
      if (before !== null && before.uid !== settings.uid) this.#drop();
      this.#migrate();
      if (before !== null && (before.url !== settings.url || before.provider !== settings.provider)) {
        for (const key of ["boundId", "renamed", "retryAt", "failures"] as const) this.setMeta(key, null);
      }
      this.setMeta("settings", JSON.stringify(settings));
    });
  }

  wipe(): void {
    this.#storage.transactionSync(() => this.#drop());
  }

  #drop(): void {
    for (const table of ["meta", "deliveries", "hints", "syncs", "secrets", "baseline"]) {
      this.#storage.sql.exec(`DROP TABLE IF EXISTS ${table}`);
    }
  }

  meta(key: MetaKey): string | undefined {
    return first<{ value: string }>(this.#storage.sql, "SELECT value FROM meta WHERE key = ?", key)?.value;
  }

  setMeta(key: MetaKey, value: string | number | null): void {
    if (value === null) this.#storage.sql.exec("DELETE FROM meta WHERE key = ?", key);
    else this.#storage.sql.exec("INSERT OR REPLACE INTO meta VALUES (?, ?)", key, String(value));
  }

  number(key: MetaKey): number {
    return Number(this.meta(key) ?? 0);
  }

  // ---- deliveries and hints -------------------------------------------------------------------------------------

  /** Stores a delivery with its hints, once: false where its id was stored before. */
  record(
    delivery: { id: string; receivedAt: number; result: string },
    hints: Omit<Hint, "seq" | "delivery" | "receivedAt">[],
  ): boolean {
    const { sql } = this.#storage;
    return this.#storage.transactionSync(() => {
      if (first(sql, "SELECT 1 AS found FROM deliveries WHERE id = ?", delivery.id) !== undefined) return false;
      sql.exec("INSERT INTO deliveries VALUES (?, ?, ?)", delivery.id, delivery.receivedAt, delivery.result);
      for (const hint of hints) {
        sql.exec(
          "INSERT INTO hints (delivery, provider, ref, before, after, actor, traceparent, received_at) VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
          delivery.id,
          hint.provider,
          hint.ref,
          hint.before,
          hint.after,
          JSON.stringify(hint.actor),
          hint.traceparent ?? null,
          delivery.receivedAt,
        );
      }
      if (hints.length > 0) sql.exec("DELETE FROM hints WHERE seq <= ?", this.lastHint() - MAX_HINTS);
      return true;
    });
  }

  /** The newest hint's number; 0: there is none. */
  lastHint(): number {
    return first<{ seq: number | null }>(this.#storage.sql, "SELECT max(seq) AS seq FROM hints")?.seq ?? 0;
  }

  /** In order of arrival. */
  hints(upTo = Number.MAX_SAFE_INTEGER): Hint[] {
    const query = "SELECT * FROM hints WHERE seq <= ? ORDER BY seq";
    const rows = this.#storage.sql.exec<Record<string, SqlValue>>(query, upTo).toArray();
    return rows.map((row) => ({
      seq: Number(row.seq),
      delivery: String(row.delivery),
      provider: String(row.provider),
      ref: String(row.ref),
      before: row.before === null ? null : String(row.before),
      after: row.after === null ? null : String(row.after),
      actor: JSON.parse(String(row.actor)) as Hint["actor"],
      receivedAt: Number(row.received_at),
      ...(row.traceparent !== null && { traceparent: String(row.traceparent) }),
    }));
  }

  dropHints(seqs: readonly number[]): void {
    this.#storage.transactionSync(() => {
      for (const seq of seqs) this.#storage.sql.exec("DELETE FROM hints WHERE seq = ?", seq);
    });
  }

  deliveries(limit: number): { id: string; receivedAt: number; result: string }[] {
    const query = "SELECT id, received_at AS receivedAt, result FROM deliveries ORDER BY received_at DESC LIMIT ?";
    return this.#storage.sql.exec<{ id: string; receivedAt: number; result: string }>(query, limit).toArray();
  }

  /** Forgets what is past its time. */
  prune(now: number): void {
    const old = now - DELIVERY_DAYS * 86_400_000;
    this.#storage.transactionSync(() => {
      this.#storage.sql.exec("DELETE FROM deliveries WHERE received_at < ?", old);
      this.#storage.sql.exec("DELETE FROM hints WHERE received_at < ?", now - HINT_MS);
      this.#storage.sql.exec("DELETE FROM syncs WHERE started_at < ?", old);
      this.#storage.sql.exec("DELETE FROM secrets WHERE not_after IS NOT NULL AND not_after < ?", now);
    });
  }

  // ---- syncs ------------------------------------------------------------------------------------------------------

  saveSync(sync: StoredSync): void {
    const { id, startedAt, allowMassDelete, ...state } = sync;
    this.#storage.sql.exec(
      "INSERT OR REPLACE INTO syncs VALUES (?, ?, ?, ?)",
      id,
      startedAt,
      allowMassDelete ? 1 : 0,
      JSON.stringify(state),
    );
  }

  sync(id: string): StoredSync | undefined {
    return this.#syncs("WHERE id = ?", id)[0];
  }

  runningSyncs(): StoredSync[] {
    return this.#syncs("WHERE state ->> '$.state' = 'running' ORDER BY started_at, id");
  }

  #syncs(where: string, ...bindings: SqlValue[]): StoredSync[] {
    const query = `SELECT id, started_at, allow, state FROM syncs ${where}`;
    const rows = this.#storage.sql.exec<Record<string, SqlValue>>(query, ...bindings).toArray();
    return rows.map((row) => ({
      ...(JSON.parse(String(row.state)) as Omit<StoredSync, "id" | "startedAt" | "allowMassDelete">),
      id: String(row.id),
      startedAt: Number(row.started_at),
      allowMassDelete: row.allow === 1,
    }));
  }

  // ---- secrets ----------------------------------------------------------------------------------------------------

  /** `expireOthersAt`: until when the earlier ones stay valid; null leaves them as they are. */
  addSecret(secret: StoredSecret, expireOthersAt: number | null): void {
    this.#storage.transactionSync(() => {
      if (expireOthersAt !== null) {
        const earlier = "UPDATE secrets SET not_after = ? WHERE not_after IS NULL OR not_after > ?";
        this.#storage.sql.exec(earlier, expireOthersAt, expireOthersAt);
      }
      const { id, createdAt, notAfter, sealed } = secret;
      this.#storage.sql.exec("INSERT INTO secrets VALUES (?, ?, ?, ?)", id, createdAt, notAfter, sealed);
    });
  }

  /** Those that are valid now, newest first. */
  secrets(now: number): StoredSecret[] {
    return this.#storage.sql
      .exec<{ id: string; createdAt: number; notAfter: number | null; sealed: string }>(
        `SELECT id, created_at AS createdAt, not_after AS notAfter, sealed FROM secrets
          WHERE not_after IS NULL OR not_after > ? ORDER BY created_at DESC, id`,
        now,
      )
      .toArray();
  }

  // ---- first look -------------------------------------------------------------------------------------------------

  /** Refs whose created event belongs to the first look. */
  baseline(): Set<string> {
    return new Set(
      this.#storage.sql
        .exec<{ ref: string }>("SELECT ref FROM baseline")
        .toArray()
        .map((row) => row.ref),
    );
  }

  startBaseline(refs: readonly string[]): void {
    this.#storage.transactionSync(() => {
      for (const ref of refs) this.#storage.sql.exec("INSERT OR IGNORE INTO baseline VALUES (?)", ref);
    });
  }

  endBaseline(ref: string): void {
    this.#storage.sql.exec("DELETE FROM baseline WHERE ref = ?", ref);
  }
}
