/** `npm run conformance -- --server URL --token T`: is this server one that keeps the watch's promises? */
import { execFile } from "node:child_process";
import { parseArgs, promisify } from "node:util";
import { CASES } from "./cases/index.ts";
import { jsonReport, textReport } from "./report.ts";
import { runCases } from "./runner.ts";
import type { MintRequest } from "./types.ts";
import type { Target } from "./world.ts";
import { GitBatches } from "./writers/git.ts";

const USAGE = `Usage: npm run conformance -- --server URL --token TOKEN [options]

  --server URL        The server's root.
  --token TOKEN       Of someone who may make and remove namespaces, and write in them. Or GITSTORE_TOKEN.
  --filter TEXT       Only cases whose id, promise, table or row has this text; repeatable. A leading "=" wants the id whole.
  --mint COMMAND      Prints a token for other roles; run by the shell with --role ROLE --namespace NS --ttl 60s --sub S
                      behind it. "gitstorectl token create" is one.
  --git               Makes transactions of several changes: a Git server on this machine, which the server must reach.
  --short-tail        The server keeps a tail of a few events only (TAIL_EVENTS, TAIL_MINUTES=0), so that states expire.
  --slow SECONDS      Cases that wait so long because the protocol says so. Default 10; all of them: 600.
  --concurrency N     Cases at once. Default 6.
  --list              Prints the cases and runs none.
  --json              Prints the results as JSON.

The suite makes namespaces named conformance-… and removes them. Exit code: 0 all passed, 1 some failed, 2 wrong usage.
`;

const { values } = parseArgs({
  options: {
    server: { type: "string" },
    token: { type: "string" },
    filter: { type: "string", multiple: true },
    mint: { type: "string" },
    git: { type: "boolean", default: false },
    "short-tail": { type: "boolean", default: false },
    slow: { type: "string", default: "10" },
    concurrency: { type: "string", default: "6" },
    list: { type: "boolean", default: false },
    json: { type: "boolean", default: false },
    help: { type: "boolean", default: false },
  },
});

const run = promisify(execFile);

function minter(command: string): NonNullable<Target["mint"]> {
  return async ({ role, namespaces, ttlSeconds = 600, sub }: MintRequest) => {
    const given = namespaces.flatMap((namespace) => ["--namespace", namespace]);
    const args = ["--role", role, ...given, "--ttl", `${ttlSeconds}s`, ...(sub === undefined ? [] : ["--sub", sub])];
    const { stdout } = await run("sh", ["-c", `${command} "$@"`, "mint", ...args]);
    return stdout.trim();
  };
}

function chosen(filters: readonly string[]) {
  if (filters.length === 0) return CASES;
  return CASES.filter(({ id, promise, table, row }) =>
    filters.some((filter) =>
      filter.startsWith("=")
        ? id === filter.slice(1)
        : [id, promise ?? "", table, row].some((text) => text.includes(filter)),
    ),
  );
}

async function main(): Promise<number> {
  const cases = chosen(values.filter ?? []);
  if (values.list) {
    process.stdout.write(cases.map(({ id, title }) => `${id}\n    ${title}\n`).join(""));
    return 0;
  }
  const token = values.token ?? process.env.GITSTORE_TOKEN;
  const [concurrency, slowUpTo] = [Number(values.concurrency), Number(values.slow)];
  if (values.help || !values.server || !token || cases.length === 0 || !(concurrency >= 1) || !(slowUpTo >= 0)) {
    const what = cases.length === 0 ? "No case matches --filter.\n\n" : "";
    (values.help ? process.stdout : process.stderr).write(`${what}${USAGE}`);
    return values.help ? 0 : 2;
  }
  const git = values.git ? await GitBatches.start() : undefined;
  try {
    const target: Target = {
      server: values.server,
      token,
      shortTail: values["short-tail"],
      ...(values.mint === undefined ? {} : { mint: minter(values.mint) }),
      ...(git === undefined ? {} : { batch: (api, namespace) => git.writer(api, namespace) }),
    };
    const results = await runCases(cases, target, {
      concurrency,
      slowUpTo,
      onResult: ({ outcome, id, ms }) => process.stderr.write(`${outcome.padEnd(8)}${id} (${ms} ms)\n`),
    });
    process.stdout.write(values.json ? jsonReport(results, values.server) : textReport(results, values.server));
    return results.some(({ outcome }) => outcome === "failed") ? 1 : 0;
  } finally {
    await git?.stop();
  }
}

process.exitCode = await main();
