/**
 * `npm run robustness`: the campaign inside workerd over 200 seeds, then the one that kills the process, over 10.
 * `SEEDS=17` or `SEEDS=1-50` chooses; `KILL_SEEDS` likewise; `TRACE=1` tells each step of a seed.
 */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { join, resolve } from "node:path";
import { createInterface } from "node:readline";
import { fromText, OUTCOME_LINE, type Outcome, summary } from "./campaign/outcome.ts";
import { FAULTS } from "./campaign/points.ts";
import { seedsOf } from "./campaign/seeds.ts";
import { killCampaign } from "./process/run.ts";

const root = resolve(import.meta.dirname, "../..");
/** A run of the test pool gets slower with every request it has made, so each batch gets its own. */
const BATCH = 20;

/** Batches at a time: a batch waits about as much as it computes. */
const LANES = 2;

async function inside(seeds: readonly number[]): Promise<Outcome[]> {
  const batches = Array.from({ length: Math.ceil(seeds.length / BATCH) }, (_, i) =>
    seeds.slice(i * BATCH, (i + 1) * BATCH),
  );
  const outcomes: Outcome[] = [];
  const lane = async (): Promise<void> => {
    for (let batch = batches.shift(); batch !== undefined; batch = batches.shift()) {
      const ended = await insideBatch(batch);
      report("inside workerd", ended);
      outcomes.push(...ended);
    }
  };
  // Alone: it makes the cache of packages that the others find.
  const first = batches.shift();
  if (first) {
    outcomes.push(...(await insideBatch(first)));
    report("inside workerd", outcomes);
  }
  await Promise.all(Array.from({ length: LANES }, lane));
  return outcomes.sort((a, b) => a.seed - b.seed);
}

/** Inside workerd, by vitest, which has the pool for it. A seed without an outcome failed in another way. */
async function insideBatch(batch: readonly number[]): Promise<Outcome[]> {
  const vitest = join(root, "node_modules/vitest/vitest.mjs");
  const env = { ...process.env, SEEDS: `${batch[0]}-${batch.at(-1)}`, REPORT: "1", NO_COLOR: "1" };
  // Its outcomes are told in what it prints.
  const run = spawn(process.execPath, [vitest, "run", "--project", "robustness", "--silent=false"], {
    cwd: root,
    env,
    stdio: ["ignore", "pipe", "ignore"],
  });
  const told = new Map<number, Outcome>();
  const errors: string[] = [];
  const ended = once(run, "exit");
  for await (const line of createInterface({ input: run.stdout })) {
    const begin = line.indexOf(OUTCOME_LINE);
    if (begin >= 0) {
      const outcome = fromText(line.slice(begin + OUTCOME_LINE.length));
      told.set(outcome.seed, outcome);
    } else if (/^seed \d+: /.test(line)) console.log(line);
    else if (/Error: /.test(line)) errors.push(line);
  }
  await ended;
  return batch.map((seed) => told.get(seed) ?? lost(seed, errors));
}

function lost(seed: number, errors: readonly string[]): Outcome {
  const counts = { connections: 0, resumes: 0, replays: 0, compacted: 0, named: 0, events: 0, changes: 0 };
  const violations = [`the seed did not come to its end: ${errors[0] ?? "no reason was told"}`];
  return { seed, operations: new Map(), faults: new Map(), ...counts, violations };
}

/** Whether bugs that are planted in the server are found; prints which. */
async function bugsFound(): Promise<boolean> {
  const args = [join(root, "node_modules/vitest/vitest.mjs"), "run", "--project", "robustness"];
  const run = spawn(process.execPath, [...args, "--reporter=verbose"], {
    cwd: root,
    env: { ...process.env, NO_COLOR: "1", PLANTED: "1" },
    stdio: ["ignore", "pipe", "ignore"],
  });
  const ended = once(run, "exit");
  for await (const line of createInterface({ input: run.stdout })) {
    const [, mark, bug] = /^\s*([✓×]).* > ([^>]+?)(?: +\d+ms)?$/.exec(line) ?? [];
    if (bug) console.log(`${mark === "✓" ? "found" : "NOT FOUND"}: ${bug}`);
  }
  const [code] = (await ended) as [number | null];
  return code === 0;
}

async function outside(seeds: readonly number[]): Promise<Outcome[]> {
  const outcomes: Outcome[] = [];
  for (const seed of seeds) {
    outcomes.push(await killCampaign(seed));
    report("kill -9", outcomes.slice(-1));
  }
  return outcomes;
}

function report(what: string, outcomes: readonly Outcome[]): void {
  const first = outcomes[0]?.seed;
  const last = outcomes.at(-1)?.seed;
  const failed = outcomes.filter(({ violations }) => violations.length > 0);
  const seeds = first === last ? `seed ${first}` : `seeds ${first} to ${last}`;
  console.log(`${what}: ${seeds}: ${failed.length === 0 ? "no violation" : `${failed.length} with violations`}`);
  for (const { seed, violations } of failed)
    for (const violation of violations) console.error(`  seed ${seed}: ${violation}`);
}

/** What an environment variable asks for; ends the run where that is no seeds. */
function asked(name: "SEEDS" | "KILL_SEEDS", otherwise: string): number[] {
  try {
    return seedsOf(process.env[name] ?? otherwise);
  } catch (error) {
    console.error(`${name}: ${error instanceof Error ? error.message : String(error)}`);
    process.exit(2);
  }
}

const { SEEDS, KILL_SEEDS } = process.env;
const within = await inside(KILL_SEEDS && !SEEDS ? [] : asked("SEEDS", "1-200"));
const killed = await outside(SEEDS && !KILL_SEEDS ? [] : asked("KILL_SEEDS", "1-10"));
if (within.length > 0) console.log(`\nInside workerd, faults at named points:\n${summary(within)}`);
if (killed.length > 0)
  console.log(`\nThe process, killed and restarted, its clients cut inside frames:\n${summary(killed)}`);
if (!SEEDS && !KILL_SEEDS) console.log("\nBugs planted in the server:");
const found = SEEDS || KILL_SEEDS ? true : await bugsFound();
const missing = within.length >= 200 ? FAULTS.filter((fault) => !within.some(({ faults }) => faults.has(fault))) : [];
if (missing.length > 0) console.error(`faults that never fired: ${missing.join(", ")}`);
process.exitCode =
  found && missing.length === 0 && [...within, ...killed].every(({ violations }) => violations.length === 0) ? 0 : 1;
