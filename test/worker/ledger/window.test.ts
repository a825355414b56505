import { runInDurableObject } from "cloudflare:test";
import { describe, expect, it, vi } from "vitest";
import type { LedgerApi } from "../../../src/ledger/api.ts";
import {
  bindings,
  controlsOfLedger,
  headOf,
  must,
  newLedger,
  productText,
  push,
  runAlarm,
  type TestLedger,
} from "../support/ledger.ts";
import { IN_SPACE, RV } from "../support/replay.ts";
import { watch } from "../support/watcher.ts";

const ALL = ["Product.catalog.gitstore.dev", "GitEvent.events.gitstore.dev", "Repository.gitstore.dev"];
const many = (from: number, count: number): Record<string, string> =>
  Object.fromEntries(
    Array.from({ length: count }, (_, i) => [`p${from + i}.md`, productText(`p${from + i}`, `T ${from + i}`)]),
  );

async function rowsInD1(ledger: TestLedger): Promise<number[]> {
  const { results } = await bindings.REPLAY.prepare(`SELECT ${RV} AS rv FROM replay WHERE ${IN_SPACE} ORDER BY key`)
    .bind(ledger.name)
    .all<{ rv: number }>();
  return results.map(({ rv }) => rv);
}

const range = (from: number, to: number): number[] => Array.from({ length: to - from + 1 }, (_, i) => from + i);

/** Leaves only the newest of the log in the tail, as ten minutes and ten thousand events would. */
async function prune(ledger: TestLedger, keep: number): Promise<void> {
  await runInDurableObject(bindings.LEDGER.get(bindings.LEDGER.idFromName(ledger.name)), (object) => {
    (object as unknown as { retention: { tailEvents: number } }).retention.tailEvents = keep;
  });
  const controls = controlsOfLedger(ledger);
  controls.clockAheadMs = (controls.clockAheadMs ?? 0) + 11 * 60_000;
  await runAlarm(ledger);
}

describe("the outbox", () => {
  it("drains every event to D1 once, from the alarm", async () => {
    const ledger = await newLedger();
    await push(ledger, { files: many(0, 600) });
    // 500 rows are due at once, so the alarm may be running by itself already.
    await vi.waitFor(async () => {
      await runAlarm(ledger);
      expect((await ledger.stub.stats()).outboxDepth).toBe(0);
    });
    expect(await rowsInD1(ledger)).toEqual(range(2, await headOf(ledger)));
  });

  for (const mode of ["failing", "stalled"] as const) {
    it(`lets writes and live watchers go on while D1 is ${mode}, and afterwards D1 holds every event once`, async () => {
      const ledger = await newLedger();
      const watcher = await watch(ledger, { start: { from: "now" } });
      controlsOfLedger(ledger).d1 = mode;
      for (let i = 0; i < 3; i++) {
        await push(ledger, { files: many(i * 50, 50) });
        await runAlarm(ledger);
      }
      const head = await headOf(ledger);
      await watcher.untilRv(head);
      expect(await rowsInD1(ledger)).toEqual([]);
      expect((await ledger.stub.stats()).outboxDepth).toBeGreaterThan(150);
      const resumed = await watch(ledger);
      await resumed.untilRv(head);
      delete controlsOfLedger(ledger).d1;
      await runAlarm(ledger);
      expect(await rowsInD1(ledger)).toEqual(range(2, head));
    });
  }

  it("repeats a batch whose mark was lost, and D1 still holds each event once", async () => {
    const ledger = await newLedger();
    await push(ledger, { files: many(0, 20) });
    const controls = controlsOfLedger(ledger);
    controls.hit = (point) => {
      if (point === "afterFlushBeforeMark") throw new Error("the object died here");
    };
    await runAlarm(ledger);
    expect((await ledger.stub.stats()).outboxDepth).toBeGreaterThan(0);
    expect((await rowsInD1(ledger)).length).toBeGreaterThan(0);
    delete controls.hit;
    await runAlarm(ledger);
    expect(await rowsInD1(ledger)).toEqual(range(2, await headOf(ledger)));
  });

  it("never prunes the tail past what D1 has", async () => {
    const ledger = await newLedger();
    await push(ledger, { files: many(0, 20) });
    controlsOfLedger(ledger).d1 = "failing";
    await prune(ledger, 1);
    const { floor, rv } = await must(ledger.stub.head());
    expect(floor).toBe("1");
    const watcher = await watch(ledger, { kinds: ALL });
    await watcher.untilRv(rv);
    expect(watcher.events).toHaveLength(Number(rv) - 1);
  });
});

