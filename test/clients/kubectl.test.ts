import { execFile, execFileSync, spawn } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { configOf } from "../../src/cli/commands/kubeconfig.ts";
import { ListeningProxy } from "../e2e/support/listeningProxy.ts";
import { Stage } from "../e2e/support/stage.ts";
import { WIDGETS } from "../worker/support/widgets.ts";

/** `KUBECTL=/path/to/kubectl` for another one than the first in PATH. */
const KUBECTL = process.env.KUBECTL || "kubectl";

function clientVersion(): string | undefined {
  try {
    const text = execFileSync(KUBECTL, ["version", "--client", "-o", "json"], { stdio: ["ignore", "pipe", "ignore"] });
    return (JSON.parse(text.toString()) as { clientVersion: { gitVersion: string } }).clientVersion.gitVersion;
  } catch {
    return undefined;
  }
}

const version = clientVersion();
if (version === undefined)
  console.log(`skipped: ${KUBECTL} is not there: install kubectl, or set KUBECTL to where it is`);
else console.log(`kubectl ${version}`);
const minor = Number(/^v1\.(\d+)/.exec(version ?? "")?.[1] ?? 0);
/** What a kubectl of an older release has not. */
const SINCE = {
  subresource: 24,
  /** Before, they validate by the OpenAPI v2 that is not served. */
  "edit and apply": 27,
  whoami: 28,
  explain: 29,
};
for (const [what, since] of Object.entries(SINCE))
  if (version !== undefined && minor < since) console.log(`skipped: ${what}, which kubectl has since v1.${since}`);

let stage: Stage;
let remote: Awaited<ReturnType<Stage["shop"]>>;
/** As `gitstorectl proxy`: over http kubectl sends no token itself. */
let proxy: ListeningProxy;
let home: string;

interface Ran {
  code: number;
  out: string;
  err: string;
}

function env(root = false): NodeJS.ProcessEnv {
  return { PATH: process.env.PATH, HOME: home, KUBECONFIG: join(home, root ? "root" : "acme") };
}

function kubectl(...args: string[]): Promise<Ran> {
  return run(args, env());
}

function run(args: string[], environment: NodeJS.ProcessEnv): Promise<Ran> {
  return new Promise((resolve) => {
    execFile(KUBECTL, args, { env: environment, cwd: home }, (error, out, err) =>
      resolve({ code: error === null ? 0 : Number(error.code), out, err }),
    );
  });
}

/** What was printed, line by line, its columns parted by one space. */
const rows = ({ out }: Ran) =>
  out
    .split("\n")
    .filter((line) => line.trim() !== "")
    .map((line) => line.trim().replace(/ +/g, " "));

const productText = (name: string, title: string) =>
  `---\napiVersion: catalog.gitstore.dev/v1beta1\nkind: Product\nmetadata:\n  name: ${name}\n  labels: {season: summer}\nspec:\n  title: ${title}\n---\n`;

async function push(files: Record<string, string>): Promise<void> {
  await remote.commit(
    Object.entries(files).map(([path, text]) => ({ path, text })),
    "Change",
  );
  await stage.sync("acme");
}

