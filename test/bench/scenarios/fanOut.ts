import { productFile, products } from "../../../src/cli/demo/catalog.ts";
import { cpuMs } from "../cpu.ts";
import { EtcdClient, MAX_TXN_OPS } from "../etcd.ts";
import { lightEtcdWatch } from "../light/grpc.ts";
import { lightWatch } from "../light/websocket.ts";
import type { Ours } from "../ours.ts";
import { number, table } from "../report.ts";
import { now, percentile, within } from "../stats.ts";

const WATCHERS = 100;
/** With the Repository, whose status says that the push is applied, the 1,000 that a transaction holds. */
const CHANGES = 999;
const ROUNDS = 7;
const PATIENCE_MS = 90_000;

/** One watcher, counting what comes; marks are RVs here and numbers of events in etcd. */
interface Counting {
  readonly bytes: number;
  reached(mark: number): Promise<void>;
  close(): void;
}

interface Round {
  commitMs: number;
  allMs: number;
  serverMs: number;
  bytes: number;
}

/** A server as this scenario drives it. */
interface Subject {
  name: string;
  transactions: number;
  pid: number;
  light(): Promise<Counting>;
  /** With the library that users have: `ws` here, `node:http2` there. Messages are assembled, and not parsed. */
  usual(): Promise<Counting>;
  /** Makes the changes ready, so that only what the server does with them is timed. */
  prepare(round: number): () => Promise<(watcher: Counting, events: number) => Promise<void>>;
}

/** 1,000 changes that come together, to 100 watchers: ours is one push in one transaction, etcd's eight of its largest. */
export async function fanOut(ours: Ours, etcdUrl: string | undefined, etcdPid: number | undefined): Promise<string> {
  const subjects = [await oursAs(ours)];
  if (etcdUrl !== undefined && etcdPid !== undefined) subjects.push(etcdAs(etcdUrl, etcdPid));
  const rows: string[][] = [];
  let made = 0;
  for (const clients of ["light", "usual"] as const) {
    for (const subject of subjects) {
      const rounds = await within(PATIENCE_MS, `the fan-out of ${subject.name}`, measure(subject, clients, made));
      rows.push([subject.name, clients, String(subject.transactions), ...figures(rounds)]);
    }
    made += ROUNDS;
  }
  const head = ["", "clients", "transactions", "commit ms", "all have all, ms", "server's CPU ms"];
  return table([...head, "events/s to all", "MB/s to all"], rows);
}

async function measure(subject: Subject, clients: "light" | "usual", from: number): Promise<Round[]> {
  const watchers = await Promise.all(Array.from({ length: WATCHERS }, () => subject[clients]()));
  const rounds: Round[] = [];
  for (let round = 0; round < ROUNDS; round++) {
    const push = subject.prepare(from + round);
    const [bytes, cpu, began] = [bytesOf(watchers), cpuMs(subject.pid), now()];
    const reached = await push();
    const commitMs = now() - began;
    await Promise.all(watchers.map((watcher) => reached(watcher, (round + 1) * CHANGES)));
    const allMs = now() - began;
    rounds.push({ commitMs, allMs, serverMs: cpuMs(subject.pid) - cpu, bytes: bytesOf(watchers) - bytes });
  }
  for (const watcher of watchers) watcher.close();
  return rounds;
}

function bytesOf(watchers: Counting[]): number {
  return watchers.reduce((sum, watcher) => sum + watcher.bytes, 0);
}

function figures(rounds: Round[]): string[] {
  const median = (of: (round: Round) => number) => percentile(rounds.map(of), 0.5);
  const seconds = median(({ allMs }) => allMs) / 1_000;
  return [
    median(({ commitMs }) => commitMs),
    seconds * 1_000,
    median(({ serverMs }) => serverMs),
    (CHANGES * WATCHERS) / seconds,
    median(({ bytes }) => bytes) / seconds / 1_000_000,
  ].map(number);
}

async function oursAs(ours: Ours): Promise<Subject> {
  const namespace = "fan-out";
  await ours.namespace(namespace);
  await ours.ledgerRepository(namespace);
  const rows = products(CHANGES);
  const first = await ours.push(
    namespace,
    rows.map((each) => productFile(each)),
  );
  let newest = first;
  return {
    name: "gitstore-edge",
    transactions: 1,
    pid: ours.workerdPid(),
    light: () => lightWatch(ours.server.url, namespace, "Product", ours.token),
    usual: () => ours.watch(namespace, { from: newest, kinds: ["Product"] }),
    prepare: (round) => {
      const push = ours.preparePush(
        namespace,
        rows.map((each) => productFile(each, ` (${round})`)),
      );
      return async () => {
        newest = await push();
        // The last is the Repository's own, which a watch of Products is not told.
        return (watcher) => watcher.reached(newest - 1);
      };
    },
  };
}

function etcdAs(url: string, pid: number): Subject {
  const writer = new EtcdClient(url);
  return {
    name: "etcd",
    transactions: Math.ceil(CHANGES / MAX_TXN_OPS),
    pid,
    light: () => lightEtcdWatch(url, "/fan-out/"),
    usual: async () => {
      const client = new EtcdClient(url);
      const counting = { bytes: 0, reached: (events: number) => client.received(events), close: () => client.close() };
      await client.watch("/fan-out/", 0, (value) => {
        counting.bytes += value.length;
      });
      return counting;
    },
    prepare: (round) => {
      const entries = products(CHANGES).map((each): [string, string] => [
        `/fan-out/${each.name}`,
        // As large as the object that our watchers get.
        JSON.stringify(productFile(each, ` (${round})`)).padEnd(1_000, " "),
      ]);
      return async () => {
        for (let at = 0; at < entries.length; at += MAX_TXN_OPS) {
          await writer.putAll(entries.slice(at, at + MAX_TXN_OPS));
        }
        return (watcher, events) => watcher.reached(events);
      };
    },
  };
}
