import { number, table } from "../report.ts";
import { inParallel, type Latency, latency, now, within } from "../stats.ts";
import type { Space, System } from "../systems.ts";

interface Step {
  watchers: number;
  /** Writes as fast as they go, 64 at a time. */
  writes: number;
  /** Writes a second, one after the other, while latency is measured: below what any system here takes. */
  pace: number;
}

const STEPS: Step[] = [
  { watchers: 1, writes: 4_000, pace: 100 },
  { watchers: 100, writes: 2_000, pace: 50 },
  { watchers: 1_000, writes: 500, pace: 5 },
];
const WIDTH = 64;
const PACED_MS = 3_000;

interface Measured {
  perSecond: number;
  delivery: Latency;
}

/** Writes of one object of 1 KB each: how many a second, and how long until each watcher has one. */
export async function commits(systems: System[]): Promise<string> {
  const rows: string[][] = [];
  for (const step of STEPS) {
    for (const system of systems) {
      const measured = await within(60_000, `commits with ${step.watchers} watchers`, measure(system, step));
      rows.push([
        system.name,
        number(step.watchers),
        number(measured.perSecond),
        number(measured.delivery.p50),
        number(measured.delivery.p99),
        number(measured.delivery.count),
      ]);
    }
  }
  return table(["", "watchers", "transactions/s", "delivery p50 ms", "p99 ms", "deliveries timed"], rows);
}

async function measure(system: System, step: Step): Promise<Measured> {
  const space = await system.space(`commits-${step.watchers}`);
  let timed: number[] | undefined;
  const watches = await Promise.all(
    Array.from({ length: step.watchers }, () => space.watch((sentAt) => timed?.push(now() - sentAt))),
  );
  timed = [];
  const last = await paced(space, step.pace);
  await Promise.all(watches.map((watch) => watch.reached(last)));
  const delivery = latency(timed);
  timed = undefined;
  const began = now();
  let newest = 0;
  await inParallel(step.writes, WIDTH, async (i) => {
    newest = Math.max(newest, await space.put(i));
  });
  // Until every watcher has everything: a server that only puts it off is not faster.
  await Promise.all(watches.map((watch) => watch.reached(newest)));
  const perSecond = step.writes / ((now() - began) / 1_000);
  for (const watch of watches) watch.close();
  return { perSecond, delivery };
}

/** One write at a time, on a beat. @returns the last revision */
export async function paced(space: Space, perSecond: number, ms = PACED_MS): Promise<number> {
  const count = Math.ceil((perSecond * ms) / 1_000);
  let last = 0;
  const began = now();
  for (let i = 0; i < count; i++) {
    const wait = began + (i * 1_000) / perSecond - now();
    if (wait > 0) await new Promise((done) => setTimeout(done, wait));
    last = await space.put(i);
  }
  return last;
}
