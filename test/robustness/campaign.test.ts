import { applyD1Migrations, reset } from "cloudflare:test";
import { env } from "cloudflare:workers";
import { afterAll, beforeEach, describe, expect, it } from "vitest";
import { tokenOf } from "../worker/support/token.ts";
import { OUTCOME_LINE, type Outcome, summary, toText } from "./campaign/outcome.ts";
import { campaign } from "./campaign.ts";
import { WorkerDial } from "./stage/dial.ts";

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

let token: Promise<string> | undefined;
const dial = new WorkerDial(() => {
  // The campaign's clocks run a day and more ahead, so a token of an hour would have expired.
  token ??= tokenOf({ role: "admin", namespaces: ["*"] }, { ttlSeconds: 300 * 86_400 });
  return token;
});

/** Every fault is logged by those it hits, as it should be; what a reader wants is the summary. `TRACE=1` tells each step. */
const say = console.log.bind(console);
if (!bindings.TRACE) for (const level of ["log", "info", "warn", "error"] as const) console[level] = () => undefined;

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
    const outcome = await campaign(seed, dial, (step) => bindings.TRACE && say(`seed ${seed}: ${step}`));
    outcomes.push(outcome);
    expect(outcome.violations, `run it again with SEEDS=${seed} npm run robustness`).toEqual([]);
  });
});
