import { type ChildProcess, execFileSync, spawn } from "node:child_process";
import { cpSync, mkdtempSync, readFileSync, rmSync, statSync, symlinkSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import { parse } from "../../src/cli/local/devVars.ts";
import { localToken } from "../../src/cli/local/token.ts";
import { freePort, holdPort } from "./support/freePort.ts";

const root = resolve(import.meta.dirname, "../..");
const READY = /gitstore-edge is ready: (http:\/\/127\.0\.0\.1:\d+)/;
/** What operations.md promises for SIGTERM. */
const GONE_WITHIN_MS = 5_000;

/** A checkout that was never started: no `.dev.vars`, no state. */
let checkout: string;
const started: Started[] = [];

beforeAll(() => {
  checkout = mkdtempSync(join(tmpdir(), "gitstore-start-"));
  for (const part of [
    "src",
    "migrations",
    ".ci",
    "wrangler.toml",
    "package.json",
    "package-lock.json",
    "tsconfig.json",
  ]) {
    cpSync(join(root, part), join(checkout, part), { recursive: true });
  }
  symlinkSync(join(root, "node_modules"), join(checkout, "node_modules"));
});

afterEach(async () => {
  for (const each of started.splice(0)) await each.killAll();
});

afterAll(() => rmSync(checkout, { recursive: true, force: true }));

/** `npm start`, its own process group, and the group of the server it started. */
class Started {
  readonly npm: ChildProcess;
  readonly #ended: Promise<number | null>;
  output = "";
  /** The process group with workerd in it; known once it is ready. */
  serverGroup = 0;

  constructor(env: Record<string, string>) {
    this.npm = spawn("npm", ["start"], {
      cwd: checkout,
      detached: true,
      env: { ...process.env, ...env },
      stdio: "pipe",
    });
    this.npm.stdout?.on("data", (chunk: Buffer) => this.#add(chunk));
    this.npm.stderr?.on("data", (chunk: Buffer) => this.#add(chunk));
    this.#ended = new Promise((done) => this.npm.once("close", done));
    started.push(this);
  }

  /** Resolves with the URL; rejects when it ends before. */
  async ready(): Promise<string> {
    for (;;) {
      const url = READY.exec(this.output)?.[1];
      if (url !== undefined) {
        const state = readFileSync(join(checkout, ".gitstore-state/server.json"), "utf8");
        this.serverGroup = (JSON.parse(state) as { pid: number }).pid;
        return url;
      }
      const more = new Promise<"more">((done) => this.npm.stdout?.once("data", () => done("more")));
      if ((await Promise.race([more, this.#ended])) !== "more") throw new Error(`npm start ended: ${this.output}`);
    }
  }

  ended(): Promise<number | null> {
    return this.#ended;
  }

  async killAll(): Promise<void> {
    for (const group of [this.npm.pid ?? 0, this.serverGroup]) if (group > 1) killGroup(group);
    await this.#ended;
  }

  #add(chunk: Buffer): void {
    this.output += chunk.toString();
  }
}

function killGroup(group: number): void {
  try {
    process.kill(-group, "SIGKILL");
  } catch {
    // Gone already.
  }
}

function processesIn(group: number): string[] {
  const lines = execFileSync("ps", ["-eo", "pgid=,stat=,args="]).toString().split("\n");
  return lines.filter((line) => Number.parseInt(line, 10) === group && !/^\s*\d+\s+Z/.test(line));
}

/** Looks until the group is empty; the caller's bound is how long that may take. */
async function goneWithin(group: number, ms: number): Promise<string[]> {
  const until = Date.now() + ms;
  while (processesIn(group).length > 0 && Date.now() < until) await new Promise((done) => setTimeout(done, 50));
  return processesIn(group);
}

async function start(env: Record<string, string> = {}): Promise<Started> {
  return new Started({ PORT: String(await freePort()), ...env });
}

function devVars(): Record<string, string> {
  return parse(readFileSync(join(checkout, ".dev.vars"), "utf8"));
}

const NAMESPACES = "/apis/gitstore.dev/v1beta1/namespaces";

async function admin(): Promise<Record<string, string>> {
  const token = await localToken(devVars(), { role: "admin", namespaces: ["*"] });
  return { Authorization: `Bearer ${token}`, "Content-Type": "application/json" };
}

describe("npm start", () => {
  it("makes .dev.vars with random secrets, readable by its owner only, and keeps them on the next start", async () => {
    const first = await start();
    const url = await first.ready();
    expect(first.output).toContain("token create");
    expect(statSync(join(checkout, ".dev.vars")).mode & 0o777).toBe(0o600);
    const made = devVars();
    expect(made.TOKEN_SIGNING_KEY).toMatch(/^k1:[\w-]{43}$/);
    expect(made.SEALING_KEY).toMatch(/^[\w-]{43}$/);
    expect(made.ALLOW_PRIVATE_GIT).toBe("true");
    expect((await fetch(`${url}/healthz`)).status).toBe(200);
    process.kill(first.npm.pid ?? 0, "SIGTERM");
    await first.ended();

    const second = await start();
    await second.ready();
    expect(devVars()).toEqual(made);
  });

  it("leaves no process behind 5 s after SIGTERM", async () => {
    const server = await start();
    await server.ready();
    const group = server.serverGroup;
    expect(processesIn(group).join("\n")).toContain("workerd");
    process.kill(server.npm.pid ?? 0, "SIGTERM");
    expect(await goneWithin(group, GONE_WITHIN_MS)).toEqual([]);
    await server.ended();
  });

  it("leaves no process behind when npm itself is killed with SIGKILL", async () => {
    const server = await start();
    await server.ready();
    const group = server.serverGroup;
    process.kill(server.npm.pid ?? 0, "SIGKILL");
    expect(await goneWithin(group, GONE_WITHIN_MS)).toEqual([]);
  });

  it("has what it acknowledged after kill -9 of its whole group and another start", async () => {
    const first = await start();
    const made = await fetch(`${await first.ready()}${NAMESPACES}`, {
      method: "POST",
      headers: await admin(),
      body: JSON.stringify({
        apiVersion: "gitstore.dev/v1beta1",
        kind: "Namespace",
        metadata: { name: "kept" },
        spec: {},
      }),
    });
    expect(made.status).toBe(201);
    const object = (await made.json()) as { metadata: { uid: string; resourceVersion: string } };
    const group = first.serverGroup;
    killGroup(first.npm.pid ?? 0);
    expect(await goneWithin(group, GONE_WITHIN_MS)).toEqual([]);

    const second = await start();
    const read = await fetch(`${await second.ready()}${NAMESPACES}/kept`, { headers: await admin() });
    expect(read.status).toBe(200);
    expect(((await read.json()) as typeof object).metadata.uid).toBe(object.metadata.uid);
  });

  it("refuses a port that is taken, naming it and the way round", async () => {
    const { port, server } = await holdPort();
    const refused = await start({ PORT: String(port) });
    expect(await refused.ended()).not.toBe(0);
    expect(refused.output).toContain(`Port ${port} on 127.0.0.1 is taken by another program`);
    expect(refused.output).toContain("PORT=");
    server.close();
  });

  it("refuses a state that another server uses, naming that server", async () => {
    const first = await start();
    const url = await first.ready();
    const refused = await start();
    expect(await refused.ended()).not.toBe(0);
    expect(refused.output).toContain(`in use by the server on ${url}`);
    expect(refused.output).toContain("GITSTORE_STATE_DIR");
  });

  it("refuses a PORT that is no port", async () => {
    const refused = await start({ PORT: "http" });
    expect(await refused.ended()).not.toBe(0);
    expect(refused.output).toContain('PORT is "http"');
  });
});