describe("resuming from D1", () => {
  it("gives from any RV of the window exactly what a watcher that was never cut got", async () => {
    const ledger = await newLedger();
    const witness = await watch(ledger, { kinds: ALL });
    for (let i = 0; i < 12; i++) {
      await push(ledger, { files: many(i * 3, 5) });
      if (i % 4 === 0)
        await push(ledger, {
          deletes: { [`p${i * 3}.md`]: { kind: "Product.catalog.gitstore.dev", name: `p${i * 3}` } },
        });
    }
    await prune(ledger, 10);
    const head = await headOf(ledger);
    await witness.untilRv(head);
    expect(Number((await must(ledger.stub.head())).floor)).toBeGreaterThan(20);
    for (const rv of [1, 2, 3, 7, 20, head - 15, head - 1]) {
      const watcher = await watch(ledger, { start: { from: "rv", rv }, kinds: ALL });
      await watcher.untilRv(head);
      expect(watcher.told, `from ${rv}`).toEqual(witness.told.filter((text) => Number(text.split("@")[1]) > rv));
      watcher.close();
    }
  });

  it("tells a selector's transitions there too, with the object as it was before", async () => {
    const ledger = await newLedger();
    await push(ledger, { files: { "a.md": productText("a", "even") } });
    await push(ledger, { files: { "a.md": productText("a", "odd") } });
    await push(ledger, { files: { "a.md": productText("a", "even") } });
    await push(ledger, { files: many(0, 5) });
    await prune(ledger, 1);
    const watcher = await watch(ledger, { label: "shop/section=even", field: "metadata.name=a" });
    await watcher.until(() => watcher.events.length === 3);
    expect(watcher.events.map(({ type, object }) => `${type} ${(object.spec as { title: string }).title}`)).toEqual([
      "ADDED even",
      "DELETED even",
      "ADDED even",
    ]);
  });

  it("closes 4503 with the time to wait while D1 does not answer, and loses nothing", async () => {
    const ledger = await newLedger();
    await push(ledger, { files: many(0, 20) });
    await prune(ledger, 1);
    controlsOfLedger(ledger).d1 = "failing";
    const watcher = await watch(ledger);
    expect(await watcher.closed).toMatchObject({ code: 4503, reason: expect.stringMatching(/^retryAfterMs=\d+$/) });
    delete controlsOfLedger(ledger).d1;
    const again = await watch(ledger, { kinds: ALL });
    const head = await headOf(ledger);
    await again.untilRv(head);
    expect(again.events).toHaveLength(head - 1);
  });

  it("answers 410 Expired for an RV that D1 no longer has", async () => {
    const ledger = await newLedger();
    await push(ledger, { files: many(0, 20) });
    await prune(ledger, 1);
    await bindings.REPLAY.prepare(`DELETE FROM replay WHERE ${IN_SPACE} AND ${RV} < 10`).bind(ledger.name).run();
    const watcher = await watch(ledger);
    expect(await watcher.closed).toMatchObject({ code: 4410 });
    expect(watcher.error).toMatchObject({ code: 410, reason: "Expired" });
    const younger = await watch(ledger, { start: { from: "rv", rv: 9 } });
    await younger.untilRv(await headOf(ledger));
  });

  it("lists and serves GitEvents across the window and the tail", async () => {
    const ledger = await newLedger();
    await push(ledger, { files: many(0, 3) });
    await prune(ledger, 1);
    await push(ledger, { files: many(3, 3) });
    const page = await must(ledger.stub.list({ kind: "GitEvent.events.gitstore.dev", limit: 100 }));
    expect(page.items).toHaveLength(12);
    const { events } = await must(ledger.stub.events({ after: 0, limit: 100, types: ["catalog-resource-parsed"] }));
    expect(events.map((text) => (JSON.parse(text) as { type: string }).type)).toEqual(
      Array(6).fill("dev.gitstore.catalog.resource.parsed.v1"),
    );
    const snapshot = await watch(ledger, { start: { from: "state" }, kinds: ["GitEvent.events.gitstore.dev"] });
    await snapshot.untilRv(await headOf(ledger));
    expect(snapshot.events).toHaveLength(12);
  });

  it("selects GitEvents by label and name in an initial state too, across the window and the tail", async () => {
    const ledger = await newLedger();
    const kinds = ["GitEvent.events.gitstore.dev"];
    await push(ledger, { files: many(0, 3) });
    await prune(ledger, 1);
    await push(ledger, { files: many(3, 3) });
    const head = await headOf(ledger);
    const all = await watch(ledger, { start: { from: "state" }, kinds });
    await all.untilRv(head);
    const none = await watch(ledger, { start: { from: "state" }, kinds, label: "shop/section=even" });
    await none.untilRv(head);
    expect(none.events).toEqual([]);
    for (const event of [all.events[0], all.events.at(-1)]) {
      const name = event?.object.metadata.name ?? "";
      const one = await watch(ledger, { start: { from: "state" }, kinds, field: `metadata.name=${name}` });
      await one.untilRv(head);
      expect(one.events).toEqual([event]);
    }
  });
});

