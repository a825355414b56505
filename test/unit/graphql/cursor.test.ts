import { describe, expect, it } from "vitest";
import { encodeVector, startOf } from "../../../src/graphql/subscriptions/cursor.ts";

describe("the argument resourceVersion of a subscription", () => {
  it.each([undefined, null, ""])("%j is: what comes after now", (given) => {
    expect(startOf(given)).toEqual({ from: "now" });
  });

  it('"0" is: the current state, then live', () => {
    expect(startOf("0")).toEqual({ from: "state" });
  });

  it("a decimal is: strictly after it", () => {
    expect(startOf("12")).toEqual({ from: "rv", rv: 12 });
    expect(startOf(String(Number.MAX_SAFE_INTEGER))).toEqual({ from: "rv", rv: Number.MAX_SAFE_INTEGER });
  });

  it.each(["__product_watch_bootstrap__", "__namespace_watch_bootstrap__", "__resource_watch_bootstrap__"])(
    "%s is: a BOOKMARK of now, then live",
    (given) => {
      expect(startOf(given)).toEqual({ from: "bootstrap" });
    },
  );

  it("v1.… is where each namespace stands, and is what was encoded", () => {
    const at = new Map([
      ["acme", 12],
      ["beta", 9_007_199_254_740_991],
    ]);
    const text = encodeVector(at);
    expect(text).toMatch(/^v1\.[A-Za-z0-9_-]+$/);
    expect(startOf(text)).toEqual({ from: "vector", at });
    expect(startOf(encodeVector(new Map()))).toEqual({ from: "vector", at: new Map() });
  });

  it("of more than 256 namespaces is too many, and of 256 is not", () => {
    const of = (count: number) => encodeVector(new Map(Array.from({ length: count }, (_, i) => [`ns-${i}`, 1])));
    expect(startOf(of(257))).toEqual({ from: "tooMany", found: 257 });
    expect(startOf(of(256))).toMatchObject({ from: "vector" });
  });

  it.each([
    "garbage",
    "-1",
    "01",
    "1.5",
    "9007199254740992",
    "v2.e30",
    "v1.",
    "v1.%",
    `v1.${btoa("null")}`,
    `v1.${btoa("[]")}`,
    `v1.${btoa('{"acme":0}')}`,
    `v1.${btoa('{"acme":1.5}')}`,
    `v1.${btoa('{"~cluster":1}')}`,
    `v1.${"A".repeat(65 * 1024)}`,
  ])("%s is nothing that a watch ever told", (given) => {
    expect(startOf(given)).toEqual({ from: "nowhere" });
  });
});
