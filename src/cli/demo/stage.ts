import { mkdtempSync, openSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Io } from "../io.ts";
import { freshVars } from "../local/devVars.ts";
import { type LocalServer, startServer } from "../local/server.ts";
import { localToken } from "../local/token.ts";
import { run } from "../run.ts";
import { GitServer } from "./gitServer.ts";
import { Repository } from "./repository.ts";

/** Who pushes: the Git server asks for a password, and tells the hooks this name. */
export const PUSHER = "alice";

/** Everything the demo runs, on free ports and in a directory of its own. */
export class Stage {
  readonly server: LocalServer;
  readonly git: GitServer;
  /** The clone that is pushed from. */
  readonly clone: Repository;
  readonly token: string;
  readonly #root: string;

  private constructor(parts: { server: LocalServer; git: GitServer; clone: Repository; token: string; root: string }) {
    this.server = parts.server;
    this.git = parts.git;
    this.clone = parts.clone;
    this.token = parts.token;
    this.#root = parts.root;
  }

  static async set(): Promise<Stage> {
    const root = mkdtempSync(join(tmpdir(), "gitstore-demo-"));
    const vars = freshVars();
    const log = join(root, "server.log");
    let git: GitServer | undefined;
    try {
      git = await GitServer.start({ root: join(root, "remotes"), users: { [PUSHER]: vars.SEALING_KEY ?? "" } });
      const clone = await Repository.create(join(root, "clone"));
      const server = await startServer({ stateDir: join(root, "state"), vars, output: openSync(log, "a") });
      const token = await localToken(vars, { role: "admin", namespaces: ["*"], sub: `user:${PUSHER}` });
      return new Stage({ server, git, clone, token, root });
    } catch (error) {
      await git?.stop();
      rmSync(root, { recursive: true, force: true });
      throw error;
    }
  }

  /** The last lines that the server printed: what to look at when the demo fails. */
  get log(): string {
    return readFileSync(join(this.#root, "server.log"), "utf8").trimEnd().split("\n").slice(-15).join("\n");
  }

  /** `gitstorectl` with these arguments, against this server. @returns what it prints; throws what it complains of */
  async ctl(...args: string[]): Promise<string> {
    let out = "";
    let err = "";
    const io: Io = {
      env: { ...process.env, GITSTORE_SERVER: this.server.url, GITSTORE_TOKEN: this.token },
      cwd: this.#root,
      out: (text) => {
        out += text;
      },
      err: (text) => {
        err += text;
      },
      outIsTerminal: false,
      errIsTerminal: false,
      signal: new AbortController().signal,
      now: Date.now,
      sleep: (ms) => new Promise((done) => setTimeout(done, ms)),
    };
    const code = await run(args, io);
    if (code !== 0) throw new Error(`gitstorectl ${args.join(" ")} ended with exit code ${code}: ${err || out}`);
    return out;
  }

  async strike(): Promise<void> {
    await Promise.all([this.server.stop(), this.git.stop()]);
    rmSync(this.#root, { recursive: true, force: true });
  }
}
