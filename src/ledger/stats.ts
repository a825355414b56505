import type { LedgerStats, WatcherInfo } from "./api.ts";
import type { LedgerCore } from "./core.ts";
import { first } from "./sql.ts";

/** Gauges of one ledger. Sums over the tail are bounded by its size; nothing here is on a hot path. */
export function ledgerStats(
  core: LedgerCore,
  watch: { connected: number; parked: number },
  named: WatcherInfo[],
  counters: Record<string, number>,
  alarmOverdueMs: number,
  startedAt: number,
): LedgerStats {
  const { store } = core;
  const { sql } = store.storage;
  const tail = core.serving
    ? first<{ n: number; bytes: number | null }>(
        sql,
        "SELECT count(*) AS n, sum(bytes) AS bytes FROM versions WHERE rv > ?",
        store.floor,
      )
    : undefined;
  const oldest = core.serving
    ? first<{ at: number }>(sql, "SELECT at FROM versions WHERE rv > ? ORDER BY rv LIMIT 1", store.flushed)
    : undefined;
  return {
    namespace: core.namespace,
    rv: store.head,
    tailEvents: tail?.n ?? 0,
    tailBytes: tail?.bytes ?? 0,
    outboxDepth: store.head - store.flushed,
    outboxAgeMs: oldest ? Math.max(0, store.clock() - oldest.at) : 0,
    windowFloor: Math.min(store.windowFloor, store.floor),
    watchers: { connected: watch.connected, parked: watch.parked },
    named,
    counters,
    alarmOverdueMs,
    startedAt,
  };
}
