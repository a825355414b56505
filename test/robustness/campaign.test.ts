import { env } from "cloudflare:workers";
import { afterAll, beforeEach, describe, expect, it } from "vitest";
import { OUTCOME_LINE, type Outcome, summary, toText } from "./campaign/outcome.ts";
import { seedsOf } from "./campaign/seeds.ts";
import { campaign } from "./campaign.ts";
import { campaignDial, fresh, quiet } from "./stage/setup.ts";

const bindings = env as unknown as {
  SEEDS: string;
  TRACE: string;
  REPORT: string;
};
/** `SEEDS=17` runs that one, `SEEDS=1-20` runs those. */
const seeds = seedsOf(bindings.SEEDS);

const say = quiet();
const outcomes: Outcome[] = [];
afterAll(() => {
  if (bindings.REPORT) for (const outcome of outcomes) say(`${OUTCOME_LINE}${toText(outcome)}`);
  else say(summary(outcomes));
});

// Objects of seeds that are over would slow down every later one.
beforeEach(fresh);

describe("under faults the watch keeps every promise, and afterwards everything converges", () => {
  it.each(seeds)("seed %i", async (seed) => {
    const outcome = await campaign(seed, campaignDial, {
      trace: (step) => bindings.TRACE && say(`seed ${seed}: ${step}`),
    });
    outcomes.push(outcome);
    expect(outcome.violations, `run it again with SEEDS=${seed} npm run robustness`).toEqual([]);
  });
});
