/** A bare repository with the hooks installed, a clone to push from, and a server that checks what they send. */
import { execFile } from "node:child_process";
import { chmodSync, existsSync, readFileSync } from "node:fs";
import * as fs from "node:fs/promises";
import { createServer, type IncomingMessage } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { basename, dirname, join } from "node:path";
import { expect, test, vi } from "vitest";
import { admit } from "../../../src/admission/admit.ts";
import { admissionReader } from "../../../src/git/engine/read.ts";
import { hooksDirectory, type InstallOptions, installHooks } from "../../../src/git/hooks/install.ts";
import {
  type CheckPolicy,
  type Gathering,
  type PartAnswer,
  type PreReceivePart,
  parsePart,
  receivePart,
  unpackPart,
} from "../../../src/git/hooks/preReceive.ts";
import { verifyDelivery } from "../../../src/git/webhooks/index.ts";

export const SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
const run = (file: string, args: string[], options: { cwd?: string; env?: NodeJS.ProcessEnv } = {}) =>
  new Promise<{ code: number; stdout: string; stderr: string }>((resolve) => {
    execFile(file, args, { encoding: "utf8", maxBuffer: 64 * 1024 * 1024, ...options }, (error, stdout, stderr) => {
      resolve({ code: error === null ? 0 : typeof error.code === "number" ? error.code : 1, stdout, stderr });
    });
  });

export interface Received {
  url: string;
  headers: Record<string, string>;
  body: Buffer;
  /** Where it went to the pre-receive address. */
  part?: PreReceivePart;
}

export type Reply = { status: number; body: string } | undefined;

/** Verifies every request's signature, and answers as the repository object does unless `reply` has an answer. */
export class HookServer {
  readonly received: Received[] = [];
  policy: CheckPolicy = { branches: ["main", "draft"], releaseTags: ["v[0-9]*"] };
  reply: (request: Received) => Reply | Promise<Reply> = () => undefined;
  answers: PartAnswer[] = [];
  readonly #open = new Map<string, Gathering>();
  readonly #server = createServer((request, response) => {
    void this.#handle(request).then(({ status, body }) => {
      response.writeHead(status, { "content-type": "application/json" }).end(body);
    });
  });

  async start(): Promise<void> {
    await new Promise<void>((resolve) => this.#server.listen(0, "127.0.0.1", resolve));
  }

  get url(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  async stop(): Promise<void> {
    this.#server.closeAllConnections();
    await new Promise((resolve) => this.#server.close(resolve));
  }

  get parts(): PreReceivePart[] {
    return this.received.flatMap(({ part }) => (part === undefined ? [] : [part]));
  }

  get deliveries(): Received[] {
    return this.received.filter(({ url }) => url.startsWith("/webhooks/"));
  }

  async #handle(request: IncomingMessage): Promise<{ status: number; body: string }> {
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk as Buffer);
    const body = Buffer.concat(chunks);
    const headers = Object.fromEntries(Object.entries(request.headers).map(([name, value]) => [name, String(value)]));
    const verified = await verifyDelivery("git", headers, body, [{ id: "s1", secret: SECRET }], Date.now());
    if (!verified.ok) return { status: 401, body: JSON.stringify({ message: verified.reason }) };
    const received: Received = { url: request.url ?? "", headers, body };
    if (received.url.endsWith("/pre-receive")) {
      const raw = await unpackPart(body);
      const part = raw.ok ? parsePart(raw.value) : raw;
      if (part.ok) received.part = part.value;
    }
    this.received.push(received);
    const reply = await this.reply(received);
    if (reply !== undefined) return reply;
    if (received.part === undefined) return { status: 202, body: "{}" };
    const read = admissionReader(admit, "acme", Date.now);
    const answer = await receivePart(this.#open, body, Date.now(), this.policy, async () => ({
      definitions: [],
      read,
    }));
    this.answers.push(answer);
    return { status: answer.status, body: JSON.stringify(answer.body) };
  }
}

const GIT_ENV = {
  GIT_AUTHOR_NAME: "Ada",
  GIT_AUTHOR_EMAIL: "ada@example.org",
  GIT_COMMITTER_NAME: "Ada",
  GIT_COMMITTER_EMAIL: "ada@example.org",
  GIT_CONFIG_GLOBAL: "/dev/null",
  GIT_CONFIG_NOSYSTEM: "1",
  LANG: "C.UTF-8",
};

/** POSIX shells; the hooks have to run under each. busybox, which is Alpine's, brings its own sed, cut, mktemp and so on. */
const WANTED = ["/bin/dash", "/bin/bash", "/bin/busybox"];
export const SHELLS = WANTED.filter((path) => existsSync(path));

/** A shell that is not here is no shell that passed: the run says so, and which package has it. */
export function toldWhereAbsent(hook: string): void {
  for (const path of WANTED.filter((one) => !SHELLS.includes(one))) {
    const why = `${path} is not on this machine: apt-get install ${basename(path)}`;
    console.log(`skipped: the ${hook} hook under ${path}: ${why}`);
    test(`the ${hook} hook under ${path}`, ({ skip }) => skip(why));
  }
}

