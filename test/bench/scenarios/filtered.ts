import { SHARES } from "../ours.ts";
import { number, table } from "../report.ts";
import { inParallel, type Latency, latency, now, within } from "../stats.ts";
import type { Space, System } from "../systems.ts";
import { beat, openAll } from "./watchers.ts";

const WATCHERS = 1_000;
const WIDTH = 64;
const FAST = 3_000;
const BEATS = 150;
const PATIENCE_MS = 60_000;

interface Measured {
  perSecond: number;
  delivery: Latency;
}

/** 1,000 watchers with 100 different selectors: each is let through one commit in a hundred, so each commit goes to ten. */
export async function filtered(systems: System[]): Promise<string> {
  const rows: string[][] = [];
  for (const system of systems) {
    const space = await system.space("filtered");
    const { perSecond, delivery } = await within(PATIENCE_MS, `filtered watchers of ${system.name}`, measure(space));
    rows.push([system.name, ...[WATCHERS, perSecond, delivery.p50, delivery.p99, delivery.count].map(number)]);
  }
  return table(["", "watchers", "transactions/s", "delivery p50 ms", "p99 ms", "deliveries timed"], rows);
}

async function measure(space: Space): Promise<Measured> {
  let timed: number[] = [];
  const times = (sentAt: number) => timed.push(now() - sentAt);
  const open = await openAll(space, WATCHERS, times, (i) => i % SHARES);
  await beat(space, [], BEATS);
  await delivered(() => timed.length, BEATS * (WATCHERS / SHARES));
  const delivery = latency(timed);
  timed = [];
  const began = now();
  await inParallel(FAST, WIDTH, async (i) => {
    await space.put(i);
  });
  await delivered(() => timed.length, FAST * (WATCHERS / SHARES));
  const perSecond = FAST / ((now() - began) / 1_000);
  for (const watch of open) watch.close();
  return { perSecond, delivery };
}

/** A watch that lets nothing through hears of no revision for a while, so what has come is counted instead. */
async function delivered(count: () => number, all: number): Promise<void> {
  while (count() < all) await new Promise((done) => setTimeout(done, 1));
  if (count() > all) throw new Error(`${count()} deliveries came where ${all} match`);
}
