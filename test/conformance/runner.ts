import type { Case, Need, Result } from "./types.ts";
import { Skipped } from "./types.ts";
import { type Target, World } from "./world.ts";

/** How long a case may take beyond what the protocol itself makes it wait. */
const CASE_MS = 60_000;
/** A case that does not end when its time is over has a bug of its own; the report goes on without it. */
const GRACE_MS = 5_000;

export interface RunOptions {
  /** Cases at once. Each has namespaces of its own. */
  concurrency?: number;
  /** The longest that a case may wait because the protocol says so, seconds. */
  slowUpTo?: number;
  onResult?: (result: Result) => void;
}

/** Runs every case once, whatever became of the others; the results are in the order of the cases. */
export async function runCases(cases: readonly Case[], target: Target, options: RunOptions = {}): Promise<Result[]> {
  const results: Result[] = [];
  // The slow ones first, so that they wait while the others work.
  const order = cases.map((_, index) => index).sort((a, b) => (cases[b]?.slow ?? 0) - (cases[a]?.slow ?? 0));
  const worker = async (): Promise<void> => {
    for (let index = order.shift(); index !== undefined; index = order.shift()) {
      const one = cases[index];
      if (!one) continue;
      const result = await runCase(one, target, options);
      results[index] = result;
      options.onResult?.(result);
    }
  };
  await Promise.all(Array.from({ length: options.concurrency ?? 6 }, worker));
  return results;
}

async function runCase(one: Case, target: Target, { slowUpTo = 10 }: RunOptions): Promise<Result> {
  const { id, promise, table, row, title } = one;
  const began = Date.now();
  const result = (outcome: Result["outcome"], message?: string): Result => ({
    id,
    promise,
    table,
    row,
    title,
    outcome,
    ...(message === undefined ? {} : { message }),
    ms: Date.now() - began,
  });
  const missing = one.needs?.find((need) => !has(target, need));
  if (missing) return result("skipped", `needs ${OPTION[missing]}`);
  if ((one.slow ?? 0) > slowUpTo) return result("skipped", `takes ${one.slow} s: give --slow ${one.slow}`);
  const controller = new AbortController();
  const world = new World(target, controller.signal);
  const timeMs = CASE_MS + 1_000 * (one.slow ?? 0);
  const over = setTimeout(() => controller.abort(), timeMs);
  try {
    await within(one.run(world), timeMs + GRACE_MS);
    const [violation] = world.violations();
    return violation === undefined ? result("passed") : result("failed", violation);
  } catch (error) {
    if (error instanceof Skipped) return result("skipped", error.message);
    const violations = world.violations().map((violation) => `\n${violation}`);
    return result("failed", `${describe(error)}${violations.join("")}`);
  } finally {
    clearTimeout(over);
    await world.end();
  }
}

/** `fetch` says what went wrong in the cause only. */
function describe(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  return error.cause === undefined ? error.message : `${error.message}: ${describe(error.cause)}`;
}

const OPTION: Record<Need, string> = {
  mint: "tokens of other roles: --mint COMMAND",
  batch: "several changes in one transaction: --git",
  shortTail: "a server with a tail of a few events: --short-tail",
};

function has(target: Target, need: Need): boolean {
  if (need === "shortTail") return target.shortTail === true;
  return target[need] !== undefined;
}

async function within(work: Promise<void>, ms: number): Promise<void> {
  let timer: ReturnType<typeof setTimeout> | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(`the case did not end within ${ms} ms`)), ms);
  });
  work.catch(() => undefined);
  try {
    await Promise.race([work, late]);
  } finally {
    clearTimeout(timer);
  }
}
