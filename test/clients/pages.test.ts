/** The commands with `kubectl` of the pages, run as their readers would. */
import { type ChildProcess, execFile, execFileSync, spawn } from "node:child_process";
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { Stage } from "../e2e/support/stage.ts";
import { fences, page, ROOT } from "../unit/docs/pages.ts";

const KUBECTL = process.env.KUBECTL || "kubectl";

/** Since v1.29 it has everything that the pages name. */
function isThere(): boolean {
  try {
    const text = execFileSync(KUBECTL, ["version", "--client", "-o", "json"], { stdio: ["ignore", "pipe", "ignore"] });
    const { clientVersion } = JSON.parse(text.toString()) as { clientVersion: { gitVersion: string } };
    return Number(/^v1\.(\d+)/.exec(clientVersion.gitVersion)?.[1] ?? 0) >= 29;
  } catch {
    return false;
  }
}

const runs = isThere();
if (!runs) console.log(`skipped: ${KUBECTL} is not there, or is older than v1.29`);

/** The first block of a page that has the command. */
function blockWith(path: string, command: string): string {
  const found = fences(page(path)).find(({ language, text }) => language === "sh" && text.includes(command));
  if (!found) throw new Error(`${path} has no ${command}`);
  return found.text;
}

interface Ran {
  code: number;
  out: string;
  err: string;
}

describe.skipIf(!runs)("the pages' commands", () => {
  let stage: Stage;
  let home: string;
  let proxy: ChildProcess;
  let url: string;

  const env = (): NodeJS.ProcessEnv => ({
    PATH: `${home}/bin:${process.env.PATH}`,
    HOME: home,
    GITSTORE_SERVER: stage.server.url,
    GITSTORE_TOKEN: stage.admin,
    TOKEN: stage.admin,
    KUBECONFIG: join(home, "acme.kubeconfig"),
  });

  /** `examples`: what the page has, and what this test has instead. */
  function run(script: string, examples: Record<string, string> = {}): Promise<Ran> {
    let text = script;
    for (const [example, own] of Object.entries(examples)) {
      if (!text.includes(example)) throw new Error(`no ${example} in ${text}`);
      text = text.replaceAll(example, own);
    }
    return new Promise((resolve) => {
      execFile("bash", ["-ec", text], { env: env(), cwd: home, timeout: 90_000 }, (error, out, err) =>
        resolve({ code: error === null ? 0 : Number(error.code ?? 1), out, err }),
      );
    });
  }

  beforeAll(async () => {
    home = mkdtempSync(join(tmpdir(), "gitstore-pages-"));
    execFileSync("mkdir", [join(home, "bin")]);
    for (const [name, command] of [
      ["gitstorectl", `"${process.execPath}" "${join(ROOT, "src/cli/main.ts")}"`],
      ["kubectl", `"${execFileSync("which", [KUBECTL]).toString().trim()}"`],
    ] as const) {
      writeFileSync(join(home, "bin", name), `#!/bin/sh\nexec ${command} "$@"\n`);
      chmodSync(join(home, "bin", name), 0o755);
    }
    stage = await Stage.set();
    const remote = await stage.shop("acme");
    const text =
      "---\napiVersion: catalog.gitstore.dev/v1beta1\nkind: Product\nmetadata: {name: shirt}\nspec: {title: Linen shirt}\n---\n";
    await remote.commit([{ path: "shirt.md", text }], "A shirt");
    await stage.sync("acme");
    // The page has it on its own port; where that is taken, it takes another.
    proxy = spawn("gitstorectl", ["proxy", "--port", "0"], { env: env(), cwd: home });
    url = await new Promise((resolve, reject) => {
      proxy.stdout?.once("data", (data: Buffer) => resolve(data.toString().trim()));
      proxy.once("exit", (code) => reject(new Error(`gitstorectl proxy ended with ${code}`)));
    });
  });
  afterAll(async () => {
    proxy.kill();
    await stage.strike();
    rmSync(home, { recursive: true });
  });

  it("of docs/kubernetes-clients.md make a kubeconfig for the proxy", async () => {
    const block = blockWith("docs/kubernetes-clients.md", "gitstorectl proxy &");
    const [first = "", ...rest] = block.split("\n");
    expect(first).toMatch(/^gitstorectl proxy & +# prints http:\/\/127\.0\.0\.1:8001$/);
    expect(await run(rest.join("\n"), { "http://127.0.0.1:8001": url })).toMatchObject({ code: 0 });
    expect((await run("kubectl get products -o name")).out).toBe("product.catalog.gitstore.dev/shirt\n");
  });

  it("of docs/controllers/status.md patch a status by hand, and wait for it", async () => {
    const block = blockWith("docs/controllers/status.md", "kubectl patch");
    const { out: rv } = await run("kubectl get product shirt -o jsonpath={.metadata.resourceVersion}");
    const ran = await run(block, { '"42"': JSON.stringify(rv) });
    expect(ran).toMatchObject({
      code: 0,
      out: "product.catalog.gitstore.dev/shirt patched\nproduct.catalog.gitstore.dev/shirt condition met\n",
    });
  });

  it("of docs/kubernetes-clients.md get, explain and wait", async () => {
    const ready = { observedGeneration: 1, conditions: [{ type: "Ready", status: "True", reason: "Tried" }] };
    const product = "/apis/catalog.gitstore.dev/v1beta1/namespaces/acme/products/shirt";
    const { metadata } = await stage.must<{ metadata: { resourceVersion: string } }>(product);
    await stage.must(`${product}/status`, {
      method: "PATCH",
      headers: { "Content-Type": "application/merge-patch+json" },
      body: JSON.stringify({ metadata: { resourceVersion: metadata.resourceVersion }, status: ready }),
    });
    const ran = await run(blockWith("docs/kubernetes-clients.md", "kubectl explain"), { "https://edge.example": url });
    expect(ran.code, ran.err).toBe(0);
    expect(ran.out).toMatch(/^NAME +TITLE +CATEGORY +PHASE +READY +AGE\nshirt +Linen shirt +draft +True /);
    expect(ran.out).toContain("repository.gitstore.dev/catalog");
    expect(ran.out).toContain("KIND:       Product");
    expect(ran.out).toContain("product.catalog.gitstore.dev/shirt condition met");
  });
});
