import { describe, expect, it } from "vitest";
import { generatedName, prefixOf, underGeneratedName } from "../../../src/http/generate-name.ts";

/** Gives these bytes one after the other, then zeros. */
function bytes(...values: number[]): (count: number) => Uint8Array {
  return (count) => Uint8Array.from({ length: count }, () => values.shift() ?? 0);
}
const taken = (name: string) => ({
  ok: false as const,
  error: { code: "AlreadyExists" as const, kind: "Channel.x", name },
});

describe("metadata.generateName", () => {
  it("is completed with five letters and digits", () => {
    expect(generatedName("canary-", bytes(0, 1, 2, 26, 27))).toBe("canary-bcd9b");
  });

  it("favours no letter: bytes beyond the last whole run of the alphabet are passed over", () => {
    expect(generatedName("a-", bytes(255, 243, 242, 0, 0, 0, 0))).toBe("a-9bbbb");
  });

  it("is cut so that the name has at most 63 characters", () => {
    const name = generatedName("x".repeat(80), bytes());
    expect([name.length, name.slice(-6)]).toEqual([63, "xbbbbb"]);
  });

  it("takes the next name where one is taken", async () => {
    const tried: string[] = [];
    const result = await underGeneratedName("a-", bytes(0, 0, 0, 0, 0, 1, 1, 1, 1, 1), async (name) => {
      tried.push(name);
      return tried.length === 1 ? taken(name) : { ok: true, value: name };
    });
    expect([result, tried]).toEqual([{ ok: true, value: "a-ccccc" }, ["a-bbbbb", "a-ccccc"]]);
  });

  it("gives up after 8 names with what the last one was told, and at once where something else is wrong", async () => {
    let tries = 0;
    const all = await underGeneratedName("a-", bytes(), async (name) => {
      tries += 1;
      return taken(name);
    });
    expect([tries, all]).toEqual([8, taken("a-bbbbb")]);
    const invalid = { ok: false as const, error: { code: "BadRequest" as const, message: "no" } };
    tries = 0;
    const other = await underGeneratedName("a-", bytes(), async () => {
      tries += 1;
      return invalid;
    });
    expect([tries, other]).toEqual([1, invalid]);
  });

  it.each([
    ["a name beside it", { name: "a", generateName: "b-" }],
    ["an empty one", { generateName: "" }],
    ["null", { name: "", generateName: null }],
  ])("counts for nothing with %s", (_, metadata) => {
    expect(prefixOf({ metadata })).toEqual({ given: false });
  });

  it.each([
    ["Shop_", "Invalid", "lower case"],
    [5, "TypeInvalid", "must be a string"],
  ])("%j is refused by its own field", (generateName, reason, message) => {
    expect(prefixOf({ metadata: { generateName } })).toEqual({
      given: true,
      error: { field: "metadata.generateName", reason, message: expect.stringContaining(message) },
    });
  });
});
