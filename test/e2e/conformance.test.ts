import { readFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { CASES } from "../conformance/cases/index.ts";
import { runCases } from "../conformance/runner.ts";
import type { Case, Result } from "../conformance/types.ts";
import type { Target } from "../conformance/world.ts";
import { GitBatches } from "../conformance/writers/git.ts";
import { TestServer } from "./support/server.ts";

/** What the protocol makes the suite wait here, seconds; `npm run conformance -- --slow 600` runs the rest too. */
const SLOW_SECONDS = 45;

let git: GitBatches;
const servers: TestServer[] = [];
beforeAll(async () => {
  git = await GitBatches.start();
});
afterAll(async () => {
  for (const server of servers) await server.stop();
  await git.stop();
});

async function target(vars: Record<string, string>, shortTail: boolean): Promise<Target> {
  const server = await TestServer.start({ vars });
  servers.push(server);
  return {
    server: server.url,
    token: await server.admin(),
    shortTail,
    mint: (request) => server.token(request),
    batch: (api, namespace) => git.writer(api, namespace),
  };
}

/** Each case is a test; a failing one says why in the suite's own words. */
function judged(cases: readonly Case[], vars: Record<string, string>, shortTail = false): void {
  const results = new Map<string, Result>();
  beforeAll(async () => {
    const run = await runCases(cases, await target(vars, shortTail), { concurrency: 8, slowUpTo: SLOW_SECONDS });
    for (const result of run) results.set(result.id, result);
  }, 300_000);
  it.each(cases)("$id: $title", ({ id }) => {
    const { outcome, message = "" } = results.get(id) ?? {};
    expect(`${outcome} ${message}`).toBe("passed ");
  });
}

const fits = ({ slow = 0 }: Case): boolean => slow <= SLOW_SECONDS;
const needsShortTail = ({ needs = [] }: Case): boolean => needs.includes("shortTail");

describe("the conformance suite", () => {
  judged(
    CASES.filter((one) => fits(one) && !needsShortTail(one)),
    {},
  );
});

describe("the conformance suite where the ledger keeps next to nothing, and D1 answers", () => {
  judged(
    CASES.filter(
      (one) => fits(one) && (needsShortTail(one) || /^(resumable|ordered|selector\/transitions)/.test(one.id)),
    ),
    { TAIL_EVENTS: "5", TAIL_MINUTES: "0" },
    true,
  );
});

/** The ids and `prefix*` of the table that README.md has. */
function patterns(): string[] {
  const text = readFileSync(join(import.meta.dirname, "../conformance/README.md"), "utf8");
  const table = text.slice(text.indexOf("## Sentences and cases"), text.indexOf("## Not here"));
  const rows = table.split("\n").filter((line) => line.startsWith("| ") && !line.startsWith("| sentence"));
  return rows.flatMap((row) => [...(row.split(" | ").at(-1) ?? "").matchAll(/`([^`]+)`/g)].map(([, id = ""]) => id));
}

const covers = (pattern: string, id: string): boolean =>
  pattern.endsWith("*") ? id.startsWith(pattern.slice(0, -1)) : id === pattern;

describe("the list of cases", () => {
  it("is traced in README.md: every case belongs to a sentence, and every pattern has a case", () => {
    const known = patterns();
    expect(CASES.map(({ id }) => id).filter((id) => !known.some((pattern) => covers(pattern, id)))).toEqual([]);
    expect(known.filter((pattern) => !CASES.some(({ id }) => covers(pattern, id)))).toEqual([]);
    expect(known.length).toBeGreaterThan(40);
  });

  it("has no id twice", () => {
    expect(new Set(CASES.map(({ id }) => id)).size).toBe(CASES.length);
  });
});
