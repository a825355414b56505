/** The programs of docs/controllers/status.md, run as their readers would. */
import { execFile } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { fences, page } from "../unit/docs/pages.ts";
import { productFile, products } from "./support/catalog.ts";
import type { Repository } from "./support/gitServer.ts";
import { type Asked, Meddler } from "./support/meddler.ts";
import { Program } from "./support/program.ts";
import { Stage } from "./support/stage.ts";

const run = promisify(execFile);
const blocks = fences(page("docs/controllers/status.md"));
const [one, two] = products(2);
if (!one || !two) throw new Error("two products are needed");

interface Product {
  metadata: { resourceVersion: string; generation: number };
  status: { observedGeneration: number; conditions: { type: string; status: string; message: string }[] };
}

let stage: Stage;
let remote: Repository;
let dir: string;
let env: Record<string, string>;
const running: Program[] = [];

beforeAll(async () => {
  dir = mkdtempSync(join(tmpdir(), "gitstore-reporting-"));
  stage = await Stage.set();
  remote = await stage.shop("acme");
  await remote.commit([productFile(one)], "One");
  await stage.sync("acme");
  const sub = "serviceaccount:acme:inventory";
  env = {
    PATH: process.env.PATH ?? "",
    HOME: dir,
    GITSTORE_SERVER: stage.server.url,
    GITSTORE_TOKEN: await stage.server.token({
      role: "controller",
      namespaces: ["acme"],
      statusOf: ["products"],
      sub,
    }),
  };
});
afterAll(async () => {
  for (const program of running) program.stop();
  await stage.strike();
  rmSync(dir, { recursive: true });
});

function program(name: string, ...args: string[]): Program {
  const started = new Program({ blocks, name, dir, env, args });
  running.push(started);
  return started;
}

async function read(name: string): Promise<Product> {
  return await stage.must<Product>(`/apis/catalog.gitstore.dev/v1beta1/namespaces/acme/products/${name}`);
}

const conditionOf = ({ status }: Product, type: string) => status.conditions.find((one) => one.type === type);

describe("docs/controllers/status.md", () => {
  it("retry.sh reports with curl", async () => {
    const shell = blocks.find(({ text }) => text.startsWith("# retry.sh"))?.text ?? "";
    const { stdout } = await run("bash", ["-c", shell, "retry.sh", one.name], { env });
    const product = await read(one.name);
    expect(stdout.trim()).toBe(`reported at ${product.metadata.resourceVersion}`);
    expect(conditionOf(product, "Checked")).toMatchObject({ status: "True" });
    await expect(run("bash", ["-c", shell, "retry.sh", "nothing"], { env })).rejects.toMatchObject({ code: 1 });
  });

  it("retry.sh prints why it may not take over another manager's condition, and does not repeat", async () => {
    const shell = blocks.find(({ text }) => text.startsWith("# retry.sh"))?.text ?? "";
    const other = await stage.server.token({
      role: "controller",
      namespaces: ["acme"],
      statusOf: ["products"],
      sub: "serviceaccount:acme:other",
    });
    await remote.commit(
      [{ ...productFile(one), text: productFile(one).text?.replace(/title: .*/, "title: Another") ?? "" }],
      "Changed",
    );
    await stage.sync("acme");
    const failed = await run("bash", ["-c", shell, "retry.sh", one.name], {
      env: { ...env, GITSTORE_TOKEN: other },
    }).catch((error: { code: number; stdout: string }) => error);
    expect(failed).toMatchObject({ code: 1 });
    expect(failed.stdout).toContain('conflict with "serviceaccount:acme:inventory"');
  });

  it("controller.ts reports on each generation once, over kill and restart of the server", async () => {
    const controller = program("controller.ts");
    await controller.until(new RegExp(`^reported ${one.name} at \\d+$`));
    await remote.commit([productFile(two)], "Two");
    await stage.sync("acme");
    await controller.until(new RegExp(`^reported ${two.name} at \\d+$`));
    await stage.server.kill();
    await stage.server.restart();
    await remote.commit([productFile(one)], "Changed back");
    await stage.sync("acme");
    const generation = (await read(one.name)).metadata.generation;
    await expect
      .poll(async () => (await read(one.name)).status.observedGeneration, { timeout: 60_000 })
      .toBe(generation);
    expect(conditionOf(await read(one.name), "Categorised")).toBeDefined();
    expect(controller.lines.filter((line) => line.startsWith("left"))).toEqual([]);
    controller.stop();
  });

  it("kubernetes.mjs reports with Kubernetes' own client, beside the others' conditions", async () => {
    const client = program("kubernetes.mjs", one.name);
    expect(await client.exited, client.lines.join("\n")).toBe(0);
    const product = await read(one.name);
    expect(client.lines.at(-1)).toBe(`reported at ${product.metadata.resourceVersion}`);
    for (const type of ["Checked", "Categorised", "Indexed"]) expect(conditionOf(product, type), type).toBeDefined();
  });

  it("graphql.mjs reports with urql, beside the others' conditions, and says what is gone", async () => {
    const client = program("graphql.mjs", one.name);
    expect(await client.exited, client.lines.join("\n")).toBe(0);
    const product = await read(one.name);
    expect(client.lines.at(-1)).toBe(`reported at ${product.metadata.resourceVersion}`);
    expect(conditionOf(product, "Titled")).toMatchObject({ status: "True" });
    for (const type of ["Checked", "Categorised", "Indexed"]) expect(conditionOf(product, type), type).toBeDefined();
    const gone = program("graphql.mjs", "nothing");
    expect(await gone.exited).toBe(1);
    expect(gone.lines.join("\n")).toContain("nothing is gone");
  });
});

