import { execFile, spawn } from "node:child_process";
import { promisify } from "node:util";
import type { TreeFile } from "./catalog.ts";

const run = promisify(execFile);

/** Nobody's own configuration, credentials or prompts: the same everywhere. */
export const GIT_ENV = {
  GIT_CONFIG_GLOBAL: "/dev/null",
  GIT_CONFIG_NOSYSTEM: "1",
  GIT_TERMINAL_PROMPT: "0",
  GIT_AUTHOR_NAME: "Catalogue Bot",
  GIT_AUTHOR_EMAIL: "catalogue@example.com",
  GIT_COMMITTER_NAME: "Catalogue Bot",
  GIT_COMMITTER_EMAIL: "catalogue@example.com",
  GIT_COMMITTER_DATE: "1767225600 +0000",
};

/** 2026-01-01T00:00:00Z: a commit's time is this and a minute for each before it, so that its id is the same each run. */
const EPOCH_SECONDS = 1_767_225_600;

export class GitFailed extends Error {
  readonly stderr: string;
  constructor(args: string[], stderr: string) {
    super(`git ${args.join(" ")} failed: ${stderr.trim()}`);
    this.stderr = stderr;
  }
}

/** A bare repository on this machine, committed to without a work tree. */
export class Repository {
  readonly dir: string;
  #commits = 0;

  constructor(dir: string) {
    this.dir = dir;
  }

  static async create(dir: string): Promise<Repository> {
    await run("git", ["init", "-q", "--bare", "-b", "main", dir], { env: { ...process.env, ...GIT_ENV } });
    return new Repository(dir);
  }

  /** @returns what git printed, without the last line's end; `stderr` is in the error when it fails */
  async git(...args: string[]): Promise<string> {
    return (await this.gitOutput(...args)).stdout.trimEnd();
  }

  async gitOutput(...args: string[]): Promise<{ stdout: string; stderr: string }> {
    try {
      const env = { ...process.env, ...GIT_ENV };
      return await run("git", ["-C", this.dir, ...args], { env, maxBuffer: 256 * 1024 * 1024 });
    } catch (error) {
      throw new GitFailed(args, (error as { stderr?: string }).stderr ?? String(error));
    }
  }

  /**
   * One commit on a branch, on its tip or on `onto` (a force push's base; null: without a parent).
   *
   * @returns the commit's id
   */
  async commit(
    files: TreeFile[],
    message: string,
    options: { branch?: string; onto?: string | null } = {},
  ): Promise<string> {
    const ref = `refs/heads/${options.branch ?? "main"}`;
    const parent = options.onto === undefined ? await this.tip(ref) : options.onto;
    const who = `Catalogue Bot <catalogue@example.com> ${EPOCH_SECONDS + 60 * this.#commits++} +0000`;
    const head = `commit ${ref}\ncommitter ${who}\n${data(message)}${parent === null ? "" : `from ${parent}\n`}`;
    const body = files.map((file) =>
      file.text === null ? `D ${file.path}\n` : `M 100644 inline ${file.path}\n${data(file.text)}`,
    );
    await this.#fastImport(
      `${parent === null || options.onto !== undefined ? `reset ${ref}\n\n` : ""}${head}${body.join("")}`,
    );
    const made = await this.tip(ref);
    if (made === null) throw new Error(`git fast-import made no ${ref} in ${this.dir}`);
    return made;
  }

  /** An annotated tag; lightweight without a message. */
  async tag(name: string, commit: string, message?: string): Promise<void> {
    await (message === undefined ? this.git("tag", name, commit) : this.git("tag", "-a", "-m", message, name, commit));
  }

  async tip(ref: string): Promise<string | null> {
    try {
      return await this.git("rev-parse", "-q", "--verify", `${ref}^{commit}`);
    } catch {
      return null;
    }
  }

  #fastImport(input: string): Promise<void> {
    return new Promise((resolve, reject) => {
      const args = ["-C", this.dir, "fast-import", "--quiet", "--force", "--date-format=raw"];
      const child = spawn("git", args, { stdio: ["pipe", "ignore", "pipe"], env: { ...process.env, ...GIT_ENV } });
      let stderr = "";
      child.stderr.on("data", (chunk: Buffer) => {
        stderr += chunk.toString();
      });
      child.once("error", reject);
      child.once("close", (code) => (code === 0 ? resolve() : reject(new GitFailed(["fast-import"], stderr))));
      // A failing fast-import closes its end early; its own message is the one to show.
      child.stdin.on("error", () => undefined);
      child.stdin.end(input);
    });
  }
}

function data(text: string): string {
  return `data ${Buffer.byteLength(text)}\n${text}\n`;
}