describe("a commit under faults", () => {
  it("leaves nothing behind when it fails before the commit, and the RV is taken by the next", async () => {
    const ledger = await newLedger();
    const head = await headOf(ledger);
    const controls = controlsOfLedger(ledger);
    controls.hit = (point) => {
      if (point === "beforeCommit") throw new Error("no commit");
    };
    await expect(push(ledger, { files: many(0, 3) })).rejects.toThrow("no commit");
    delete controls.hit;
    expect(await headOf(ledger)).toBe(head);
    await push(ledger, { files: many(0, 3) });
    const watcher = await watch(ledger, { start: { from: "rv", rv: head }, kinds: ALL });
    await watcher.untilRv(await headOf(ledger));
    expect(Number(watcher.events[0]?.object.metadata.resourceVersion)).toBe(head + 1);
  });

  it("commits requests that arrive together in one transaction, one frame, each with its own result", async () => {
    const ledger = await newLedger();
    const watcher = await watch(ledger, { start: { from: "now" } });
    await watcher.until(() => watcher.frames.length === 1);
    const results = await runInDurableObject(bindings.LEDGER.get(bindings.LEDGER.idFromName(ledger.name)), (object) =>
      Promise.all(
        ["a", "b", "a", "UPPER", "c"].map((name) =>
          (object as unknown as LedgerApi).write({
            operation: "CREATE",
            kind: "Channel.release.gitstore.dev",
            name,
            resource: { apiVersion: "release.gitstore.dev/v1beta1", kind: "Channel", metadata: { name }, spec: {} },
            actor: "test",
          }),
        ),
      ),
    );
    expect(results.map((result) => result.ok)).toEqual([true, true, false, false, true]);
    const head = await headOf(ledger);
    await watcher.untilRv(head);
    expect(watcher.told).toEqual([`ADDED a@${head - 2}`, `ADDED b@${head - 1}`, `ADDED c@${head}`]);
    expect(watcher.frames).toHaveLength(2);
  });
});

