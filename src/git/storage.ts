/** The part of a Durable Object's storage that the repository object's cores use, so that they are tested without one. */
export type SqlValue = string | number | null | ArrayBuffer;

export interface Sql {
  exec<T extends Record<string, SqlValue>>(query: string, ...bindings: SqlValue[]): { toArray(): T[] };
}

export interface Storage {
  sql: Sql;
  /** A throw out of `closure` undoes what it wrote; an uncaught throw elsewhere undoes nothing. */
  transactionSync<T>(closure: () => T): T;
}

/** Milliseconds since 1970. */
export type Clock = () => number;

/** Named points at which a test may fail or stop; empty in production. */
export interface Faults {
  hit(point: FaultPoint): void | Promise<void>;
}

export type FaultPoint =
  /** The delivery is stored and will be answered; nothing has been armed. */
  | "afterDeliveryStored"
  /** The remote's refs are known; nothing was done about them. */
  | "afterRefsListed"
  | "afterFetch"
  | "beforeChunk"
  | "afterChunk"
  /** All moves are applied; hints, syncs and status are not settled. */
  | "beforeSettle";

export const noFaults: Faults = { hit: () => undefined };

/** The first row, or undefined. */
export function first<T extends Record<string, SqlValue>>(
  sql: Sql,
  query: string,
  ...bindings: SqlValue[]
): T | undefined {
  return sql.exec<T>(query, ...bindings).toArray()[0];
}
