import type { KindKey } from "../resource/types.ts";
import { CUT_BYTES, CUTS, ENDS, type Entry, type HeadMeta, type TombstoneMeta } from "./entry.ts";
import { NAMESPACE_TABLES } from "./schema.ts";
import { type Clock, type Faults, first, noFaults, type SqlValue, type Storage } from "./sql.ts";
import { Transaction } from "./transaction.ts";

/** A ledger that was lost or restored goes on this far above everything it may have given out. */
export const RESTORE_GAP = 1_000_000_000;

/** RVs in (from, to) were never given out in the history that stands; `to` was taken by the restore itself. */
export interface Hole {
  from: number;
  to: number;
}

export interface Head {
  rv: number;
  created: number;
  meta: HeadMeta;
  /** What filters read of it. */
  sel: string;
  json: string;
}

export type Outcome<T> = { value: T } | { thrown: unknown };

export interface Committed<T> {
  results: Outcome<T>[];
  entries: Entry[];
}

/** Tells a request's throw, which is its result, from one of the commit itself. */
class RequestThrew extends Error {}

/** Reads and writes of one ledger's tables. All synchronous; the numbers in memory mirror the `meta` table. */
export class Store {
  readonly storage: Storage;
  readonly clock: Clock;
  readonly faults: Faults;
  /** What was read inside a transaction that is undone is not so: whoever keeps something of it forgets it here. */
  undone: () => void = () => undefined;
  /** The newest RV. */
  head = 0;
  /** RVs at and below are no longer in the tail: neither watched from nor listed at here. */
  floor = 0;
  /** RVs at and below are in D1. */
  flushed = 0;
  /** RVs at and below cannot be compacted from: tombstones of deletions up to here are gone. */
  tombstoneFloor = 0;
  /** Events up to here were dropped without D1 ever having them. */
  droppedUpTo = 0;
  /** Events above are in D1, as far as this ledger last looked: another one may have made room since. */
  windowFloor = 0;
  /** The size of the D1 database at the last flush. */
  windowBytes = 0;
  /** Ranges that a restore skipped, oldest first. */
  holes: readonly Hole[] = [];
  /** Bytes of log since the last cut point. */
  #sinceCut = 0;

  constructor(storage: Storage, clock: Clock, faults: Faults = noFaults) {
    this.storage = storage;
    this.clock = clock;
    this.faults = faults;
  }

  load(): void {
    this.head = this.number("rv");
    this.floor = this.number("floor");
    this.flushed = this.number("flushed");
    this.tombstoneFloor = this.number("tombstoneFloor");
    this.droppedUpTo = this.number("droppedUpTo");
    this.windowFloor = Math.max(1, this.number("windowFloor"), this.droppedUpTo);
    this.holes = JSON.parse(String(this.meta("holes") ?? "[]")) as Hole[];
    const cut =
      first<{ rv: number | null }>(this.storage.sql, "SELECT max(rv) AS rv FROM versions WHERE last = ?", CUTS)?.rv ??
      0;
    this.#sinceCut =
      first<{ n: number | null }>(
        this.storage.sql,
        "SELECT sum(bytes) AS n FROM versions WHERE rv > ?",
        Math.max(cut, this.floor),
      )?.n ?? 0;
  }

  meta(key: string): SqlValue | undefined {
    return first<{ value: SqlValue }>(this.storage.sql, "SELECT value FROM meta WHERE key = ?", key)?.value;
  }

  number(key: string): number {
    return Number(this.meta(key) ?? 0);
  }

  setMeta(key: string, value: SqlValue): void {
    this.storage.sql.exec(
      "INSERT INTO meta VALUES (?, ?) ON CONFLICT (key) DO UPDATE SET value = excluded.value",
      key,
      value,
    );
  }

  find(kind: KindKey, name: string): Head | undefined {
    const row = first<{ rv: number; created: number; meta: string; sel: string; json: string }>(
      this.storage.sql,
      "SELECT h.rv, h.created, h.meta, v.sel, v.json FROM heads h JOIN versions v ON v.rv = h.rv WHERE h.kind = ? AND h.name = ?",
      kind,
      name,
    );
    return row && { ...row, meta: JSON.parse(row.meta) as HeadMeta };
  }

  has(kind: KindKey, name: string): boolean {
    return (
      first(this.storage.sql, "SELECT 1 AS found FROM heads WHERE kind = ? AND name = ?", kind, name) !== undefined
    );
  }

  tombstone(kind: KindKey, name: string): { rv: number; meta: TombstoneMeta } | undefined {
    const row = first<{ rv: number; meta: string }>(
      this.storage.sql,
      "SELECT rv, meta FROM tombstones WHERE kind = ? AND name = ? ORDER BY rv DESC LIMIT 1",
      kind,
      name,
    );
    return row && { rv: row.rv, meta: JSON.parse(row.meta) as TombstoneMeta };
  }

  setHeadMeta(kind: KindKey, name: string, meta: HeadMeta): void {
    this.storage.sql.exec("UPDATE heads SET meta = ? WHERE kind = ? AND name = ?", JSON.stringify(meta), kind, name);
  }

