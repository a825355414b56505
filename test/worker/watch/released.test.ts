import { runInDurableObject } from "cloudflare:test";
import { describe, expect, it } from "vitest";
import { bindings, headOf, newLedger, productText, push, runAlarm, type TestLedger } from "../support/ledger.ts";
import { type Watcher, watch } from "../support/watcher.ts";

const PRODUCT = "Product.catalog.gitstore.dev";
const stubOf = (ledger: TestLedger): DurableObjectStub => bindings.LEDGER.get(bindings.LEDGER.idFromName(ledger.name));

/** An object's end of a connection, with the session of the one that is open, but released by the runtime. */
async function closedOnceReleased(ledger: TestLedger): Promise<void> {
  await runInDurableObject(stubOf(ledger), async (object, state) => {
    const { 1: released } = new WebSocketPair();
    for (const open of state.getWebSockets()) released.serializeAttachment(open.deserializeAttachment());
    expect(() => state.getTags(released)).toThrow("acceptWebSocket");
    await object.webSocketClose?.(released, 1006, "", false);
    await object.webSocketError?.(released, new Error("the connection was lost"));
  });
}

/** What the ledger has written down of its counts. */
async function savedCounts(ledger: TestLedger): Promise<Record<string, number>> {
  return runInDurableObject(stubOf(ledger), (_, state) => {
    const [row] = state.storage.sql.exec("SELECT value FROM meta WHERE key = 'counters'").toArray();
    return JSON.parse(String(row?.value ?? "{}")) as Record<string, number>;
  });
}

async function withProducts(): Promise<{ ledger: TestLedger; watcher: Watcher }> {
  const ledger = await newLedger();
  await push(ledger, { files: { "a.md": productText("a", "A") } });
  await runAlarm(ledger);
  const watcher = await watch(ledger, { kinds: [PRODUCT] });
  await watcher.untilRv(await headOf(ledger));
  return { ledger, watcher };
}

describe("the end of a connection that the runtime has released already", () => {
  it("is taken as an end: what was counted is written down", async () => {
    const { ledger } = await withProducts();
    expect((await savedCounts(ledger)).resumesTail ?? 0).toBe(0);
    await closedOnceReleased(ledger);
    expect((await savedCounts(ledger)).resumesTail).toBe(1);
  });

  it("leaves the watches that are open as they were", async () => {
    const { ledger, watcher } = await withProducts();
    await closedOnceReleased(ledger);
    expect((await ledger.stub.stats()).watchers.connected).toBe(1);
    await push(ledger, { files: { "b.md": productText("b", "B") } });
    await watcher.untilRv(await headOf(ledger));
    expect(watcher.events.map(({ object }) => object.metadata.name)).toEqual(["a", "b"]);
  });

  it("is none of the log's where it was a watch of leases", async () => {
    const ledger = await newLedger();
    const watcher = await watch(ledger, { kinds: ["Lease.coordination.k8s.io"], enc: "lines", start: { from: "now" } });
    await watcher.until(() => watcher.texts.length > 0);
    await closedOnceReleased(ledger);
    expect((await ledger.stub.stats()).watchers.connected).toBe(1);
  });
});
