import { readdirSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { INBOX_MIGRATIONS } from "../../../src/git/inbox.ts";
import { LEDGER_MIGRATIONS } from "../../../src/ledger/schema.ts";
import { beginSession } from "../../../src/watch/open.ts";
import { page, ROOT, section } from "./pages.ts";

const markdown = page("docs/storage.md");

/** Tables with their columns, in the order of the statements. */
function tablesOf(sql: string): { table: string; columns: string[] }[] {
  return [...sql.matchAll(/CREATE TABLE (\w+) \(([\s\S]*?)\)(?: WITHOUT ROWID)?;/g)].map(
    ([, table = "", body = ""]) => {
      const lines = body.includes("\n") ? body.split("\n") : body.split(/,(?![^(]*\))/);
      const columns = lines
        .map((line) => line.trim().split(/\s+/)[0] ?? "")
        .filter((word) => /^[a-z_]+$/.test(word) && word !== "");
      return { table, columns };
    },
  );
}

function migrations(): string {
  const dir = join(ROOT, "migrations");
  return readdirSync(dir)
    .sort()
    .map((name) => page(join("migrations", name)))
    .join("\n");
}

describe("docs/storage.md", () => {
  it.each([
    ["## The ledger", LEDGER_MIGRATIONS.join("\n")],
    ["## The repository object", INBOX_MIGRATIONS.join("\n")],
    ["## D1", migrations()],
  ])("has every table and column under %s", (heading, sql) => {
    const text = section(markdown, heading);
    const tables = tablesOf(sql);
    expect(tables.length).toBeGreaterThan(4);
    for (const { table, columns } of tables) {
      expect(text, table).toContain(`\`${table}`);
      for (const column of columns) expect(text, `${table}.${column}`).toMatch(new RegExp(`\`${column}\``));
    }
  });

  it("has every field of a socket's attachment", () => {
    const text = section(markdown, "## Socket attachments");
    const session = beginSession(
      {
        enc: "frames",
        filter: { kinds: null, label: "", field: "" },
        window: 262_144,
        start: { from: "now" },
        of: null,
        bookmarks: false,
        initialEnd: false,
        expired: "fail",
        watcher: null,
        timeoutMs: 0,
        sub: "user:a",
        jti: "",
        exp: 0,
      },
      1,
      [],
      0,
    );
    for (const field of Object.keys(session)) expect(text, field).toContain(`\`${field}\``);
  });
});
