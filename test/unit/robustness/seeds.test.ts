import { describe, expect, it } from "vitest";
import { seedsOf } from "../../robustness/campaign/seeds.ts";

describe("the seeds that a campaign is asked for", () => {
  it("are one, or a range with both its ends", () => {
    expect(seedsOf("17")).toEqual([17]);
    expect(seedsOf("3-6")).toEqual([3, 4, 5, 6]);
  });

  it.each(["", "abc", "0", "1-", "-4", "6-3", "1-2-3", "1,2"])("are never none: %j is refused", (text) => {
    expect(() => seedsOf(text)).toThrow(`or a range such as 1-20, not ${JSON.stringify(text)}`);
  });
});
