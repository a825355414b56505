import { beforeAll, describe, expect, it } from "vitest";
import { tokenFor } from "../support/http.ts";
import { headOf, push, type TestLedger } from "../support/ledger.ts";
import { Client, type Subscription, WATCH } from "./client.ts";
import { category, commit, data, product, productsOf, shop } from "./support.ts";

let admin: string;
beforeAll(async () => {
  admin = await tokenFor({ role: "admin" });
});

/** A subscription whose start is fixed: what is committed afterwards is told. */
async function live(ledger: TestLedger, more: Record<string, unknown> = {}): Promise<Subscription> {
  const client = await Client.ready(admin);
  const { products } = await data(
    admin,
    "query($ns: String!) { products(namespace: $ns, first: 1) { resourceVersion } }",
    { ns: ledger.name },
  );
  return client.subscribe(WATCH, { kind: "Product", ns: ledger.name, rv: products.resourceVersion, ...more });
}

describe("a watch of one namespace", () => {
  let ledger: TestLedger;
  beforeAll(async () => {
    ledger = await shop(admin);
    await commit(ledger, { a: product("a"), b: product("b", undefined, { tier: "gold" }) });
  });
  const watch = async (rv: string | undefined, more: Record<string, unknown> = {}) =>
    (await Client.ready(admin)).subscribe(WATCH, {
      kind: "Product",
      ns: ledger.name,
      ...(rv === undefined ? {} : { rv }),
      ...more,
    });

  it('from "0" tells the current state as ADDED, whose last event is the place to resume from, then goes on live', async () => {
    const watched = await watch("0");
    expect(await watched.untilTold(2)).toEqual([`ADDED ${ledger.name}/a`, `ADDED ${ledger.name}/b`]);
    const [first, last] = watched.events;
    expect(first?.resourceVersion).toBe("0");
    expect(Number(last?.resourceVersion)).toBeGreaterThan(1);
    expect(first?.object).toMatchObject({
      kind: "Product",
      metadata: { name: "a", finalizers: [] },
      spec: { title: "a" },
      status: { phase: "draft" },
    });
    await commit(ledger, { c: product("c") });
    await watched.untilTold(3);
    expect(watched.told.at(-1)).toBe(`ADDED ${ledger.name}/c`);
    expect(watched.cursor).toBe(watched.events.at(-1)?.object.metadata.resourceVersion);
  });

  it("from an RV tells what is strictly after it, each event once, DELETED without an object", async () => {
    const watched = await live(ledger);
    await commit(ledger, { d: product("d") });
    await push(ledger, { deletes: { "d.md": { kind: "Product.catalog.gitstore.dev", name: "d" } } });
    expect(await watched.untilTold(2)).toEqual([`ADDED ${ledger.name}/d`, `DELETED ${ledger.name}/d`]);
    const [added, deleted] = watched.events;
    expect(deleted?.object).toBeNull();
    expect(Number(deleted?.resourceVersion)).toBeGreaterThan(Number(added?.resourceVersion));
    const again = await watch(added?.resourceVersion);
    expect(await again.untilTold(1)).toEqual([`DELETED ${ledger.name}/d`]);
  });

  it.each([undefined, ""])("from %j tells only what comes after now", async (rv) => {
    const watched = await watch(rv);
    // Where "now" is nobody says, so commits go on until one of them is told.
    const made: string[] = [];
    while (watched.events.length === 0) {
      const name = `later-${made.length}-${rv === undefined ? "a" : "b"}`;
      made.push(`ADDED ${ledger.name}/${name}`);
      await commit(ledger, { [name]: product(name) });
      await scheduler.wait(5);
    }
    expect(made).toContain(watched.told[0]);
  });

  it.each(["__product_watch_bootstrap__", "__namespace_watch_bootstrap__"])(
    "from %s begins with a BOOKMARK of the present, from which nothing is missed",
    async (rv) => {
      const watched = await watch(rv);
      await watched.untilTold(1);
      expect(watched.events[0]).toMatchObject({
        type: "BOOKMARK",
        kind: "Product",
        name: "",
        object: null,
        resourceVersion: expect.stringMatching(/^[1-9]/),
      });
      const name = `after-${rv.length}`;
      await commit(ledger, { [name]: product(name) });
      expect((await (await watch(watched.events[0]?.resourceVersion)).untilTold(1))[0]).toBe(
        `ADDED ${ledger.name}/${name}`,
      );
    },
  );

  it("of a selector tells what comes in as ADDED and what leaves as DELETED", async () => {
    const watched = await live(ledger, { selector: { matchLabels: { tier: "gold" } } });
    await commit(ledger, { a: product("a", undefined, { tier: "gold" }) });
    await commit(ledger, { a: product("a"), plain: product("plain") });
    expect(await watched.untilTold(2)).toEqual([`ADDED ${ledger.name}/a`, `DELETED ${ledger.name}/a`]);
  });

  it("is typed for products and categories", async () => {
    await commit(ledger, { top: category("top") });
    const client = await Client.ready(admin);
    const products = client.subscribe(
      `subscription { watchProducts(namespace: "${ledger.name}", resourceVersion: "0") { type kind name product { id metadata { uid } spec { title } status { observedGeneration } } } }`,
    );
    const categories = client.subscribe(
      `subscription { watchCategories(namespace: "${ledger.name}", resourceVersion: "0") { type kind namespace name category { spec { title } path } } }`,
    );
    await products.untilTold(1);
    await categories.untilTold(1);
    expect(products.events[0]).toMatchObject({
      type: "ADDED",
      kind: "Product",
      name: "a",
      product: { spec: { title: "a" }, status: { observedGeneration: 0 } },
    });
    expect(categories.events[0]).toEqual({
      type: "ADDED",
      kind: "CategoryTaxonomy",
      namespace: ledger.name,
      name: "top",
      category: { spec: { title: "top" }, path: ["top"] },
    });
  });

  it("of an empty state is a BOOKMARK, so that its cursor is known", async () => {
    const watched = await watch("0", { kind: "Collection" });
    expect(await watched.untilTold(1)).toEqual(["BOOKMARK"]);
    expect(watched.events[0]).toMatchObject({
      namespace: ledger.name,
      resourceVersion: expect.stringMatching(/^[1-9]/),
    });
  });

  it("tells a BOOKMARK where much happened that it does not show, so that its cursor does not age", async () => {
    const own = await shop(admin, "busy");
    const watched = await live(own, { kind: "Collection" });
    const before = await headOf(own);
    await commit(own, productsOf(900, "a"));
    await commit(own, productsOf(900, "b"));
    await watched.untilTold(1);
    expect(new Set(watched.told)).toEqual(new Set(["BOOKMARK"]));
    expect(Number(watched.cursor)).toBeGreaterThanOrEqual(before + 1_000);
  });

  it.each([
    ["a future RV", "999999999", "INVALID_CURSOR"],
    ["nonsense", "garbage", "INVALID_CURSOR"],
    ["a cursor of many namespaces", "v1.e30", "INVALID_CURSOR"],
    ["an unknown sentinel", "__nothing_watch_bootstrap__", "INVALID_CURSOR"],
  ])("from %s is WATCH_EXPIRED with the reason, and then over", async (_, rv, reason) => {
    const watched = await watch(rv);
    expect(await watched.untilOver()).toEqual([
      expect.objectContaining({ extensions: { code: "WATCH_EXPIRED", retryable: false, reason } }),
    ]);
    expect(watched.messages.map(({ type }) => type)).toEqual(["next", "complete"]);
    expect(watched.client.isClosed).toBe(false);
  });

  it("of a namespace or kind that is not there says so and is over", async () => {
    const client = await Client.ready(admin);
    const nowhere = client.subscribe(WATCH, { kind: "Product", ns: "nowhere", rv: "0" });
    expect((await nowhere.untilOver())[0]?.extensions.code).toBe("NOT_FOUND");
    const gadget = client.subscribe(WATCH, { kind: "Gadget", ns: ledger.name });
    expect((await gadget.untilOver())[0]?.extensions.code).toBe("KIND_NOT_FOUND");
  });

  it("frees its session when it is completed, and when its client goes without a word", async () => {
    const other = await shop(admin);
    const connected = async () => (await other.stub.stats()).watchers.connected;
    const client = await Client.ready(admin);
    const first = client.subscribe(WATCH, { kind: "Product", ns: other.name, rv: "__product_watch_bootstrap__" });
    const second = client.subscribe(WATCH, { kind: "Product", ns: other.name, rv: "__product_watch_bootstrap__" });
    await first.untilTold(1);
    await second.untilTold(1);
    expect(await connected()).toBe(2);
    first.stop();
    await expect.poll(connected).toBe(1);
    client.close();
    await expect.poll(connected).toBe(0);
    expect(first.isOver).toBe(false);
  });
});

