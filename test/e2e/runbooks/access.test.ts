/** Every command, metric and log message of docs/runbooks, tried in the situation that its page is about. */
import { describe, expect, it } from "vitest";
import { productFile, products } from "../support/catalog.ts";
import { Sender } from "../support/deliveries.ts";
import { pushed, Runbook, staged } from "../support/runbook.ts";
import type { RecordingWatcher } from "../support/watcher.ts";

describe("docs/runbooks/webhooks.md", () => {
  const scene = staged({ vars: {} });
  const book = new Runbook("webhooks", scene);
  const hook = "curl -s -o /dev/null";

  it("tells a missing webhook, a wrong secret and a failing remote apart, and mends each", async () => {
    await pushed(scene, 2);
    expect((await book.run("gitstorectl repo show acme/catalog")).out).toMatch(/found by poll +[1-9]/);
    expect(await book.metric("gitstore_found_by_poll_total")).toBeGreaterThan(0);
    expect((await book.run(hook)).out.trim()).toBe("401");
    expect((await book.run(hook, { "acme/catalog": "acme/other" })).out.trim()).toBe("404");
    expect(await book.metric("gitstore_deliveries_total", 'provider="git",result="refused-401"')).toBe(1);

    const sender = await Sender.of(scene.stage, "acme");
    const tip = await scene.remote.commit([productFile(products(3)[2] as never)], "One more");
    const old = (
      await scene.stage.get<{ status: { applied: Record<string, string> } }>("acme", "repositories", "catalog")
    ).status.applied["refs/heads/main"];
    expect(await sender.hook([{ ref: "refs/heads/main", old: old ?? null, new: tip }])).toMatchObject({ status: 202 });
    expect(await book.metric("gitstore_deliveries_total", 'provider="git",result="accepted"')).toBe(1);
    await expect.poll(async () => (await book.run("gitstorectl repo show acme/catalog")).out).toContain(" accepted");
    expect((await book.run("gitstorectl repo sync acme/catalog")).code).toBe(0);
    expect((await book.run("gitstorectl repo rotate-secret acme/catalog --overlap 24h")).out).toMatch(/^whsec_/);
    const dir = scene.stage.git.dir("acme-catalog");
    expect(await book.run("gitstorectl hooks install", { "/srv/git/catalog.git": dir })).toMatchObject({ code: 0 });

    await scene.stage.repository("acme", "gone");
    const failed = await book.run("gitstorectl repo sync acme/catalog", { "acme/catalog": "acme/gone" });
    expect(failed.code).toBe(1);
    expect(book.logged("a look at the remote failed")).toBe(true);
  });

  it("holds a deletion until it is allowed", async () => {
    await pushed(scene, 150);
    const gone = products(150).map((row) => ({ path: productFile(row).path, text: null }));
    await scene.remote.commit(gone, "Empty");
    expect((await book.run("gitstorectl repo sync acme/catalog")).code).toBe(1);
    expect((await book.run("gitstorectl repo show acme/catalog")).out).toContain("MassDeletionHeld");
    expect((await book.run("gitstorectl repo sync acme/catalog --allow-mass-delete")).code).toBe(0);
    expect((await book.run("gitstorectl repo show acme/catalog")).out).not.toContain("MassDeletionHeld");
  });

  it("names a secret that cannot be opened", async () => {
    const sender = await Sender.of(scene.stage, "acme");
    scene.stage.server.vars.SEALING_KEY = "bm90IHRoZSBzYW1lIHNlYWxpbmcga2V5IGFzIGJlZm9yZQ";
    await scene.stage.server.restart();
    expect(await sender.hook([])).toMatchObject({ status: 401 });
    await expect
      .poll(() => book.logged("a webhook secret cannot be opened: was SEALING_KEY changed? rotate it"))
      .toBe(true);
    book.complete();
  });
});

