import { number, table } from "../report.ts";
import { LastSockets, latency, now, onBeat, within } from "../stats.ts";
import type { Space, System, Watch } from "../systems.ts";

const STEPS = [10, 100, 1_000, 4_000];
const PACE = 50;
/** Fewer writes than objects, so that each may be under way while later ones start. */
const WRITES = 150;
/** Deliveries that a step is given: past it the rest of the writes would only make the queue longer. */
const MAX_DELIVERIES = 200_000;
/** Before the clock runs: both servers are measured as they run, not as they start. */
const WARM_UP = 5_000;
const MAX_WARM_UP_DELIVERIES = 300_000;
const PATIENCE_MS = 120_000;
const OPENING = 100;

/** 50 commits a second to more and more watchers: how long until the last of them has each commit. */
export async function watchers(systems: System[]): Promise<string> {
  const rows: string[][] = [];
  for (const count of STEPS) {
    for (const system of systems) {
      const space = await system.space(`watchers-${count}`);
      const step = `${count} watchers of ${system.name}`;
      const { toLast, perSecond } = await within(PATIENCE_MS, step, measure(space, count));
      const { p50, p99, count: timed } = latency(toLast);
      rows.push([system.name, ...[count, timed, perSecond, p50, p99].map(number)]);
    }
  }
  const head = ["", "watchers", "commits timed", "deliveries/s", "to last socket p50 ms", "p99 ms"];
  return table(head, rows);
}

async function measure(space: Space, count: number): Promise<{ toLast: number[]; perSecond: number }> {
  const writes = Math.min(WRITES, Math.floor(MAX_DELIVERIES / count));
  const last = new LastSockets(count);
  let isTimed = false;
  const open = await openAll(space, count, (sentAt) => {
    if (isTimed) last.delivered(sentAt);
  });
  await warmUp(space, open);
  isTimed = true;
  const ms = await beat(space, open, writes);
  for (const watch of open) watch.close();
  return { toLast: last.times, perSecond: (writes * count) / (ms / 1_000) };
}

/** Writes one after another, until every watcher has the last of them. */
async function warmUp(space: Space, open: Watch[]): Promise<void> {
  const writes = Math.min(WARM_UP, Math.floor(MAX_WARM_UP_DELIVERIES / open.length));
  let newest = 0;
  for (let i = 0; i < writes; i++) newest = await space.put(i);
  await Promise.all(open.map((watch) => watch.reached(newest)));
}

/** Some at a time, as a load balancer would let them in. */
export async function openAll(
  space: Space,
  count: number,
  onDelivery: (sentAt: number) => void,
  shareOf: (i: number) => number | undefined = () => undefined,
): Promise<Watch[]> {
  const open: Watch[] = [];
  while (open.length < count) {
    const some = Math.min(OPENING, count - open.length);
    const from = open.length;
    open.push(
      ...(await Promise.all(Array.from({ length: some }, (_, i) => space.watch(onDelivery, shareOf(from + i))))),
    );
  }
  return open;
}

/** @returns ms until every watcher has every write */
export async function beat(space: Space, watches: Watch[], writes: number, perSecond = PACE): Promise<number> {
  const began = now();
  let newest = 0;
  await onBeat(perSecond, writes, async (i) => {
    newest = Math.max(newest, await space.put(i));
  });
  await Promise.all(watches.map((watch) => watch.reached(newest)));
  return now() - began;
}
