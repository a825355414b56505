import { DatabaseSync, type SQLInputValue } from "node:sqlite";
import type { Sql, SqlValue, Storage } from "../../../../src/git/storage.ts";

/** A Durable Object's SQLite, as far as our cores use it, on node:sqlite. */
export function memoryStorage(): Storage & { tables(): string[] } {
  const db = new DatabaseSync(":memory:");
  let depth = 0;
  const sql: Sql = {
    exec<T extends Record<string, SqlValue>>(query: string, ...bindings: SqlValue[]) {
      const several = query.trim().replace(/;$/, "").includes(";");
      if (several && bindings.length === 0) {
        db.exec(query);
        return { toArray: () => [] };
      }
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
    tables: () =>
      sql
        .exec<{ name: string }>("SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite_%'")
        .toArray()
        .map((row) => row.name),
  };
}
