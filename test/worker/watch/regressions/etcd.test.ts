/**
 * The watch bugs that etcd had, each as a scenario that would show it here: those of its robustness tests' track record
 * (etcd-io/etcd tests/robustness/README.md). "Compaction" is here the pruning of tail and window.
 */
import { evictDurableObject } from "cloudflare:test";
import { describe, expect, it } from "vitest";
import { controlsOfLedger, headOf, must, newLedger, push, runAlarm } from "../../support/ledger.ts";
import { random } from "../../support/random.ts";
import { compactAt, forgetUpTo, keepOnly, stubOf } from "../../support/retention.ts";
import { type Watcher, watch } from "../../support/watcher.ts";
import {
  assertNeverAhead,
  assertOnceInOrder,
  CHANNEL,
  KINDS,
  many,
  reference,
  rvOf,
  settle,
  told,
  write,
} from "./reference.ts";

describe("etcd", () => {
  it("#15220 progress not synced with stream: no bookmark runs ahead of events that a parked watcher was not sent", async () => {
    const ledger = await newLedger();
    const start = await headOf(ledger);
    const parked = await watch(ledger, { kinds: KINDS, start: { from: "now" }, ack: false, window: 64 * 1024 });
    for (let i = 0; i < 6; i++) await push(ledger, { files: many(i * 20, 20, 1_000) });
    for (let i = 1; i < 4; i++) {
      // Bookmarks are due, and due again.
      controlsOfLedger(ledger).clockAheadMs = i * 35_000;
      await runAlarm(ledger);
    }
    const all = await reference(ledger, { start: { from: "rv", rv: start } });
    const before = parked.frames.length;
    assertNeverAhead(parked, all);
    parked.ack = true;
    parked.acknowledge();
    await settle(ledger, [parked]);
    expect(parked.frames.length).toBeGreaterThan(before);
    assertNeverAhead(parked, await reference(ledger, { start: { from: "rv", rv: start } }));
  });

  it("#15220 progress not synced with stream: nor of events that are being committed, replayed or filtered", async () => {
    const ledger = await newLedger();
    const draw = random(15_220);
    await write(ledger, "CREATE", "first");
    const labels = ["", "shop/section=even", "shop/section=odd", "no=such"];
    const watchers = new Map<string, Watcher[]>(labels.map((label) => [label, []]));
    const writing: Promise<unknown>[] = [];
    for (let round = 0; round < 30; round++) {
      for (const [label, opened] of round % 5 === 0 ? watchers : []) {
        opened.push(await watch(ledger, { kinds: KINDS, label, start: { from: "rv", rv: 1 } }));
      }
      for (let i = 0; i < 4; i++) writing.push(write(ledger, "CREATE", `c-${round}-${i}`, "2"));
      await push(ledger, { files: many(draw(40), 5) });
      controlsOfLedger(ledger).clockAheadMs = round * 31_000;
      await runAlarm(ledger);
      if (round % 12 === 11) await evictDurableObject(stubOf(ledger), { webSockets: "hibernate" });
    }
    await Promise.all(writing);
    const head = await headOf(ledger);
    for (const watcher of watchers.get("") ?? []) await watcher.untilRv(head);
    for (const [label, opened] of watchers) {
      const all = await reference(ledger, { label });
      for (const watcher of opened) {
        assertOnceInOrder(watcher);
        assertNeverAhead(watcher, all);
        expect(watcher.frames.length).toBeGreaterThan(1);
      }
    }
  });

  it("#15271 time travel: a client that resumes across evictions and failed commits is never told what it is past", async () => {
    const ledger = await newLedger();
    const controls = controlsOfLedger(ledger);
    let rv = await headOf(ledger);
    const seen: number[] = [];
    for (let round = 0; round < 12; round++) {
      await write(ledger, "CREATE", `c-${round}`);
      // An object whose request threw is not evicted any more: the pool waits for it for ever.
      if (round >= 6 && round % 2 === 0) {
        controls.hit = (point) => {
          if (point === "beforeCommit") throw new Error("no commit");
        };
        await expect(write(ledger, "CREATE", `failed-${round}`).catch(() => "failed")).resolves.toBe("failed");
        delete controls.hit;
      }
      if (round < 6 && round % 2 === 1) await evictDurableObject(stubOf(ledger), { webSockets: "close" });
      const watcher = await watch(ledger, { kinds: KINDS, start: { from: "rv", rv } });
      await watcher.untilRv(await headOf(ledger));
      seen.push(...watcher.events.map(rvOf));
      expect(Math.min(...watcher.events.map(rvOf))).toBeGreaterThan(rv);
      rv = Number(watcher.lastRv);
      watcher.close();
    }
    expect(seen).toEqual(Array.from({ length: 12 }, (_, i) => (seen[0] ?? 0) + i));
  });

  it("#17247 duplicates: a watcher that opens, catches up and is cut while others write gets no RV twice", async () => {
    const ledger = await newLedger();
    const draw = random(17_247);
    await push(ledger, { files: many(0, 300, 1_500) });
    const watchers: Watcher[] = [];
    for (let round = 0; round < 12; round++) {
      const writing = Array.from({ length: 10 }, (_, i) => write(ledger, "CREATE", `c-${round}-${i}`));
      const opening = watch(ledger, { kinds: KINDS, ack: round % 3 !== 0, window: 64 * 1024 * (1 + draw(4)) });
      const pushing = push(ledger, { files: many(draw(300), 20, 1_500) });
      watchers.push(await opening);
      await Promise.all([...writing, pushing]);
      if (round % 4 === 3) await evictDurableObject(stubOf(ledger), { webSockets: "hibernate" });
      if (round % 5 === 4) await compactAt(ledger, (await headOf(ledger)) - 20);
    }
    for (const watcher of watchers) {
      watcher.ack = true;
      watcher.acknowledge();
    }
    await settle(ledger, watchers);
    for (const watcher of watchers) {
      assertOnceInOrder(watcher);
      expect(watcher.events.length).toBe(watchers[0]?.events.length);
    }
  });

  it("#17529 events lost in starvation: a watcher so slow that the tail passes it by gets every event all the same", async () => {
    const ledger = await newLedger();
    const start = await headOf(ledger);
    const slow = await watch(ledger, { kinds: KINDS, start: { from: "now" }, ack: false, window: 64 * 1024 });
    const healthy = await watch(ledger, { kinds: KINDS, start: { from: "now" } });
    for (let round = 0; round < 12; round++) {
      await push(ledger, { files: many(round * 10, 40, 1_500) });
      await healthy.untilRv(await headOf(ledger));
      // What it has not read yet leaves the tail; it is in D1.
      if (round % 3 === 0) await compactAt(ledger, (await headOf(ledger)) - 5);
      // It reads a frame now and then, and falls behind again.
      if (round % 4 === 0) slow.acknowledge();
    }
    await keepOnly(ledger, { tailEvents: 1 });
    expect(Number(slow.lastRv)).toBeLessThan(await headOf(ledger));
    slow.ack = true;
    slow.acknowledge();
    await settle(ledger, [slow, healthy]);
    expect(slow.events.map(told)).toEqual(healthy.events.map(told));
    assertNeverAhead(slow, await reference(ledger, { start: { from: "rv", rv: start } }));
  });

  for (const point of ["midFlush", "afterFlushBeforeMark", "afterFlushBeforePrune"] as const) {
    it(`#17780 revision decreasing: a crash during compaction (${point}) takes no RV back, and loses no event`, async () => {
      const ledger = await newLedger();
      const controls = controlsOfLedger(ledger);
      for (let round = 0; round < 5; round++) await push(ledger, { files: many(round * 3, 6) });
      await write(ledger, "CREATE", "gone");
      await write(ledger, "DELETE", "gone");
      const all = await reference(ledger);
      const after = await headOf(ledger);
      controls.hit = (hit) => {
        if (hit === point) throw new Error("the object died here");
      };
      await keepOnly(ledger, { tailEvents: 2 });
      await evictDurableObject(stubOf(ledger), { webSockets: "close" });
      delete controls.hit;
      expect(await headOf(ledger)).toBe(after);
      await keepOnly(ledger, { tailEvents: 2 });
      expect(await write(ledger, "CREATE", "next")).toBe(after + 1);
      const again = await reference(ledger);
      expect(again.filter((event) => rvOf(event) <= after).map(told)).toEqual(all.map(told));
    });
  }

  it("#18089 delete dropped when compacting on it: with the floor before, on and behind a deletion it is told", async () => {
    const ledger = await newLedger();
    for (const name of ["a", "b", "c"]) await write(ledger, "CREATE", name);
    const deleted = await write(ledger, "DELETE", "b");
    for (const name of ["d", "e", "f", "g"]) await write(ledger, "CREATE", name);
    const all = await reference(ledger);
    for (const floor of [deleted - 1, deleted, deleted + 1, deleted + 2]) {
      expect(await compactAt(ledger, floor)).toBe(floor);
      for (let rv = deleted - 3; rv <= deleted + 1; rv++) {
        const events = await reference(ledger, { start: { from: "rv", rv } });
        const due = all.filter((event) => rvOf(event) > rv).map(told);
        expect(events.map(told).slice(0, due.length), `from ${rv} with the floor at ${floor}`).toEqual(due);
        expect(events.some((event) => event.type === "DELETED")).toBe(rv < deleted);
      }
    }
  });

  it("#19179 missing delete when opening on the compaction revision: a watch from exactly the floor gets the deletion behind it", async () => {
    const ledger = await newLedger();
    for (const name of ["a", "b"]) await write(ledger, "CREATE", name);
    const deleted = await write(ledger, "DELETE", "a");
    await write(ledger, "CREATE", "c");
    const floor = await forgetUpTo(ledger, deleted - 1);
    expect(floor).toBe(deleted - 1);
    const watcher = await watch(ledger, { kinds: [CHANNEL], start: { from: "rv", rv: floor } });
    await watcher.until(() => watcher.events.length >= 2);
    expect(watcher.told).toEqual([`DELETED a@${deleted}`, `ADDED c@${deleted + 1}`]);
    for (const label of ["v=1", "v!=2"]) {
      const filtered = await watch(ledger, { kinds: [CHANNEL], label, start: { from: "rv", rv: floor } });
      await filtered.until(() => filtered.events.length >= 2);
      expect(filtered.told).toEqual(watcher.told);
    }
  });

  it("#20221 watch on a future revision: it gets nothing at or below that revision, or is refused", async () => {
    const ledger = await newLedger();
    const head = await headOf(ledger);
    const opening = watch(ledger, { kinds: KINDS, start: { from: "rv", rv: head + 4 } });
    for (const name of ["a", "b", "c", "d"]) await write(ledger, "CREATE", name);
    const future = await opening;
    for (const name of ["e", "f"]) await write(ledger, "CREATE", name);
    await future.until(() => future.events.length === 2);
    expect(future.told).toEqual([`ADDED e@${head + 5}`, `ADDED f@${head + 6}`]);
    expect(future.frames.map(({ prev }) => Number(prev) >= head + 4)).not.toContain(false);
    const never = await watch(ledger, { kinds: KINDS, start: { from: "rv", rv: head + 1_000 } });
    expect(await never.closed).toMatchObject({ code: 4410 });
    expect(never.frames).toEqual([]);
  });

  it("#14370 lost write: what was acknowledged is there after the object dies at once", async () => {
    const ledger = await newLedger();
    const controls = controlsOfLedger(ledger);
    controls.d1 = "failing";
    for (let round = 0; round < 5; round++) {
      const rv = await write(ledger, "CREATE", `c-${round}`);
      await evictDurableObject(stubOf(ledger), { webSockets: "close" });
      expect(await headOf(ledger)).toBe(rv);
      const { items } = await must(ledger.stub.list({ kind: CHANNEL, limit: 100 }));
      expect(items).toHaveLength(round + 1);
    }
    expect((await reference(ledger)).filter(({ object }) => object.metadata.name.startsWith("c-"))).toHaveLength(5);
  });

  it("#20418 stale reads after a pause: whatever the clock does, no read is older than a write that was acknowledged", async () => {
    const ledger = await newLedger();
    const controls = controlsOfLedger(ledger);
    for (const clockAheadMs of [0, 3_600_000, 60_000, 7_200_000, 0]) {
      controls.clockAheadMs = clockAheadMs;
      const name = `c-${crypto.randomUUID()}`;
      const rv = await write(ledger, "CREATE", name);
      const page = await must(ledger.stub.list({ kind: CHANNEL, limit: 1_000 }));
      expect(Number(page.rv)).toBeGreaterThanOrEqual(rv);
      expect(page.items.some((item) => item.includes(name))).toBe(true);
      await must(ledger.stub.get(CHANNEL, name));
    }
  });
});