describe("cluster-scoped kinds", () => {
  it("are watched without a namespace, by the cluster's own RVs", async () => {
    const client = await Client.ready(admin);
    const watched = client.subscribe(WATCH, { kind: "Namespace", rv: "__namespace_watch_bootstrap__" });
    await watched.untilTold(1);
    const made = await shop(admin, "fresh");
    await watched.untilTold(2);
    expect(watched.events[0]).toMatchObject({ type: "BOOKMARK", namespace: null });
    expect(watched.events[1]).toMatchObject({
      type: "ADDED",
      kind: "Namespace",
      namespace: null,
      name: made.name,
      object: { metadata: { finalizers: [] }, status: { conditions: expect.anything() } },
    });
    const again = client.subscribe(WATCH, { kind: "Namespace", rv: watched.events[0]?.resourceVersion });
    expect(await again.untilTold(1)).toEqual([`ADDED /${made.name}`]);
  });

  it("show a token for one namespace this one and no other", async () => {
    const mine = await shop(admin, "mine");
    const reader = await tokenFor({ role: "reader", namespaces: [mine.name] });
    const watched = (await Client.ready(reader)).subscribe(WATCH, { kind: "Namespace", rv: "0" });
    await watched.untilTold(1);
    await shop(admin, "other");
    expect(new Set(watched.events.filter(({ type }) => type !== "BOOKMARK").map(({ name }) => name))).toEqual(
      new Set([mine.name]),
    );
  });
});

