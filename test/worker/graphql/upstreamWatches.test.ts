/** The subscriptions of upstream's controller manager: items 19 to 28. */
import { evictDurableObject } from "cloudflare:test";
import { afterEach, beforeAll, describe, expect, it } from "vitest";
import { tokenFor, unique } from "../support/http.ts";
import { headOf, push, type TestLedger } from "../support/ledger.ts";
import { forgetUpTo, stubOf } from "../support/retention.ts";
import { Client, type Subscription } from "./client.ts";
import { category, commit, product, shop } from "./support.ts";
import { categoryOf, closeAll, condition, must, type Sent, subscribe, writeCategory } from "./upstream.ts";

let admin: string;
let manager: string;
beforeAll(async () => {
  admin = await tokenFor({ role: "admin" });
  manager = await tokenFor({ role: "upstream-manager" }, "serviceaccount:upstream:manager");
});
afterEach(closeAll);

async function names(field: Sent, ledger: TestLedger): Promise<string[]> {
  const found = await must(manager, field, { namespace: ledger.name, first: 100 });
  return found[field].edges.map(({ node }: { node: { metadata: { name: string } } }) => node.metadata.name);
}

describe("subscriptions", () => {
  const resourceOf = (watched: Subscription) => watched.events.at(-1) as unknown as Record<string, unknown>;

  it("19. 20. 21. show categories, products and namespaces in the shapes of the lists", async () => {
    const ledger = await shop(admin, "shapes");
    const watches = {
      category: await subscribe(manager, "watchCategories", "__category_watch_bootstrap__"),
      product: await subscribe(manager, "watchProducts", "__product_watch_bootstrap__"),
    };
    for (const watched of Object.values(watches)) await watched.untilTold(1);
    await commit(ledger, { c: category("c"), p: product("p", "c") });
    for (const [as, watched] of Object.entries(watches)) {
      await watched.untilTold(2);
      const [document, name] = as === "category" ? (["categories", "c"] as const) : (["products", "p"] as const);
      const listed = (await must(manager, document, { namespace: ledger.name, first: 100 }))[document].edges[0].node;
      expect(resourceOf(watched)).toEqual({
        type: "ADDED",
        namespace: ledger.name,
        name,
        resourceVersion: expect.stringMatching(/^v1\./),
        [as]: listed,
      });
    }
    const namespaces = await subscribe(manager, "watchNamespaces", "__namespace_watch_bootstrap__");
    await namespaces.untilTold(1);
    const made = await shop(admin, "made");
    await namespaces.untilTold(2);
    expect(namespaces.events.map(({ type, kind, name, object }) => [type, kind, name, object === null])).toEqual([
      ["BOOKMARK", "Namespace", "", true],
      ["ADDED", "Namespace", made.name, false],
    ]);
    expect(namespaces.events[1]?.object).toMatchObject({
      metadata: { name: made.name, finalizers: [], generation: 1, uid: expect.any(String) },
      status: { conditions: [{ type: "AdmissionAccepted" }] },
    });
  });

  it("22. has a name on every event, empty on BOOKMARK, and the namespace also on DELETED", async () => {
    const ledger = await shop(admin, "keys");
    const watched = await subscribe(manager, "watchProducts", "__product_watch_bootstrap__");
    await watched.untilTold(1);
    await commit(ledger, { p: product("p") });
    await push(ledger, { deletes: { "p.md": { kind: "Product.catalog.gitstore.dev", name: "p" } } });
    await watched.untilTold(3);
    expect(watched.events.map(({ type, namespace, name }) => [type, namespace, name])).toEqual([
      ["BOOKMARK", null, ""],
      ["ADDED", ledger.name, "p"],
      ["DELETED", ledger.name, "p"],
    ]);
    expect(resourceOf(watched).product).toBeNull();
  });

  it("23. begin with a BOOKMARK from before the lists that follow, from which everything since comes, over all namespaces", async () => {
    const a = await shop(admin, "a");
    const b = await shop(admin, "b");
    for (const [document, sentinel] of [
      ["watchProducts", "__product_watch_bootstrap__"],
      ["watchNamespaces", "__namespace_watch_bootstrap__"],
    ] as const) {
      const first = await subscribe(manager, document, sentinel);
      await first.untilTold(1);
      expect(first.told).toEqual(["BOOKMARK"]);
      first.client.close();
      const since = unique("since");
      if (document === "watchProducts") {
        await commit(a, { [since]: product(since) });
        await commit(b, { [since]: product(since) });
        expect(await names("products", b)).toContain(since);
      } else await shop(admin, since);
      const again = await subscribe(manager, document, first.cursor);
      await again.untilTold(document === "watchProducts" ? 2 : 1);
      expect(again.events.every(({ type, name }) => type === "ADDED" && name.startsWith("since"))).toBe(true);
    }
  });

  it("24. take a decimal without a namespace for the present state, then live; and their own cursor for strictly after it", async () => {
    const ledger = await shop(admin, "decimal");
    await commit(ledger, { c1: category("c1"), c2: category("c2") });
    // The string maximum of object RVs over all namespaces is what it calls a cursor.
    const decimal = (await categoryOf(manager, ledger.name, "c2")).metadata.resourceVersion;
    const watched = await subscribe(manager, "watchCategories", decimal);
    const told = () => watched.told.filter((one) => one.includes(ledger.name));
    await watched.client.until(() => told().length >= 2);
    expect(told().sort()).toEqual([`ADDED ${ledger.name}/c1`, `ADDED ${ledger.name}/c2`]);
    await commit(ledger, { c3: category("c3") });
    await watched.client.until(() => told().length >= 3);
    const { cursor } = watched;
    watched.client.close();
    await commit(ledger, { c4: category("c4") });
    // Over a restart of the edge: nothing of a watch is kept but its cursor.
    await evictDurableObject(stubOf(ledger), { webSockets: "close" });
    const again = await subscribe(manager, "watchCategories", cursor);
    await again.untilTold(1);
    expect(again.told).toEqual([`ADDED ${ledger.name}/c4`]);
    expect(watched.errors).toEqual([]);
  });

  it("25. are joined by a namespace that is made meanwhile", async () => {
    const watched = await subscribe(manager, "watchCategories", "__category_watch_bootstrap__");
    await watched.untilTold(1);
    const fresh = await shop(admin, "fresh");
    await commit(fresh, { c: category("c") });
    await watched.client.until(() => watched.told.includes(`ADDED ${fresh.name}/c`));
    expect(watched.errors).toEqual([]);
  });

  it("26. are WATCH_EXPIRED for a cursor that is gone, and for none that the next bootstrap gives", async () => {
    const ledger = await shop(admin, "expiring");
    const token = await tokenFor({ role: "upstream-manager", namespaces: [ledger.name] });
    const first = await subscribe(token, "watchProducts", "__product_watch_bootstrap__");
    await first.untilTold(1);
    first.client.close();
    for (let i = 0; i < 4; i += 1) await commit(ledger, { [`p${i}`]: product(`p${i}`) });
    await forgetUpTo(ledger, (await headOf(ledger)) - 1);
    const gone = await subscribe(token, "watchProducts", first.cursor);
    expect((await gone.untilOver()).map(({ extensions }) => extensions.code)).toEqual(["WATCH_EXPIRED"]);
    const relisted = await subscribe(token, "watchProducts", "__product_watch_bootstrap__");
    await relisted.untilTold(1);
    const after = await subscribe(token, "watchProducts", relisted.cursor);
    await commit(ledger, { after: product("after") });
    await after.untilTold(1);
    expect(after.told).toEqual([`ADDED ${ledger.name}/after`]);
  });

  it("27. never show an object at a lower generation, and a deletion with a new making as DELETED, then ADDED", async () => {
    const ledger = await shop(admin, "generations");
    const watched = (await Client.ready(admin)).subscribe(
      `subscription { watchResources(kind: "CategoryTaxonomy", namespace: "${ledger.name}", resourceVersion: "0") { type name object namespace resourceVersion } }`,
    );
    await watched.untilTold(1);
    const file = (title: string) => category("c").replace("title: c", `title: ${title}`);
    await commit(ledger, { c: file("one") });
    await commit(ledger, { c: file("two") });
    await push(ledger, { deletes: { "c.md": { kind: "CategoryTaxonomy.catalog.gitstore.dev", name: "c" } } });
    await commit(ledger, { c: file("two") });
    await commit(ledger, { c: file("three") });
    await watched.untilTold(6);
    expect(watched.events.slice(1).map(({ type, object }) => [type, object?.metadata.generation])).toEqual([
      ["ADDED", 1],
      ["MODIFIED", 2],
      ["DELETED", undefined],
      ["ADDED", 1],
      ["MODIFIED", 2],
    ]);
  });

  it("28. show a status write as one MODIFIED with its new RV, and a no-op not at all", async () => {
    const ledger = await shop(admin, "written");
    await commit(ledger, { c: category("c") });
    const watched = await subscribe(manager, "watchCategories", "__category_watch_bootstrap__");
    await watched.untilTold(1);
    const { metadata } = await categoryOf(manager, ledger.name, "c");
    const input = { namespace: ledger.name, name: "c", observedGeneration: 1, conditions: [condition("Ready")] };
    const first = await writeCategory(manager, { ...input, resourceVersion: metadata.resourceVersion });
    const resourceVersion = first.category?.metadata.resourceVersion ?? "";
    expect((await writeCategory(manager, { ...input, resourceVersion })).category?.metadata.resourceVersion).toBe(
      resourceVersion,
    );
    await commit(ledger, { last: category("last") });
    await watched.untilTold(3);
    expect(watched.told).toEqual(["BOOKMARK", `MODIFIED ${ledger.name}/c`, `ADDED ${ledger.name}/last`]);
    const modified = watched.events[1] as unknown as { category: { metadata: object } };
    expect(modified.category.metadata).toMatchObject({ resourceVersion });
  });
});
