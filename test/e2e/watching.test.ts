/** The programs of docs/controllers/watching.md, run as their readers would. */
import { execFile } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { fences, page } from "../unit/docs/pages.ts";
import { productFile, products } from "./support/catalog.ts";
import type { Repository } from "./support/gitServer.ts";
import { Program } from "./support/program.ts";
import { Stage } from "./support/stage.ts";

const run = promisify(execFile);
const blocks = fences(page("docs/controllers/watching.md"));
const [one, two, three] = products(3);
if (!one || !two || !three) throw new Error("three products are needed");

let stage: Stage;
let remote: Repository;
let dir: string;
let env: Record<string, string>;
const running: Program[] = [];

beforeAll(async () => {
  dir = mkdtempSync(join(tmpdir(), "gitstore-watching-"));
  stage = await Stage.set();
  remote = await stage.shop("acme");
  await remote.commit([productFile(one)], "One");
  await stage.sync("acme");
  const sub = "serviceaccount:acme:inventory";
  env = {
    PATH: process.env.PATH ?? "",
    HOME: dir,
    GITSTORE_SERVER: stage.server.url,
    GITSTORE_TOKEN: await stage.server.token({ role: "controller", namespaces: ["acme"], sub }),
  };
});
afterAll(async () => {
  for (const program of running) program.stop();
  await stage.strike();
  rmSync(dir, { recursive: true });
});

function program(name: string): Program {
  const started = new Program({ blocks, name, dir, env });
  running.push(started);
  return started;
}

describe("docs/controllers/watching.md", () => {
  it("cache.ts is filled, follows, and goes on across a kill -9 of the server", async () => {
    const cache = program("cache.ts");
    await cache.until(/^1 products as of \d+$/);
    await remote.commit([productFile(two)], "Two");
    await stage.sync("acme");
    await cache.until(new RegExp(`^ADDED ${two.name} at \\d+$`));
    await stage.server.kill();
    await stage.server.restart();
    await remote.commit([{ path: productFile(two).path, text: null }], "Not two");
    await stage.sync("acme");
    await cache.until(new RegExp(`^DELETED ${two.name} at \\d+$`));
    expect(cache.lines.filter((line) => line.includes("products as of"))).toHaveLength(1);
    cache.stop();
  });

  it("worker.ts works, reports what is done, and a second one stands by and takes over after it", async () => {
    const first = program("worker.ts");
    await first.until("working, epoch 1");
    await first.until(`reconcile Product/${one.name}`);
    await remote.commit([productFile(three)], "Three");
    await stage.sync("acme");
    await first.until(`reconcile Product/${three.name}`);
    const head = await stage.head("acme");
    await expect.poll(async () => (await watchers())[0]?.position, { timeout: 60_000 }).toBe(head);
    const second = program("worker.ts");
    await second.until("another instance works; waiting");
    first.stop();
    await second.until("working, epoch 2");
    await remote.commit([productFile(two)], "Two again");
    await stage.sync("acme");
    await second.until(`reconcile Product/${two.name}`);
    expect(second.lines.filter((line) => line.startsWith("reconcile"))).toEqual([`reconcile Product/${two.name}`]);
    second.stop();
  });

  it("frames.mjs shows the frames, and the planned end", async () => {
    const raw = program("frames.mjs");
    await raw.exited;
    expect(JSON.stringify(raw.lines)).toContain("snapshot");
    expect(raw.lines.at(-1)).toBe("closed 1000 timeoutSeconds passed");
  });

  it("curl lists, and watches until its time is over", async () => {
    const shell = blocks.find(({ text }) => text.startsWith("base="))?.text ?? "";
    const { stdout } = await run("bash", ["-ec", shell], { env });
    const [list = "", ...events] = stdout
      .trim()
      .split("\n")
      .join("")
      .split(/(?<=\})(?=\{"type")/);
    expect((JSON.parse(list) as { items: unknown[] }).items).toHaveLength(3);
    const types = events.map((text) => (JSON.parse(text) as { type: string }).type);
    expect(types).toContain("ADDED");
    expect(types.at(-1)).toBe("BOOKMARK");
  });
});

async function watchers(): Promise<{ position: string }[]> {
  return (await stage.must<{ items: { position: string }[] }>("/watchers/acme")).items;
}
