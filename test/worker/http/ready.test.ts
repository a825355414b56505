import { beforeAll, describe, expect, it } from "vitest";
import { D1_TABLES } from "../../../src/http/health.ts";
import { ask, tokenFor } from "../support/http.ts";
import { bindings } from "../support/ledger.ts";

let admin: string;
beforeAll(async () => {
  admin = await tokenFor({ role: "admin" });
});

/** A D1 in which these tables have not been made. */
function withoutTables(names: string[]): D1Database {
  const prepare = (sql: string) => {
    const gone = names.find((name) => new RegExp(`(FROM|INTO) ${name}\\b`).test(sql));
    if (gone !== undefined) throw new Error(`D1_ERROR: no such table: ${gone}: SQLITE_ERROR`);
    const hidden = names.map((name) => `'${name}'`).join(", ");
    return bindings.REPLAY.prepare(sql.includes("sqlite_master") ? `${sql} AND name NOT IN (${hidden})` : sql);
  };
  return { prepare } as unknown as D1Database;
}

describe("/readyz", () => {
  it("is not ready on a D1 that was not migrated, wholly or to the end, and names the command", async () => {
    const missing = async (...names: string[]): Promise<string> => {
      const { status, body } = await ask(admin, "/readyz", { env: { ...bindings, REPLAY: withoutTables(names) } });
      expect(status).toBe(503);
      return body.checks.find(({ name }: { name: string }) => name === "d1").message;
    };
    expect(await missing(...D1_TABLES)).toBe(
      `D1 (REPLAY) is not migrated, it has no table ${D1_TABLES.join(", ")}: run npm run db:migrate`,
    );
    expect(await missing("uids")).toBe("D1 (REPLAY) is not migrated, it has no table uids: run npm run db:migrate");
    const second = { ...bindings, REPLAY_1: withoutTables(["uids"]) };
    const { status, text } = await ask(admin, "/readyz", { env: second });
    expect([status, text]).toEqual([
      503,
      expect.stringContaining("npx wrangler d1 migrations apply REPLAY_1 --remote"),
    ]);
  });

  it("knows every table that the migrations make", async () => {
    const made =
      "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT IN ('d1_migrations', 'sqlite_sequence', '_cf_METADATA')";
    const { results } = await bindings.REPLAY.prepare(made).all<{ name: string }>();
    // Those are what the window was before migration 0005: nothing needs them any more.
    const old = ["events", "befores", "windows"];
    const needed = results.map(({ name }) => name).filter((name) => !old.includes(name));
    expect([...D1_TABLES].sort()).toEqual(needed.sort());
  });
});
