/** A program of a documentation page, run as its reader would. */
import { type ChildProcess, spawn } from "node:child_process";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { type Fence, ROOT } from "../../unit/docs/pages.ts";

export interface ProgramOptions {
  blocks: readonly Fence[];
  name: string;
  dir: string;
  env: Record<string, string>;
  args?: string[];
}

/** A program outside of the checkout finds its packages, and the checkout's own files, by their place. */
function placed(text: string): string {
  return text
    .replace(/(?<=from )"(?!node:|\.)([^"]+)"/g, (_, name: string) => JSON.stringify(import.meta.resolve(name)))
    .replaceAll('"./src/', `"${ROOT}/src/`);
}

export class Program {
  readonly lines: string[] = [];
  /** The exit code; null where a signal ended it. */
  readonly exited: Promise<number | null>;
  readonly #child: ChildProcess;
  #rest = "";
  #heard: (() => void)[] = [];

  /** A block of the page by the file name in its first line, run by Node or, `….sh`, by bash. */
  constructor({ blocks, name, dir, env, args = [] }: ProgramOptions) {
    const isShell = name.endsWith(".sh");
    const block = blocks.find(({ text }) => text.startsWith(`${isShell ? "#" : "//"} ${name}\n`));
    if (block === undefined) throw new Error(`no ${name} in the page`);
    const path = join(dir, name);
    writeFileSync(path, isShell ? block.text : placed(block.text));
    // A group of its own: a shell's commands end with it.
    this.#child = spawn(isShell ? "bash" : process.execPath, [path, ...args], { cwd: dir, env, detached: true });
    for (const stream of [this.#child.stdout, this.#child.stderr]) {
      stream?.on("data", (data: Buffer) => this.#take(data.toString()));
    }
    this.exited = new Promise((resolve) =>
      this.#child.once("exit", (code) => {
        this.#tell();
        resolve(code);
      }),
    );
  }

  async until(line: string | RegExp): Promise<void> {
    const is = (text: string) => (typeof line === "string" ? text === line : line.test(text));
    while (!this.lines.some(is)) {
      if (this.#child.exitCode !== null || this.#child.signalCode !== null)
        throw new Error(`it ended: ${this.lines.join("\n")}`);
      await new Promise<void>((resolve) => this.#heard.push(resolve));
    }
  }

  stop(): void {
    this.#signal("SIGKILL");
  }

  /** It does nothing, and reads nothing, until it is resumed. */
  pause(): void {
    this.#signal("SIGSTOP");
  }

  resume(): void {
    this.#signal("SIGCONT");
  }

  #signal(signal: NodeJS.Signals): void {
    const { pid, exitCode, signalCode } = this.#child;
    if (pid !== undefined && exitCode === null && signalCode === null) process.kill(-pid, signal);
  }

  #take(text: string): void {
    const parts = (this.#rest + text).split("\n");
    this.#rest = parts.pop() ?? "";
    this.lines.push(...parts);
    this.#tell();
  }

  #tell(): void {
    for (const resolve of this.#heard.splice(0)) resolve();
  }
}
