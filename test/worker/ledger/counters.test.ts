import { evictDurableObject } from "cloudflare:test";
import { describe, expect, it } from "vitest";
import { bindings, headOf, newLedger, productText, push, runAlarm, type TestLedger } from "../support/ledger.ts";
import { watch } from "../support/watcher.ts";

const stubOf = (ledger: TestLedger): DurableObjectStub => bindings.LEDGER.get(bindings.LEDGER.idFromName(ledger.name));

async function countersOf(ledger: TestLedger): Promise<Record<string, number>> {
  return (await ledger.stub.stats()).counters;
}

describe("what a ledger counts", () => {
  it("outlives the object, and goes on from there", async () => {
    const ledger = await newLedger();
    await push(ledger, { files: { "a.md": productText("a", "A"), "b.md": productText("b", "B") } });
    const watcher = await watch(ledger);
    await watcher.untilRv(await headOf(ledger));
    await runAlarm(ledger);
    const before = await countersOf(ledger);
    expect(before).toMatchObject({ admitted: 2, refused: 0, resumesTail: 1, eventsSent: 4 });
    const { startedAt } = await ledger.stub.stats();
    await evictDurableObject(stubOf(ledger), { webSockets: "hibernate" });
    expect(await countersOf(ledger)).toEqual(before);
    expect((await ledger.stub.stats()).startedAt).toBeGreaterThanOrEqual(startedAt);
    await push(ledger, { files: { "c.md": productText("c", "C") } });
    await watcher.untilRv(await headOf(ledger));
    const after = await countersOf(ledger);
    expect(after).toMatchObject({ admitted: 3, resumesTail: 1, eventsSent: 6 });
    expect(after.commits).toBeGreaterThan(before.commits ?? 0);
  });

  it("is written down when a connection ends, though nothing is committed", async () => {
    const ledger = await newLedger();
    await push(ledger, { files: { "a.md": productText("a", "A") } });
    await runAlarm(ledger);
    const watcher = await watch(ledger);
    await watcher.untilRv(await headOf(ledger));
    watcher.close();
    await watcher.closed;
    await expect.poll(async () => (await ledger.stub.stats()).watchers.connected).toBe(0);
    await evictDurableObject(stubOf(ledger), { webSockets: "hibernate" });
    expect(await countersOf(ledger)).toMatchObject({ resumesTail: 1 });
  });
});
