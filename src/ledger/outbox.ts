import { eventType } from "../resource/gitevent.ts";
import { type Entry, LOGGED } from "./entry.ts";
import { first } from "./sql.ts";
import type { Store } from "./store.ts";
import { type AuditRow, FLUSH_BYTES, FLUSH_ROWS, type Window, type WindowRow } from "./window.ts";

export interface Retention {
  tailEvents: number;
  tailMs: number;
  windowMs: number;
  windowEvents: number;
  auditMs: number;
  tombstoneMs: number;
  tailMaxBytes: number;
  replayMaxBytes: number;
}

interface OutboxRow extends Record<string, string | number | null> {
  before: string | null;
}

/** The next batch above the flushed RV. The outbox is no table of its own: it is the versions D1 does not have yet. */
export function nextBatch(store: Store): WindowRow[] {
  const rows = store.storage.sql
    .exec<OutboxRow & { [K in keyof Entry]: Entry[K] }>(
      `SELECT v.rv, v.type, v.kind, v.name, v.prev, v.last, v.at, v.sel, nullif(p.sel, v.sel) AS psel, v.json,
              CASE WHEN p.sel <> v.sel THEN p.json END AS before
         FROM versions v LEFT JOIN versions p ON p.rv = v.prev
        WHERE v.rv > ? ORDER BY v.rv LIMIT ?`,
      store.flushed,
      FLUSH_ROWS,
    )
    .toArray();
  const batch: WindowRow[] = [];
  let bytes = 0;
  for (const row of rows) {
    if (batch.length > 0 && bytes + row.json.length > FLUSH_BYTES) break;
    bytes += row.json.length;
    batch.push(row);
  }
  return batch;
}

function auditOf(rows: readonly WindowRow[]): AuditRow[] {
  const audit: AuditRow[] = [];
  for (const row of rows) {
    if (row.type !== LOGGED) continue;
    const event = JSON.parse(row.json) as { spec: { type: string } };
    if (eventType(event.spec.type)?.audit)
      audit.push({ rv: row.rv, at: row.at, type: event.spec.type, json: row.json });
  }
  return audit;
}

/**
 * Sends what D1 does not have, batch by batch, until nothing is left or `deadline` passes. Throws WindowUnavailable as
 * the window does; what was marked flushed stays so. At-least-once with the key (namespace, rv): each event lands once.
 */
export async function flush(store: Store, window: Window, deadline: number): Promise<number> {
  let sent = 0;
  for (;;) {
    const batch = nextBatch(store);
    const end = batch[batch.length - 1];
    if (!end) return sent;
    store.faults.hit("midFlush");
    store.windowBytes = await window.append(batch, auditOf(batch), store.clock(), store.droppedUpTo);
    store.faults.hit("afterFlushBeforeMark");
    // Another event may have run meanwhile (a second flush after a retry): the mark only ever rises.
    if (end.rv > store.flushed) {
      store.flushed = end.rv;
      store.setMeta("flushed", end.rv);
    }
    sent += batch.length;
    if (store.clock() >= deadline) return sent;
  }
}

/** How far the tail may be pruned now: outside its count and its age, and never past what D1 has. */
export function pruneTarget(store: Store, retention: Retention): number {
  const byCount = Math.min(store.head - retention.tailEvents, store.flushed);
  if (byCount <= store.floor) return 0;
  // From the old end: what is read here is what is about to go, never the whole tail.
  const young = first<{ rv: number }>(
    store.storage.sql,
    "SELECT rv FROM versions WHERE rv > ? AND rv <= ? AND at >= ? ORDER BY rv LIMIT 1",
    store.floor,
    byCount,
    store.clock() - retention.tailMs,
  );
  const target = young ? young.rv - 1 : byCount;
  // Only whole transactions leave, so that a resume point just above the floor begins one.
  return (
    first<{ rv: number | null }>(
      store.storage.sql,
      "SELECT max(rv) AS rv FROM versions WHERE rv <= ? AND last > 0",
      target,
    )?.rv ?? 0
  );
}

/**
 * A D1 that is lost or full must not fill this object too: past `maxBytes` the oldest events go although D1 never had
 * them. Their cursors are expired then (compact still answers), and D1's window is told to begin above.
 */
export function dropUnflushed(store: Store, maxBytes: number): number {
  if (store.tailBytes() <= maxBytes) return 0;
  const half = store.floor + Math.ceil((store.head - store.floor) / 2);
  const end = first<{ rv: number | null }>(
    store.storage.sql,
    "SELECT min(rv) AS rv FROM versions WHERE rv >= ? AND last > 0",
    half,
  )?.rv;
  if (!end || end >= store.head) return 0;
  if (end > store.flushed) {
    store.flushed = end;
    store.setMeta("flushed", end);
    store.setDroppedUpTo(end);
  }
  let dropped = 0;
  for (let gone = pruneTail(store, end); gone > 0; gone = pruneTail(store, end)) dropped += gone;
  return dropped;
}

/**
 * Raises the tail's floor and frees what no reader can ask for any more: the version a pruned change replaced, and
 * pruned deletions and GitEvents themselves. A version that is still an object's newest stays, wherever the floor is.
 */
export function pruneTail(store: Store, target: number, maxRows = 2_000): number {
  if (target <= store.floor) return 0;
  return store.storage.transactionSync(() => {
    const sql = store.storage.sql;
    const upTo =
      first<{ rv: number | null }>(
        sql,
        "SELECT max(rv) AS rv FROM (SELECT rv FROM versions WHERE rv > ?1 AND rv <= ?2 ORDER BY rv LIMIT ?3)",
        store.floor,
        target,
        maxRows,
      )?.rv ?? target;
    const end =
      first<{ rv: number | null }>(sql, "SELECT min(rv) AS rv FROM versions WHERE rv >= ? AND last > 0", upTo)?.rv ??
      target;
    sql.exec(
      "DELETE FROM versions WHERE rv IN (SELECT prev FROM versions WHERE rv > ?1 AND rv <= ?2 AND prev > 0)",
      store.floor,
      end,
    );
    sql.exec("DELETE FROM versions WHERE rv > ?1 AND rv <= ?2 AND type >= 3", store.floor, end);
    const pruned = end - store.floor;
    store.setMeta("floor", end);
    store.floor = end;
    return pruned;
  });
}

/** Drops from D1 what is older than the window and beyond its count. Returns the window's floor. */
export async function pruneWindow(store: Store, window: Window, retention: Retention): Promise<number> {
  const now = store.clock();
  const bounds = await window.bounds();
  if (!bounds) return store.floor;
  const byCount = Math.min(store.head - retention.windowEvents, store.floor);
  if (byCount <= bounds.floor) return bounds.floor;
  const target = await window.agedOut(bounds.floor, byCount, now - retention.windowMs, 5_000);
  if (target <= bounds.floor) return bounds.floor;
  await window.prune(target);
  await window.pruneAudit(now - retention.auditMs);
  return target;
}
