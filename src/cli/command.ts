/** What a command is, and how its line is read. No framework: `util.parseArgs` and a table. */
import { parseArgs } from "node:util";
import { UsageError } from "./exit.ts";
import type { Io } from "./io.ts";
import type { Session } from "./session.ts";

export interface Option {
  type: "string" | "boolean";
  short?: string;
  multiple?: boolean;
  /** What stands for the value in the help: `URL`. */
  value?: string;
  help: string;
}

export type Values = Record<string, string | boolean | (string | boolean)[] | undefined>;

export interface Invocation {
  positionals: string[];
  values: Values;
  io: Io;
  /** Server and token, found when they are first needed. */
  session: Session;
  output: OutputFormat;
}

export const OUTPUTS = ["table", "json", "yaml"] as const;
export type OutputFormat = (typeof OUTPUTS)[number];

export interface Command {
  /** `repo add`. */
  name: string;
  summary: string;
  /** After the name: `NS/NAME --url URL --provider P [options]`. */
  usage: string;
  options: Record<string, Option>;
  /** How many arguments it takes. */
  arguments: { min: number; max: number };
  examples: string[];
  /** More that has to be said. */
  notes?: string;
  run(invocation: Invocation): Promise<void>;
}

export const GLOBAL_OPTIONS: Record<string, Option> = {
  server: { type: "string", value: "URL", help: "The server (GITSTORE_SERVER; default http://127.0.0.1:8787)." },
  token: {
    type: "string",
    value: "TOKEN",
    help: "The token (GITSTORE_TOKEN; for a local server one is made from .dev.vars).",
  },
  output: { type: "string", short: "o", value: "json|yaml|table", help: "How to print (default table)." },
  help: { type: "boolean", short: "h", help: "This text." },
};

/** Throws `UsageError` naming what is wrong with the line. */
export function readLine(command: Command, args: string[]): { positionals: string[]; values: Values } {
  let parsed: { positionals: string[]; values: Values };
  try {
    parsed = parseArgs({
      args,
      options: definitions({ ...GLOBAL_OPTIONS, ...command.options }),
      allowPositionals: true,
      strict: true,
    });
  } catch (error) {
    throw new UsageError(error instanceof Error ? (error.message.split(". ")[0] ?? "") : String(error));
  }
  if (parsed.values.help === true) return parsed;
  const { min, max } = command.arguments;
  const given = parsed.positionals.length;
  if (given < min) throw new UsageError(`${command.name} needs ${command.usage.split(" [")[0]}`);
  if (given > max) throw new UsageError(`${command.name} does not take ${JSON.stringify(parsed.positionals[max])}`);
  return parsed;
}

function definitions(options: Record<string, Option>) {
  return Object.fromEntries(
    Object.entries(options).map(([name, { type, short, multiple }]) => [
      name,
      { type, ...(short === undefined ? {} : { short }), ...(multiple === undefined ? {} : { multiple }) },
    ]),
  );
}

export function outputOf(values: Values): OutputFormat {
  const output = text(values, "output") ?? "table";
  const known = OUTPUTS.find((format) => format === output);
  if (!known) throw new UsageError(`--output is ${JSON.stringify(output)}: give one of ${OUTPUTS.join(", ")}`);
  return known;
}

export function text(values: Values, name: string): string | undefined {
  const value = values[name];
  return typeof value === "string" ? value : undefined;
}

export function texts(values: Values, name: string): string[] {
  const value = values[name];
  return Array.isArray(value) ? value.filter((one) => typeof one === "string") : [];
}

export function flag(values: Values, name: string): boolean {
  return values[name] === true;
}

/** A choice among few; undefined where the option was not given. */
export function choice<T extends string>(values: Values, name: string, choices: readonly T[]): T | undefined {
  const value = text(values, name);
  if (value === undefined) return undefined;
  const known = choices.find((one) => one === value);
  if (known === undefined)
    throw new UsageError(`--${name} is ${JSON.stringify(value)}: give one of ${choices.join(", ")}`);
  return known;
}

export function required(values: Values, name: string, command: string): string {
  const value = text(values, name);
  if (value === undefined || value === "") throw new UsageError(`${command} needs --${name}`);
  return value;
}

/** `acme/catalog`. */
export function namespaceAndName(argument: string | undefined): { namespace: string; name: string } {
  const [namespace = "", name = "", ...more] = (argument ?? "").split("/");
  if (namespace === "" || name === "" || more.length > 0) {
    throw new UsageError(`${JSON.stringify(argument ?? "")} is not NAMESPACE/NAME, such as acme/catalog`);
  }
  return { namespace, name };
}

export function helpOf(command: Command): string {
  const lines = [`${command.summary}`, "", `Usage: gitstorectl ${command.name} ${command.usage}`.trimEnd(), ""];
  const own = Object.entries(command.options);
  if (own.length > 0) lines.push("Options:", ...own.map(optionLine), "");
  lines.push("Options of every command:", ...Object.entries(GLOBAL_OPTIONS).map(optionLine), "");
  if (command.notes !== undefined) lines.push(command.notes, "");
  lines.push("Examples:", ...command.examples.map((example) => `  ${example}`), "");
  return lines.join("\n");
}

function optionLine([name, { short, value, help, multiple }]: [string, Option]): string {
  const left = `  ${short === undefined ? "" : `-${short}, `}--${name}${value === undefined ? "" : ` ${value}`}`;
  return `${left.padEnd(34)} ${help}${multiple ? " Repeatable." : ""}`;
}