export class Sandbox {
  readonly root: string;
  readonly bare: string;
  readonly work: string;
  /** What the hooks see, beyond git's own. */
  env: Record<string, string> = {};
  #path = process.env.PATH ?? "";

  private constructor(root: string) {
    this.root = root;
    this.bare = join(root, "catalog repo.git");
    this.work = join(root, "work");
  }

  static async create(): Promise<Sandbox> {
    const sandbox = new Sandbox(await fs.mkdtemp(join(tmpdir(), "gitstore-hooks-")));
    await fs.mkdir(join(sandbox.root, "tmp"));
    await sandbox.run(["init", "-q", "--bare", "-b", "main", sandbox.bare], sandbox.root);
    await sandbox.run(["init", "-q", "-b", "main", sandbox.work], sandbox.root);
    await sandbox.git("remote", "add", "origin", sandbox.bare);
    return sandbox;
  }

  /** Ends when the background jobs of the hooks have: the last thing each does is to remove its directory. */
  async settled(): Promise<void> {
    await vi.waitFor(async () => expect(await fs.readdir(this.tmp)).toEqual([]), { timeout: 30_000, interval: 20 });
  }

  async remove(): Promise<void> {
    await this.settled();
    await fs.rm(this.root, { recursive: true, force: true });
  }

  get hooks(): string {
    return join(this.bare, "hooks");
  }

  get tmp(): string {
    return join(this.root, "tmp");
  }

  async run(args: string[], cwd: string) {
    const { USER: _user, ...inherited } = process.env;
    return run("git", args, {
      cwd,
      env: { ...inherited, ...GIT_ENV, PATH: this.#path, TMPDIR: this.tmp, ...this.env },
    });
  }

  /** Runs git in the clone; throws where it fails. */
  async git(...args: string[]): Promise<string> {
    const { code, stdout, stderr } = await this.run(args, this.work);
    if (code !== 0) throw new Error(`git ${args.join(" ")}: ${stderr}`);
    return stdout.trim();
  }

  /** Pushes, and gives what the pusher sees of the hooks: the lines after `remote: `. */
  async push(...refs: string[]): Promise<{ accepted: boolean; remote: string[] }> {
    const { code, stderr } = await this.run(["push", "origin", ...refs], this.work);
    const remote = stderr
      .split("\n")
      .filter((line) => line.startsWith("remote: "))
      .map((line) => line.slice("remote: ".length).trimEnd());
    return { accepted: code === 0, remote };
  }

  async write(files: Record<string, string | Uint8Array>): Promise<void> {
    for (const [path, content] of Object.entries(files)) {
      await fs.mkdir(dirname(join(this.work, path)), { recursive: true });
      await fs.writeFile(join(this.work, path), content);
    }
  }

  /** Writes files and commits everything; gives the commit. */
  async commit(files: Record<string, string | Uint8Array>, message = "Change"): Promise<string> {
    await this.write(files);
    await this.git("add", "-A");
    await this.git("commit", "-q", "--allow-empty", "-m", message);
    return this.git("rev-parse", "HEAD");
  }

  async install(server: string, options: Partial<InstallOptions> = {}, shell = SHELLS[0] ?? "/bin/sh"): Promise<void> {
    const git = async (args: string[]) => (await this.run(args, this.root)).stdout;
    const directory = await hooksDirectory(git, this.bare);
    const planned = await installHooks(fs, directory, {
      server,
      namespace: "acme",
      repository: "catalog",
      secret: SECRET,
      failOpen: false,
      ...options,
    });
    if (!planned.ok) throw new Error(planned.message);
    await this.edit("post-receive", /^retry_seconds='[^']*'$/m, "retry_seconds=''");
    const interpreter = shell.endsWith("busybox") ? `${shell} sh` : shell;
    if (interpreter !== shell) await this.#useApplets(shell);
    for (const name of ["pre-receive", "post-receive"]) await this.edit(name, "#!/bin/sh", `#!${interpreter}`);
  }

  /** Puts busybox' own tools before those of GNU; git, curl and openssl it has not. */
  async #useApplets(busybox: string): Promise<void> {
    const applets = join(this.root, "applets");
    await fs.mkdir(applets, { recursive: true });
    const { code, stderr } = await run(busybox, ["--install", "-s", applets]);
    if (code !== 0) throw new Error(stderr);
    if (!this.#path.startsWith(applets)) this.#path = `${applets}:${this.#path}`;
  }

  /** Changes a line of an installed hook, such as one of its limits. */
  async edit(name: string, from: string | RegExp, to: string): Promise<void> {
    const path = join(this.hooks, name);
    const text = readFileSync(path, "utf8");
    const changed = text.replace(from, () => to);
    if (changed === text && !text.includes(to)) throw new Error(`${name} has nothing like ${from}`);
    await fs.writeFile(path, changed);
  }

  /** A hook of someone else's. */
  async hook(name: string, script: string): Promise<void> {
    const path = join(this.hooks, name);
    await fs.writeFile(path, `#!/bin/sh\n${script}\n`);
    chmodSync(path, 0o755);
  }
}

export const product = (name: string, title = "A hat") =>
  `---\napiVersion: catalog.gitstore.dev/v1beta1\nkind: Product\nmetadata:\n  name: ${name}\nspec:\n  title: ${title}\n---\nText.\n`;
