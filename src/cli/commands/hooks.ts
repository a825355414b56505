import { execFile } from "node:child_process";
import * as fs from "node:fs/promises";
import { promisify } from "node:util";
import { hooksDirectory, installHooks } from "../../git/hooks/install.ts";
import { type Command, flag, namespaceAndName, text } from "../command.ts";
import { Failure } from "../exit.ts";
import { printDocument } from "../io.ts";
import { issueSecret } from "./repo.ts";

const run = promisify(execFile);

export const hooksInstall: Command = {
  name: "hooks install",
  summary: "Installs the pre-receive and post-receive hooks in a Git repository on this machine.",
  usage: "DIR NS/NAME [--secret S] [--fail-open]",
  options: {
    secret: { type: "string", value: "S", help: "Sign with this secret; without one a further one is issued." },
    "fail-open": { type: "boolean", help: "Let pushes pass while the server cannot be reached." },
  },
  arguments: { min: 2, max: 2 },
  examples: [
    "gitstorectl hooks install /srv/git/catalog.git acme/catalog",
    "gitstorectl hooks install . acme/catalog --fail-open",
  ],
  notes: "A hook that is there already is kept as <hook>.local and run by ours.",
  async run(invocation) {
    const { positionals, values, session, io, output } = invocation;
    const [directory = "", place] = positionals;
    const { namespace, name } = namespaceAndName(place);
    const hooks = await hooksDirectory(git, directory).catch((error: unknown) => {
      throw new Failure(`${directory} is no Git repository: ${firstLine(error)}`);
    });
    // Asked for only now: a secret that is issued and not installed would be one more that nobody has.
    const given = text(values, "secret");
    const secret = given ?? (await issueSecret(invocation, { namespace, name }, { additional: true })).secret;
    const planned = await installHooks(fs, hooks, {
      server: session.server,
      namespace,
      repository: name,
      secret,
      failOpen: flag(values, "fail-open"),
    });
    if (!planned.ok) throw new Failure(planned.message);
    const written = planned.plan.writes.map((file) => file.name);
    if (output !== "table")
      return printDocument(io, output, { directory: hooks, written, renamed: planned.plan.renames });
    for (const { from, to } of planned.plan.renames) io.out(`${from} was there: kept as ${to}, and run by ours\n`);
    io.out(`installed in ${hooks}: ${written.join(", ")}\n`);
  },
};

async function git(args: string[]): Promise<string> {
  return (await run("git", args)).stdout;
}

function firstLine(error: unknown): string {
  const { stderr, message } = error as { stderr?: string; message?: string };
  return (stderr || message || String(error)).trim().split("\n")[0] ?? "";
}