describe("the bounds of tail and window", () => {
  const shorten = (ledger: TestLedger, retention: Record<string, number>): Promise<void> =>
    runInDurableObject(bindings.LEDGER.get(bindings.LEDGER.idFromName(ledger.name)), (object) => {
      Object.assign((object as unknown as { retention: Record<string, number> }).retention, retention);
    });

  it("drops the oldest events past TAIL_MAX_BYTES while D1 is away, and their cursors are expired then, also once D1 is back", async () => {
    const ledger = await newLedger();
    controlsOfLedger(ledger).d1 = "failing";
    for (let i = 0; i < 4; i++) await push(ledger, { files: many(i * 50, 50) });
    await shorten(ledger, { tailMaxBytes: 40_000 });
    await runAlarm(ledger);
    const { floor } = await must(ledger.stub.head());
    expect(Number(floor)).toBeGreaterThan(50);
    delete controlsOfLedger(ledger).d1;
    await runAlarm(ledger);
    const old = await watch(ledger, { kinds: ALL });
    expect(await old.closed).toMatchObject({ code: 4410 });
    const young = await watch(ledger, { start: { from: "rv", rv: Number(floor) }, kinds: ALL });
    await young.untilRv(await headOf(ledger));
    expect(young.events).toHaveLength((await headOf(ledger)) - Number(floor));
    const compact = await watch(ledger, { kinds: ["Product.catalog.gitstore.dev"], expired: "compact" });
    await compact.untilRv(await headOf(ledger));
    expect(compact.events).toHaveLength(200);
  });

  it("makes room past REPLAY_MAX_BYTES at the old end of the longest window, whose floor rises", async () => {
    const ledger = await newLedger("longest");
    for (let i = 0; i < 6; i++) await push(ledger, { files: many(i * 100, 100) });
    await runAlarm(ledger);
    await bindings.REPLAY.prepare("UPDATE windows SET floor = head WHERE ns <> ?").bind(ledger.name).run();
    await push(ledger, { files: many(600, 5) });
    await shorten(ledger, { replayMaxBytes: 1 });
    await runAlarm(ledger);
    const window = await bindings.REPLAY.prepare("SELECT floor, head FROM spaces WHERE ns = ?")
      .bind(ledger.name)
      .first<{ floor: number; head: number }>();
    expect(window?.floor).toBeGreaterThan(100);
    expect((await rowsInD1(ledger))[0]).toBe((window?.floor ?? 0) + 1);
    await push(ledger, { files: many(700, 5) });
    await runAlarm(ledger);
    const again = await bindings.REPLAY.prepare("SELECT floor FROM spaces WHERE ns = ?")
      .bind(ledger.name)
      .first<{ floor: number }>();
    expect(again?.floor, "not again until the file has grown").toBe(window?.floor);
  });

  it("publishes its gauges while awake, at most once a minute, so that a scrape wakes no ledger", async () => {
    const ledger = await newLedger();
    await push(ledger, { files: many(0, 5) });
    await runAlarm(ledger);
    const read = (): Promise<{ at: number; json: string } | null> =>
      bindings.REPLAY.prepare("SELECT at, json FROM gauges WHERE ns = ?").bind(ledger.name).first();
    const first = await read();
    expect(JSON.parse(first?.json ?? "{}")).toMatchObject({
      namespace: ledger.name,
      rv: await headOf(ledger),
      outboxDepth: 0,
    });
    await push(ledger, { files: many(5, 5) });
    await runAlarm(ledger);
    expect((await read())?.at).toBe(first?.at);
    controlsOfLedger(ledger).clockAheadMs = 61_000;
    await push(ledger, { files: many(10, 5) });
    await runAlarm(ledger);
    expect((await read())?.at).toBeGreaterThan(first?.at ?? 0);
  });
});

describe("the index of uids", () => {
  const uidsIn = async (ns: string) =>
    (
      await bindings.REPLAY.prepare("SELECT uid, kind, name FROM uids WHERE ns = ? ORDER BY name").bind(ns).all<{
        uid: string;
        kind: string;
        name: string;
      }>()
    ).results;
  const uidOf = async (ledger: TestLedger, name: string) =>
    (JSON.parse(await must(ledger.stub.get("Product.catalog.gitstore.dev", name))) as { metadata: { uid: string } })
      .metadata.uid;

  it("has what was flushed and is there, whatever its size, and forgets what was deleted; the ledger knows the rest", async () => {
    const ledger = await newLedger();
    const large = productText("large", "L").replace("---\n\n#", `---\n\n${"x".repeat(300_000)}\n#`);
    await push(ledger, { files: { "small.md": productText("small", "S"), "large.md": large } });
    const small = await uidOf(ledger, "small");
    expect(await ledger.stub.identify(small)).toEqual({
      ok: true,
      value: { kind: "Product.catalog.gitstore.dev", name: "small" },
    });
    await runAlarm(ledger);
    expect((await uidsIn(ledger.name)).map(({ name }) => name)).toEqual(["catalog", "large", "small"]);
    expect((await uidsIn(ledger.name)).at(-1)?.uid).toBe(small);
    expect(await ledger.stub.identify(small)).toMatchObject({ ok: false, error: { code: "NotFound" } });
    await push(ledger, { deletes: { "small.md": { kind: "Product.catalog.gitstore.dev", name: "small" } } });
    await runAlarm(ledger);
    expect((await uidsIn(ledger.name)).map(({ name }) => name)).toEqual(["catalog", "large"]);
  });
});
