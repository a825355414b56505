import { type FieldSelector, type LabelSelector, matchesFields, matchesLabels } from "../resource/selectors.ts";
import type { KindKey } from "../resource/types.ts";
import type { Selectable } from "./entry.ts";
import { first, type Sql } from "./sql.ts";

/** A page ends at this many bytes of objects, whatever its limit. */
export const PAGE_BYTES = 8 * 1024 * 1024;
/** Objects read at once while a selector looks for matches. */
const SCAN_ROWS = 500;

export interface AsOfQuery {
  kind: KindKey;
  /** The state to read: above the tail's floor, at most the head. */
  at: number;
  head: number;
  after: string;
  limit: number;
  maxBytes?: number;
  label?: LabelSelector | null;
  field?: FieldSelector | null;
  namespace: string;
}

export interface AsOfRow {
  name: string;
  rv: number;
  json: string;
  sel: string;
}

/*
 * MVCC without a further index: an object is as it was at R if nothing of its name changed since, else what the first
 * change since R replaced. Checked against a brute-force model in list.test.ts. At R = head the first half is empty.
 */
const AS_OF = `
WITH changed AS MATERIALIZED (
  SELECT name, prev, min(rv) AS first FROM versions WHERE rv > ?1 AND kind = ?2 AND name > ?3 GROUP BY name
), page AS (
  SELECT h.name AS name, coalesce(c.prev, h.rv) AS rv FROM heads h LEFT JOIN changed c ON c.name = h.name
   WHERE h.kind = ?2 AND h.name > ?3 AND coalesce(c.prev, h.rv) > 0
  UNION ALL
  SELECT c.name, c.prev FROM changed c
   WHERE c.prev > 0 AND NOT EXISTS (SELECT 1 FROM heads h WHERE h.kind = ?2 AND h.name = c.name)
  ORDER BY 1 LIMIT ?4
)
SELECT p.name, p.rv, v.json, v.sel FROM page p JOIN versions v ON v.rv = p.rv ORDER BY p.name`;

const NEWEST = `
SELECT h.name, h.rv, v.json, v.sel FROM heads h JOIN versions v ON v.rv = h.rv
 WHERE h.kind = ?1 AND h.name > ?2 ORDER BY h.name LIMIT ?3`;

function scan(sql: Sql, query: AsOfQuery, after: string, rows: number): AsOfRow[] {
  type Row = AsOfRow & Record<string, string | number>;
  return query.at >= query.head
    ? sql.exec<Row>(NEWEST, query.kind, after, rows).toArray()
    : sql.exec<Row>(AS_OF, query.at, query.kind, after, rows).toArray();
}

/** One page of a kind's objects as of one RV, in name order. `next` is the last name seen when there may be more. */
export function listAsOf(sql: Sql, query: AsOfQuery): { items: AsOfRow[]; next?: string } {
  const filtered = Boolean(query.label || query.field);
  const maxBytes = query.maxBytes ?? PAGE_BYTES;
  const items: AsOfRow[] = [];
  let bytes = 0;
  let after = query.after;
  for (;;) {
    const want = filtered ? SCAN_ROWS : Math.min(SCAN_ROWS, query.limit - items.length + 1);
    const rows = scan(sql, query, after, want);
    for (const row of rows) {
      if (filtered && !selects(query, row)) {
        after = row.name;
        continue;
      }
      // Looked at only once there is one more: a page that is exactly full and the last has no `next`.
      if (items.length === query.limit || (items.length > 0 && bytes + row.json.length > maxBytes))
        return { items, next: after };
      items.push(row);
      bytes += row.json.length;
      after = row.name;
    }
    if (rows.length < want) return { items };
  }
}

/** Whether a version's name and selectable text match both selectors. */
export function selects(
  query: Pick<AsOfQuery, "label" | "field" | "namespace">,
  row: Pick<AsOfRow, "name" | "sel">,
): boolean {
  const { l, f } = JSON.parse(row.sel) as Selectable;
  if (query.label && !matchesLabels(query.label, l)) return false;
  return (
    !query.field ||
    matchesFields(query.field, { ...f, "metadata.name": row.name, "metadata.namespace": query.namespace })
  );
}

/** Objects of a kind after a name, at the newest state: `remainingItemCount`. */
export function countAfter(sql: Sql, kind: KindKey, after: string): number {
  return first<{ n: number }>(sql, "SELECT count(*) AS n FROM heads WHERE kind = ? AND name > ?", kind, after)?.n ?? 0;
}
