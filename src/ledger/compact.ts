import type { KindKey } from "../resource/types.ts";
import { LOGGED } from "./entry.ts";
import type { Sql } from "./sql.ts";

/** What became of one object in (after, to]: it is now so, or it is gone. */
export type Became =
  | { became: "so"; rv: number; kind: KindKey; name: string; sel: string; json: string }
  | { became: "gone"; rv: number; kind: KindKey; name: string; uid: string };

interface SoRow extends Record<string, string | number> {
  rv: number;
  kind: string;
  name: string;
  sel: string;
  json: string;
}

/*
 * Objects whose newest version as of `to` lies in (after, to]: those whose head does, and those whose head is younger
 * but replaced such a version. Without the second half an object changed again while pages are read would be missed,
 * and with it the fact that it left a selector.
 */
const HEADS = `
SELECT v.rv, v.kind, v.name, v.sel, v.json FROM versions v
  JOIN heads h ON h.kind = v.kind AND h.name = v.name AND h.rv = v.rv
 WHERE v.rv > ?1 AND v.rv <= ?2 AND v.type <> ${LOGGED} ORDER BY v.rv LIMIT ?3`;

const REPLACED = `
SELECT p.rv, p.kind, p.name, p.sel, p.json
  FROM (SELECT prev, min(rv) FROM versions WHERE rv > ?2 AND type <> ${LOGGED} GROUP BY kind, name) c
  JOIN versions p ON p.rv = c.prev
 WHERE c.prev > ?1 AND c.prev <= ?2 ORDER BY p.rv LIMIT ?3`;

// The newest deletion of each name: one that is deleted and made again over and over would else cost every round of it.
const GONE = `
SELECT rv, kind, name, uid FROM tombstones t
 WHERE rv > ?1 AND rv <= ?4 AND NOT EXISTS
       (SELECT 1 FROM tombstones n WHERE n.kind = t.kind AND n.name = t.name AND n.rv > t.rv AND n.rv <= ?2)
 ORDER BY rv LIMIT ?3`;

/**
 * What the range (after, to] comes to, as of `to`, in RV order: at most `limit`. The cost is what changed, not the
 * catalogue. `to` must be in the tail (or be the head).
 */
export function compactRange(sql: Sql, after: number, to: number, limit: number): { changes: Became[]; done: boolean } {
  const so = [HEADS, REPLACED]
    .flatMap((query) => sql.exec<SoRow>(query, after, to, limit).toArray())
    .sort((a, b) => a.rv - b.rv);
  // Deletions behind this page's end are the next page's: none is looked at twice.
  const end = so[limit - 1]?.rv ?? to;
  const gone = sql.exec<{ rv: number; kind: string; name: string; uid: string }>(GONE, after, to, limit, end).toArray();
  const changes: Became[] = [
    ...so.map((row): Became => ({ became: "so", ...row })),
    ...gone.map((row): Became => ({ became: "gone", ...row })),
  ].sort((a, b) => a.rv - b.rv);
  return {
    changes: changes.slice(0, limit),
    done: changes.length <= limit && so.length < limit && gone.length < limit,
  };
}

/** Drops tombstones of before `cutoff` ms. Returns the RV up to which compact can no longer answer. */
export function pruneTombstones(sql: Sql, cutoff: number): number | undefined {
  const rows = sql.exec<{ rv: number | null }>("SELECT max(rv) AS rv FROM tombstones WHERE at < ?", cutoff).toArray();
  const upTo = rows[0]?.rv;
  if (!upTo) return undefined;
  sql.exec("DELETE FROM tombstones WHERE at < ?", cutoff);
  return upTo;
}
