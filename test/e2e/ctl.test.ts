import { type ChildProcess, execFile, spawn } from "node:child_process";
import { copyFileSync, existsSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { ProductRow } from "../../src/cli/demo/catalog.ts";
import { catalogFiles, productFile, products } from "./support/catalog.ts";
import { Repository } from "./support/gitServer.ts";
import { Stage } from "./support/stage.ts";

const MAIN = join(import.meta.dirname, "../../src/cli/main.ts");

let stage: Stage;
let home: string;
beforeAll(async () => {
  stage = await Stage.set();
  home = mkdtempSync(join(tmpdir(), "gitstore-ctl-"));
  writeFileSync(join(home, ".dev.vars"), `TOKEN_SIGNING_KEY=${stage.server.vars.TOKEN_SIGNING_KEY}\n`);
});
afterAll(async () => {
  await stage.strike();
  rmSync(home, { recursive: true });
});

interface Ran {
  code: number;
  out: string;
  err: string;
}

/** As a user runs it: another process, in a directory with the local server's `.dev.vars`. */
function ctl(...args: string[]): Promise<Ran> {
  return new Promise((resolve) => {
    const env = { PATH: process.env.PATH, HOME: home, GITSTORE_SERVER: stage.server.url };
    execFile(process.execPath, [MAIN, ...args], { cwd: home, env }, (error, out, err) => {
      resolve({ code: error === null ? 0 : Number(error.code), out, err });
    });
  });
}

/** A command that goes on until it is told to stop. */
class Running {
  readonly lines: string[] = [];
  err = "";
  readonly #child: ChildProcess;
  #rest = "";
  readonly exited: Promise<number | null>;
  #heard: (() => void)[] = [];

  constructor(...args: string[]) {
    const env = { PATH: process.env.PATH, HOME: home, GITSTORE_SERVER: stage.server.url };
    this.#child = spawn(process.execPath, [MAIN, ...args], { cwd: home, env });
    this.#child.stdout?.on("data", (data: Buffer) => {
      const parts = (this.#rest + data.toString()).split("\n");
      this.#rest = parts.pop() ?? "";
      this.lines.push(...parts);
      this.#tell();
    });
    this.#child.stderr?.on("data", (data: Buffer) => {
      this.err += data.toString();
      this.#tell();
    });
    this.exited = new Promise((resolve) => this.#child.once("exit", resolve));
  }

  async until(condition: () => boolean): Promise<void> {
    while (!condition()) await new Promise<void>((resolve) => this.#heard.push(resolve));
  }

  interrupt(): void {
    this.#child.kill("SIGINT");
  }

  #tell(): void {
    for (const resolve of this.#heard.splice(0)) resolve();
  }
}

