/** The figures, codes and fields of docs/graphql.md are those of the code. */
import { readdirSync } from "node:fs";
import { buildASTSchema, parse } from "graphql";
import { describe, expect, it } from "vitest";
import { configOf } from "../../../src/config.ts";
import { DEFAULT_PAGE, SCAN_MAX } from "../../../src/graphql/connection.ts";
import { CODES, failure, httpOf } from "../../../src/graphql/errors.ts";
import { costOf, MAX_ALIASES, MAX_BODY_BYTES, MAX_COST, MAX_DEPTH, MAX_TOKENS } from "../../../src/graphql/limits.ts";
import { MAX_QUEUED } from "../../../src/graphql/subscriptions/all.ts";
import { MAX_NAMESPACES } from "../../../src/graphql/subscriptions/cursor.ts";
import { type ExpiredReason, endingOf, overflow, unavailable } from "../../../src/graphql/subscriptions/ending.ts";
import { IDLE_MS, PING_EVERY_BYTES, SILENCE_MS, UNANSWERED_BYTES } from "../../../src/graphql/transport/credit.ts";
import { CLOSE, PROTOCOL } from "../../../src/graphql/transport/messages.ts";
import { MAX_KEY_CHARS } from "../../../src/ledger/idempotency.ts";
import { page, prose, ROOT, section } from "./pages.ts";

const markdown = page("docs/graphql.md");
const folder = "src/graphql/schema";
const schema = buildASTSchema(
  parse(
    readdirSync(`${ROOT}/${folder}`)
      .filter((name) => name.endsWith(".graphql"))
      .map((name) => page(`${folder}/${name}`))
      .join("\n"),
  ),
);

/** The cells of a section's tables, without their heads. */
function rows(heading: string): string[][] {
  return section(markdown, heading)
    .split("\n")
    .filter((line) => line.startsWith("|") && !/^\|(-|\|)/.test(line.replace(/ /g, "")))
    .map((line) =>
      line
        .slice(1, -1)
        .split("|")
        .map((cell) => cell.trim()),
    );
}

const codesIn = (text = "") => [...text.matchAll(/`([A-Z_]{4,})`/g)].map(([, code = ""]) => code);
const thousands = (value: number) => value.toLocaleString("en-US");
const MIB = 1024 * 1024;

