import { evictDurableObject, runInDurableObject } from "cloudflare:test";
import { describe, expect, it } from "vitest";
import {
  addRepository,
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
import { random } from "../support/random.ts";
import { IN_SPACE, RV } from "../support/replay.ts";
import { type WatchedEvent, type Watcher, watch } from "../support/watcher.ts";

const PRODUCT = "Product.catalog.gitstore.dev";
const stubOf = (ledger: TestLedger): DurableObjectStub => bindings.LEDGER.get(bindings.LEDGER.idFromName(ledger.name));

/** The window is gone and the tail is short: everything below the floor is expired. */
async function forget(ledger: TestLedger, keep = 1): Promise<number> {
  await runInDurableObject(stubOf(ledger), (object) => {
    (object as unknown as { retention: { tailEvents: number } }).retention.tailEvents = keep;
  });
  const controls = controlsOfLedger(ledger);
  controls.clockAheadMs = (controls.clockAheadMs ?? 0) + 11 * 60_000;
  await runAlarm(ledger);
  await bindings.REPLAY.prepare(`DELETE FROM replay WHERE ${IN_SPACE}`).bind(ledger.name).run();
  return Number((await must(ledger.stub.head())).floor);
}

/** A client's cache: what a list and the events since leave it with. */
class Cache {
  readonly objects = new Map<string, string>();

  take(events: readonly WatchedEvent[]): void {
    for (const { type, object } of events) {
      if (type === "DELETED") this.objects.delete(object.metadata.name);
      else this.objects.set(object.metadata.name, JSON.stringify(object));
    }
  }
}

async function fresh(ledger: TestLedger, label = ""): Promise<Map<string, string>> {
  const list = await must(
    ledger.stub.list({ kind: PRODUCT, limit: 10_000, ...(label ? { labelSelector: label } : {}) }),
  );
  return new Map(
    list.items.map((text) => [
      (JSON.parse(text) as { metadata: { name: string } }).metadata.name,
      JSON.stringify(JSON.parse(text)),
    ]),
  );
}

async function mutate(
  ledger: TestLedger,
  draw: (below: number) => number,
  alive: Set<string>,
  pushes: number,
): Promise<void> {
  for (let i = 0; i < pushes; i++) {
    const files: Record<string, string> = {};
    const deletes: Record<string, { kind: string; name: string }> = {};
    for (let j = 0; j < 4; j++) {
      const name = `p${draw(30)}`;
      if (`${name}.md` in files || `${name}.md` in deletes) continue;
      if (alive.has(name) && draw(3) === 0) {
        deletes[`${name}.md`] = { kind: PRODUCT, name };
        alive.delete(name);
      } else {
        files[`${name}.md`] = productText(name, "x".repeat(1 + draw(6)));
        alive.add(name);
      }
    }
    await push(ledger, { files, deletes });
  }
}

describe("a cursor whose window is gone", () => {
  it("lets a named watcher report each frame of a compacted range as done, though it ends inside a transaction", async () => {
    const ledger = await newLedger();
    await push(ledger, { files: { "old.md": productText("old", "Old") } });
    const cursor = await headOf(ledger);
    await push(ledger, { files: { "old.md": productText("old", "New") } });
    const files = Array.from({ length: 12 }, (_, i) => [
      `p${i}.md`,
      `${productText(`p${i}`, "P")}${"text ".repeat(4_000)}`,
    ]);
    await push(ledger, { files: Object.fromEntries(files) });
    const head = await headOf(ledger);
    expect(await forget(ledger, 14)).toBeGreaterThan(cursor);
    const watcher = await watch(ledger, {
      start: { from: "rv", rv: cursor },
      kinds: [PRODUCT],
      expired: "compact",
      watcher: { name: "w", standby: false },
      window: 64 * 1_024,
    });
    await watcher.untilRv(head);
    const compacted = watcher.frames.filter((frame) => frame.compacted);
    expect(compacted.length).toBeGreaterThan(2);
    for (const { rv } of compacted) watcher.socket.send(JSON.stringify({ done: rv }));
    await expect
      .poll(async () => (await must(ledger.stub.watchers()))[0])
      .toMatchObject({ position: String(head), connected: true });
  });

  it("is answered 410 with expired=fail, and with expired=compact ends in the same state as a fresh list", async () => {
    for (const label of ["", "shop/section=even"]) {
      const ledger = await newLedger();
      const draw = random(5);
      const alive = new Set<string>();
      await mutate(ledger, draw, alive, 12);
      const cache = new Cache();
      const before = await watch(ledger, { start: { from: "state" }, kinds: [PRODUCT], label });
      const cursor = await headOf(ledger);
      await before.untilRv(cursor);
      cache.take(before.events);
      before.close();
      await mutate(ledger, draw, alive, 25);
      await forget(ledger);
      const failing = await watch(ledger, { start: { from: "rv", rv: cursor }, kinds: [PRODUCT], label });
      expect(await failing.closed).toMatchObject({ code: 4410 });
      const compact = await watch(ledger, {
        start: { from: "rv", rv: cursor },
        kinds: [PRODUCT],
        label,
        expired: "compact",
      });
      const head = await headOf(ledger);
      await compact.untilRv(head);
      cache.take(compact.events);
      expect(cache.objects, label).toEqual(await fresh(ledger, label));
      expect(compact.texts.filter((text) => text.includes('"compacted":true')).length).toBeGreaterThan(0);
      const rvs = compact.events.map(({ object }) => Number(object.metadata.resourceVersion));
      expect(rvs).toEqual([...rvs].sort((a, b) => a - b));
      await mutate(ledger, draw, alive, 3);
      await compact.untilRv(await headOf(ledger));
      cache.take(compact.events);
      expect(cache.objects).toEqual(await fresh(ledger, label));
    }
  });

  it("stays one state while commits go on between its pages, and can be cut and resumed anywhere", async () => {
    const ledger = await newLedger();
    const draw = random(9);
    const alive = new Set<string>();
    const big = (from: number, count: number, title: string): Record<string, string> =>
      Object.fromEntries(
        Array.from({ length: count }, (_, i) => [
          `p${from + i}.md`,
          `${productText(`p${from + i}`, title)}${"y".repeat(6_000)}`,
        ]),
      );
    await push(ledger, { files: big(0, 300, "even") });
    const cache = new Cache();
    const before = await watch(ledger, { start: { from: "state" }, kinds: [PRODUCT], label: "shop/section=even" });
    let cursor = await headOf(ledger);
    await before.untilRv(cursor);
    cache.take(before.events);
    await push(ledger, { files: big(0, 100, "EVEN") });
    await push(ledger, { files: big(100, 100, "EVEN") });
    await push(ledger, { files: big(299, 1, "EVEN") });
    await forget(ledger);
    for (let round = 0; round < 6; round++) {
      const part: Watcher = await watch(ledger, {
        start: { from: "rv", rv: cursor },
        kinds: [PRODUCT],
        label: "shop/section=even",
        expired: "compact",
        window: 64 * 1024,
        ack: false,
      });
      // A page is larger than this window: it comes when nothing is outstanding, and the next one does not.
      await part.until(() => part.frames.length >= 1);
      part.acknowledge();
      await part.until(() => part.frames.length >= 2);
      // Objects that were said, and some that were not yet, leave the selector meanwhile.
      await push(ledger, { files: big(round * 20, 30, "odd") });
      part.close();
      cache.take(part.events);
      cursor = Number(part.frames.filter((frame) => !frame.partial).at(-1)?.rv);
    }
    await mutate(ledger, draw, alive, 2);
    const rest = await watch(ledger, {
      start: { from: "rv", rv: cursor },
      kinds: [PRODUCT],
      label: "shop/section=even",
      expired: "compact",
    });
    await rest.untilRv(await headOf(ledger));
    cache.take(rest.events);
    expect(cache.objects).toEqual(await fresh(ledger, "shop/section=even"));
  });

  it("costs what changed, not the catalogue", async () => {
    const ledger = await newLedger();
    await push(ledger, {
      files: Object.fromEntries(Array.from({ length: 500 }, (_, i) => [`p${i}.md`, productText(`p${i}`, "t")])),
    });
    const cursor = await headOf(ledger);
    await push(ledger, { files: { "p7.md": productText("p7", "changed") } });
    await push(ledger, { deletes: { "p8.md": { kind: PRODUCT, name: "p8" } } });
    await push(ledger, {
      files: { "p9.md": productText("p9", "again") },
      deletes: { "p9.md": { kind: PRODUCT, name: "p9" } },
    }).catch(() => undefined);
    await forget(ledger);
    const compact = await watch(ledger, { start: { from: "rv", rv: cursor }, kinds: [PRODUCT], expired: "compact" });
    await compact.untilRv(await headOf(ledger));
    expect(compact.events.length).toBeLessThan(8);
    const gone = compact.events.find(({ object }) => object.metadata.name === "p8");
    expect(gone?.type).toBe("DELETED");
    expect(gone?.object, "metadata only").not.toHaveProperty("spec");
  });

  it("says that GitEvents are lost where they are watched among others, and answers 410 where they are alone", async () => {
    const ledger = await newLedger();
    const cursor = await headOf(ledger);
    await push(ledger, { files: { "a.md": productText("a", "A") } });
    await push(ledger, { files: { "b.md": productText("b", "B") } });
    await forget(ledger);
    const both = await watch(ledger, {
      start: { from: "rv", rv: cursor },
      kinds: [PRODUCT, "GitEvent.events.gitstore.dev"],
      expired: "compact",
    });
    await both.untilRv(await headOf(ledger));
    expect(both.texts.some((text) => text.includes('"lost":["gitevents"]'))).toBe(true);
    const alone = await watch(ledger, {
      start: { from: "rv", rv: cursor },
      kinds: ["GitEvent.events.gitstore.dev"],
      expired: "compact",
    });
    expect(await alone.closed).toMatchObject({ code: 4410 });
  });

  it("gets a snapshot where the tombstones are gone too, after 90 days", async () => {
    const ledger = await newLedger();
    await push(ledger, { files: { "a.md": productText("a", "A"), "b.md": productText("b", "B") } });
    const cursor = await headOf(ledger);
    await push(ledger, { deletes: { "a.md": { kind: PRODUCT, name: "a" } } });
    await forget(ledger);
    controlsOfLedger(ledger).clockAheadMs = 91 * 24 * 3_600_000;
    await push(ledger, { files: { "c.md": productText("c", "C") } });
    await runAlarm(ledger);
    await forget(ledger);
    const watcher = await watch(ledger, { start: { from: "rv", rv: cursor }, kinds: [PRODUCT], expired: "compact" });
    await watcher.untilRv(await headOf(ledger));
    expect(watcher.frames.some((frame) => frame.snapshot)).toBe(true);
    expect(watcher.events.map(({ object }) => object.metadata.name).sort()).toEqual(["b", "c"]);
  });
});

describe("a ledger that was restored", () => {
  it("to an earlier state goes on 10^9 above what it gave out: cursors up to there resume, those between are EPOCH_MISMATCH", async () => {
    const ledger = await newLedger();
    await push(ledger, { files: { "a.md": productText("a", "A") } });
    const restored = await headOf(ledger);
    const refs = new Map(ledger.refs);
    await push(ledger, { files: { "b.md": productText("b", "undone") } });
    const seen = await headOf(ledger);
    await runAlarm(ledger);
    // Point-in-time recovery does not run locally: this is what it leaves behind.
    await runInDurableObject(stubOf(ledger), (_, state) => {
      const { sql } = state.storage;
      sql.exec("DELETE FROM versions WHERE rv > ?", restored);
      sql.exec("DELETE FROM heads WHERE rv > ? AND kind <> 'Repository.gitstore.dev'", restored);
      sql.exec("UPDATE heads SET rv = ? WHERE kind = 'Repository.gitstore.dev'", restored);
      sql.exec("UPDATE meta SET value = ? WHERE key IN ('rv', 'flushed')", restored);
      for (const [key, { oid, move }] of refs)
        sql.exec("UPDATE refs SET oid = ?, move = ? WHERE repo = ?", oid, move, key.split(" ")[0] ?? "");
    });
    await evictDurableObject(stubOf(ledger), { webSockets: "close" });
    ledger.refs = refs;
    await push(ledger, { files: { "c.md": productText("c", "C") } });
    const head = await headOf(ledger);
    expect(head).toBeGreaterThan(seen + 1_000_000_000 - 1);
    const witness = await watch(ledger, { start: { from: "rv", rv: restored }, kinds: [PRODUCT] });
    await witness.untilRv(head);
    expect(witness.events.map(({ object }) => object.metadata.name)).toEqual(["c"]);
    const undone = await watch(ledger, { start: { from: "rv", rv: seen }, kinds: [PRODUCT] });
    expect(await undone.closed).toMatchObject({ code: 4410 });
    expect(undone.texts.join()).toContain("EPOCH_MISMATCH");
    const healed = await watch(ledger, { start: { from: "rv", rv: seen }, kinds: [PRODUCT], expired: "compact" });
    await healed.untilRv(head);
    expect(healed.frames.some((frame) => frame.snapshot)).toBe(true);
    expect(healed.events.map(({ object }) => object.metadata.name).sort()).toEqual(["a", "c"]);
    await runAlarm(ledger);
    const { results } = await bindings.REPLAY.prepare(`SELECT ${RV} AS rv FROM replay WHERE ${IN_SPACE} AND ${RV} > ?`)
      .bind(ledger.name, seen)
      .all<{ rv: number }>();
    expect(results.length).toBe(head - (seen + 1_000_000_000));
  });

  it("and lost begins 10^9 above what D1 has, and a namespace made again under its name goes on counting", async () => {
    const ledger = await newLedger();
    await push(ledger, { files: { "a.md": productText("a", "A") } });
    const seen = await headOf(ledger);
    await runAlarm(ledger);
    await runInDurableObject(stubOf(ledger), async (_, state) => {
      await state.storage.deleteAll();
    });
    await evictDurableObject(stubOf(ledger), { webSockets: "close" });
    const opened = await must(ledger.stub.open({ name: ledger.name, uid: crypto.randomUUID() }));
    expect(Number(opened.rv)).toBe(seen + 1_000_000_000);
    const watcher = await watch(ledger, { start: { from: "rv", rv: 1 }, kinds: [PRODUCT] });
    await watcher.until(() => watcher.events.length === 1);
    await ledger.stub.close();
    const again = await must(ledger.stub.open({ name: ledger.name, uid: crypto.randomUUID() }));
    expect(Number(again.rv)).toBeGreaterThan(Number(opened.rv));
  });

  it("of a namespace that was deleted, made again under its name, has nothing of the first one: no object, event or cursor", async () => {
    const ledger = await newLedger();
    await push(ledger, { files: { "a.md": productText("a", "A"), "b.md": productText("b", "B") } });
    await runAlarm(ledger);
    const seen = await headOf(ledger);
    await ledger.stub.close();
    const again = await must(ledger.stub.open({ name: ledger.name, uid: crypto.randomUUID() }));
    expect(Number(again.rv)).toBeGreaterThan(seen);
    expect((await must(ledger.stub.list({ kind: PRODUCT, limit: 10 }))).items).toEqual([]);
    expect((await must(ledger.stub.events({ after: 0, limit: 10 }))).events).toEqual([]);
    for (const rv of [1, seen - 1, seen]) {
      const cursor = await watch(ledger, { start: { from: "rv", rv }, kinds: [PRODUCT] });
      expect(await cursor.closed, `from ${rv}`).toMatchObject({ code: 4410 });
      expect(cursor.events).toEqual([]);
      const compact = await watch(ledger, { start: { from: "rv", rv }, kinds: [PRODUCT], expired: "compact" });
      await compact.untilRv(again.rv);
      expect(
        compact.frames.some(({ snapshot, end }) => snapshot && end),
        "a snapshot replaces what it has",
      ).toBe(true);
      expect(compact.events).toEqual([]);
    }
    const from = await watch(ledger, { start: { from: "rv", rv: Number(again.rv) }, kinds: [PRODUCT] });
    const next = { ...ledger, repository: await addRepository(ledger.stub, "catalog"), refs: new Map() };
    await push(next, { files: { "c.md": productText("c", "C") } });
    await from.until(() => from.events.length === 1);
    expect(from.events[0]?.object.metadata.name).toBe("c");
    await runAlarm(ledger);
    const { results } = await bindings.REPLAY.prepare(`SELECT ${RV} AS rv FROM replay WHERE ${IN_SPACE} AND ${RV} <= ?`)
      .bind(ledger.name, seen)
      .all();
    expect(results, "D1 has nothing of it either").toEqual([]);
    // Nor is it told of what another version may have left there.
    const stray = `INSERT INTO replay SELECT (id << 40) | 3, 4, 'GitEvent.events.gitstore.dev', 'x', 0, 1, 0, '{"l":{},"f":{}}', NULL, '{"spec":{"type":"x"}}' FROM spaces WHERE ns = ?`;
    expect((await bindings.REPLAY.prepare(stray).bind(ledger.name).run()).meta.changes).toBe(1);
    const listed = await must(next.stub.events({ after: 0, limit: 100 }));
    expect(listed.events.map((text) => (JSON.parse(text) as { type: string }).type)).not.toContain("x");
  });
});
