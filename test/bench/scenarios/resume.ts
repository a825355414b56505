import { productFile, products } from "../../../src/cli/demo/catalog.ts";
import { EtcdClient, MAX_TXN_OPS } from "../etcd.ts";
import { Ours } from "../ours.ts";
import { number, table } from "../report.ts";
import { now, percentile, within } from "../stats.ts";

/** With the Repository, whose status says that the push is applied, the 1,000 that a transaction holds. */
const PER_PUSH = 999;
const PUSHES = 10;
const EVENTS = PUSHES * PER_PUSH;
const ROUNDS = 5;
/** How long the outbox may take to drain into D1, and the tail to be pruned. */
const PRUNE_MS = 60_000;

/** A watcher that comes back 10,000 events late: how long until it has them all. */
export async function resume(ours: Ours, etcdUrl: string | undefined): Promise<string> {
  const rows = [
    row("gitstore-edge, from the ledger's tail", await within(90_000, "resume from the tail", fromTail(ours))),
    row("gitstore-edge, from D1", await within(120_000, "resume from D1", fromWindow())),
  ];
  if (etcdUrl !== undefined) rows.push(row("etcd", await within(90_000, "etcd's resume", fromEtcd(etcdUrl))));
  return table(["", "events", "ms (median of 5)", "events/s"], rows);
}

function row(name: string, timesMs: number[]): string[] {
  const ms = percentile(timesMs, 0.5);
  return [name, number(EVENTS), number(ms), number(EVENTS / (ms / 1_000))];
}

/** Ten pushes, each of 999 changed products. @returns the RVs before and after */
async function fill(ours: Ours, namespace: string): Promise<{ from: number; to: number }> {
  await ours.namespace(namespace);
  await ours.ledgerRepository(namespace);
  const rows = products(PER_PUSH);
  const from = await ours.push(
    namespace,
    rows.map((each) => productFile(each)),
  );
  let to = from;
  for (let i = 0; i < PUSHES; i++) {
    to = await ours.push(
      namespace,
      rows.map((each) => productFile(each, ` (${i})`)),
    );
  }
  return { from, to };
}

async function fromTail(ours: Ours): Promise<number[]> {
  return await timeResumes(ours, "resume-tail", await fill(ours, "resume-tail"));
}

/** On a server that keeps a tail of 100 events, and so of one push: the nine others have to come from D1. */
async function fromWindow(): Promise<number[]> {
  const ours = await Ours.start({ TAIL_EVENTS: "100", TAIL_MINUTES: "0" });
  try {
    const namespace = "resume-window";
    const range = await fill(ours, namespace);
    const until = Date.now() + PRUNE_MS;
    for (;;) {
      const stats = (await ours.call(namespace, { call: "stats" })) as { tailEvents: number; outboxDepth: number };
      if (stats.outboxDepth === 0 && stats.tailEvents < 2 * PER_PUSH) break;
      if (Date.now() > until) throw new Error(`the tail was not pruned: ${JSON.stringify(stats)}`);
      await new Promise((done) => setTimeout(done, 200));
    }
    return await timeResumes(ours, namespace, range);
  } finally {
    await ours.stop();
  }
}

async function timeResumes(
  ours: Ours,
  namespace: string,
  { from, to }: { from: number; to: number },
): Promise<number[]> {
  const times: number[] = [];
  for (let i = 0; i < ROUNDS; i++) {
    const began = now();
    const watcher = await ours.watch(namespace, { from, kinds: ["Product"] });
    await watcher.reached(to);
    times.push(now() - began);
    watcher.close();
  }
  return times;
}

async function fromEtcd(url: string): Promise<number[]> {
  const writer = new EtcdClient(url);
  const rows = products(PER_PUSH);
  const from = await writer.put("/resume/begin", "x");
  let to = from;
  for (let i = 0; i < PUSHES; i++) {
    const entries = rows.map((each): [string, string] => [
      `/resume/${each.name}`,
      JSON.stringify(productFile(each, ` (${i})`)).padEnd(1_000, " "),
    ]);
    for (let at = 0; at < entries.length; at += MAX_TXN_OPS)
      to = await writer.putAll(entries.slice(at, at + MAX_TXN_OPS));
  }
  const times: number[] = [];
  for (let i = 0; i < ROUNDS; i++) {
    const began = now();
    const client = new EtcdClient(url);
    await client.watch("/resume/", from, () => undefined);
    await client.reached(to);
    times.push(now() - began);
    client.close();
  }
  writer.close();
  return times;
}
