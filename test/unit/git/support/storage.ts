import { DatabaseSync, type SQLInputValue } from "node:sqlite";
import type { Sql, SqlValue, Storage } from "../../../../src/git/storage.ts";

/** A Durable Object's SQLite, as far as our cores use it, on node:sqlite. */
export function memoryStorage(): Storage & {
  tables(): string[];
  queries: Set<string>;
  scans(query: string): string[];
} {
  const db = new DatabaseSync(":memory:");
  const queries = new Set<string>();
  let depth = 0;
  const sql: Sql = {
    exec<T extends Record<string, SqlValue>>(query: string, ...bindings: SqlValue[]) {
      const several = query.trim().replace(/;$/, "").includes(";");
      if (several && bindings.length === 0) {
        db.exec(query);
        return { toArray: () => [] };
      }
      queries.add(query);
      const rows = db.prepare(query).all(...(bindings as SQLInputValue[])) as T[];
      return { toArray: () => rows.map((row) => ({ ...row })) };
    },
  };
  return {
    sql,
    transactionSync(closure) {
      const name = `s${depth++}`;
      db.exec(`SAVEPOINT ${name}`);
      try {
        const value = closure();
        db.exec(`RELEASE ${name}`);
        return value;
      } catch (error) {
        db.exec(`ROLLBACK TO ${name}; RELEASE ${name}`);
        throw error;
      } finally {
        depth--;
      }
    },
    queries,
    /** The tables and indexes that a query reads from end to end. */
    scans: (query) =>
      db
        .prepare(`EXPLAIN QUERY PLAN ${query}`)
        .all()
        .flatMap(({ detail }) => /^SCAN (.+)/.exec(String(detail))?.[1] ?? []),
    tables: () =>
      sql
        .exec<{ name: string }>("SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite_%'")
        .toArray()
        .map((row) => row.name),
  };
}
