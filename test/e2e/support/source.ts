/** Where pushes come from: a clone with every commit of a story, pushed to as many remotes as a test has. */
import * as fs from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { hooksDirectory, installHooks } from "../../../src/git/hooks/install.ts";
import type { Sender, Update } from "./deliveries.ts";
import { type GitFailed, Repository } from "./gitServer.ts";
import type { Stage } from "./stage.ts";

export interface Pushed {
  accepted: boolean;
  /** What the hooks told the one who pushes: the lines after `remote: `. */
  remote: string[];
}

export class Source {
  readonly repository: Repository;
  readonly #dir: string;

  private constructor(repository: Repository, dir: string) {
    this.repository = repository;
    this.#dir = dir;
  }

  static async create(): Promise<Source> {
    const dir = await fs.mkdtemp(join(tmpdir(), "gitstore-source-"));
    return new Source(await Repository.create(join(dir, "source.git")), dir);
  }

  async remove(): Promise<void> {
    await fs.rm(this.#dir, { recursive: true, force: true });
  }

  /** A commit that no ref of the remotes has yet. */
  async commit(
    files: { path: string; text: string | null }[],
    onto: string | null,
    message = "Change",
  ): Promise<string> {
    return this.repository.commit(files, message, { branch: "work", onto });
  }

  /** Moves refs of a remote, forward or not. `to` is a URL or a directory: hooks run for both. */
  async push(to: string, ...updates: Pick<Update, "ref" | "new">[]): Promise<Pushed> {
    const specs = updates.map(({ ref, new: oid }) => `${oid ?? ""}:${ref}`);
    const told = (stderr: string) =>
      stderr
        .split("\n")
        .filter((line) => line.startsWith("remote: "))
        .map((line) => line.slice("remote: ".length).trimEnd());
    try {
      const { stderr } = await this.repository.gitOutput("push", "--force", to, ...specs);
      return { accepted: true, remote: told(stderr) };
    } catch (error) {
      return { accepted: false, remote: told((error as GitFailed).stderr) };
    }
  }
}

/** The project's two hooks, in the remote of a Repository; or the one that only tells. */
export async function installRemoteHooks(
  stage: Stage,
  namespace: string,
  sender: Sender,
  { only }: { only?: "post-receive" } = {},
): Promise<void> {
  const dir = stage.git.dir(`${namespace}-catalog`);
  const repository = new Repository(dir);
  const hooks = await hooksDirectory((args) => repository.git(...args), dir);
  const { secret } = sender;
  const planned = await installHooks(fs, hooks, {
    server: stage.server.url,
    namespace,
    repository: "catalog",
    secret,
    failOpen: false,
  });
  if (!planned.ok) throw new Error(planned.message);
  if (only !== undefined) await fs.rm(join(hooks, "pre-receive"));
}