describe("docs/graphql.md", () => {
  it("has every error code, with its HTTP status and whether it is retryable", () => {
    const told = rows("## Errors").slice(1);
    expect(told.map(([code]) => codesIn(code)[0])).toEqual([...CODES]);
    for (const [cell, http, retryable] of told) {
      const code = codesIn(cell)[0] as (typeof CODES)[number];
      const error = failure(code, "");
      expect(retryable, code).toBe(error.extensions.retryable ? "yes" : "no");
      // A missing token is answered before there is an operation.
      const status = code === "UNAUTHENTICATED" ? 401 : httpOf([error.toJSON()]).status;
      expect(http, code).toBe(String(status));
    }
  });

  it("has every way in which a subscription ends, with its reason", () => {
    const reasons: Record<ExpiredReason, true> = {
      RETENTION_EXPIRED: true,
      EPOCH_MISMATCH: true,
      INVALID_CURSOR: true,
      REPLAY_LIMIT: true,
    };
    const told = rows("### How a subscription ends").slice(1);
    const known = [...Object.keys(reasons), overflow("1").extensions.reason, unavailable("1", "").extensions.reason];
    expect(told.flatMap(([, reason]) => codesIn(reason))).toEqual(known);
    for (const [cell] of told) for (const code of codesIn(cell)) expect(CODES, code).toContain(code);
    const codes = told.flatMap(([cell]) => codesIn(cell));
    for (const code of [401, 403, 404, 410, 429, 503])
      expect(codes).toContain(endingOf({ code, message: "" }, "1").extensions.code);
  });

  it("names every field of the roots", () => {
    const spans = new Set([...prose(markdown).matchAll(/`([a-zA-Z]+)(?:\([^)]*\))?`/g)].map(([, name = ""]) => name));
    const named = (type: "Query" | "Mutation" | "Subscription") =>
      Object.keys((schema.getType(type) as { getFields(): object } | undefined)?.getFields() ?? {});
    for (const type of ["Query", "Mutation", "Subscription"] as const) {
      expect(named(type).length, type).toBeGreaterThan(0);
      expect(
        named(type).filter((field) => !spans.has(field)),
        type,
      ).toEqual([]);
    }
    const written = rows("## Mutations").flatMap(([cell = ""]) =>
      [...cell.matchAll(/`(\w+)`/g)].map(([, name]) => name),
    );
    expect(written.sort()).toEqual(named("Mutation").sort());
  });

  it("has the limits that are held", () => {
    const limits = Object.fromEntries(rows("## Limits").map(([name = "", value = ""]) => [name, value]));
    expect(limits).toEqual({
      depth: expect.stringMatching(`^${MAX_DEPTH} levels`),
      aliases: expect.stringMatching(`^${MAX_ALIASES} in`),
      cost: expect.stringMatching(`^${thousands(MAX_COST)}: .*\\(${DEFAULT_PAGE} where`),
      document: `${thousands(MAX_TOKENS)} tokens`,
      "body, or message of a WebSocket": `${MAX_BODY_BYTES / MIB} MiB`,
      "relations that read a whole kind": expect.stringMatching(`^${thousands(SCAN_MAX)} objects`),
      "a watch without a namespace": expect.stringMatching(`^${MAX_NAMESPACES} namespaces.* 64 KiB$`),
      "operations of a connection": "64",
    });
    const document = parse(
      '{ products(namespace: "a", first: 2400) { edges { node { metadata { name } spec { title } } } } }',
    );
    const [operation] = document.definitions;
    if (operation?.kind !== "OperationDefinition") throw new Error("no operation");
    expect(costOf({ schema, document }, operation)).toBeLessThanOrEqual(MAX_COST);
    expect(costOf({ schema, document }, operation)).toBeGreaterThan(0.95 * MAX_COST);
  });

  it("has the figures of the transports", () => {
    const text = section(markdown, "## Subscriptions") + section(markdown, "### How a subscription ends");
    expect(text).toContain(PROTOCOL);
    for (const figure of [
      `\`ping\` with every ${PING_EVERY_BYTES / 1024} KiB and after ${IDLE_MS / 1000} s`,
      `${UNANSWERED_BYTES / MIB} MiB without a \`pong\``,
      `${MAX_QUEUED / MIB} MiB waiting`,
      `at most ${MAX_NAMESPACES}`,
      `at most 64 operations`,
    ])
      expect(text).toContain(figure);
    expect([SILENCE_MS, 2 * SILENCE_MS]).toEqual([60_000, 120_000]);
    for (const code of Object.values(CLOSE)) expect(text).toContain(`${code} `);
    expect(section(markdown, "## Mutations")).toContain(`at most ${MAX_KEY_CHARS} characters, remembered 24 h`);
    const config = configOf({
      LEDGER: {} as never,
      REPOSITORY: {} as never,
      REPLAY: {} as never,
      TOKEN_SIGNING_KEY: "test:dGVzdC1rZXktdGVzdC1rZXktdGVzdC1rZXktdGVzdC1rZXk",
      SEALING_KEY: "c2VhbGluZy1rZXktc2VhbGluZy1rZXktc2VhbGluZy0",
    });
    if (!config.ok) throw new Error(config.problems.join());
    expect(text).toContain(`\`GRAPHQL_REPLAY_EVENTS\` (${thousands(config.config.GRAPHQL_REPLAY_EVENTS)})`);
    expect(config.config.GRAPHQL_INTROSPECTION).toBe(false);
  });
});