describe.skipIf(version === undefined)("kubectl, unmodified", () => {
  beforeAll(async () => {
    home = mkdtempSync(join(tmpdir(), "gitstore-kubectl-"));
    stage = await Stage.set();
    remote = await stage.shop("acme");
    await push({ "hat.md": productText("hat", "A hat"), ".gitstore/widgets.yaml": WIDGETS });
    await push({
      "big.md": "---\napiVersion: acme.example/v1\nkind: Widget\nmetadata: {name: big}\nspec: {color: red}\n---\n",
    });
    proxy = await ListeningProxy.start(stage.server.url, stage.admin);
    writeFileSync(join(home, "acme"), JSON.stringify(configOf(proxy.url, "acme", stage.admin)));
    writeFileSync(join(home, "root"), JSON.stringify(configOf(proxy.url, undefined, stage.admin)));
  });

  afterAll(async () => {
    console.log(`kubectl was refused: ${proxy.refused.join(", ")}`);
    await proxy.stop();
    await stage.strike();
    rmSync(home, { recursive: true });
  });

  it("get shows columns of the kind, by plural, singular and short name, and more with -o wide", async () => {
    for (const word of ["products", "product", "prod", "products.catalog.gitstore.dev"]) {
      const [head, hat] = rows(await kubectl("get", word));
      expect(head).toBe("NAME TITLE CATEGORY PHASE READY AGE");
      expect(hat).toMatch(/^hat A hat draft [0-9]+s$/);
    }
    const [head, hat] = rows(await kubectl("get", "product", "hat", "-o", "wide"));
    expect(head).toBe("NAME TITLE CATEGORY PHASE READY AGE REVISION");
    expect(hat).toMatch(/main@sha1:[0-9a-f]{40}$/);
  });

  it("get selects, sorts, pages and prints as asked", async () => {
    expect(rows(await kubectl("get", "prod", "-l", "season=summer", "--no-headers"))).toHaveLength(1);
    expect((await kubectl("get", "prod", "-l", "season=winter")).err).toContain("No resources found in acme namespace");
    expect(rows(await kubectl("get", "prod", "--field-selector", "status.phase=draft", "-o", "name"))).toEqual([
      "product.catalog.gitstore.dev/hat",
    ]);
    expect(
      rows(await kubectl("get", "prod", "--chunk-size=1", "--sort-by=.metadata.name", "--no-headers")),
    ).toHaveLength(1);
    const { out } = await kubectl("get", "product", "hat", "-o", "jsonpath={.spec.title}");
    expect(out).toBe("A hat");
    expect((await kubectl("get", "product", "nothing")).err).toContain(
      "not found: neither what was asked for, nor a core v1 namespace",
    );
    // Under /clusters/{ns} the whole cluster is that namespace.
    expect(rows(await kubectl("get", "prod", "-A"))[1]).toMatch(/^acme hat /);
  });

  it("get all shows every kind there is, the namespace's own included", async () => {
    const { code, out } = await kubectl("get", "all");
    expect(code).toBe(0);
    for (const name of [
      "product.catalog.gitstore.dev/hat",
      "repository.gitstore.dev/catalog",
      "namespace.gitstore.dev/acme",
      "widget.acme.example/big",
    ])
      expect(out).toContain(name);
    expect((await kubectl("get", "gitstore")).out).toContain("product.catalog.gitstore.dev/hat");
  });

  it("get shows a custom kind by its own columns and short name", async () => {
    expect(rows(await kubectl("get", "wg"))).toEqual(["NAME COLOR", "big red"]);
  });

  it("get -w shows each change as it comes", async () => {
    const child = spawn(KUBECTL, ["get", "products", "-w"], { env: env(), cwd: home });
    const lines: string[] = [];
    let rest = "";
    const more: (() => void)[] = [];
    child.stdout.on("data", (data: Buffer) => {
      const parts = (rest + data.toString()).split("\n");
      rest = parts.pop() ?? "";
      lines.push(...parts.map((line) => line.trim().replace(/ +/g, " ")));
      for (const look of more) look();
    });
    const until = (pattern: RegExp) =>
      new Promise<void>((resolve) => {
        const look = () => lines.some((line) => pattern.test(line)) && resolve();
        more.push(look);
        look();
      });
    await until(/^hat A hat/);
    await push({ "mug.md": productText("mug", "A mug") });
    await until(/^mug A mug/);
    await push({ "mug.md": productText("mug", "A better mug") });
    await until(/^mug A better mug/);
    child.kill();
    expect(lines[0]).toMatch(/^NAME TITLE/);
    expect(lines.filter((line) => line.startsWith("NAME"))).toHaveLength(1);
  });

  it("describe tells all of an object", async () => {
    const { code, out } = await kubectl("describe", "product", "hat");
    expect(code).toBe(0);
    expect(out).toMatch(/Name: +hat\nNamespace: +acme\nLabels: +season=summer/);
    expect(out).toMatch(/Title: +A hat/);
    expect(out).toMatch(/Events: +<none>/);
  });

  it.skipIf(minor < SINCE.explain)("explain tells what fields mean, also of a custom kind", async () => {
    const spec = await kubectl("explain", "product.spec");
    expect(spec.out).toContain("KIND:       Product");
    expect(spec.out).toMatch(/title\t<string>\n +The name shown to buyers\./);
    expect((await kubectl("explain", "product.status.conditions.reason")).out).toContain("Why, in one CamelCase word.");
    expect((await kubectl("explain", "wg.spec.color")).out).toContain("The colour that buyers see.");
    expect((await kubectl("explain", "product.spec.nothing")).err).toContain('field "nothing" does not exist');
    const recursive = await kubectl("explain", "product", "--recursive");
    expect(recursive.out).toMatch(/spec\t<Object>\n +categoryRef\t<Object>/);
  });

  it("api-resources lists the kinds with short names and scope", async () => {
    const lines = rows(await kubectl("api-resources"));
    expect(lines).toContain("products prod catalog.gitstore.dev/v1beta1 true Product");
    expect(lines).toContain("namespaces ns gitstore.dev/v1beta1 false Namespace");
    expect(lines).toContain("widgets wg acme.example/v1 true Widget");
    const writable = rows(await kubectl("api-resources", "--verbs=create,list", "-o", "name"));
    expect(writable).toEqual([
      "leases.coordination.k8s.io",
      "namespaces.gitstore.dev",
      "repositories.gitstore.dev",
      "channels.release.gitstore.dev",
    ]);
    const atRoot = await run(["api-resources", "-o", "name"], env(true));
    expect(atRoot.out).toContain("products.catalog.gitstore.dev");
    expect(atRoot.out).not.toContain("widgets");
  });

  it("auth can-i answers from the grants", async () => {
    expect((await kubectl("auth", "can-i", "list", "products")).out.trim()).toBe("yes");
    expect((await kubectl("auth", "can-i", "patch", "products", "--subresource=status")).out.trim()).toBe("yes");
    const reader = await ListeningProxy.start(
      stage.server.url,
      await stage.server.token({ role: "reader", namespaces: ["acme"] }),
    );
    try {
      const as = (...args: string[]) => kubectl("--server", `${reader.url}/clusters/acme`, ...args);
      expect((await as("auth", "can-i", "list", "products")).out.trim()).toBe("yes");
      expect((await as("auth", "can-i", "create", "channels")).out.trim()).toBe("no");
      expect((await as("auth", "can-i", "--list")).out).toMatch(/\*\.\* +\[\] +\[\] +\[get list watch\]/);
      const all = await as("get", "all");
      expect([all.code, all.err]).toEqual([0, ""]);
      const refused = await as("delete", "repository", "catalog");
      expect(refused.err).toContain("Forbidden");
    } finally {
      await reader.stop();
    }
  });

  it.skipIf(minor < SINCE.whoami)("auth whoami says who the token's subject is", async () => {
    expect((await kubectl("auth", "whoami", "-o", "jsonpath={.status.userInfo.username}")).out).toBe("user:admin");
  });

  it.skipIf(minor < SINCE.subresource)(
    "patch --subresource=status writes a status with its version, and wait sees it",
    async () => {
      const waiting = kubectl("wait", "--for=condition=Ready", "product/hat", "--timeout=60s");
      const { out: rv } = await kubectl("get", "product", "hat", "-o", "jsonpath={.metadata.resourceVersion}");
      const patch = (resourceVersion: string | undefined) => {
        const condition = { type: "Ready", status: "True", reason: "Checked", message: "fine" };
        // wait counts a condition only once the generation is observed.
        const change = { metadata: { resourceVersion }, status: { observedGeneration: 1, conditions: [condition] } };
        const options = ["--subresource=status", "--type=merge", "-p", JSON.stringify(change)];
        return kubectl("patch", "product", "hat", ...options);
      };
      const unconditional = await patch(undefined);
      expect(unconditional.err).toContain("metadata.resourceVersion: Required value");
      expect((await patch(rv)).out).toContain("product.catalog.gitstore.dev/hat patched");
      expect(await waiting).toMatchObject({ code: 0, out: "product.catalog.gitstore.dev/hat condition met\n" });
      expect((await patch(rv)).err).toContain("Conflict");
      expect(rows(await kubectl("get", "prod", "hat"))[1]).toMatch(/draft True/);
      const shown = await kubectl(
        "get",
        "prod",
        "hat",
        "--subresource=status",
        "-o",
        "jsonpath={.status.conditions[0].reason}",
      );
      expect(shown.out).toBe("Checked");
    },
  );

  it.skipIf(minor < SINCE["edit and apply"])(
    "edit, apply, create, delete, label and patch of what Git owns say where it is written instead",
    async () => {
      const owned = /products\.catalog\.gitstore\.dev "hat" is owned by Git: commit it to http:\/\/\S+, main, hat\.md/;
      const manifest = join(home, "hat.yaml");
      writeFileSync(
        manifest,
        "apiVersion: catalog.gitstore.dev/v1beta1\nkind: Product\nmetadata: {name: hat}\nspec: {title: Other}\n",
      );
      const edited = await run(["edit", "product", "hat"], {
        ...env(),
        KUBE_EDITOR: "sed -i 's/title: .*/title: Other/'",
      });
      expect(edited.code).not.toBe(0);
      expect(edited.err).toMatch(owned);
      for (const args of [
        ["apply", "-f", manifest],
        ["apply", "--server-side", "-f", manifest],
        ["replace", "-f", manifest],
        ["delete", "product", "hat"],
        ["label", "product", "hat", "a=b"],
        ["annotate", "product", "hat", "a=b"],
        ["patch", "product", "hat", "--type=merge", "-p", '{"spec":{"title":"Other"}}'],
      ]) {
        const { code, err } = await kubectl(...args);
        expect(code, args.join(" ")).not.toBe(0);
        expect(err, args.join(" ")).toMatch(owned);
      }
      writeFileSync(
        manifest,
        "apiVersion: catalog.gitstore.dev/v1beta1\nkind: Product\nmetadata: {name: cap}\nspec: {}\n",
      );
      const made = await kubectl("apply", "-f", manifest);
      expect(made.err).toContain('products.catalog.gitstore.dev "cap" is owned by Git: commit it to');
    },
  );

  it.skipIf(minor < SINCE["edit and apply"])("apply, label, edit and delete work for what the API owns", async () => {
    const manifest = join(home, "channel.yaml");
    writeFileSync(
      manifest,
      "apiVersion: release.gitstore.dev/v1beta1\nkind: Channel\nmetadata: {name: preview}\nspec: {}\n",
    );
    expect((await kubectl("apply", "-f", manifest)).out).toContain("created");
    expect((await kubectl("apply", "-f", manifest)).out).toContain("unchanged");
    expect((await kubectl("label", "channel", "preview", "a=b")).out).toContain("labeled");
    const editor = "sed -i 's/a: b/a: c/'";
    const edited = await run(["edit", "channel", "preview"], { ...env(), KUBE_EDITOR: editor });
    expect(edited.out).toContain("edited");
    expect((await kubectl("get", "chan", "preview", "--show-labels", "--no-headers")).out).toContain("a=c");
    expect((await kubectl("delete", "channel", "preview")).out).toContain("deleted");
  });

  it("at the root works with a namespace, and says how without one", async () => {
    const at = (...args: string[]) => run(args, env(true));
    expect(rows(await at("get", "prod", "-n", "acme"))[1]).toMatch(/^hat /);
    expect(rows(await at("get", "ns"))[1]).toMatch(/^acme ORGANIZATION /);
    expect((await at("get", "prod", "-A")).err).toContain("or use the server URL /clusters/NS");
  });
});
