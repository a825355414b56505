import { describe, expect, it } from "vitest";
import { campaign } from "./campaign.ts";
import { BUGS } from "./stage/bugs.ts";
import { campaignDial, fresh, quiet } from "./stage/setup.ts";

/** By then the faults that a bug needs to show itself have come together. */
const SEEDS = 8;
quiet();

describe("a bug planted in the server is found by the campaign, by the promise that it breaks", () => {
  it.each(Object.entries(BUGS))("%s", async (_, bug) => {
    const found: string[] = [];
    for (let seed = 1; seed <= SEEDS && !found.some((violation) => violation.startsWith(bug.breaks)); seed++) {
      await fresh();
      found.push(...(await campaign(seed, campaignDial, { bug })).violations);
    }
    expect(found).toContainEqual(expect.stringMatching(new RegExp(`^${bug.breaks}`)));
  });
});
