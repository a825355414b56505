import { describe, expect, it } from "vitest";
import {
  decodeContinue,
  encodeContinue,
  parseBoolean,
  parseListOptions,
  parseResourceVersion,
} from "../../../src/http/list-options.ts";

const parse = (query: string) => parseListOptions(new URLSearchParams(query));
function state(query: string) {
  const parsed = parse(query);
  if (!parsed.ok) throw new Error(`${query} was refused: ${parsed.status.message}`);
  return parsed.value.state;
}
function refusal(query: string) {
  const parsed = parse(query);
  if (parsed.ok) throw new Error(`${query} was taken`);
  const { code, reason, message, details } = parsed.status;
  return { code, reason, message: message ?? "", field: details?.causes?.[0]?.field };
}
const token = encodeContinue({ rv: 7, after: "shirt" });

describe("the state a list is of", () => {
  it.each([
    ["", { at: "newest" }],
    ["resourceVersion=", { at: "newest" }],
    ["resourceVersion=0", { at: "newest" }],
    ["resourceVersion=0&limit=5", { at: "newest" }],
    ["resourceVersion=0&resourceVersionMatch=NotOlderThan", { at: "newest" }],
    ["resourceVersion=9", { at: "notOlderThan", rv: 9 }],
    ["resourceVersion=9&limit=5", { at: "exact", rv: 9 }],
    ["resourceVersion=9&limit=0", { at: "notOlderThan", rv: 9 }],
    ["resourceVersion=9&resourceVersionMatch=Exact", { at: "exact", rv: 9 }],
    ["resourceVersion=9&resourceVersionMatch=NotOlderThan&limit=5", { at: "notOlderThan", rv: 9 }],
    [`continue=${token}`, { at: "exact", rv: 7 }],
    [`continue=${token}&resourceVersion=0`, { at: "exact", rv: 7 }],
    [`continue=${encodeContinue({ rv: -1, after: "shirt" })}`, { at: "newest" }],
  ])("for ?%s is %j", (query, expected) => {
    expect(state(query)).toEqual(expected);
  });
});

describe("a list is refused", () => {
  it.each([
    ["resourceVersionMatch=Exact", 422, "resourceVersionMatch"],
    ["resourceVersion=0&resourceVersionMatch=Exact", 422, "resourceVersionMatch"],
    ["resourceVersion=9&resourceVersionMatch=Newest", 422, "resourceVersionMatch"],
    [`resourceVersion=9&resourceVersionMatch=Exact&continue=${token}`, 422, "resourceVersionMatch"],
    ["sendInitialEvents=true", 422, "sendInitialEvents"],
    ["sendInitialEvents=false", 422, "sendInitialEvents"],
  ])("with 422 for ?%s, naming the field", (query, code, field) => {
    expect(refusal(query)).toMatchObject({ code, reason: "Invalid", field });
  });

  it.each([
    ["resourceVersion=abc", "resourceVersion"],
    ["resourceVersion=-1", "resourceVersion"],
    ["resourceVersion=007", "resourceVersion"],
    ["resourceVersion=9007199254740993", "resourceVersion"],
    ["limit=ten", "limit"],
    ["limit=-1", "limit"],
    ["continue=nonsense", "continue"],
    [`continue=${token}&resourceVersion=9`, "continue"],
  ])("with 400 for ?%s, naming the parameter", (query, named) => {
    const { code, reason, message } = refusal(query);
    expect({ code, reason }).toEqual({ code: 400, reason: "BadRequest" });
    expect(message).toContain(named);
  });

  it("as Kubernetes words it", () => {
    expect(refusal("resourceVersionMatch=Exact").message).toBe(
      'ListOptions.meta.k8s.io "" is invalid: resourceVersionMatch: Forbidden: resourceVersionMatch is forbidden unless resourceVersion is provided',
    );
    expect(refusal(`continue=${token}&resourceVersion=9`).message).toBe(
      "specifying resource version is not allowed when using continue",
    );
  });
});

describe("a continue token", () => {
  it("comes back as it was made, and is safe in a URL", () => {
    const made = encodeContinue({ rv: 9_007_199_254_740_991, after: "a-name.with~odd" });
    expect(made).toMatch(/^[A-Za-z0-9_-]+$/);
    expect(decodeContinue(made)).toEqual({ rv: 9_007_199_254_740_991, after: "a-name.with~odd" });
  });

  it.each([
    { v: "v2", rv: 1, start: "a" },
    { v: "meta.k8s.io/v1", rv: 0, start: "a" },
    { v: "meta.k8s.io/v1", rv: 1.5, start: "a" },
    { v: "meta.k8s.io/v1", rv: 1, start: "" },
    { v: "meta.k8s.io/v1", rv: 1, start: 7 },
    null,
  ])("of another making is none: %j", (value) => {
    expect(decodeContinue(btoa(JSON.stringify(value)))).toBeUndefined();
  });
});

describe("parameters", () => {
  it("a resourceVersion is a whole number below 2^53", () => {
    expect(parseResourceVersion(null)).toBe(0);
    expect(parseResourceVersion("9007199254740991")).toBe(9_007_199_254_740_991);
    expect(parseResourceVersion("9007199254740992")).toBeUndefined();
    expect(parseResourceVersion("1e3")).toBeUndefined();
  });

  it("watch is a boolean as Go reads one", () => {
    expect(["1", "true", "T"].map(parseBoolean)).toEqual([true, true, true]);
    expect([null, "", "0", "false"].map(parseBoolean)).toEqual([false, false, false, false]);
    expect(parseBoolean("yes")).toBeUndefined();
  });
});
