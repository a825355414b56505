/** Where a command reads and writes: the terminal, or a test. */
import { stringify } from "yaml";
import type { OutputFormat } from "./command.ts";

export interface Io {
  env: Record<string, string | undefined>;
  cwd: string;
  out(text: string): void;
  err(text: string): void;
  /** Colours and progress are for people: only on a terminal. */
  outIsTerminal: boolean;
  errIsTerminal: boolean;
  /** Aborted by Ctrl-C, and when nobody reads the output any more. */
  signal: AbortSignal;
  now(): number;
  sleep(ms: number): Promise<void>;
}

type Colour = "red" | "green" | "yellow" | "dim" | "bold";
const CODES: Record<Colour, number> = { red: 31, green: 32, yellow: 33, dim: 2, bold: 1 };

/** https://no-color.org: the variable wins over the terminal. */
export function colour(io: Io, name: Colour, text: string, on: "out" | "err" = "out"): string {
  const terminal = on === "out" ? io.outIsTerminal : io.errIsTerminal;
  return terminal && !io.env.NO_COLOR ? `\u001b[${CODES[name]}m${text}\u001b[0m` : text;
}

/** A document as JSON or YAML. */
export function printDocument(io: Io, output: OutputFormat, value: unknown): void {
  io.out(output === "yaml" ? stringify(value) : `${JSON.stringify(value, null, 2)}\n`);
}

export function printTable(io: Io, columns: string[], rows: string[][]): void {
  const widths = columns.map((column, index) => Math.max(column.length, ...rows.map((row) => row[index]?.length ?? 0)));
  const line = (cells: string[]) =>
    cells
      .map((cell, index) => (index === cells.length - 1 ? cell : cell.padEnd(widths[index] ?? 0)))
      .join("   ")
      .trimEnd();
  io.out(`${colour(io, "bold", line(columns))}\n`);
  for (const row of rows) io.out(`${line(row.map(printable))}\n`);
}

/** What a server says is data: it must not move the cursor or colour the terminal. */
export function printable(text: string): string {
  return Array.from(text, (char) => {
    const code = char.codePointAt(0) ?? 0;
    return code < 32 || (code >= 127 && code < 160) ? " " : char;
  }).join("");
}

/** Something to know beside what was asked for. */
export function note(io: Io, text: string): void {
  io.err(`${colour(io, "dim", "note:", "err")} ${printable(text)}\n`);
}

export function warn(io: Io, text: string): void {
  io.err(`${colour(io, "yellow", "warning:", "err")} ${printable(text)}\n`);
}
