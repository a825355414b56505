import { applyD1Migrations, reset } from "cloudflare:test";
import { env } from "cloudflare:workers";
import { afterAll, beforeEach, describe, expect, it } from "vitest";
import { tokenOf } from "../worker/support/token.ts";
import { type Outcome, summary } from "./campaign/outcome.ts";
import { campaign } from "./campaign.ts";
import { WorkerDial } from "./stage/dial.ts";

const bindings = env as unknown as {
  REPLAY: D1Database;
  TEST_MIGRATIONS: Parameters<typeof applyD1Migrations>[1];
  SEEDS: string;
  SEED: string;
};
/** `SEED=17` runs that one again; `SEEDS=200` runs 1 to 200. */
const seeds = bindings.SEED ? [Number(bindings.SEED)] : Array.from({ length: Number(bindings.SEEDS) }, (_, i) => i + 1);

let token: Promise<string> | undefined;
const dial = new WorkerDial(() => {
  // The campaign's clocks run a day and more ahead, so a token of an hour would have expired.
  token ??= tokenOf({ role: "admin", namespaces: ["*"] }, { ttlSeconds: 300 * 86_400 });
  return token;
});

const outcomes: Outcome[] = [];
afterAll(() => console.log(summary(outcomes)));

// Objects of seeds that are over would slow down every later one.
beforeEach(async () => {
  await reset();
  await applyD1Migrations(bindings.REPLAY, bindings.TEST_MIGRATIONS);
});

describe("under faults the watch keeps every promise, and afterwards everything converges", () => {
  it.each(seeds)("seed %i", async (seed) => {
    const outcome = await campaign(seed, dial);
    outcomes.push(outcome);
    expect(outcome.violations, `run it again with SEED=${seed} npm run robustness`).toEqual([]);
  });
});
