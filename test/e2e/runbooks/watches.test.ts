/** Every command, metric and log message of docs/runbooks, tried in the situation that its page is about. */
import { mkdtempSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { watch as watchClient } from "../../../src/client/watch.ts";
import { pushed, Runbook, staged } from "../support/runbook.ts";
import { SECRETS } from "../support/runbooks.ts";

const INVENTORY = "serviceaccount:acme:inventory";

describe("docs/runbooks/lagging-controller.md", () => {
  const scene = staged();
  const book = new Runbook("lagging-controller", scene);

  it("finds a controller that is away, one that reads slowly and one that reports nothing, and forgets one", async () => {
    const token = await scene.stage.server.token({ role: "controller", namespaces: ["acme"], sub: INVENTORY });
    const options = {
      server: scene.stage.server.url,
      token,
      namespace: "acme",
      kinds: ["Product"],
      watcher: "inventory",
    };
    const controller = watchClient(options);
    for await (const event of controller) if (event.type === "SYNCED") break;
    await pushed(scene, 3);
    await expect.poll(async () => (await book.run("gitstorectl watchers acme")).out).toContain("away");
    expect((await book.run("gitstorectl watchers acme")).out).toMatch(
      /inventory serviceaccount:acme:inventory .* events/,
    );
    expect(await book.metric("gitstore_watcher_connected", 'watcher="inventory"')).toBe(0);
    expect(await book.metric("gitstore_watcher_lag_events", 'watcher="inventory"')).toBeGreaterThan(0);
    expect(await book.metric("gitstore_watcher_lag_seconds", 'watcher="inventory"')).toBeGreaterThanOrEqual(0);
    expect(await book.metric("gitstore_closed_slow_total")).toBe(0);
    expect((await book.run("gitstorectl watch acme --rv 1 --count 1")).code).toBe(0);

    const slow = scene.stage.watch("acme", { ack: false, query: { window: "65536" } });
    await pushed(scene, 60, 4_000, 3);
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

describe("docs/runbooks/deploy.md", () => {
  const scene = staged();
  const book = new Runbook("deploy", scene);

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
    const token = await scene.stage.server.token({ role: "controller", namespaces: ["acme"], sub: INVENTORY });
    const reconnects: string[] = [];
    let synced = false;
    const following = (async () => {
      const options = { server: scene.stage.server.url, token, namespace: "acme", watcher: "inventory" };
      const onReconnect = ({ why }: { why: string }) => void reconnects.push(why);
      for await (const { type } of watchClient({ ...options, signal: stop.signal, onReconnect })) {
        synced ||= type === "SYNCED";
      }
    })();
    await expect.poll(() => synced).toBe(true);
    await expect.poll(async () => (await book.run("gitstorectl watchers acme")).out).toContain("connected");
    const plain = scene.stage.watch("acme");
    await plain.until(() => plain.frames.length > 0);
    const drained = await book.run("gitstorectl drain", { "--over 30s": "--over 1s" });
    expect(drained).toMatchObject({ code: 0, out: expect.stringContaining("acme 2 closed") });
    expect(await plain.closed).toMatchObject({ code: 4503 });
    await expect.poll(() => reconnects.length, { timeout: 30_000 }).toBe(1);
    await expect.poll(async () => (await book.run("gitstorectl watchers acme")).out).toContain(" connected");
    await scene.stage.server.kill();
    await scene.stage.server.restart();
    await expect.poll(() => book.metric("gitstore_watchers", 'state="connected"'), { timeout: 30_000 }).toBe(1);
    const resumed = scene.stage.watch("acme", { resourceVersion: "1" });
    await resumed.until(() => resumed.frames.length > 1);
    expect(await book.metric("gitstore_resumes_total", 'kind="tail"')).toBeGreaterThan(0);
    resumed.close();
    expect(reconnects.length).toBeGreaterThan(1);
    expect(await book.metric("gitstore_http_requests_total", 'audience="watch"')).toBeGreaterThan(0);
    const ready = 'curl -s -H "Authorization: Bearer $GITSTORE_TOKEN" "$GITSTORE_SERVER/readyz"';
    expect(JSON.parse((await book.run(ready)).out)).toMatchObject({ status: "ready" });
    stop.abort();
    await following;

    scene.stage.server.vars.TAIL_EVENTS = "ten";
    await scene.stage.server.restart();
    expect(JSON.parse((await book.run(ready)).out)).toMatchObject({ status: "not ready" });
    await scene.stage.server.fetch("/apis/gitstore.dev/v1beta1/namespaces");
    await expect.poll(() => book.logged("the configuration is wrong")).toBe(true);
    book.complete();
  });
});
