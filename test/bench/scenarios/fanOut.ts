import { productFile, products } from "../../../src/cli/demo/catalog.ts";
import { EtcdClient, MAX_TXN_OPS } from "../etcd.ts";
import type { Ours } from "../ours.ts";
import { number, table } from "../report.ts";
import { now, percentile, within } from "../stats.ts";

const WATCHERS = 100;
/** With the Repository, whose status says that the push is applied, the 1,000 that a transaction holds. */
const CHANGES = 999;
const ROUNDS = 5;

/** 1,000 changes that come together, to 100 watchers: ours is one push in one transaction, etcd's eight of its largest. */
export async function fanOut(ours: Ours, etcdUrl: string | undefined): Promise<string> {
  const rows = [row("gitstore-edge", "1", await within(90_000, "the fan-out", oursRounds(ours)))];
  if (etcdUrl !== undefined) {
    const transactions = Math.ceil(CHANGES / MAX_TXN_OPS);
    rows.push(row("etcd", String(transactions), await within(90_000, "etcd's fan-out", etcdRounds(etcdUrl))));
  }
  return table(["", "transactions", "commit ms", "all have all, ms", "events/s to all", "MB/s to all"], rows);
}

interface Round {
  commitMs: number;
  allMs: number;
  bytes: number;
}

function row(name: string, transactions: string, rounds: Round[]): string[] {
  const median = (of: (round: Round) => number) => percentile(rounds.map(of), 0.5);
  const seconds = median((round) => round.allMs) / 1_000;
  return [
    name,
    transactions,
    number(median((round) => round.commitMs)),
    number(seconds * 1_000),
    number((CHANGES * WATCHERS) / seconds),
    number(median((round) => round.bytes) / seconds / 1_000_000),
  ];
}

async function oursRounds(ours: Ours): Promise<Round[]> {
  const namespace = "fan-out";
  await ours.namespace(namespace);
  await ours.ledgerRepository(namespace);
  const rows = products(CHANGES);
  const first = await ours.push(
    namespace,
    rows.map((each) => productFile(each)),
  );
  const watchers = await Promise.all(
    Array.from({ length: WATCHERS }, () => ours.watch(namespace, { from: first, kinds: ["Product"] })),
  );
  const rounds: Round[] = [];
  for (let round = 0; round < ROUNDS; round++) {
    const push = ours.preparePush(
      namespace,
      rows.map((each) => productFile(each, ` (${round})`)),
    );
    const before = watchers.reduce((sum, watcher) => sum + watcher.bytes, 0);
    const began = now();
    const rv = await push();
    const commitMs = now() - began;
    await Promise.all(watchers.map((watcher) => watcher.reached(rv - 1)));
    const bytes = watchers.reduce((sum, watcher) => sum + watcher.bytes, 0) - before;
    rounds.push({ commitMs, allMs: now() - began, bytes });
  }
  for (const watcher of watchers) watcher.close();
  return rounds;
}

async function etcdRounds(url: string): Promise<Round[]> {
  const writer = new EtcdClient(url);
  let bytes = 0;
  const watchers = Array.from({ length: WATCHERS }, () => new EtcdClient(url));
  await Promise.all(watchers.map((watcher) => watcher.watch("/fan-out/", 0, (value) => (bytes += value.length))));
  const rounds: Round[] = [];
  for (let round = 0; round < ROUNDS; round++) {
    const entries = products(CHANGES).map((each): [string, string] => [
      `/fan-out/${each.name}`,
      // As large as the object that our watchers get.
      JSON.stringify(productFile(each, ` (${round})`)).padEnd(1_000, " "),
    ]);
    bytes = 0;
    const began = now();
    let revision = 0;
    for (let at = 0; at < entries.length; at += MAX_TXN_OPS) {
      revision = await writer.putAll(entries.slice(at, at + MAX_TXN_OPS));
    }
    const commitMs = now() - began;
    await Promise.all(watchers.map((watcher) => watcher.reached(revision)));
    rounds.push({ commitMs, allMs: now() - began, bytes });
  }
  for (const client of [writer, ...watchers]) client.close();
  return rounds;
}
