/** The part of a Durable Object's SQLite that the ledger's cores use, so that they are tested without an object. */
export type SqlValue = string | number | null | ArrayBuffer;

export interface Sql {
  exec<T extends Record<string, SqlValue>>(
    query: string,
    ...bindings: SqlValue[]
  ): { toArray(): T[]; rowsWritten?: number };
}

export interface Storage {
  sql: Sql;
  transactionSync<T>(closure: () => T): T;
}

/** Milliseconds since 1970. */
export type Clock = () => number;

/** Named points at which a test may fail, stall or evict; empty in production. */
export interface Faults {
  hit(point: FaultPoint): void;
}

export type FaultPoint =
  | "beforeCommit"
  | "afterCommitBeforeBroadcast"
  | "midBroadcast"
  | "midFlush"
  | "afterFlushBeforeMark"
  | "afterFlushBeforePrune"
  /** Old events are gone from the tail, from D1, or from both, and no floor says so yet. */
  | "duringCompaction"
  | "duringReplay"
  /** A page of what became of an expired range (`expired=compact`). */
  | "duringCompactedReplay";

export const noFaults: Faults = { hit: () => undefined };

export function first<T extends Record<string, SqlValue>>(
  sql: Sql,
  query: string,
  ...bindings: SqlValue[]
): T | undefined {
  return sql.exec<T>(query, ...bindings).toArray()[0];
}
