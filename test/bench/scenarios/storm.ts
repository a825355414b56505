import { productFile, products } from "../../../src/cli/demo/catalog.ts";
import { EtcdClient, MAX_TXN_OPS } from "../etcd.ts";
import { Ours } from "../ours.ts";
import { number, table } from "../report.ts";
import { now, percentile, within } from "../stats.ts";

/** With the Repository, whose status says that the push is applied, the 1,000 that a transaction holds. */
const EVENTS = 999;
const FROM_TAIL = 500;
const FROM_WINDOW = 100;
/** The tail keeps the newest 100 events here, and whole transactions: this push, and nothing of the one before. */
const NEWEST = 120;
const PRUNE_MS = 60_000;
const PATIENCE_MS = 60_000;

interface Storm {
  watchers: number;
  events: number;
  allMs: number;
  medianMs: number;
}

/** As after a deploy, which cuts every socket: all come back at once, 1,000 events late. */
export async function storm(ours: Ours, etcdUrl: string | undefined): Promise<string> {
  const rows = [
    row("gitstore-edge, from the ledger's tail", await within(PATIENCE_MS, "the storm on the tail", fromTail(ours))),
    row("gitstore-edge, from D1", await within(2 * PATIENCE_MS, "the storm on D1", fromWindow())),
  ];
  if (etcdUrl !== undefined) {
    for (const watchers of [FROM_TAIL, FROM_WINDOW])
      rows.push(row("etcd", await within(PATIENCE_MS, "etcd's storm", fromEtcd(etcdUrl, watchers))));
  }
  return table(["", "watchers", "events each", "median has all, ms", "all have all, ms", "events/s to all"], rows);
}

function row(name: string, { watchers, events, allMs, medianMs }: Storm): string[] {
  return [name, ...[watchers, events, medianMs, allMs, (watchers * events) / (allMs / 1_000)].map(number)];
}

async function push(ours: Ours, namespace: string, count: number, note: string): Promise<number> {
  return await ours.push(
    namespace,
    products(count).map((each) => productFile(each, note)),
  );
}

async function fromTail(ours: Ours): Promise<Storm> {
  const namespace = "storm-tail";
  await ours.namespace(namespace);
  await ours.ledgerRepository(namespace);
  const from = await push(ours, namespace, EVENTS, "");
  return await resumeAll(ours, namespace, FROM_TAIL, from, await push(ours, namespace, EVENTS, " (1)"), EVENTS);
}

async function fromWindow(): Promise<Storm> {
  const ours = await Ours.start({ TAIL_EVENTS: "100", TAIL_MINUTES: "0" });
  try {
    const namespace = "storm-window";
    await ours.namespace(namespace);
    await ours.ledgerRepository(namespace);
    const from = await push(ours, namespace, EVENTS, "");
    await push(ours, namespace, EVENTS, " (1)");
    const to = await push(ours, namespace, NEWEST, " (2)");
    const until = Date.now() + PRUNE_MS;
    for (;;) {
      const stats = (await ours.call(namespace, { call: "stats" })) as { tailEvents: number; outboxDepth: number };
      if (stats.outboxDepth === 0 && stats.tailEvents < EVENTS) break;
      if (Date.now() > until) throw new Error(`the tail was not pruned: ${JSON.stringify(stats)}`);
      await new Promise((done) => setTimeout(done, 200));
    }
    return await resumeAll(ours, namespace, FROM_WINDOW, from, to, EVENTS + NEWEST);
  } finally {
    await ours.stop();
  }
}

async function resumeAll(
  ours: Ours,
  namespace: string,
  watchers: number,
  from: number,
  to: number,
  events: number,
): Promise<Storm> {
  return await stormOf(watchers, events, async () => {
    const watcher = await ours.watch(namespace, { from, kinds: ["Product"] });
    // The push's last change is the Repository's, which these do not watch; the frame that ends it covers it all the same.
    await watcher.reached(to - 1);
    return watcher;
  });
}

async function fromEtcd(url: string, watchers: number): Promise<Storm> {
  const writer = new EtcdClient(url);
  const prefix = `/storm-${watchers}/`;
  const from = await writer.put(`${prefix}begin`, "x");
  const entries = products(EVENTS).map((each): [string, string] => [
    `${prefix}${each.name}`,
    JSON.stringify(productFile(each)).padEnd(1_000, " "),
  ]);
  let to = from;
  for (let at = 0; at < entries.length; at += MAX_TXN_OPS)
    to = await writer.putAll(entries.slice(at, at + MAX_TXN_OPS));
  writer.close();
  return await stormOf(watchers, EVENTS, async () => {
    const client = new EtcdClient(url);
    await client.watch(prefix, from, () => undefined);
    await client.reached(to);
    return client;
  });
}

/** From the first connection on: opening them is part of coming back. */
async function stormOf(watchers: number, events: number, resume: () => Promise<{ close(): void }>): Promise<Storm> {
  const began = now();
  const times: number[] = [];
  const open = await Promise.all(
    Array.from({ length: watchers }, async () => {
      const watch = await resume();
      times.push(now() - began);
      return watch;
    }),
  );
  for (const watch of open) watch.close();
  return { watchers, events, allMs: Math.max(...times), medianMs: percentile(times, 0.5) };
}
