/** `npm run bench [scenario…]`: measures this server, beside etcd where it is on PATH, and prints tables. */
import { etcdVersion } from "./etcd.ts";
import { Ours } from "./ours.ts";
import { machine } from "./report.ts";
import { commits } from "./scenarios/commits.ts";
import { fanOut } from "./scenarios/fanOut.ts";
import { filtered } from "./scenarios/filtered.ts";
import { gitPush } from "./scenarios/gitPush.ts";
import { hibernating } from "./scenarios/hibernating.ts";
import { resume } from "./scenarios/resume.ts";
import { stalled } from "./scenarios/stalled.ts";
import { statuses } from "./scenarios/statuses.ts";
import { storm } from "./scenarios/storm.ts";
import { watchers } from "./scenarios/watchers.ts";
import { now } from "./stats.ts";
import { bySocket, type System, startEtcd, startOurs } from "./systems.ts";

interface Scenario {
  name: string;
  title: string;
  run(both: {
    ours: Ours;
    systems: System[];
    etcdUrl: string | undefined;
    etcdPid: number | undefined;
  }): Promise<string>;
}

const SCENARIOS: Scenario[] = [
  {
    name: "commits",
    title: "Commits of one object of 1 KB, 64 writers at once; delivery timed at a steady pace",
    run: async ({ ours, systems }) => `${await commits(systems)}\n\n${await byRpc(ours)}`,
  },
  {
    name: "fan-out",
    title: "1,000 changed files in one push to 100 watchers",
    run: ({ ours, etcdUrl, etcdPid }) => fanOut(ours, etcdUrl, etcdPid),
  },
  {
    name: "watchers",
    title: "50 commits/s of one object of 1 KB to 10, 100, 1,000 and 4,000 watchers, to the last socket",
    run: ({ ours, systems }) => watchers([bySocket(ours), ...systems]),
  },
  {
    name: "filtered",
    title: "1,000 watchers that let 1 % through: delivery at 50 commits/s, then 64 writers at once",
    run: ({ systems }) => filtered(systems),
  },
  {
    name: "storm",
    title: "Resume storms: all at once, 1,000 events late",
    run: ({ ours, etcdUrl }) => storm(ours, etcdUrl),
  },
  { name: "resume", title: "Resume of a watch 10,000 events late", run: ({ ours, etcdUrl }) => resume(ours, etcdUrl) },
  {
    name: "push",
    title: "git push of 1,000 files, end to end, over HTTP with the hooks",
    run: ({ ours }) => gitPush(ours),
  },
  {
    name: "statuses",
    title: "Status writes with their precondition, beside etcd's compare-and-put; GraphQL lists",
    run: ({ ours, etcdUrl }) => statuses(ours, etcdUrl),
  },
  {
    name: "hibernating",
    title: "1,000 hibernating watchers on one ledger, then 50 commits/s; the same with 10 that stopped reading",
    run: ({ etcdUrl }) => hibernating(etcdUrl !== undefined),
  },
  {
    name: "stalled",
    title: "10 clients that stop reading beside 20 that do not, 20,000 writes",
    run: ({ etcdUrl }) =>
      stalled([async () => startOurs(await Ours.start()), ...(etcdUrl === undefined ? [] : [startEtcd])]),
  },
];

/** Without HTTP, tokens and JSON bodies in the way: what the ledger itself commits. */
async function byRpc(ours: Ours): Promise<string> {
  const namespace = "commits-rpc";
  await ours.namespace(namespace);
  await ours.createChannels(namespace, 64);
  const count = 10_000;
  const ms = await ours.writesByRpc(namespace, count);
  return `The same writes by RPC from inside the Worker, no watchers: ${Math.round(count / (ms / 1_000)).toLocaleString("en")} transactions/s.`;
}

async function main(): Promise<void> {
  const asked = process.argv.slice(2);
  const unknown = asked.filter((name) => !SCENARIOS.some((scenario) => scenario.name === name));
  if (unknown.length > 0) {
    throw new Error(
      `There is no scenario ${unknown.join(", ")}. There are: ${SCENARIOS.map(({ name }) => name).join(", ")}.`,
    );
  }
  const version = etcdVersion();
  process.stdout.write(`${machine(version)}\n`);
  const ours = await Ours.start();
  const systems: System[] = [await startOurs(ours)];
  const etcd = version === undefined ? undefined : await startEtcd();
  if (etcd !== undefined) systems.push(etcd);
  const began = now();
  try {
    for (const scenario of SCENARIOS) {
      if (asked.length > 0 && !asked.includes(scenario.name)) continue;
      process.stdout.write(`\n## ${scenario.title}\n\n`);
      process.stdout.write(`${await scenario.run({ ours, systems, etcdUrl: etcd?.url, etcdPid: etcd?.pid })}\n`);
    }
  } finally {
    for (const system of systems) await system.stop();
  }
  process.stdout.write(`\nTook ${Math.round((now() - began) / 1_000)} s.\n`);
}

try {
  await main();
  process.exit(0);
} catch (error) {
  process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n`);
  process.exit(1);
}