/** A write of the first product's status on its way to the server, by REST or GraphQL. */
const isWrite = ({ path, body, method }: Asked) =>
  (path.includes(`/products/${one.name}/status`) && method !== "GET") ||
  (path === "/graphql" && body.includes("mutation") && body.includes(`"${one.name}"`));

describe("with another writer between its read and its write", () => {
  let meddler: Meddler;
  let writes = 0;
  /** Further writes to meddle with. */
  let left = 0;

  beforeAll(async () => {
    meddler = await Meddler.start(stage.server.url, async (asked) => {
      if (!isWrite(asked)) return;
      writes += 1;
      if (left === 0) return;
      left -= 1;
      await meddle();
    });
  });
  afterAll(() => meddler.stop());

  /** A change of the status by somebody else, to a condition of its own. */
  async function meddle(): Promise<void> {
    const { metadata } = await read(one?.name ?? "");
    const condition = { type: "Meddled", status: "True", reason: "Test", message: metadata.resourceVersion };
    await stage.must(
      `/apis/catalog.gitstore.dev/v1beta1/namespaces/acme/products/${one?.name}/status?fieldManager=meddler`,
      {
        method: "PATCH",
        headers: { "Content-Type": "application/merge-patch+json" },
        body: JSON.stringify({
          metadata: { resourceVersion: metadata.resourceVersion },
          status: { conditions: [condition] },
        }),
      },
    );
  }

  const TYPES = {
    "retry.sh": "Checked",
    "controller.ts": "Categorised",
    "kubernetes.mjs": "Indexed",
    "graphql.mjs": "Titled",
  };

  it.each(Object.entries(TYPES))("%s reads again and writes again, and both have been written", async (name, type) => {
    // Something to report: what a run before has written is no change.
    await clear();
    const started = meddledWith(name, 2);
    await started.until(name === "controller.ts" ? new RegExp(`^reported ${one?.name} at`) : /^reported at \d+$/);
    started.stop();
    const product = await read(one?.name ?? "");
    expect(conditionOf(product, type)).toBeDefined();
    expect(conditionOf(product, "Meddled")).toBeDefined();
    expect(left).toBe(0);
    expect(writes).toBeGreaterThanOrEqual(3);
  });

  /** Starts a program of the page of whose next `times` writes each comes too late. */
  function meddledWith(name: string, times: number): Program {
    writes = 0;
    left = times;
    const target = { ...env, GITSTORE_SERVER: meddler.url };
    const started = new Program({ blocks, name, dir, env: target, args: [one?.name ?? ""] });
    running.push(started);
    return started;
  }

  /** Takes every condition of a controller away. */
  async function clear(): Promise<void> {
    const { metadata } = await read(one?.name ?? "");
    const path = `/apis/catalog.gitstore.dev/v1beta1/namespaces/acme/products/${one?.name}/status?force=true`;
    await stage.must(path, {
      method: "PATCH",
      headers: { "Content-Type": "application/merge-patch+json" },
      body: JSON.stringify({
        metadata: { resourceVersion: metadata.resourceVersion },
        status: { conditions: null },
      }),
    });
  }

  it.each(["retry.sh", "kubernetes.mjs", "graphql.mjs"])("%s gives up after five", async (name) => {
    await clear();
    const started = meddledWith(name, 100);
    expect(await started.exited, started.lines.join("\n")).toBe(1);
    expect(writes).toBe(5);
    left = 0;
  });
});