  setWindowFloor(rv: number): void {
    if (rv === this.windowFloor) return;
    this.windowFloor = rv;
    this.setMeta("windowFloor", rv);
  }

  setDroppedUpTo(rv: number): void {
    this.droppedUpTo = rv;
    this.setWindowFloor(Math.max(this.windowFloor, rv));
    this.setMeta("droppedUpTo", rv);
  }

  /** Bytes of the tail's bodies. A sum over it, so for alarms only. */
  tailBytes(): number {
    return (
      first<{ n: number | null }>(this.storage.sql, "SELECT sum(bytes) AS n FROM versions WHERE rv > ?", this.floor)
        ?.n ?? 0
    );
  }

  setTombstoneFloor(rv: number): void {
    this.tombstoneFloor = Math.max(this.tombstoneFloor, rv);
    this.setMeta("tombstoneFloor", this.tombstoneFloor);
  }

  /** Whether an RV is a resume point. One that the log cannot tell of any more is believed. */
  endsTransaction(rv: number): boolean {
    if (rv <= this.floor || this.holes.some((hole) => rv === hole.to)) return true;
    return first(this.storage.sql, "SELECT 1 AS ends FROM versions WHERE rv = ? AND last > 0", rv) !== undefined;
  }

  /**
   * The ledger was lost, or restored to an earlier state, while `seen` RVs had been given out: it goes on far above
   * them, so that no RV ever means two things. Cursors up to where it was restored resume; those above are expired.
   */
  restart(seen: number): number {
    const from = this.head;
    const to = Math.max(this.head, seen) + RESTORE_GAP;
    this.storage.transactionSync(() => {
      this.setMeta("holes", JSON.stringify([...this.holes, { from, to }]));
      this.setMeta("rv", to);
      // What was restored is in D1 already, or is newer than what D1 will be asked for: nothing below is flushed again.
      this.setMeta("flushed", to);
    });
    this.load();
    return to;
  }

  /** Forgets every object, event and position; the counter stays. */
  empty(): void {
    for (const table of NAMESPACE_TABLES) this.storage.sql.exec(`DELETE FROM ${table}`);
    // Their deletions are told to nobody, so that nobody may go on from before.
    for (const key of ["leaseFloor", "leaseRv"]) this.setMeta(key, this.number("leaseRv") + 1);
  }

  /**
   * The name is another namespace's now: nothing of the one before is there, and none of its cursors resumes, because
   * none would be told that its objects are gone. Called in a transaction; `load` comes after it.
   */
  beginAgain(): void {
    this.empty();
    const begin = this.head + 1;
    for (const key of ["rv", "floor", "flushed", "tombstoneFloor"]) this.setMeta(key, begin);
    this.setMeta("holes", JSON.stringify([{ from: 0, to: begin }]));
  }

  /**
   * One transaction: all of `requests`, each with its own result. A throw out of a request is that request's result and
   * undoes only what it wrote; the others stand. It is rare, and a savepoint for each request is not cheap: they are run
   * without first, and where one throws, all of it is undone and they are run again. So a request depends on nothing
   * but the tables, and on what is forgotten by `undone`.
   */
  commit<T>(requests: readonly ((tx: Transaction) => T)[]): Committed<T> {
    const sinceCut = this.#sinceCut;
    try {
      return this.#run(requests, (request) => ({ value: request() }));
    } catch (error) {
      this.#sinceCut = sinceCut;
      this.undone();
      if (!(error instanceof RequestThrew)) throw error;
    }
    try {
      return this.#run(requests, (request) => {
        try {
          return { value: this.storage.transactionSync(request) };
        } catch (thrown) {
          this.undone();
          return { thrown: thrown instanceof RequestThrew ? thrown.cause : thrown };
        }
      });
    } catch (error) {
      this.#sinceCut = sinceCut;
      this.undone();
      throw error;
    }
  }

  #run<T>(requests: readonly ((tx: Transaction) => T)[], each: (request: () => T) => Outcome<T>): Committed<T> {
    const tx = new Transaction(this, this.head, this.clock());
    const results: Outcome<T>[] = [];
    this.storage.transactionSync(() => {
      for (const request of requests) {
        const mark = tx.mark();
        const outcome = each(() => {
          try {
            return request(tx);
          } catch (cause) {
            throw new RequestThrew("a request threw", { cause });
          }
        });
        if ("thrown" in outcome) tx.rollbackTo(mark);
        results.push(outcome);
      }
      this.faults.hit("beforeCommit");
      if (tx.entries.length > 0) this.#close(tx);
    });
    if (tx.entries.length > 0) this.head = tx.rv;
    return { results, entries: tx.entries };
  }

  /** Marks the transaction's end, and whether frames are cut there; writes the counter. */
  #close(tx: Transaction): void {
    const end = tx.entries[tx.entries.length - 1];
    if (!end) return;
    this.#sinceCut += tx.bytes;
    const last = this.#sinceCut >= CUT_BYTES ? CUTS : ENDS;
    if (last === CUTS) this.#sinceCut = 0;
    end.last = last;
    this.storage.sql.exec("UPDATE versions SET last = ? WHERE rv = ?", last, end.rv);
    this.setMeta("rv", tx.rv);
  }
}