describe("gitstorectl against a real server", () => {
  it("makes a namespace, adds a repository, syncs it, and shows what came", async () => {
    expect(await ctl("namespace", "create", "acme")).toEqual({ code: 0, out: "namespace acme created\n", err: "" });
    expect((await ctl("namespace", "create", "acme")).code).toBe(3);

    const remote = await stage.git.create("acme-catalog");
    const files = catalogFiles({ products: 20 });
    await remote.commit(
      [
        ...files,
        {
          path: "broken.md",
          text: "---\napiVersion: catalog.gitstore.dev/v1beta1\nkind: Product\nmetadata:\n  name: broken\nspec:\n  titel: x\n---\n",
        },
      ],
      "Import",
    );
    const added = await ctl(
      "repo",
      "add",
      "acme/catalog",
      "--url",
      stage.git.url("acme-catalog"),
      "--provider",
      "git",
      "--poll",
      "off",
      "-o",
      "json",
    );
    expect(added).toMatchObject({ code: 0, err: "" });
    expect(JSON.parse(added.out)).toEqual({
      namespace: "acme",
      name: "catalog",
      webhookUrl: `${stage.server.url}/webhooks/acme/catalog`,
      secret: expect.stringMatching(/^whsec_/),
    });

    const synced = await ctl("repo", "sync", "acme/catalog", "-o", "json");
    expect(synced.code).toBe(0);
    expect(JSON.parse(synced.out)).toMatchObject({ state: "done" });

    const list = await ctl("get", "acme", "products", "-o", "json");
    expect((JSON.parse(list.out) as { items: unknown[] }).items).toHaveLength(20);
    expect((await ctl("get", "acme", "products", "broken")).code).toBe(4);

    const rejected = await ctl("rejected", "acme");
    expect(rejected.out).toMatch(/broken\.md:7:3: spec\.titel: .*\[UnknownField\]/);

    const events = await ctl("events", "acme", "--type", "branch-created", "-o", "json");
    expect(JSON.parse(events.out)).toMatchObject([
      { type: "dev.gitstore.git.branch.created.v1", subject: "refs/heads/main" },
    ]);

    const shown = await ctl("repo", "show", "acme/catalog");
    expect(shown.out).toContain(`webhook        ${stage.server.url}/webhooks/acme/catalog`);
    expect((await ctl("repo", "list", "acme")).out).toMatch(/^NAME +URL/);
  });

  it("warns when no pattern matches the remote's HEAD", async () => {
    const remote = await stage.git.create("acme-odd");
    await remote.commit([{ path: "README.md", text: "# x\n" }], "Begin");
    const { err, code } = await ctl(
      "repo",
      "add",
      "acme/odd",
      "--url",
      stage.git.url("acme-odd"),
      "--provider",
      "git",
      "--poll",
      "off",
      "--branch",
      "trunk",
    );
    expect(code).toBe(0);
    expect(err).toContain("warning: BranchMatched=False");
  });

  it("watches: one event a line, through a restart of the server, without a gap or a duplicate", async () => {
    const remote = await stage.shop("watched");
    const [one, two, three, four] = products(4) as [ProductRow, ProductRow, ProductRow, ProductRow];
    await remote.commit([productFile(one)], "One");
    await stage.sync("watched");
    const watching = new Running("watch", "watched", "products", "-o", "json");
    await watching.until(() => watching.lines.length === 1);
    await remote.commit([productFile(two)], "Two");
    await stage.sync("watched");
    await watching.until(() => watching.lines.length === 2);
    await stage.server.kill();
    await watching.until(() => watching.err.includes("resuming"));
    await stage.server.restart();
    await remote.commit([productFile(three), productFile(four)], "Three and four");
    await stage.sync("watched");
    await watching.until(() => watching.lines.length === 4);
    watching.interrupt();
    expect(await watching.exited).toBe(0);
    const events = watching.lines.map(
      (line) => JSON.parse(line) as { type: string; object: { metadata: { name: string; resourceVersion: string } } },
    );
    expect(events.map(({ type }) => type)).toEqual(Array(4).fill("ADDED"));
    expect(new Set(events.map(({ object }) => object.metadata.name)).size).toBe(4);
    const rvs = events.map(({ object }) => Number(object.metadata.resourceVersion));
    expect(rvs).toEqual([...rvs].sort((a, b) => a - b));
  });

  it("watches after an RV, and ends by count", async () => {
    const head = await stage.head("watched");
    const watching = new Running("watch", "watched", "--rv", "1", "--count", "1", "-o", "json");
    expect(await watching.exited).toBe(0);
    expect(watching.lines).toHaveLength(1);
    const future = await ctl("watch", "watched", "--rv", String(Number(head) + 1_000));
    expect(future.code).toBe(1);
    expect(future.err).toContain("too large resource version");
  });

  it("ends a watch that is not allowed, or of nothing, with its own code", async () => {
    const token = (await ctl("token", "create", "--role", "reader", "--namespace", "elsewhere")).out.trim();
    const refused = await ctl("watch", "acme", "--token", token);
    expect(refused).toMatchObject({ code: 5, out: "" });
    expect(refused.err).toContain("is forbidden");
    expect((await ctl("watch", "nowhere")).code).toBe(4);
  });

  it("makes tokens that the server takes", async () => {
    const { out, err, code } = await ctl("token", "create", "--role", "reader", "--namespace", "acme");
    expect({ err, code }).toEqual({ err: "", code: 0 });
    const token = out.trim();
    expect((await ctl("get", "acme", "products", "--token", token)).code).toBe(0);
    expect((await ctl("rejected", "acme", "--token", token)).code).toBe(5);
    expect((await ctl("get", "acme", "products", "--token", "nonsense")).code).toBe(5);
  });

  it("installs hooks that refuse a broken push and name its place", async () => {
    const dir = stage.git.dir("acme-catalog");
    const installed = await ctl("hooks", "install", dir, "acme/catalog");
    expect(installed).toMatchObject({ code: 0, err: "" });
    expect(readFileSync(join(dir, "hooks/pre-receive"), "utf8")).toContain(
      `${stage.server.url}/hooks/acme/catalog/pre-receive`,
    );
    expect(statSync(join(dir, "hooks/pre-receive")).mode & 0o111).not.toBe(0);
    const clone = new Repository(join(home, "clone"));
    await new Repository(dir).git("clone", "--quiet", dir, join(home, "clone"));
    writeFileSync(
      join(home, "clone/later.md"),
      "---\napiVersion: catalog.gitstore.dev/v1beta1\nkind: Product\nmetadata:\n  name: Later\nspec: {}\n---\n",
    );
    await clone.git("add", "later.md");
    await clone.git("commit", "--quiet", "-m", "Later");
    const pushed = await clone.git("push", "--quiet", "origin", "HEAD:main").catch((error: Error) => error);
    expect(String(pushed)).toMatch(/later\.md:5:9: /);
    expect((await ctl("hooks", "install", home, "acme/catalog")).err).toContain("is no Git repository");
    expect(existsSync(join(home, "hooks"))).toBe(false);
  });

  it("is one file when it is built, which runs where nothing of the checkout is", async () => {
    const root = join(import.meta.dirname, "../..");
    await promisify(execFile)("npm", ["run", "--silent", "build"], { cwd: root });
    const bin = join(home, "gitstorectl.mjs");
    copyFileSync(join(root, "dist/gitstorectl.js"), bin);
    const env = { PATH: process.env.PATH, GITSTORE_SERVER: stage.server.url };
    const { stdout } = await promisify(execFile)(process.execPath, [bin, "get", "namespaces"], { cwd: home, env });
    expect(stdout).toContain("acme");
  });

  it("rotates a secret, removes a repository, and deletes a namespace", async () => {
    expect((await ctl("repo", "rotate-secret", "acme/catalog", "--overlap", "24h")).out).toMatch(/^whsec_\S+\n$/);
    expect((await ctl("namespace", "delete", "acme")).code).toBe(3);
    expect((await ctl("repo", "remove", "acme/odd")).code).toBe(0);
    expect((await ctl("repo", "remove", "acme/catalog", "--policy", "delete")).code).toBe(0);
    expect(
      (JSON.parse((await ctl("get", "acme", "products", "-o", "json")).out) as { items: unknown[] }).items,
    ).toEqual([]);
    expect((await ctl("namespace", "delete", "acme")).code).toBe(0);
    expect((await ctl("get", "acme", "products")).code).toBe(4);
  });
});
