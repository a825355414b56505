import { number, table } from "../report.ts";
import { inParallel, type Latency, latency, now, within } from "../stats.ts";
import type { System } from "../systems.ts";
import { paced } from "./commits.ts";

const HEALTHY = 20;
const STALLED = 10;
/** About 20 MB to each watcher: far more than the kernel takes for a connection that nobody reads. */
const WRITES = 20_000;
const WIDTH = 64;
const PACE = 50;
const SAMPLE_MS = 200;

/**
 * What clients that hang cost the server's memory and everyone else. Each figure is of a fresh process: memory that an
 * earlier run left would hide what this one takes.
 */
export async function stalled(starters: (() => Promise<System>)[]): Promise<string> {
  const rows: string[][] = [];
  for (const start of starters) {
    for (const count of [0, STALLED]) {
      const system = await start();
      try {
        const { peakMb, delivery, perSecond } = await within(
          90_000,
          `${count} stalled clients`,
          measure(system, count),
        );
        const figures = [count, peakMb, perSecond, delivery.p50, delivery.p99];
        rows.push([system.name, ...figures.map(number)]);
      } finally {
        await system.stop();
      }
    }
  }
  return table(["", "stalled", "peak memory MB", "transactions/s", "others' delivery p50 ms", "p99 ms"], rows);
}

interface Measured {
  peakMb: number;
  delivery: Latency;
  perSecond: number;
}

async function measure(system: System, stalledCount: number): Promise<Measured> {
  const space = await system.space("stalled");
  let timed: number[] | undefined;
  const healthy = await Promise.all(
    Array.from({ length: HEALTHY }, () => space.watch((sentAt) => timed?.push(now() - sentAt))),
  );
  const stuck = await Promise.all(Array.from({ length: stalledCount }, () => space.watch(() => undefined)));
  for (const watch of stuck) watch.stall();
  let peakMb = 0;
  const sampler = setInterval(() => {
    peakMb = Math.max(peakMb, system.residentMb());
  }, SAMPLE_MS);
  try {
    const began = now();
    let newest = 0;
    await inParallel(WRITES, WIDTH, async (i) => {
      newest = Math.max(newest, await space.put(i));
    });
    await Promise.all(healthy.map((watch) => watch.reached(newest)));
    const perSecond = WRITES / ((now() - began) / 1_000);
    timed = [];
    const last = await paced(space, PACE);
    await Promise.all(healthy.map((watch) => watch.reached(last)));
    return { peakMb, delivery: latency(timed), perSecond };
  } finally {
    clearInterval(sampler);
    for (const watch of [...healthy, ...stuck]) watch.close();
  }
}
