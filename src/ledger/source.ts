import { type Became, compactRange } from "./compact.ts";
import { CUTS, type Entry, GIT_EVENT, LOGGED } from "./entry.ts";
import { eventName, type KeptEvent, keptEvents } from "./gitevents.ts";
import { listAsOf, selects } from "./list.ts";
import { readSegment, readVersion, type Segment, wholeTransactions } from "./log.ts";
import type { Hole, Store } from "./store.ts";
import { type Window, type WindowRow, WindowUnavailable } from "./window.ts";

/** Rows a read of D1; a stretch for watchers ends at a cut point, or past ENOUGH_BYTES. */
const WINDOW_ROWS = 500;
const ENOUGH_BYTES = 1024 * 1024;
const EVENT_ROWS = 200;

export interface ReadFilter {
  label: Parameters<typeof listAsOf>[1]["label"];
  field: Parameters<typeof listAsOf>[1]["field"];
}

type Unavailable = { result: "unavailable"; retryAfterMs: number };

/** What the watch engine reads, over the store and the window. */
export class LedgerSource<F extends ReadFilter> {
  readonly #store: Store;
  readonly #window: Window;
  readonly #namespace: () => string;
  /** Kinds that an initial state for a filter is made of. */
  readonly stateKinds: (filter: F) => string[];

  constructor(store: Store, window: Window, namespace: () => string, stateKinds: (filter: F) => string[]) {
    this.#store = store;
    this.#window = window;
    this.#namespace = namespace;
    this.stateKinds = stateKinds;
  }

  namespace(): string {
    return this.#namespace();
  }

  head(): number {
    return this.#store.head;
  }

  floor(): number {
    return this.#store.floor;
  }

  compact(after: number, to: number, limit: number): { changes: Became[]; done: boolean } {
    this.#store.faults.hit("duringCompactedReplay");
    return compactRange(this.#store.storage.sql, after, to, limit);
  }

  compactFloor(): number {
    return this.#store.tombstoneFloor;
  }

  hole(rv: number): Hole | undefined {
    return this.#store.holes.find((hole) => rv >= hole.from && rv < hole.to);
  }

  segment(after: number): Segment | undefined {
    return readSegment(this.#store.storage.sql, after);
  }

  before(entry: Entry & { before?: string | null }): string | undefined {
    return entry.before ?? readVersion(this.#store.storage.sql, entry.prev);
  }

  page(query: { kind: string; at: number; after: string; filter: F; bytes: number }): {
    items: { json: string }[];
    next?: string;
  } {
    if (query.kind === GIT_EVENT) return this.#tailEvents(query);
    return listAsOf(this.#store.storage.sql, {
      kind: query.kind,
      at: query.at,
      head: this.#store.head,
      after: query.after,
      limit: Number.MAX_SAFE_INTEGER,
      maxBytes: query.bytes,
      label: query.filter.label ?? null,
      field: query.filter.field ?? null,
      namespace: this.#namespace(),
    });
  }

  #tailEvents(query: { at: number; after: string; filter: F }): { items: { json: string }[]; next?: string } {
    const rows = this.#store.storage.sql
      .exec<{ rv: number; json: string; sel: string }>(
        "SELECT rv, json, sel FROM versions WHERE rv > ? AND rv <= ? AND type = ? ORDER BY rv LIMIT ?",
        Number(query.after),
        query.at,
        LOGGED,
        EVENT_ROWS,
      )
      .toArray();
    const end = rows.length === EVENT_ROWS ? rows[rows.length - 1] : undefined;
    return { items: this.#selected(rows, query.filter), ...(end ? { next: String(end.rv) } : {}) };
  }

  async oldEvents(query: {
    at: number;
    after: string;
    filter: F;
  }): Promise<{ result: "page"; page: { items: { json: string }[]; next?: string } } | Unavailable> {
    let events: KeptEvent[];
    try {
      events = await keptEvents(this.#store, this.#window, Number(query.after), query.at, EVENT_ROWS);
    } catch (error) {
      return unavailable(error);
    }
    const end = events.length === EVENT_ROWS ? events[events.length - 1] : undefined;
    return {
      result: "page",
      page: { items: this.#selected(events, query.filter), ...(end ? { next: String(end.rv) } : {}) },
    };
  }

  #selected(events: readonly KeptEvent[], filter: F): KeptEvent[] {
    const query = { label: filter.label ?? null, field: filter.field ?? null, namespace: this.#namespace() };
    return events.filter(({ rv, sel }) => selects(query, { name: eventName(rv), sel }));
  }

  /** A stretch from D1. RVs are dense, so a hole at its start, and nothing else, means that it is no longer kept. */
  async window(
    after: number,
  ): Promise<{ result: "segment"; segment: Segment } | { result: "expired"; floor: number } | Unavailable> {
    const entries: WindowRow[] = [];
    let bytes = 0;
    let from = after;
    // Rows of a range that a restore skipped are of a history that was undone: they are never replayed.
    const skipped = this.#store.holes.find((hole) => hole.from > after);
    const upTo = Math.min(this.#store.floor, skipped?.from ?? Number.MAX_SAFE_INTEGER);
    for (;;) {
      let rows: WindowRow[];
      try {
        this.#store.faults.hit("duringReplay");
        rows = await this.#window.read(from, upTo, WINDOW_ROWS);
      } catch (error) {
        return unavailable(error);
      }
      let cut = false;
      for (const row of rows) {
        if (row.rv !== from + 1) break;
        entries.push(row);
        bytes += row.json.length;
        from = row.rv;
        if (row.last === CUTS) {
          cut = true;
          break;
        }
      }
      const end = entries[entries.length - 1];
      if (cut && end) return { result: "segment", segment: { after, to: end.rv, entries, bytes, cut: true } };
      if (rows.length < WINDOW_ROWS || bytes > ENOUGH_BYTES) {
        const whole = wholeTransactions(entries);
        const last = whole[whole.length - 1];
        if (last) return { result: "segment", segment: { after, to: last.rv, entries: whole, bytes, cut: true } };
        if (rows.length < WINDOW_ROWS) return { result: "expired", floor: upTo };
      }
      if (rows.length > 0 && end?.rv !== rows[rows.length - 1]?.rv) return { result: "expired", floor: upTo };
    }
  }
}

function unavailable(error: unknown): Unavailable {
  if (!(error instanceof WindowUnavailable)) throw error;
  return { result: "unavailable", retryAfterMs: 2_000 + Math.floor(Math.random() * 8_000) };
}
