import { DatabaseSync } from "node:sqlite";
import { describe, expect, it } from "vitest";
import { applyMigrations, type Database } from "../../src/cli/local/migrate.ts";

type Statement = ReturnType<Database["prepare"]>;

/** A real SQLite behind the two calls of D1 that are used; a batch is one transaction, as D1's is. */
function database(): { d1: Database; sqlite: DatabaseSync } {
  const sqlite = new DatabaseSync(":memory:");
  const statement = (sql: string, values: unknown[] = []): Statement => ({
    bind: (...bound) => statement(sql, bound),
    all: async <Row>() => ({ results: sqlite.prepare(sql).all(...(values as string[])) as Row[] }),
  });
  const batch = async (statements: Statement[]) => {
    sqlite.exec("BEGIN");
    try {
      for (const each of statements) await each.all();
      sqlite.exec("COMMIT");
    } catch (error) {
      sqlite.exec("ROLLBACK");
      throw error;
    }
  };
  return { d1: { prepare: (sql) => statement(sql), batch }, sqlite };
}

const tables = (sqlite: DatabaseSync) =>
  sqlite
    .prepare("SELECT name FROM sqlite_master WHERE type = 'table' AND name LIKE 't%' ORDER BY name")
    .all()
    .map(({ name }) => name);

const first = { name: "0001_first.sql", statements: ["CREATE TABLE t1 (a)", "CREATE INDEX i1 ON t1 (a)"] };
const second = { name: "0002_second.sql", statements: ["CREATE TABLE t2 (a)"] };

describe("local migrations", () => {
  it("are applied in their order, once", async () => {
    const { d1, sqlite } = database();
    expect(await applyMigrations(d1, [first])).toEqual(["0001_first.sql"]);
    expect(await applyMigrations(d1, [first, second])).toEqual(["0002_second.sql"]);
    expect(await applyMigrations(d1, [first, second])).toEqual([]);
    expect(tables(sqlite)).toEqual(["t1", "t2"]);
  });

  it("leave nothing of one that fails behind, so that the next start tries it again", async () => {
    const { d1, sqlite } = database();
    const broken = { name: first.name, statements: ["CREATE TABLE t1 (a)", "CREATE TABLE t1 (a)"] };
    await expect(applyMigrations(d1, [broken])).rejects.toThrow("already exists");
    expect(tables(sqlite)).toEqual([]);
    expect(await applyMigrations(d1, [first])).toEqual(["0001_first.sql"]);
  });
});
