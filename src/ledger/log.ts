import { CUTS, type Entry, INSIDE } from "./entry.ts";
import { first, type Sql } from "./sql.ts";

/** Rows a query; a segment is usually one or two of them. */
const PAGE_ROWS = 400;

/** Whole transactions of the log, from a resume point to a cut point or to the log's end. */
export interface Segment {
  /** The resume point before it. */
  after: number;
  /** The RV of its last entry: a resume point. */
  to: number;
  entries: readonly Entry[];
  bytes: number;
  /** Whether it ends at a cut point, and so never grows. */
  cut: boolean;
}

const COLUMNS = "v.rv, v.type, v.kind, v.name, v.prev, v.last, v.at, v.sel, nullif(p.sel, v.sel) AS psel, v.json";

/**
 * Reads the tail from `after` (exclusive) to the next cut point. `after` may lie inside a transaction: the rest of it is
 * read. Returns undefined at the log's end.
 */
export function readSegment(sql: Sql, after: number): Segment | undefined {
  const entries: Entry[] = [];
  let bytes = 0;
  let from = after;
  for (;;) {
    const rows = sql
      .exec<{ [K in keyof Entry]: Entry[K] } & Record<string, string | number | null>>(
        `SELECT ${COLUMNS} FROM versions v LEFT JOIN versions p ON p.rv = v.prev WHERE v.rv > ? ORDER BY v.rv LIMIT ?`,
        from,
        PAGE_ROWS,
      )
      .toArray();
    for (const row of rows) {
      entries.push(row);
      bytes += row.json.length;
      from = row.rv;
      if (row.last === CUTS) return { after, to: row.rv, entries, bytes, cut: true };
    }
    if (rows.length < PAGE_ROWS) break;
  }
  return entries.length === 0 ? undefined : { after, to: from, entries, bytes, cut: false };
}

/** One version's JSON: the object as it was before a change. Kept as long as its successor is in the tail. */
export function readVersion(sql: Sql, rv: number): string | undefined {
  return first<{ json: string }>(sql, "SELECT json FROM versions WHERE rv = ?", rv)?.json;
}

/**
 * The longest run of whole transactions at the head of `entries`; empty if the first one is not whole. For pages of D1,
 * which end wherever their limit falls.
 */
export function wholeTransactions(entries: readonly Entry[]): readonly Entry[] {
  for (let i = entries.length - 1; i >= 0; i--) {
    const entry = entries[i];
    if (entry && entry.last !== INSIDE) return entries.slice(0, i + 1);
  }
  return [];
}