describe("a large state", () => {
  it("comes whole to a client that answers pings, with one for each 256 KiB", async () => {
    const ledger = await shop(admin, "large");
    const long = "x".repeat(4_000);
    const files = Object.fromEntries(Object.keys(productsOf(200)).map((name) => [name, `${product(name)}${long}`]));
    await commit(ledger, files);
    const watched = (await Client.ready(admin)).subscribe(WATCH, { kind: "Product", ns: ledger.name, rv: "0" });
    await watched.untilTold(200);
    expect(watched.events.map(({ name }) => name)).toEqual(Object.keys(files));
    expect(watched.client.messages.filter(({ type }) => type === "ping").length).toBeGreaterThanOrEqual(4);
  });

  it.each(["x", "字"])(
    "stops at 256 KiB of %s for a client that reads no more, and goes on when it does",
    async (char) => {
      const ledger = await shop(admin, "large");
      const long = char.repeat(4_000 / new TextEncoder().encode(char).length);
      await commit(
        ledger,
        Object.fromEntries(Object.keys(productsOf(200)).map((name) => [name, `${product(name)}${long}`])),
      );
      const client = await Client.ready(admin);
      await client.until(() => client.messages.some(({ type }) => type === "ping"));
      client.pongs = false;
      const watched = client.subscribe(WATCH, { kind: "Product", ns: ledger.name, rv: "0" });
      await client.until(() => client.messages.filter(({ type }) => type === "ping").length >= 2);
      await scheduler.wait(50);
      const held = watched.events.length;
      expect(held).toBeLessThan(70);
      expect((await ledger.stub.stats()).watchers.connected).toBe(1);
      client.pongs = true;
      client.send({ type: "pong" });
      await watched.untilTold(200);
    },
  );
});
