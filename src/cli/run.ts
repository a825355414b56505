/** From a line of arguments to an exit code. */
import { type Command, flag, helpOf, outputOf, readLine } from "./command.ts";
import { drain } from "./commands/drain.ts";
import { events } from "./commands/events.ts";
import { get } from "./commands/get.ts";
import { hooksInstall } from "./commands/hooks.ts";
import { kubeconfig } from "./commands/kubeconfig.ts";
import { namespaceCreate, namespaceDelete } from "./commands/namespace.ts";
import { proxy } from "./commands/proxy.ts";
import { rejected } from "./commands/rejected.ts";
import { repoAdd, repoList, repoRemove, repoRotateSecret, repoShow, repoSync } from "./commands/repo.ts";
import { tokenCreate } from "./commands/token.ts";
import { watch } from "./commands/watch.ts";
import { watchers } from "./commands/watchers.ts";
import { EXIT, type ExitCode, exitCodeOf, explain, UsageError } from "./exit.ts";
import { colour, type Io } from "./io.ts";
import { Session } from "./session.ts";

export const COMMANDS: readonly Command[] = [
  tokenCreate,
  namespaceCreate,
  namespaceDelete,
  repoAdd,
  repoList,
  repoShow,
  repoSync,
  repoRotateSecret,
  repoRemove,
  hooksInstall,
  get,
  watch,
  watchers,
  events,
  rejected,
  drain,
  kubeconfig,
  proxy,
];

export async function run(args: string[], io: Io): Promise<ExitCode> {
  let command: Command | undefined;
  try {
    const [first] = args;
    if (first === undefined) throw new UsageError("a command is missing");
    if (first === "--help" || first === "-h" || first === "help") {
      io.out(overview());
      return EXIT.done;
    }
    const found = find(args);
    if (!found.command) return groupHelp(args, io);
    command = found.command;
    const { positionals, values } = readLine(command, found.rest);
    if (flag(values, "help")) {
      io.out(helpOf(command));
      return EXIT.done;
    }
    const output = outputOf(values);
    await command.run({ positionals, values, io, output, session: new Session(values, io) });
    return EXIT.done;
  } catch (error) {
    const { message, hint } = explain(error);
    io.err(`${colour(io, "red", "error:", "err")} ${message}\n`);
    if (hint !== undefined) io.err(`${hint}\n`);
    if (error instanceof UsageError) io.err(`Try: gitstorectl ${command ? `${command.name} ` : ""}--help\n`);
    return exitCodeOf(error);
  }
}

/** Commands have one word or two. */
function find(args: string[]): { command?: Command; rest: string[] } {
  for (const words of [2, 1]) {
    const name = args.slice(0, words).join(" ");
    const command = COMMANDS.find((one) => one.name === name);
    if (command) return { command, rest: args.slice(words) };
  }
  return { rest: args };
}

/** `gitstorectl repo --help`; anything else that is no command is a mistake. */
function groupHelp(args: string[], io: Io): ExitCode {
  const [group = "", second] = args;
  const commands = COMMANDS.filter(({ name }) => name.startsWith(`${group} `));
  if (commands.length > 0 && (second === "--help" || second === "-h")) {
    io.out(`${listing(commands)}\n`);
    return EXIT.done;
  }
  if (commands.length > 0)
    throw new UsageError(
      `${group} needs one of: ${commands.map(({ name }) => name.slice(group.length + 1)).join(", ")}`,
    );
  throw new UsageError(`${JSON.stringify(group)} is no command`);
}

function listing(commands: readonly Command[]): string {
  return commands.map(({ name, summary }) => `  ${name.padEnd(20)} ${summary}`).join("\n");
}

function overview(): string {
  return [
    "gitstorectl: operate gitstore-edge",
    "",
    "Usage: gitstorectl COMMAND [arguments] [options]",
    "",
    "Commands:",
    listing(COMMANDS),
    "",
    "Every command takes --server, --token and -o json|yaml|table; --help after a command has examples.",
    "Server and token: the options, then GITSTORE_SERVER and GITSTORE_TOKEN, then, for a server on this machine, .dev.vars.",
    "Exit codes: 0 done, 1 failed, 2 usage, 3 conflict, 4 not found, 5 not allowed.",
    "",
    "Examples:",
    "  gitstorectl namespace create acme",
    "  gitstorectl repo add acme/catalog --url https://github.com/acme/catalog --provider github",
    "  gitstorectl watch acme products",
    "",
  ].join("\n");
}
