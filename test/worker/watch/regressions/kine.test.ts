/** The watch bugs that kine had, each as a scenario that would show it here. Compaction is here the pruning of tail and window. */
import { describe, expect, it } from "vitest";
import { controlsOfLedger, headOf, must, newLedger, runAlarm } from "../../support/ledger.ts";
import { forgetUpTo, keepOnly } from "../../support/retention.ts";
import { watch } from "../../support/watcher.ts";
import { CHANNEL, KINDS, rvOf, write } from "./reference.ts";

describe("kine", () => {
  it("#71, #82, #676, #759 gaps by out-of-order visibility: requests that fail among others leave no hole, and no watcher waits for one", async () => {
    const ledger = await newLedger();
    const head = await headOf(ledger);
    const live = await watch(ledger, { kinds: KINDS, start: { from: "now" } });
    await write(ledger, "CREATE", "taken");
    const outcomes = await Promise.all(
      Array.from({ length: 60 }, (_, i) =>
        write(ledger, "CREATE", i % 3 === 0 ? "taken" : `c-${i}`).then(
          () => "made",
          () => "refused",
        ),
      ),
    );
    expect(outcomes.filter((outcome) => outcome === "made")).toHaveLength(40);
    const end = await headOf(ledger);
    expect(end).toBe(head + 41);
    await live.untilRv(end);
    expect(live.events.map(rvOf)).toEqual(Array.from({ length: 41 }, (_, i) => head + 1 + i));
  });

  it("#220 unread deletes compacted: a deletion that D1 does not have yet is not pruned, whatever else is due", async () => {
    const ledger = await newLedger();
    await write(ledger, "CREATE", "a");
    await runAlarm(ledger);
    const before = await headOf(ledger);
    controlsOfLedger(ledger).d1 = "failing";
    const deleted = await write(ledger, "DELETE", "a");
    for (const name of ["b", "c", "d"]) await write(ledger, "CREATE", name);
    await keepOnly(ledger, { tailEvents: 1 });
    const watcher = await watch(ledger, { kinds: [CHANNEL], start: { from: "rv", rv: before } });
    await watcher.until(() => watcher.events.length === 4);
    expect(watcher.told[0]).toBe(`DELETED a@${deleted}`);
  });

  it("#489, #414 compaction stuck after one error: the next alarm prunes on", async () => {
    const ledger = await newLedger();
    const controls = controlsOfLedger(ledger);
    for (let i = 0; i < 20; i++) await write(ledger, "CREATE", `c-${i}`);
    const before = Number((await must(ledger.stub.head())).floor);
    controls.hit = (point) => {
      if (point === "afterFlushBeforePrune") throw new Error("once");
    };
    expect(await keepOnly(ledger, { tailEvents: 5 })).toBe(before);
    delete controls.hit;
    controls.d1 = "failing";
    await write(ledger, "CREATE", "while-d1-fails");
    await keepOnly(ledger, { tailEvents: 5 });
    delete controls.d1;
    expect(await keepOnly(ledger, { tailEvents: 5 })).toBe((await headOf(ledger)) - 5);
  });

  it("#311 start at the compacted revision: exactly the floor is good, with nothing left out; below it is 410", async () => {
    const ledger = await newLedger();
    for (let i = 0; i < 10; i++) await write(ledger, "CREATE", `c-${i}`);
    const head = await headOf(ledger);
    const floor = await forgetUpTo(ledger, head - 4);
    expect(floor).toBe(head - 4);
    const watcher = await watch(ledger, { kinds: [CHANNEL], start: { from: "rv", rv: floor } });
    await watcher.untilRv(head);
    expect(watcher.events.map(rvOf)).toEqual([1, 2, 3, 4].map((i) => floor + i));
    for (const rv of [floor - 1, 1]) {
      const expired = await watch(ledger, { kinds: [CHANNEL], start: { from: "rv", rv } });
      expect(await expired.closed, `from ${rv}`).toMatchObject({ code: 4410 });
    }
    const atHead = await write(ledger, "CREATE", "newest");
    expect(await forgetUpTo(ledger, atHead)).toBe(atHead);
    const newest = await watch(ledger, { kinds: [CHANNEL], start: { from: "rv", rv: atHead } });
    const next = await write(ledger, "CREATE", "next");
    await newest.untilRv(next);
    expect(newest.told).toEqual([`ADDED next@${next}`]);
  });

  it("#238 events, then an error, for a compacted watch: an expired watch is told that, and not one event", async () => {
    const ledger = await newLedger();
    for (let i = 0; i < 10; i++) await write(ledger, "CREATE", `c-${i}`);
    await forgetUpTo(ledger, (await headOf(ledger)) - 3);
    for (const enc of ["frames", "events", "lines"] as const) {
      const expired = await watch(ledger, { enc, kinds: [CHANNEL], start: { from: "rv", rv: 2 } });
      expect(await expired.closed).toMatchObject({ code: 4410 });
      expect(expired.texts.filter((text) => /"ADDED"/.test(text))).toEqual([]);
      expect(expired.texts.filter((text) => /"reason":"Expired"/.test(text))).toHaveLength(1);
    }
  });

  it("#238 one message an event floods: a backlog of small transactions comes in frames of many", async () => {
    const ledger = await newLedger();
    for (let i = 0; i < 100; i++) await write(ledger, "CREATE", `c-${i}`);
    const head = await headOf(ledger);
    const watcher = await watch(ledger, { kinds: [CHANNEL] });
    await watcher.untilRv(head);
    expect(watcher.events).toHaveLength(100);
    expect(watcher.frames.length).toBeLessThan(5);
  });
});
