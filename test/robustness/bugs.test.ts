import { applyD1Migrations, reset } from "cloudflare:test";
import { env } from "cloudflare:workers";
import { beforeEach, describe, expect, it } from "vitest";
import { campaign } from "./campaign.ts";
import { BUGS } from "./stage/bugs.ts";
import { campaignDial, quiet } from "./stage/setup.ts";

/** By then the faults that a bug needs to show itself have come together. */
const SEEDS = 8;
const bindings = env as unknown as {
  REPLAY: D1Database;
  TEST_MIGRATIONS: Parameters<typeof applyD1Migrations>[1];
};

quiet();
beforeEach(async () => {
  await reset();
  await applyD1Migrations(bindings.REPLAY, bindings.TEST_MIGRATIONS);
});

describe("a bug planted in the server is found by the campaign, by the promise that it breaks", () => {
  it.each(Object.entries(BUGS))("%s", async (_, bug) => {
    const found: string[] = [];
    for (let seed = 1; seed <= SEEDS && !found.some((violation) => violation.startsWith(bug.breaks)); seed++) {
      await reset();
      await applyD1Migrations(bindings.REPLAY, bindings.TEST_MIGRATIONS);
      found.push(...(await campaign(seed, campaignDial, { bug })).violations);
    }
    expect(found).toContainEqual(expect.stringMatching(new RegExp(`^${bug.breaks}`)));
  });
});