describe("docs/runbooks/key-rotation.md", () => {
  const scene = staged();
  const book = new Runbook("key-rotation", scene);

  it("rotates the signing key without ending a token, and ends them with the old key", async () => {
    const before = scene.stage.admin;
    const made = (await book.run("openssl rand -base64 32")).out.trim();
    const old = scene.stage.server.vars.TOKEN_SIGNING_KEY;
    expect((await book.run("npx wrangler secret put TOKEN_SIGNING_KEY")).out).toContain("secret put");
    scene.stage.server.vars.TOKEN_SIGNING_KEY = `k2:${made},${old}`;
    await scene.stage.server.restart();
    expect((await book.run("gitstorectl get acme products")).code).toBe(0);
    const fresh = (await book.run("gitstorectl token create --role reader --namespace acme")).out.trim();
    expect(JSON.parse(Buffer.from(fresh.split(".")[0] ?? "", "base64url").toString())).toMatchObject({ kid: "k2" });
    const path = "/apis/catalog.gitstore.dev/v1beta1/namespaces/acme/products";
    expect((await scene.stage.call(path, { token: fresh })).status).toBe(200);
    scene.stage.server.vars.TOKEN_SIGNING_KEY = `k2:${made}`;
    await scene.stage.server.restart();
    expect((await scene.stage.call(path, { token: fresh })).status).toBe(200);
    expect((await scene.stage.call(path, { token: before })).status).toBe(401);
    scene.stage.server.vars.TOKEN_SIGNING_KEY = `k2:${made},${old}`;
    await scene.stage.server.restart();
  });

  it("revokes a subject, closes its sockets, and lets it in again", async () => {
    const token = await scene.stage.server.token({ role: "reader", namespaces: ["acme"], sub: "user:mallory" });
    const socket: RecordingWatcher = scene.stage.watch("acme", { token, kinds: ["Product"] });
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
    const sender = await Sender.of(scene.stage, "acme");
    expect((await book.run("gitstorectl repo rotate-secret acme/catalog --overlap 24h")).out).toMatch(/^whsec_/);
    expect((await sender.hook([])).status).toBe(200);
    expect((await book.run("npx wrangler secret put SEALING_KEY")).code).toBe(0);
    scene.stage.server.vars.SEALING_KEY = "bm90IHRoZSBzYW1lIHNlYWxpbmcga2V5IGFzIGJlZm9yZQ";
    await scene.stage.server.restart();
    expect((await sender.hook([])).status).toBe(401);
    await expect
      .poll(() => book.logged("a webhook secret cannot be opened: was SEALING_KEY changed? rotate it"))
      .toBe(true);
    expect((await book.run("gitstorectl repo list acme")).out).toContain("catalog");
    expect((await book.run("gitstorectl repo rotate-secret acme/catalog")).code).toBe(0);
    const again = await Sender.of(scene.stage, "acme");
    expect((await again.hook([])).status).toBe(200);
    expect((await book.run("npx wrangler secret put GIT_CREDENTIALS_ACME")).code).toBe(0);
    expect((await book.run("gitstorectl repo sync acme/catalog")).code).toBe(0);
    expect((await book.run("gitstorectl repo show acme/catalog")).out).toMatch(/secret +\S+, since/);
    book.complete();
  });
});

describe("docs/runbooks/README.md", () => {
  const scene = staged();
  const book = new Runbook("README", scene);

  it("makes an administrator's token, and shows how old the published gauges are", async () => {
    const made = await book.run("export GITSTORE_SERVER", {
      "https://edge.example": scene.stage.server.url,
      "--role admin)": "--role admin) && echo $GITSTORE_TOKEN",
    });
    const token = made.out.trim();
    expect((await scene.stage.call("/readyz", { token })).status).toBe(200);
    await pushed(scene, 1);
    const published = async () => await (await scene.stage.server.fetch("/metrics", { token })).text();
    await expect.poll(published, { timeout: 30_000 }).toContain('gitstore_gauges_age_seconds{namespace="acme"}');
    await scene.stage.call("/webhooks/acme/catalog", { method: "POST", token: null });
    const text = await published();
    expect(book.read(text, "gitstore_gauges_age_seconds", "acme")).toBeGreaterThanOrEqual(0);
    expect(book.read(text, "gitstore_http_requests_total", 'audience="webhooks"')).toBeGreaterThan(0);
    expect(book.read(text, "gitstore_deliveries_total", 'result="refused-401"')).toBeGreaterThan(0);
    book.complete();
  });
});
