import { Ours } from "../ours.ts";
import { number, table } from "../report.ts";
import { LastSockets, type Latency, latency, within } from "../stats.ts";
import { type Space, type System, startEtcd, startOurs, type Watch } from "../systems.ts";
import { beat, openAll } from "./watchers.ts";

const WATCHERS = 1_000;
const STALLED = 10;
const PACE = 50;
const WRITES = 250;
/** workerd lets an object go that has done nothing for 10 s, and keeps its sockets. */
const IDLE_MS = 11_000;
const SLEEP_MS = 30_000;
const SAMPLE_MS = 100;
const PATIENCE_MS = 90_000;
const NAME = "hibernating";

interface Measured {
  idleMb: number;
  peakMb: number;
  toLast: Latency;
}

/** Each figure is of a fresh process, because memory that an earlier run left would hide what this one takes. */
export async function hibernating(withEtcd: boolean): Promise<string> {
  const rows: string[][] = [];
  for (const stalled of [0, STALLED]) {
    const ours = await Ours.start();
    const asleep = () => sleeps(ours);
    rows.push(await row(await startOurs(ours), stalled, asleep));
  }
  if (withEtcd) for (const stalled of [0, STALLED]) rows.push(await row(await startEtcd(), stalled));
  return table(
    ["", "watchers", "stalled", "to last socket p50 ms", "p99 ms", "memory idle MB", "peak MB", "commits timed"],
    rows,
  );
}

async function row(system: System, stalled: number, idle?: () => Promise<void>): Promise<string[]> {
  try {
    const what = `1,000 watchers of ${system.name}, ${stalled} stalled`;
    const { idleMb, peakMb, toLast } = await within(PATIENCE_MS, what, measure(system, stalled, idle));
    return [
      system.name,
      ...[WATCHERS, stalled, toLast.p50, toLast.p99, Math.round(idleMb), Math.round(peakMb), toLast.count].map(number),
    ];
  } finally {
    await system.stop();
  }
}

/** A benchmark of hibernation that did not happen would be of something else. */
async function sleeps(ours: Ours): Promise<void> {
  const began = Date.now();
  const until = began + SLEEP_MS;
  do {
    await new Promise((done) => setTimeout(done, IDLE_MS));
    if (await ours.hasSlept(NAME, began)) return;
  } while (Date.now() < until);
  throw new Error(`the ledger did not hibernate within ${SLEEP_MS / 1_000} s`);
}

async function measure(system: System, stalledCount: number, idle?: () => Promise<void>): Promise<Measured> {
  const space = await system.space(NAME);
  const last = new LastSockets(WATCHERS - stalledCount);
  const healthy = await openAll(space, WATCHERS - stalledCount, (sentAt) => last.delivered(sentAt));
  const stuck = await openAll(space, stalledCount, () => undefined);
  for (const watch of stuck) watch.stall();
  // One event to all, by which it can be seen that the ledger forgot that it sent it.
  const revision = await space.put(0);
  await Promise.all(healthy.map((watch) => watch.reached(revision)));
  await idle?.();
  const idleMb = system.residentMb();
  return { idleMb, ...(await beats(system, space, healthy, last, [...healthy, ...stuck])) };
}

async function beats(
  system: System,
  space: Space,
  healthy: Watch[],
  last: LastSockets,
  all: Watch[],
): Promise<{ peakMb: number; toLast: Latency }> {
  let peakMb = 0;
  const sampler = setInterval(() => {
    peakMb = Math.max(peakMb, system.residentMb());
  }, SAMPLE_MS);
  last.times.length = 0;
  try {
    await beat(space, healthy, WRITES, PACE);
    return { peakMb, toLast: latency(last.times) };
  } finally {
    clearInterval(sampler);
    for (const watch of all) watch.close();
  }
}
