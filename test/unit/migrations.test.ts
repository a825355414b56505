/** Migrations run before the new code is deployed, so the code that is out has to go on working on what they made. */
import { readdirSync } from "node:fs";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { describe, expect, it } from "vitest";
import { page, ROOT } from "./docs/pages.ts";

const files = readdirSync(join(ROOT, "migrations")).sort();

/** Comments and texts may hold a semicolon; none of ours does. */
function statementsOf(sql: string): string[] {
  return sql
    .replace(/--.*$/gm, "")
    .split(";")
    .map((statement) => statement.trim().replace(/\s+/g, " "))
    .filter((statement) => statement !== "");
}

/** What a statement would do to tables that the code before it writes; undefined: nothing. */
function disturbs(statement: string, made: ReadonlySet<string>): string | undefined {
  if (/^CREATE (TABLE|INDEX) /.test(statement)) return undefined;
  const [, table = ""] = /^INSERT INTO (\w+)/.exec(statement) ?? [];
  return made.has(table) ? undefined : statement;
}

describe("migrations of D1", () => {
  it("are numbered without a gap", () => {
    expect(files.map((name) => Number(name.slice(0, 4)))).toEqual(files.map((_, index) => index + 1));
  });

  // A unique index, a trigger, or a further column (rows are inserted by position) would make the old code's writes fail.
  it.each(files)("%s only makes tables and plain indexes, and fills what it made", (name) => {
    const statements = statementsOf(page(`migrations/${name}`));
    const made = new Set(statements.flatMap((one) => /^CREATE TABLE (\w+)/.exec(one)?.[1] ?? []));
    expect(statements.map((one) => disturbs(one, made)).filter((one) => one !== undefined)).toEqual([]);
  });

  it.each([
    "ALTER TABLE events ADD COLUMN x TEXT",
    "DROP TABLE bounds",
    "CREATE UNIQUE INDEX one ON sessions (ns)",
    "UPDATE windows SET floor = 0",
    "DELETE FROM audit",
    "INSERT INTO events VALUES (1)",
  ])("would be told of: %s", (statement) => {
    expect(disturbs(statement, new Set(["uids"]))).toBe(statement);
  });
});

describe("0005_replay.sql", () => {
  it("copies the window that was there, so that its cursors resume", () => {
    const db = new DatabaseSync(":memory:");
    for (const name of files.filter((one) => one < "0005")) db.exec(page(`migrations/${name}`));
    db.exec(`
      INSERT INTO windows VALUES ('a', 2, 0, 0), ('empty', 1, 1, 0), ('b', 9000000000, 0, 0);
      INSERT INTO events VALUES ('a', 1, 1, 'K.g', 'x', 0, 1, 5, '{}', NULL, '{"of":"a"}');
      INSERT INTO events VALUES ('a', 2, 2, 'K.g', 'x', 1, 2, 6, '{}', '{"l":1}', '{"of":"a2"}');
      INSERT INTO befores VALUES ('a', 2, '{"of":"a"}');
      INSERT INTO events VALUES ('b', 9000000000, 4, 'E.g', 'y', 0, 1, 7, '{}', NULL, '{"of":"b"}');`);
    db.exec(page("migrations/0005_replay.sql"));
    const rows = db
      .prepare(
        `SELECT s.ns, r.key & 1099511627775 AS rv, r.type, r.kind, r.name, r.prev, r.last, r.at, r.sel, r.psel, r.json, b.json AS before
           FROM replay r JOIN spaces s ON s.id = r.key >> 40 LEFT JOIN replay_befores b ON b.key = r.key ORDER BY 1, 2`,
      )
      .all()
      .map((row) => Object.values(row));
    expect(rows).toEqual([
      ["a", 1, 1, "K.g", "x", 0, 1, 5, "{}", null, '{"of":"a"}', null],
      ["a", 2, 2, "K.g", "x", 1, 2, 6, "{}", '{"l":1}', '{"of":"a2"}', '{"of":"a"}'],
      ["b", 9_000_000_000, 4, "E.g", "y", 0, 1, 7, "{}", null, '{"of":"b"}', null],
    ]);
    db.close();
  });
});
