import { applyD1Migrations, reset } from "cloudflare:test";
import { env } from "cloudflare:workers";
import { afterAll, beforeEach, describe, expect, it } from "vitest";
import { OUTCOME_LINE, type Outcome, summary, toText } from "./campaign/outcome.ts";
import { campaign } from "./campaign.ts";
import { campaignDial, quiet } from "./stage/setup.ts";

const bindings = env as unknown as {
  REPLAY: D1Database;
  TEST_MIGRATIONS: Parameters<typeof applyD1Migrations>[1];
  SEEDS: string;
  TRACE: string;
  REPORT: string;
};
/** `SEEDS=17` runs that one, `SEEDS=1-20` runs those. */
const [from = 1, to = from] = bindings.SEEDS.split("-").map(Number);
const seeds = Array.from({ length: to - from + 1 }, (_, i) => from + i);

const say = quiet();
const outcomes: Outcome[] = [];
afterAll(() => {
  if (bindings.REPORT) for (const outcome of outcomes) say(`${OUTCOME_LINE}${toText(outcome)}`);
  else say(summary(outcomes));
});

// Objects of seeds that are over would slow down every later one.
beforeEach(async () => {
  await reset();
  await applyD1Migrations(bindings.REPLAY, bindings.TEST_MIGRATIONS);
});

describe("under faults the watch keeps every promise, and afterwards everything converges", () => {
  it.each(seeds)("seed %i", async (seed) => {
    const outcome = await campaign(seed, campaignDial, {
      trace: (step) => bindings.TRACE && say(`seed ${seed}: ${step}`),
    });
    outcomes.push(outcome);
    expect(outcome.violations, `run it again with SEEDS=${seed} npm run robustness`).toEqual([]);
  });
});
