import { runInDurableObject } from "cloudflare:test";
import { describe, expect, it } from "vitest";
import { bindings, controlsOfLedger, headOf, must, newLedger, productText, push, runAlarm } from "../support/ledger.ts";
import { random } from "../support/random.ts";

const PRODUCT = "Product.catalog.gitstore.dev";

describe("a list", () => {
  it("is exactly the state at its RV, page by page, whatever is written meanwhile", async () => {
    const ledger = await newLedger();
    const draw = random(7);
    const alive = new Map<string, string>();
    const history: { rv: number; state: Map<string, string> }[] = [];
    for (let step = 0; step < 40; step++) {
      const name = `p${draw(12)}`;
      if (alive.has(name) && draw(3) === 0) {
        await push(ledger, { deletes: { [`${name}.md`]: { kind: PRODUCT, name } } });
        alive.delete(name);
      } else {
        await push(ledger, { files: { [`${name}.md`]: productText(name, `title ${step}`) } });
        alive.set(name, `title ${step}`);
      }
      history.push({ rv: await headOf(ledger), state: new Map(alive) });
    }
    for (const { rv, state } of history) {
      const found = new Map<string, string>();
      let after: string | undefined;
      do {
        const page = await must(
          ledger.stub.list({ kind: PRODUCT, limit: 3, at: rv, ...(after === undefined ? {} : { after }) }),
        );
        expect(page.rv).toBe(String(rv));
        for (const item of page.items) {
          const object = JSON.parse(item) as { metadata: { name: string }; spec: { title: string } };
          found.set(object.metadata.name, object.spec.title);
        }
        after = page.next;
      } while (after !== undefined);
      expect([...found], `at ${rv}`).toEqual([...state].sort(([a], [b]) => (a < b ? -1 : 1)));
    }
  });

  it("fills pages with matches only, and knows what remains only without a selector", async () => {
    const ledger = await newLedger();
    const files = Object.fromEntries(
      Array.from({ length: 30 }, (_, i) => [`p${i}.md`, productText(`p${i}`, i % 2 ? "odd" : "even")]),
    );
    await push(ledger, { files });
    const plain = await must(ledger.stub.list({ kind: PRODUCT, limit: 10 }));
    expect(plain).toMatchObject({ remaining: 20, next: expect.any(String) });
    const selected = await must(ledger.stub.list({ kind: PRODUCT, limit: 15, labelSelector: "shop/section=even" }));
    expect(selected.items).toHaveLength(15);
    expect(selected).not.toHaveProperty("next");
    const named = await must(ledger.stub.list({ kind: PRODUCT, limit: 10, fieldSelector: "metadata.name=p7" }));
    expect(named.items).toHaveLength(1);
    const draft = await must(ledger.stub.list({ kind: PRODUCT, limit: 100, fieldSelector: "status.phase=draft" }));
    expect(draft.items).toHaveLength(30);
  });

  it("ends a page at 8 MiB", async () => {
    const ledger = await newLedger();
    for (let i = 0; i < 3; i++) {
      const files = Object.fromEntries(
        Array.from({ length: 8 }, (_, j) => [`b${i}-${j}.md`, productText(`b${i}-${j}`, "big") + "x".repeat(400_000)]),
      );
      await push(ledger, { files });
    }
    const page = await must(ledger.stub.list({ kind: PRODUCT, limit: 500 }));
    expect(page.items.length).toBeLessThan(24);
    expect(page.items.reduce((sum, item) => sum + item.length, 0)).toBeLessThanOrEqual(8 * 1024 * 1024);
    const rest = await must(
      ledger.stub.list({ kind: PRODUCT, limit: 500, at: Number(page.rv), after: page.next ?? "" }),
    );
    expect(page.items.length + rest.items.length).toBe(24);
  });

  it("answers Expired for a state that the tail no longer holds, and FutureVersion for one that is not yet", async () => {
    const ledger = await newLedger();
    await push(ledger, { files: { "a.md": productText("a", "A") } });
    const old = await headOf(ledger);
    await push(ledger, { files: { "a.md": productText("a", "B") } });
    await runInDurableObject(bindings.LEDGER.get(bindings.LEDGER.idFromName(ledger.name)), (object) => {
      (object as unknown as { retention: { tailEvents: number } }).retention.tailEvents = 1;
    });
    controlsOfLedger(ledger).clockAheadMs = 11 * 60_000;
    await runAlarm(ledger);
    expect(await ledger.stub.list({ kind: PRODUCT, limit: 10, at: old - 1 })).toMatchObject({
      ok: false,
      error: { code: "Expired" },
    });
    expect(await ledger.stub.list({ kind: PRODUCT, limit: 10, at: old + 1_000 })).toMatchObject({
      ok: false,
      error: { code: "FutureVersion" },
    });
    expect((await must(ledger.stub.list({ kind: PRODUCT, limit: 10 }))).items).toHaveLength(1);
  });
});
