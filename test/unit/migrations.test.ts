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
  it("begins the windows anew at their heads, so that a ledger that is lost goes on above them", () => {
    const db = new DatabaseSync(":memory:");
    for (const name of files.filter((one) => one < "0005")) db.exec(page(`migrations/${name}`));
    db.exec("INSERT INTO windows VALUES ('a', 9000000000, 5, 7), ('b', 1, 1, 8)");
    db.exec(page("migrations/0005_replay.sql"));
    const rows = db.prepare("SELECT ns, head, floor, at FROM spaces ORDER BY ns").all();
    expect(rows.map((row) => Object.values(row))).toEqual([
      ["a", 9_000_000_000, 9_000_000_000, 7],
      ["b", 1, 1, 8],
    ]);
    db.close();
  });
});
