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

/** A program outside of the checkout finds its packages by their place. */
const CLIENT_NODE = JSON.stringify(import.meta.resolve("@kubernetes/client-node"));

export class Program {
  readonly lines: string[] = [];
  /** The exit code; null where a signal ended it. */
  readonly exited: Promise<number | null>;
  readonly #child: ChildProcess;
  #rest = "";
  #heard: (() => void)[] = [];

  /** A block of the page by the file name in its first line; its imports are those of a checkout. */
  constructor({ blocks, name, dir, env, args = [] }: ProgramOptions) {
    const block = blocks.find(({ text }) => text.startsWith(`// ${name}\n`));
    if (block === undefined) throw new Error(`no ${name} in the page`);
    const path = join(dir, name);
    writeFileSync(
      path,
      block.text.replaceAll('"./src/', `"${ROOT}/src/`).replaceAll('"@kubernetes/client-node"', CLIENT_NODE),
    );
    this.#child = spawn(process.execPath, [path, ...args], { cwd: dir, env });
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
      if (this.#child.exitCode !== null) throw new Error(`it ended: ${this.lines.join("\n")}`);
      await new Promise<void>((resolve) => this.#heard.push(resolve));
    }
  }

  stop(): void {
    this.#child.kill("SIGKILL");
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
