import { evictDurableObject, runInDurableObject } from "cloudflare:test";
import { describe, expect, it } from "vitest";
import { type Attachment, AttachmentWriter, sessionOf } from "../../../src/watch/attachment.ts";
import type { SessionState } from "../../../src/watch/session.ts";
import {
  bindings,
  controlsOfLedger,
  headOf,
  newLedger,
  productText,
  push,
  type TestLedger,
} from "../support/ledger.ts";
import { type Watcher, watch } from "../support/watcher.ts";

const PRODUCT = "Product.catalog.gitstore.dev";
const stubOf = (ledger: TestLedger): DurableObjectStub => bindings.LEDGER.get(bindings.LEDGER.idFromName(ledger.name));
const many = (from: number, count: number, size = 1): Record<string, string> =>
  Object.fromEntries(
    Array.from({ length: count }, (_, i) => [
      `p${from + i}.md`,
      productText(`p${from + i}`, `T ${from + i}`) + "x".repeat(size),
    ]),
  );

/** Puts the one session where `change` says, and the object to sleep with it there. */
async function sleepAs(ledger: TestLedger, change: Partial<SessionState>): Promise<void> {
  await runInDurableObject(stubOf(ledger), (_, state) => {
    for (const socket of state.getWebSockets()) {
      socket.serializeAttachment(
        new AttachmentWriter().of({ ...sessionOf(socket.deserializeAttachment() as Attachment), ...change }),
      );
      // The object is awake until it is evicted: an alarm that falls in between does not save its own state over this.
      socket.serializeAttachment = () => undefined;
    }
  });
  await evictDurableObject(stubOf(ledger), { webSockets: "hibernate" });
}

describe("a session after a wake", () => {
  for (const phase of ["catchup", "live"] as const) {
    it(`goes on from its cursor where it was ${phase} behind the log's end: nothing is left out`, async () => {
      const ledger = await newLedger();
      const start = await headOf(ledger);
      const watcher = await watch(ledger, { start: { from: "now" }, kinds: [PRODUCT] });
      await watcher.until(() => watcher.frames.length === 1);
      // What it missed was committed while it slept there.
      await sleepAs(ledger, { phase: "standby" });
      await push(ledger, { files: many(0, 3) });
      await sleepAs(ledger, { phase, pos: start, told: start });
      await push(ledger, { files: many(3, 2) });
      await watcher.untilRv(await headOf(ledger));
      expect(watcher.events.map(({ object }) => object.metadata.name)).toEqual(["p0", "p1", "p2", "p3", "p4"]);
      watcher.frames.reduce((before, frame) => {
        expect(frame.prev).toBe(before.rv);
        return frame;
      });
    });
  }

  it("is still parked where it ran out of credit inside an initial state", async () => {
    const ledger = await newLedger();
    await push(ledger, { files: many(0, 200, 2_000) });
    const watcher = await watch(ledger, { start: { from: "state" }, kinds: [PRODUCT], ack: false, window: 64 * 1024 });
    await watcher.until(() => watcher.frames.length > 0);
    await evictDurableObject(stubOf(ledger), { webSockets: "hibernate" });
    expect((await ledger.stub.stats()).watchers).toEqual({ connected: 1, parked: 1 });
    watcher.ack = true;
    watcher.acknowledge();
    await watcher.untilRv(await headOf(ledger));
    expect(watcher.events).toHaveLength(200);
  });
});

describe("a fault in the middle of a broadcast", () => {
  it("closes the session it hit, and keeps neither the writer's answer nor the others' events back", async () => {
    const ledger = await newLedger();
    const watchers: Watcher[] = [];
    // One after another: a broadcast goes through the sessions in the order they came in.
    for (let n = 0; n < 3; n++) {
      const watcher = await watch(ledger, { start: { from: "now" }, kinds: [PRODUCT] });
      await watcher.until(() => watcher.frames.length === 1);
      watchers.push(watcher);
    }
    let hits = 0;
    controlsOfLedger(ledger).hit = (point) => {
      if (point !== "midBroadcast") return;
      hits += 1;
      if (hits === 2) throw new Error("a fault");
    };
    await push(ledger, { files: many(0, 2) });
    const head = await headOf(ledger);
    const [first, hit, last] = watchers;
    await first?.untilRv(head);
    await last?.untilRv(head);
    expect(await hit?.closed).toMatchObject({ code: 1011 });
  });
});
