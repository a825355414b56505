/** Every command, metric and log message of docs/runbooks, tried in the situation that its page is about. */
import { execFile } from "node:child_process";
import { chmodSync, cpSync, mkdtempSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { OFFLINE_ENV } from "../../src/cli/local/paths.ts";
import { watch as watchClient } from "../../src/client/watch.ts";
import { page, ROOT } from "../unit/docs/pages.ts";
import { productFile, products } from "./support/catalog.ts";
import { Sender } from "./support/deliveries.ts";
import type { Repository } from "./support/gitServer.ts";
import { type Named, RUNBOOKS, type RunbookName, SECRETS } from "./support/runbooks.ts";
import type { TestServerOptions } from "./support/server.ts";
import { Stage } from "./support/stage.ts";
import type { RecordingWatcher } from "./support/watcher.ts";

const FAULTY = "test/worker/faultyWorker.ts";
const INVENTORY = "serviceaccount:acme:inventory";

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
class Runbook {
  readonly #name: RunbookName;
  readonly #stage: () => Stage;
  readonly #ran = new Set<string>();
  readonly #seen = new Set<string>();

  constructor(name: RunbookName, stage: () => Stage) {
    this.#name = name;
    this.#stage = stage;
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
    const { server, admin } = this.#stage();
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
    return this.#stage().server.log.includes(`"msg":${JSON.stringify(message)}`);
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

async function pushed(stage: Stage, remote: Repository, count: number, bytes = 0, from = 0): Promise<void> {
  const files = products(from + count)
    .slice(from)
    .map((row) => {
      const file = productFile(row);
      return { ...file, text: `${file.text}${"x".repeat(bytes)}\n` };
    });
  await remote.commit(files, `${count} products`);
  await stage.sync("acme");
}

async function flushed(book: Runbook): Promise<void> {
  await expect.poll(() => book.metric("gitstore_outbox_depth"), { timeout: 60_000 }).toBe(0);
}

let stage: Stage;
let remote: Repository;
const current = () => stage;

function staged(options: TestServerOptions = {}): void {
  beforeAll(async () => {
    stage = await Stage.set(options);
    remote = await stage.shop("acme");
  });
  afterAll(() => stage.strike());
}

describe("docs/runbooks/lagging-controller.md", () => {
  staged();
  const book = new Runbook("lagging-controller", current);

  it("finds a controller that is away, one that reads slowly and one that reports nothing, and forgets one", async () => {
    const token = await stage.server.token({ role: "controller", namespaces: ["acme"], sub: INVENTORY });
    const options = { server: stage.server.url, token, namespace: "acme", kinds: ["Product"], watcher: "inventory" };
    const controller = watchClient(options);
    for await (const event of controller) if (event.type === "SYNCED") break;
    await pushed(stage, remote, 3);
    await expect.poll(async () => (await book.run("gitstorectl watchers acme")).out).toContain("away");
    expect((await book.run("gitstorectl watchers acme")).out).toMatch(
      /inventory serviceaccount:acme:inventory .* events/,
    );
    expect(await book.metric("gitstore_watcher_connected", 'watcher="inventory"')).toBe(0);
    expect(await book.metric("gitstore_watcher_lag_events", 'watcher="inventory"')).toBeGreaterThan(0);
    expect(await book.metric("gitstore_watcher_lag_seconds", 'watcher="inventory"')).toBeGreaterThanOrEqual(0);
    expect(await book.metric("gitstore_closed_slow_total")).toBe(0);
    expect((await book.run("gitstorectl watch acme --rv 1 --count 1")).code).toBe(0);

    const slow = stage.watch("acme", { ack: false, query: { window: "65536" } });
    await pushed(stage, remote, 60, 4_000, 3);
    await expect.poll(() => book.metric("gitstore_watchers", 'state="parked"')).toBe(1);
    expect(await book.metric("gitstore_parked_total")).toBeGreaterThan(0);
    slow.close();

    const forgotten = await book.run("gitstorectl watchers acme --delete");
    expect(forgotten).toMatchObject({ code: 0 });
    expect((await book.run("gitstorectl watchers acme")).out).toBe("");
    const again = watchClient(options);
    for await (const event of again) {
      if (event.type !== "SYNCED") continue;
      again.done(event.resourceVersion);
      await expect.poll(async () => (await book.run("gitstorectl watchers acme")).out).toContain("up to date");
      break;
    }
    book.complete();
  });
});

describe("docs/runbooks/d1-unavailable.md", () => {
  staged({ main: FAULTY, vars: { TAIL_MAX_BYTES: "1048576" } });
  const book = new Runbook("d1-unavailable", current);
  const d1 = (failing: boolean) => stage.server.fetch(`/test/d1?failing=${failing}`, { method: "POST" });

  it("tells what is away, goes on meanwhile, and is well again by itself", async () => {
    await flushed(book);
    expect((await book.run('curl -sf "$GITSTORE_SERVER/readyz"')).code).toBe(0);
    await d1(true);
    const watcher = stage.watch("acme", { query: { sendInitialEvents: "false" }, resourceVersion: undefined } as never);
    await watcher.until(() => watcher.frames.length > 0);
    await pushed(stage, remote, 5);
    await watcher.until(() => watcher.events.filter(({ object }) => object.kind === "Product").length === 5);
    const ready = await book.run('curl -s -H "Authorization: Bearer $GITSTORE_TOKEN" "$GITSTORE_SERVER/readyz"');
    expect(JSON.parse(ready.out)).toMatchObject({ status: "not ready" });
    expect(ready.out).toContain("D1 does not answer");
    expect((await stage.call("/metrics").catch(() => ({ status: 503 }))).status).toBe(503);
    expect(await book.metric("gitstore_outbox_depth")).toBeGreaterThan(5);
    expect(await book.metric("gitstore_outbox_age_seconds")).toBeGreaterThanOrEqual(0);
    await expect.poll(() => book.logged("a flush to D1 failed; it is retried"), { timeout: 20_000 }).toBe(true);

    await pushed(stage, remote, 300, 5_000, 5);
    await pushed(stage, remote, 300, 5_001, 5);
    const full = "D1 is away and the tail is full: the oldest events went without it";
    await expect.poll(() => book.logged(full), { timeout: 90_000 }).toBe(true);

    await d1(false);
    await flushed(book);
    expect((await book.run('curl -sf "$GITSTORE_SERVER/readyz"')).code).toBe(0);
    const answers = await book.run("npx wrangler d1 execute REPLAY");
    expect(answers.out).toContain('"answers": 1');
    expect(await book.run("npm run db:migrate")).toMatchObject({
      code: 0,
      out: expect.stringContaining("No migrations"),
    });
    watcher.close();
    book.complete();
  });
});

describe("docs/runbooks/replay-window-exceeded.md", () => {
  staged({
    main: FAULTY,
    vars: { TAIL_EVENTS: "10", TAIL_MINUTES: "0", REPLAY_MAX_BYTES: "1048576", TAIL_MAX_BYTES: "1048576" },
  });
  const book = new Runbook("replay-window-exceeded", current);

  it("shows where the window begins and why, and what the client gets", async () => {
    await pushed(stage, remote, 300, 5_000);
    const full = "the replay database is full: the oldest events of its longest window went";
    await expect.poll(() => book.logged(full), { timeout: 60_000 }).toBe(true);
    // The next life of the ledger prunes with its first flush.
    await pushed(stage, remote, 20, 0, 300);
    await flushed(new Runbook("d1-unavailable", current));
    await stage.server.restart();
    await pushed(stage, remote, 1, 0, 320);
    await expect.poll(() => book.metric("gitstore_tail_events"), { timeout: 60_000 }).toBeLessThan(300);
    await expect.poll(() => book.metric("gitstore_window_floor"), { timeout: 60_000 }).toBeGreaterThan(2);
    const head = await book.metric("gitstore_resource_version_head");
    const windows = await book.run("npx wrangler d1 execute REPLAY");
    const [result] = JSON.parse(windows.out) as { results: { ns: string; floor: number; head: number }[] }[];
    expect(result?.results.find(({ ns }) => ns === "acme")).toMatchObject({ head });

    const expired = await book.run("gitstorectl watch acme --rv 2");
    expect(expired).toMatchObject({ code: 1, err: expect.stringContaining("too old resource version: 2") });
    expect(await book.metric("gitstore_resumes_total", 'kind="expired"')).toBeGreaterThan(0);
    const compacting = stage.watch("acme", { resourceVersion: "2", query: { expired: "compact" } });
    await compacting.until(() => Number(compacting.rv) >= head);
    expect(await book.metric("gitstore_resumes_total", 'kind="compacted"')).toBeGreaterThan(0);
    compacting.close();
    expect((await book.run("gitstorectl watch acme products")).code).toBe(0);
    expect((await book.run("gitstorectl events acme")).code).toBe(0);
    expect((await book.run("gitstorectl watchers acme")).code).toBe(0);

    await stage.server.fetch("/test/d1?failing=true", { method: "POST" });
    await pushed(stage, remote, 300, 5_001);
    await pushed(stage, remote, 300, 5_002);
    const dropped = "D1 is away and the tail is full: the oldest events went without it";
    await expect.poll(() => book.logged(dropped), { timeout: 90_000 }).toBe(true);
    await stage.server.fetch("/test/d1?failing=false", { method: "POST" });
    book.complete();
  });
});

describe("docs/runbooks/restore.md", () => {
  staged();
  const book = new Runbook("restore", current);

  it("finds that the ledger went back, and brings what Git gave back with the same event ids", async () => {
    const outbox = new Runbook("d1-unavailable", current);
    await pushed(stage, remote, 3);
    await flushed(outbox);
    const ledgers = join(stage.server.stateDir, "v3/do");
    const kept = mkdtempSync(join(tmpdir(), "gitstore-kept-"));
    await stage.server.kill();
    cpSync(ledgers, kept, { recursive: true });
    await stage.server.restart();
    await pushed(stage, remote, 2, 0, 3);
    const seen = await stage.head("acme");
    expect((await book.run("gitstorectl events acme")).out).toContain("branch.updated");
    const told = await moves();
    await flushed(outbox);
    await stage.server.kill();
    rmSync(ledgers, { recursive: true });
    cpSync(kept, ledgers, { recursive: true });
    rmSync(kept, { recursive: true });
    await stage.server.restart();

    expect((await book.run("gitstorectl get acme products")).out.trim().split("\n")).toHaveLength(1 + 3);
    const windows = await book.run("npx wrangler d1 execute REPLAY");
    const [result] = JSON.parse(windows.out) as { results: { ns: string; head: number }[] }[];
    expect(result?.results.find(({ ns }) => ns === "acme")?.head).toBeGreaterThanOrEqual(Number(seen));

    expect((await book.run("gitstorectl repo list acme")).out).toContain("catalog");
    expect(await book.run("gitstorectl repo sync acme/catalog")).toMatchObject({ code: 0 });
    expect(await book.metric("gitstore_resource_version_head")).toBeGreaterThan(1_000_000_000);
    const expired = await book.run("gitstorectl watch acme --rv 9", { "--rv 9": `--rv ${seen}` });
    expect(expired).toMatchObject({ code: 1, err: expect.stringContaining("too old resource version") });
    expect((await book.run("gitstorectl repo rotate-secret acme/catalog")).out).toMatch(/^whsec_/);
    expect((await book.run("gitstorectl repo show acme/catalog")).out).toContain("Ready=True");
    expect((await book.run("gitstorectl get acme products")).out.trim().split("\n")).toHaveLength(1 + 5);
    expect(await moves()).toEqual(told);
    book.complete();
  });

  /** Ids of the branch's moves, each once. */
  async function moves(): Promise<string[]> {
    const events = await stage.must<{ id: string }[]>("/events/acme?type=branch-updated&limit=1000");
    return [...new Set(events.map(({ id }) => id))];
  }
});

describe("docs/runbooks/deploy.md", () => {
  staged();
  const book = new Runbook("deploy", current);

  it("builds, shows sockets that come back after a cut, and a configuration that is wrong", async () => {
    expect(await book.run("npx wrangler deploy --dry-run")).toMatchObject({ code: 0 });
    expect((await book.run("npm run size")).out).toMatch(/KiB of \d+ KiB/);
    expect((await book.run("npm run deploy")).out).toContain("wrangler deploy");
    const secrets = join(mkdtempSync(join(tmpdir(), "gitstore-secrets-")), "secrets.env");
    expect(await book.run(SECRETS, { "secrets.env": secrets })).toMatchObject({ code: 0 });
    expect(statSync(secrets).mode & 0o777).toBe(0o600);
    expect((await book.run("npm run deploy -- --secrets-file")).out).toContain("--secrets-file");
    expect((await book.run("npx wrangler rollback")).out).toContain("wrangler rollback");
    expect((await book.run('curl -sf "$GITSTORE_SERVER/version"')).out).toContain("gitstore-edge");

    const stop = new AbortController();
    const token = await stage.server.token({ role: "controller", namespaces: ["acme"], sub: INVENTORY });
    const reconnects: string[] = [];
    let synced = false;
    const following = (async () => {
      const options = { server: stage.server.url, token, namespace: "acme", watcher: "inventory" };
      const onReconnect = ({ why }: { why: string }) => void reconnects.push(why);
      for await (const { type } of watchClient({ ...options, signal: stop.signal, onReconnect })) {
        synced ||= type === "SYNCED";
      }
    })();
    await expect.poll(() => synced).toBe(true);
    await expect.poll(async () => (await book.run("gitstorectl watchers acme")).out).toContain("connected");
    const plain = stage.watch("acme");
    await plain.until(() => plain.frames.length > 0);
    const drained = await book.run("gitstorectl drain", { "--over 30s": "--over 1s" });
    expect(drained).toMatchObject({ code: 0, out: expect.stringContaining("acme 2 closed") });
    expect(await plain.closed).toMatchObject({ code: 4503 });
    await expect.poll(() => reconnects.length, { timeout: 30_000 }).toBe(1);
    await expect.poll(async () => (await book.run("gitstorectl watchers acme")).out).toContain(" connected");
    await stage.server.kill();
    await stage.server.restart();
    await expect.poll(() => book.metric("gitstore_watchers", 'state="connected"'), { timeout: 30_000 }).toBe(1);
    const resumed = stage.watch("acme", { resourceVersion: "1" });
    await resumed.until(() => resumed.frames.length > 1);
    expect(await book.metric("gitstore_resumes_total", 'kind="tail"')).toBeGreaterThan(0);
    resumed.close();
    expect(reconnects.length).toBeGreaterThan(1);
    expect(await book.metric("gitstore_http_requests_total", 'audience="watch"')).toBeGreaterThan(0);
    const ready = 'curl -s -H "Authorization: Bearer $GITSTORE_TOKEN" "$GITSTORE_SERVER/readyz"';
    expect(JSON.parse((await book.run(ready)).out)).toMatchObject({ status: "ready" });
    stop.abort();
    await following;

    stage.server.vars.TAIL_EVENTS = "ten";
    await stage.server.restart();
    expect(JSON.parse((await book.run(ready)).out)).toMatchObject({ status: "not ready" });
    await stage.server.fetch("/apis/gitstore.dev/v1beta1/namespaces");
    await expect.poll(() => book.logged("the configuration is wrong")).toBe(true);
    book.complete();
  });
});

describe("docs/runbooks/webhooks.md", () => {
  staged({ vars: {} });
  const book = new Runbook("webhooks", current);
  const hook = "curl -s -o /dev/null";

  it("tells a missing webhook, a wrong secret and a failing remote apart, and mends each", async () => {
    await pushed(stage, remote, 2);
    expect((await book.run("gitstorectl repo show acme/catalog")).out).toMatch(/found by poll +[1-9]/);
    expect(await book.metric("gitstore_found_by_poll_total")).toBeGreaterThan(0);
    expect((await book.run(hook)).out.trim()).toBe("401");
    expect((await book.run(hook, { "acme/catalog": "acme/other" })).out.trim()).toBe("404");
    expect(await book.metric("gitstore_deliveries_total", 'provider="git",result="refused-401"')).toBe(1);

    const sender = await Sender.of(stage, "acme");
    const tip = await remote.commit([productFile(products(3)[2] as never)], "One more");
    const old = (await stage.get<{ status: { applied: Record<string, string> } }>("acme", "repositories", "catalog"))
      .status.applied["refs/heads/main"];
    expect(await sender.hook([{ ref: "refs/heads/main", old: old ?? null, new: tip }])).toMatchObject({ status: 202 });
    expect(await book.metric("gitstore_deliveries_total", 'provider="git",result="accepted"')).toBe(1);
    await expect.poll(async () => (await book.run("gitstorectl repo show acme/catalog")).out).toContain(" accepted");
    expect((await book.run("gitstorectl repo sync acme/catalog")).code).toBe(0);
    expect((await book.run("gitstorectl repo rotate-secret acme/catalog --overlap 24h")).out).toMatch(/^whsec_/);
    const dir = stage.git.dir("acme-catalog");
    expect(await book.run("gitstorectl hooks install", { "/srv/git/catalog.git": dir })).toMatchObject({ code: 0 });

    await stage.repository("acme", "gone");
    const failed = await book.run("gitstorectl repo sync acme/catalog", { "acme/catalog": "acme/gone" });
    expect(failed.code).toBe(1);
    expect(book.logged("a look at the remote failed")).toBe(true);
  });

  it("holds a deletion until it is allowed", async () => {
    await pushed(stage, remote, 150);
    const gone = products(150).map((row) => ({ path: productFile(row).path, text: null }));
    await remote.commit(gone, "Empty");
    expect((await book.run("gitstorectl repo sync acme/catalog")).code).toBe(1);
    expect((await book.run("gitstorectl repo show acme/catalog")).out).toContain("MassDeletionHeld");
    expect((await book.run("gitstorectl repo sync acme/catalog --allow-mass-delete")).code).toBe(0);
    expect((await book.run("gitstorectl repo show acme/catalog")).out).not.toContain("MassDeletionHeld");
  });

  it("names a secret that cannot be opened", async () => {
    const sender = await Sender.of(stage, "acme");
    stage.server.vars.SEALING_KEY = "bm90IHRoZSBzYW1lIHNlYWxpbmcga2V5IGFzIGJlZm9yZQ";
    await stage.server.restart();
    expect(await sender.hook([])).toMatchObject({ status: 401 });
    await expect
      .poll(() => book.logged("a webhook secret cannot be opened: was SEALING_KEY changed? rotate it"))
      .toBe(true);
    book.complete();
  });
});

describe("docs/runbooks/key-rotation.md", () => {
  staged();
  const book = new Runbook("key-rotation", current);

  it("rotates the signing key without ending a token, and ends them with the old key", async () => {
    const before = stage.admin;
    const made = (await book.run("openssl rand -base64 32")).out.trim();
    const old = stage.server.vars.TOKEN_SIGNING_KEY;
    expect((await book.run("npx wrangler secret put TOKEN_SIGNING_KEY")).out).toContain("secret put");
    stage.server.vars.TOKEN_SIGNING_KEY = `k2:${made},${old}`;
    await stage.server.restart();
    expect((await book.run("gitstorectl get acme products")).code).toBe(0);
    const fresh = (await book.run("gitstorectl token create --role reader --namespace acme")).out.trim();
    expect(JSON.parse(Buffer.from(fresh.split(".")[0] ?? "", "base64url").toString())).toMatchObject({ kid: "k2" });
    const path = "/apis/catalog.gitstore.dev/v1beta1/namespaces/acme/products";
    expect((await stage.call(path, { token: fresh })).status).toBe(200);
    stage.server.vars.TOKEN_SIGNING_KEY = `k2:${made}`;
    await stage.server.restart();
    expect((await stage.call(path, { token: fresh })).status).toBe(200);
    expect((await stage.call(path, { token: before })).status).toBe(401);
    stage.server.vars.TOKEN_SIGNING_KEY = `k2:${made},${old}`;
    await stage.server.restart();
  });

  it("revokes a subject, closes its sockets, and lets it in again", async () => {
    const token = await stage.server.token({ role: "reader", namespaces: ["acme"], sub: "user:mallory" });
    const socket: RecordingWatcher = stage.watch("acme", { token, kinds: ["Product"] });
    await socket.until(() => socket.frames.length > 0);
    const revoked = await book.run("curl -sf -X POST");
    expect(JSON.parse(revoked.out)).toMatchObject({ sub: "user:mallory", closed: 1 });
    expect(await socket.closed).toMatchObject({ code: 4401 });
    const listed = 'curl -sf -H "Authorization: Bearer $GITSTORE_TOKEN" "$GITSTORE_SERVER/admin/revocations"';
    expect((await book.run(listed)).out).toContain("user:mallory");
    expect(JSON.parse((await book.run("curl -sf -X DELETE")).out)).toMatchObject({ lifted: true });
    expect((await book.run(listed)).out).not.toContain("user:mallory");
  });

  it("rotates a Repository's secret, and all of them after the sealing key", async () => {
    const sender = await Sender.of(stage, "acme");
    expect((await book.run("gitstorectl repo rotate-secret acme/catalog --overlap 24h")).out).toMatch(/^whsec_/);
    expect((await sender.hook([])).status).toBe(200);
    expect((await book.run("npx wrangler secret put SEALING_KEY")).code).toBe(0);
    stage.server.vars.SEALING_KEY = "bm90IHRoZSBzYW1lIHNlYWxpbmcga2V5IGFzIGJlZm9yZQ";
    await stage.server.restart();
    expect((await sender.hook([])).status).toBe(401);
    await expect
      .poll(() => book.logged("a webhook secret cannot be opened: was SEALING_KEY changed? rotate it"))
      .toBe(true);
    expect((await book.run("gitstorectl repo list acme")).out).toContain("catalog");
    expect((await book.run("gitstorectl repo rotate-secret acme/catalog")).code).toBe(0);
    const again = await Sender.of(stage, "acme");
    expect((await again.hook([])).status).toBe(200);
    expect((await book.run("npx wrangler secret put GIT_CREDENTIALS_ACME")).code).toBe(0);
    expect((await book.run("gitstorectl repo sync acme/catalog")).code).toBe(0);
    expect((await book.run("gitstorectl repo show acme/catalog")).out).toMatch(/secret +\S+, since/);
    book.complete();
  });
});

describe("docs/runbooks/README.md", () => {
  staged();
  const book = new Runbook("README", current);

  it("makes an administrator's token, and shows how old the published gauges are", async () => {
    const made = await book.run("export GITSTORE_SERVER", {
      "https://edge.example": stage.server.url,
      "--role admin)": "--role admin) && echo $GITSTORE_TOKEN",
    });
    const token = made.out.trim();
    expect((await stage.call("/readyz", { token })).status).toBe(200);
    await pushed(stage, remote, 1);
    const published = async () => await (await stage.server.fetch("/metrics", { token })).text();
    await expect.poll(published, { timeout: 30_000 }).toContain('gitstore_gauges_age_seconds{namespace="acme"}');
    await stage.call("/webhooks/acme/catalog", { method: "POST", token: null });
    const text = await published();
    expect(book.read(text, "gitstore_gauges_age_seconds", "acme")).toBeGreaterThanOrEqual(0);
    expect(book.read(text, "gitstore_http_requests_total", 'audience="webhooks"')).toBeGreaterThan(0);
    expect(book.read(text, "gitstore_deliveries_total", 'result="refused-401"')).toBeGreaterThan(0);
    book.complete();
  });
});
