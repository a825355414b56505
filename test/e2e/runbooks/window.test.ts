/** Every command, metric and log message of docs/runbooks, tried in the situation that its page is about. */
import { cpSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { flushed, pushed, Runbook, staged } from "../support/runbook.ts";

const FAULTY = "test/worker/faultyWorker.ts";

describe("docs/runbooks/d1-unavailable.md", () => {
  const scene = staged({ main: FAULTY, vars: { TAIL_MAX_BYTES: "1048576" } });
  const book = new Runbook("d1-unavailable", scene);
  const d1 = (failing: boolean) => scene.stage.server.fetch(`/test/d1?failing=${failing}`, { method: "POST" });

  it("tells what is away, goes on meanwhile, and is well again by itself", async () => {
    await flushed(book);
    expect((await book.run('curl -sf "$GITSTORE_SERVER/readyz"')).code).toBe(0);
    await d1(true);
    const watcher = scene.stage.watch("acme", {
      query: { sendInitialEvents: "false" },
      resourceVersion: undefined,
    } as never);
    await watcher.until(() => watcher.frames.length > 0);
    await pushed(scene, 5);
    await watcher.until(() => watcher.events.filter(({ object }) => object.kind === "Product").length === 5);
    const ready = await book.run('curl -s -H "Authorization: Bearer $GITSTORE_TOKEN" "$GITSTORE_SERVER/readyz"');
    expect(JSON.parse(ready.out)).toMatchObject({ status: "not ready" });
    expect(ready.out).toContain("D1 does not answer");
    expect((await scene.stage.call("/metrics").catch(() => ({ status: 503 }))).status).toBe(503);
    expect(await book.metric("gitstore_outbox_depth")).toBeGreaterThan(5);
    expect(await book.metric("gitstore_outbox_age_seconds")).toBeGreaterThanOrEqual(0);
    await expect.poll(() => book.logged("a flush to D1 failed; it is retried"), { timeout: 20_000 }).toBe(true);

    await pushed(scene, 300, 5_000, 5);
    await pushed(scene, 300, 5_001, 5);
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
  const scene = staged({
    main: FAULTY,
    vars: { TAIL_EVENTS: "10", TAIL_MINUTES: "0", REPLAY_MAX_BYTES: "1048576", TAIL_MAX_BYTES: "1048576" },
  });
  const book = new Runbook("replay-window-exceeded", scene);

  it("shows where the window begins and why, and what the client gets", async () => {
    await pushed(scene, 300, 5_000);
    const full = "the replay database is full: the oldest events of its longest window went";
    await expect.poll(() => book.logged(full), { timeout: 60_000 }).toBe(true);
    // The next life of the ledger prunes with its first flush.
    await pushed(scene, 20, 0, 300);
    await flushed(new Runbook("d1-unavailable", scene));
    await scene.stage.server.restart();
    await pushed(scene, 1, 0, 320);
    await expect.poll(() => book.metric("gitstore_tail_events"), { timeout: 60_000 }).toBeLessThan(300);
    await expect.poll(() => book.metric("gitstore_window_floor"), { timeout: 60_000 }).toBeGreaterThan(2);
    const head = await book.metric("gitstore_resource_version_head");
    const windows = await book.run("npx wrangler d1 execute REPLAY");
    const [result] = JSON.parse(windows.out) as { results: { ns: string; floor: number; head: number }[] }[];
    expect(result?.results.find(({ ns }) => ns === "acme")).toMatchObject({ head });

    const expired = await book.run("gitstorectl watch acme --rv 2");
    expect(expired).toMatchObject({ code: 1, err: expect.stringContaining("too old resource version: 2") });
    expect(await book.metric("gitstore_resumes_total", 'kind="expired"')).toBeGreaterThan(0);
    const compacting = scene.stage.watch("acme", { resourceVersion: "2", query: { expired: "compact" } });
    await compacting.until(() => Number(compacting.rv) >= head);
    expect(await book.metric("gitstore_resumes_total", 'kind="compacted"')).toBeGreaterThan(0);
    compacting.close();
    expect((await book.run("gitstorectl watch acme products")).code).toBe(0);
    expect((await book.run("gitstorectl events acme")).code).toBe(0);
    expect((await book.run("gitstorectl watchers acme")).code).toBe(0);

    await scene.stage.server.fetch("/test/d1?failing=true", { method: "POST" });
    await pushed(scene, 300, 5_001);
    await pushed(scene, 300, 5_002);
    const dropped = "D1 is away and the tail is full: the oldest events went without it";
    await expect.poll(() => book.logged(dropped), { timeout: 90_000 }).toBe(true);
    await scene.stage.server.fetch("/test/d1?failing=false", { method: "POST" });
    book.complete();
  });
});

describe("docs/runbooks/restore.md", () => {
  const scene = staged();
  const book = new Runbook("restore", scene);

  it("finds that the ledger went back, and brings what Git gave back with the same event ids", async () => {
    const outbox = new Runbook("d1-unavailable", scene);
    await pushed(scene, 3);
    await flushed(outbox);
    const ledgers = join(scene.stage.server.stateDir, "v3/do");
    const kept = mkdtempSync(join(tmpdir(), "gitstore-kept-"));
    await scene.stage.server.kill();
    cpSync(ledgers, kept, { recursive: true });
    await scene.stage.server.restart();
    await pushed(scene, 2, 0, 3);
    const seen = await scene.stage.head("acme");
    expect((await book.run("gitstorectl events acme")).out).toContain("branch.updated");
    const told = await moves();
    await flushed(outbox);
    await scene.stage.server.kill();
    rmSync(ledgers, { recursive: true });
    cpSync(kept, ledgers, { recursive: true });
    rmSync(kept, { recursive: true });
    await scene.stage.server.restart();

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
    const events = await scene.stage.must<{ id: string }[]>("/events/acme?type=branch-updated&limit=1000");
    return [...new Set(events.map(({ id }) => id))];
  }
});
