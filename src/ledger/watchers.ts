import { first } from "./sql.ts";
import type { Store } from "./store.ts";

/** Unused this long, a named watcher is forgotten. */
export const FORGET_MS = 90 * 24 * 3_600_000;

export interface NamedWatcher {
  sub: string;
  name: string;
  /** Path, kinds and selectors it was bound to at first use. */
  query: string;
  /** Everything up to here is worked; 0: nothing yet. */
  position: number;
  /** Grows with each take-over; a write of an older one is fenced. */
  epoch: number;
  created: number;
  used: number;
}

export type Binding = { bound: true; position: number } | { bound: false; query: string };

/** Named watchers of one ledger: (token subject, name) → a durable position. */
export class NamedWatchers {
  readonly #store: Store;

  constructor(store: Store) {
    this.#store = store;
  }

  find(sub: string, name: string): NamedWatcher | undefined {
    return first<{ [K in keyof NamedWatcher]: NamedWatcher[K] } & Record<string, string | number>>(
      this.#store.storage.sql,
      "SELECT sub, name, query, position, epoch, created, used FROM watchers WHERE sub = ? AND name = ?",
      sub,
      name,
    );
  }

  /** Makes or finds one. Another query than the first is refused unless it comes with an RV, which binds it anew. */
  bind(sub: string, name: string, query: string, rv: number | undefined): Binding {
    const now = this.#store.clock();
    const known = this.find(sub, name);
    const { sql } = this.#store.storage;
    if (!known) {
      sql.exec("INSERT INTO watchers VALUES (?, ?, ?, ?, 0, ?, ?)", sub, name, query, rv ?? 0, now, now);
      return { bound: true, position: rv ?? 0 };
    }
    if (known.query !== query && rv === undefined) return { bound: false, query: known.query };
    // An RV says where to read from; what is worked stays worked. Only another query begins anew.
    const position = known.query === query ? known.position : (rv ?? known.position);
    sql.exec(
      "UPDATE watchers SET query = ?, position = ?, used = ? WHERE sub = ? AND name = ?",
      query,
      position,
      now,
      sub,
      name,
    );
    return { bound: true, position };
  }

  /** A connection starts to work: the one before it is fenced from now on. */
  takeOver(sub: string, name: string): { epoch: number; position: number } {
    const { sql } = this.#store.storage;
    sql.exec(
      "UPDATE watchers SET epoch = epoch + 1, used = ? WHERE sub = ? AND name = ?",
      this.#store.clock(),
      sub,
      name,
    );
    const row = this.find(sub, name);
    return { epoch: row?.epoch ?? 1, position: row?.position ?? 0 };
  }

  /** Never goes back: a late report of an earlier position changes nothing. */
  advance(sub: string, name: string, position: number): void {
    this.#store.storage.sql.exec(
      "UPDATE watchers SET position = max(position, ?), used = ? WHERE sub = ? AND name = ?",
      position,
      this.#store.clock(),
      sub,
      name,
    );
  }

  /** Whether a write that names this epoch comes from a connection that was replaced. */
  fenced(sub: string, name: string, epoch: number): boolean {
    const row = this.find(sub, name);
    return row === undefined || row.epoch !== epoch;
  }

  all(): NamedWatcher[] {
    return this.#store.storage.sql
      .exec<{ [K in keyof NamedWatcher]: NamedWatcher[K] } & Record<string, string | number>>(
        "SELECT sub, name, query, position, epoch, created, used FROM watchers ORDER BY name, sub",
      )
      .toArray();
  }

  remove(name: string, sub: string | undefined): { sub: string; name: string }[] {
    const rows = this.all().filter((row) => row.name === name && (sub === undefined || row.sub === sub));
    for (const row of rows)
      this.#store.storage.sql.exec("DELETE FROM watchers WHERE sub = ? AND name = ?", row.sub, row.name);
    return rows;
  }

  forgetUnused(): void {
    this.#store.storage.sql.exec("DELETE FROM watchers WHERE used < ?", this.#store.clock() - FORGET_MS);
  }

  /** How far a position is behind: in RVs, and in seconds since the first event it has not worked. */
  lag(position: number): { events: number; seconds: number } {
    const { head, storage, clock } = this.#store;
    if (position >= head) return { events: 0, seconds: 0 };
    const next = first<{ at: number }>(
      storage.sql,
      "SELECT at FROM versions WHERE rv > ? ORDER BY rv LIMIT 1",
      position,
    );
    return { events: head - position, seconds: next ? Math.max(0, Math.round((clock() - next.at) / 1000)) : 0 };
  }
}
