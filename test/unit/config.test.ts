import { describe, expect, it } from "vitest";
import { configOf } from "../../src/config.ts";

const KEY = "a".repeat(43);
const GOOD = { LEDGER: {}, REPOSITORY: {}, REPLAY: {}, TOKEN_SIGNING_KEY: `k1:${KEY}`, SEALING_KEY: KEY };

function read(vars: Record<string, unknown>) {
  return configOf({ ...GOOD, ...vars } as never);
}

function problems(vars: Record<string, unknown>): string[] {
  const result = read(vars);
  return result.ok ? [] : result.problems;
}

describe("the configuration", () => {
  it("has the limits of the contract where nothing is set", () => {
    const result = read({});
    expect(result).toMatchObject({
      ok: true,
      config: {
        TAIL_EVENTS: 10_000,
        TAIL_MINUTES: 10,
        TAIL_MAX_BYTES: 1_073_741_824,
        WINDOW_DAYS: 7,
        WINDOW_EVENTS: 100_000,
        REPLAY_MAX_BYTES: 8_000_000_000,
        AUDIT_DAYS: 400,
        ALLOW_PRIVATE_GIT: false,
        STATUS_PATCH_UNCONDITIONAL: false,
        OIDC_ISSUERS: [],
      },
    });
  });

  it("takes numbers and booleans as TOML and as .dev.vars give them", () => {
    expect(read({ TAIL_EVENTS: 5, ALLOW_PRIVATE_GIT: true })).toMatchObject({
      config: { TAIL_EVENTS: 5, ALLOW_PRIVATE_GIT: true },
    });
    expect(read({ TAIL_EVENTS: "5", ALLOW_PRIVATE_GIT: "true" })).toMatchObject({
      config: { TAIL_EVENTS: 5, ALLOW_PRIVATE_GIT: true },
    });
  });

  it.each(["ten", "1.5", "-1", "0", "1e99", "NaN", {}])("names TAIL_EVENTS and the fix for %j", (value) => {
    expect(problems({ TAIL_EVENTS: value })).toEqual([
      expect.stringMatching(/^TAIL_EVENTS: give a whole number from 1 to/),
    ]);
  });

  it("names every mistake at once", () => {
    const found = problems({
      TAIL_EVENTS: "x",
      ALLOW_PRIVATE_GIT: "yes",
      SEALING_KEY: "",
      TOKEN_SIGNING_KEY: undefined,
      REPLAY: undefined,
    });
    const named = found.map((problem) => problem.split(":")[0]);
    expect(named.sort()).toEqual(["ALLOW_PRIVATE_GIT", "REPLAY", "SEALING_KEY", "TAIL_EVENTS", "TOKEN_SIGNING_KEY"]);
  });

  it.each([
    ["no-colon-here-just-the-secret-itself-hunter2", "no kid"],
    ["k1:c2hvcnQ", "fewer than 32"],
    ["k1:***", "not base64url"],
    [`k1:${KEY},k1:${KEY}`, "two keys"],
    [`k1:${KEY},`, "key 2"],
  ])("says what is wrong with TOKEN_SIGNING_KEY=%s without showing it", (value, told) => {
    const [problem] = problems({ TOKEN_SIGNING_KEY: value });
    expect(problem).toContain(told);
    expect(problem).not.toContain("hunter2");
    expect(problem).not.toContain(KEY);
  });

  it.each([
    ["{", "not JSON"],
    ["{}", "the value"],
    ['[{"issuer": "https://a", "audience": "x"}]', "jwksUri"],
    ['[{"issuer": "https://a", "audience": "x", "jwksUri": "http://a/certs"}]', "https"],
    ['[{"issuer": "https://a", "audience": "x", "jwksUri": "https://a/certs", "admin": true}]', "admin"],
    ['[{"issuer": "https://a#b", "audience": "x", "jwksUri": "https://a/certs"}]', 'issuer: must have no "#"'],
  ])("says what is wrong with OIDC_ISSUERS=%s", (value, told) => {
    expect(problems({ OIDC_ISSUERS: value })).toEqual([expect.stringMatching(new RegExp(`^OIDC_ISSUERS: .*${told}`))]);
  });

  it("is read once for an environment", () => {
    const env = { ...GOOD } as never;
    expect(configOf(env)).toBe(configOf(env));
  });
});
