/** A runbook's page as a test drives it: its commands are run, its metrics and log messages looked for. */
import { execFile } from "node:child_process";
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect } from "vitest";
import { OFFLINE_ENV } from "../../../src/cli/local/paths.ts";
import { page, ROOT } from "../../unit/docs/pages.ts";
import { productFile, products } from "./catalog.ts";
import type { Repository } from "./gitServer.ts";
import { type Named, RUNBOOKS, type RunbookName } from "./runbooks.ts";
import type { TestServerOptions } from "./server.ts";
import { Stage } from "./stage.ts";

/** What cannot be run without an account at Cloudflare: wrangler must know the command, and the script must be that one. */
const NEEDS_ACCOUNT: Record<string, { instead: string; script?: [name: string, text: string] }> = {
  // deploy.test.ts runs both, against an API that answers as Cloudflare's.
  "npm run deploy": {
    instead: "npx wrangler deploy --help",
    script: ["deploy", "npm run db:create && npm run db:migrate && wrangler deploy"],
  },
  "npm run deploy -- --secrets-file secrets.env": { instead: "npx wrangler deploy --secrets-file x --help" },
  "npm run db:migrate": {
    instead: "npx wrangler d1 migrations apply REPLAY --remote",
    script: ["db:migrate", "wrangler d1 migrations apply REPLAY --remote"],
  },
  "npx wrangler rollback": { instead: "npx wrangler rollback --help" },
  "npx wrangler secret put TOKEN_SIGNING_KEY": { instead: "npx wrangler secret put --help" },
  "npx wrangler secret put SEALING_KEY": { instead: "npx wrangler secret put --help" },
  "npx wrangler secret put GIT_CREDENTIALS_ACME": { instead: "npx wrangler secret put --help" },
};

interface Ran {
  code: number;
  out: string;
  err: string;
}

let bin: string;
beforeAll(() => {
  bin = mkdtempSync(join(tmpdir(), "gitstore-bin-"));
  const script = `#!/bin/sh\nexec "${process.execPath}" "${join(ROOT, "src/cli/main.ts")}" "$@"\n`;
  writeFileSync(join(bin, "gitstorectl"), script);
  chmodSync(join(bin, "gitstorectl"), 0o755);
});
afterAll(() => rmSync(bin, { recursive: true }));

/** A page, and what of it has been tried. */
export class Runbook {
  readonly #name: RunbookName;
  readonly #scene: Scene;
  readonly #ran = new Set<string>();
  readonly #seen = new Set<string>();

  constructor(name: RunbookName, scene: Scene) {
    this.#name = name;
    this.#scene = scene;
  }

  get #named(): Named {
    return RUNBOOKS[this.#name];
  }

  /** Runs one of the page's commands, in place of `examples` with what the test has. */
  async run(command: string, examples: Record<string, string> = {}): Promise<Ran> {
    const found = this.#named.commands.filter((one) => one.startsWith(command));
    const [line] = found;
    if (line === undefined || (found.length > 1 && !found.includes(command)))
      throw new Error(`${this.#name} has ${found.length} commands that begin with ${command}`);
    const exact = found.includes(command) ? command : line;
    this.#ran.add(exact);
    return this.#shell(exact, examples);
  }

  async #shell(command: string, examples: Record<string, string>): Promise<Ran> {
    const { server, admin } = this.#scene.stage;
    let line = await withoutAccount(command);
    for (const [example, own] of Object.entries(examples)) line = line.replace(example, own);
    line = line.replace("--remote", `--local --persist-to ${server.stateDir}`);
    const env = {
      ...process.env,
      ...OFFLINE_ENV,
      PATH: `${bin}:${join(ROOT, "node_modules/.bin")}:${process.env.PATH}`,
      TOKEN_SIGNING_KEY: server.vars.TOKEN_SIGNING_KEY,
      GITSTORE_SERVER: server.url,
      GITSTORE_TOKEN: admin,
      NO_COLOR: "1",
    };
    return new Promise((resolve) => {
      execFile("bash", ["-c", line], { cwd: ROOT, env, timeout: 60_000 }, (error, out, err) =>
        resolve({ code: error === null ? 0 : Number(error.code ?? 1), out, err }),
      );
    });
  }

  /** Of `/metrics?namespace=acme`: the sum over the samples with these labels. */
  async metric(name: string, labels = ""): Promise<number> {
    const { out } = await this.run('curl -sf -H "Authorization: Bearer $GITSTORE_TOKEN" "$GITSTORE_SERVER/metrics');
    return this.read(out, name, labels);
  }

  read(text: string, name: string, labels = ""): number {
    this.#signal(name);
    const lines = text.split("\n").filter((line) => line.startsWith(`${name}{`) && line.includes(labels));
    expect(lines, `${name} with ${labels}`).not.toEqual([]);
    return lines.map((line) => Number(line.split(" ").at(-1))).reduce((sum, value) => sum + value, 0);
  }

  logged(message: string): boolean {
    this.#signal(message);
    return this.#scene.stage.server.log.includes(`"msg":${JSON.stringify(message)}`);
  }

  #signal(signal: string): void {
    if (!this.#named.signals.includes(signal)) throw new Error(`${this.#name} does not name ${signal}`);
    this.#seen.add(signal);
  }

  /** Nothing of the page was left out. */
  complete(): void {
    expect([...this.#ran].sort()).toEqual([...this.#named.commands].sort());
    expect([...this.#seen].sort()).toEqual([...this.#named.signals].sort());
  }
}

async function withoutAccount(command: string): Promise<string> {
  const known = NEEDS_ACCOUNT[command];
  if (known?.script !== undefined) {
    const [name, text] = known.script;
    expect((JSON.parse(page("package.json")) as { scripts: Record<string, string> }).scripts[name]).toBe(text);
  }
  return known?.instead ?? command;
}

export async function pushed({ stage, remote }: Scene, count: number, bytes = 0, from = 0): Promise<void> {
  const files = products(from + count)
    .slice(from)
    .map((row) => {
      const file = productFile(row);
      return { ...file, text: `${file.text}${"x".repeat(bytes)}\n` };
    });
  await remote.commit(files, `${count} products`);
  await stage.sync("acme");
}

export async function flushed(book: Runbook): Promise<void> {
  await expect.poll(() => book.metric("gitstore_outbox_depth"), { timeout: 60_000 }).toBe(0);
}

/** What a describe's tests play on: a server with the namespace `acme`, whose catalogue is in a remote. */
export interface Scene {
  readonly stage: Stage;
  readonly remote: Repository;
}

/** Set before the tests of a describe, and struck after them. */
export function staged(options: TestServerOptions = {}): Scene {
  let stage: Stage | undefined;
  let remote: Repository | undefined;
  beforeAll(async () => {
    stage = await Stage.set(options);
    remote = await stage.shop("acme");
  });
  afterAll(() => stage?.strike());
  return {
    get stage() {
      if (!stage) throw new Error("the stage is not set");
      return stage;
    },
    get remote() {
      if (!remote) throw new Error("the stage is not set");
      return remote;
    },
  };
}
