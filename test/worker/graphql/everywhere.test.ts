import { beforeAll, describe, expect, it } from "vitest";
import { type Env, ledgerOf } from "../../../src/config.ts";
import { controlsOf } from "../support/controls.ts";
import { tokenFor } from "../support/http.ts";
import { addRepository, bindings, push, type TestLedger } from "../support/ledger.ts";
import { Client, type Event, type Subscription, WATCH } from "./client.ts";
import { commit, data, product, shop } from "./support.ts";

let admin: string;
beforeAll(async () => {
  admin = await tokenFor({ role: "admin" });
});

const readerOf = (...ledgers: (TestLedger | string)[]): Promise<string> =>
  tokenFor({
    role: "reader",
    namespaces: ledgers.map((ledger) => (typeof ledger === "string" ? ledger : ledger.name)),
  });

const watch = async (token: string, rv?: string, more: Record<string, unknown> = {}): Promise<Subscription> =>
  (await Client.ready(token)).subscribe(WATCH, { kind: "Product", ...(rv === undefined ? {} : { rv }), ...more });

/** What a cursor says of each namespace. */
function vectorOf(cursor: string): Record<string, number> {
  const [, text = ""] = /^v1\.([A-Za-z0-9_-]+)$/.exec(cursor) ?? [];
  return JSON.parse(atob(text.replace(/-/g, "+").replace(/_/g, "/")));
}

const remove = (ledger: TestLedger, name: string) =>
  push(ledger, { deletes: { [`${name}.md`]: { kind: "Product.catalog.gitstore.dev", name } } });

const DELETE =
  "mutation($ns: String!) { deleteNamespace(input: { identifier: $ns, force: true }) { deletedIdentifier } }";
const CREATE =
  "mutation($ns: String!) { createNamespace(input: { metadata: { name: $ns } }) { namespace { metadata { uid } } } }";

/** Everything but BOOKMARKs, per namespace. */
function byNamespace(events: readonly Event[]): Record<string, string[]> {
  const told: Record<string, string[]> = {};
  for (const { type, namespace, name } of events) {
    const so = told[namespace ?? ""] ?? [];
    if (type !== "BOOKMARK") told[namespace ?? ""] = [...so, `${type} ${name}`];
  }
  return told;
}

async function two(): Promise<[TestLedger, TestLedger, string]> {
  const a = await shop(admin, "a");
  const b = await shop(admin, "b");
  await commit(a, { one: product("one"), two: product("two") });
  await commit(b, { three: product("three") });
  return [a, b, await readerOf(a, b)];
}

describe("a watch without a namespace, of a namespaced kind", () => {
  it.each(["0", "12345"])(
    "from %s tells the state of every namespace that the token may watch, then goes on live",
    async (rv) => {
      const [a, b, token] = await two();
      const other = await shop(admin, "other");
      await commit(other, { hidden: product("hidden") });
      const watched = await watch(token, rv);
      await watched.untilTold(3);
      expect(byNamespace(watched.events)).toEqual({ [a.name]: ["ADDED one", "ADDED two"], [b.name]: ["ADDED three"] });
      await commit(b, { four: product("four") });
      await commit(a, { five: product("five") });
      await watched.client.until(() => watched.told.filter((told) => told !== "BOOKMARK").length === 5);
      expect(byNamespace(watched.events)).toEqual({
        [a.name]: ["ADDED one", "ADDED two", "ADDED five"],
        [b.name]: ["ADDED three", "ADDED four"],
      });
      expect(Object.keys(vectorOf(watched.cursor)).sort()).toEqual([a.name, b.name].sort());
      expect(JSON.stringify(watched.messages)).not.toContain(other.name);
    },
  );

  it("has a cursor that stands after each event: what it resumes is exactly the rest, in each namespace's order", async () => {
    const [a, b, token] = await two();
    const watched = await watch(token, "__product_watch_bootstrap__");
    await watched.untilTold(1);
    for (const [ledger, name] of [
      [a, "x"],
      [b, "y"],
      [a, "z"],
    ] as const)
      await commit(ledger, { [name]: product(name) });
    await remove(b, "y");
    await commit(a, { x: product("x", undefined, { tier: "gold" }) });
    await watched.client.until(() => watched.told.length === 6);
    const [start, ...events] = watched.events;
    expect(start).toMatchObject({ type: "BOOKMARK", namespace: null, name: "", object: null });
    const whole = byNamespace(events);
    expect(whole).toEqual({ [a.name]: ["ADDED x", "ADDED z", "MODIFIED x"], [b.name]: ["ADDED y", "DELETED y"] });
    for (const [index, { resourceVersion }] of watched.events.entries()) {
      const rest = byNamespace(events.slice(index));
      const again = await watch(token, resourceVersion);
      await again.untilTold(events.length - index);
      expect(byNamespace(again.events), `after ${index}`).toEqual(rest);
      again.client.close();
    }
  });

  it.each([undefined, ""])("from %j tells only what comes after now", async (rv) => {
    const [a, b, token] = await two();
    const watched = await watch(token, rv);
    for (let made = 0; watched.events.length === 0; made += 1) {
      await commit(made % 2 === 0 ? a : b, { [`later-${made}`]: product(`later-${made}`) });
      await scheduler.wait(5);
    }
    expect(watched.events[0]).toMatchObject({ type: "ADDED", name: expect.stringMatching(/^later-/) });
  });

  it("of nothing at all is a BOOKMARK once every namespace was read, so that its cursor is known", async () => {
    const [a, b, token] = await two();
    const watched = await watch(token, "0", { kind: "Collection" });
    await watched.untilTold(1);
    expect(watched.told).toEqual(["BOOKMARK"]);
    expect(Object.keys(vectorOf(watched.cursor)).sort()).toEqual([a.name, b.name].sort());
  });

  it("is joined by a namespace that is made while it goes on, from the namespace's beginning", async () => {
    const [a] = await two();
    const next = `${a.name}-next`;
    const watched = await watch(await readerOf(a, next), "__product_watch_bootstrap__");
    await watched.untilTold(1);
    expect(Object.keys(vectorOf(watched.cursor))).toEqual([a.name]);
    await data(admin, CREATE, { ns: next });
    const ledger = await madeAs(next);
    await commit(ledger, { first: product("first") });
    await watched.client.until(() => watched.told.includes(`ADDED ${next}/first`));
    expect(Object.keys(vectorOf(watched.cursor)).sort()).toEqual([a.name, next]);
  });

  it("starts a namespace that its cursor does not know from its beginning", async () => {
    const [a, b] = await two();
    const onlyA = await watch(await readerOf(a), "__product_watch_bootstrap__");
    await onlyA.untilTold(1);
    const both = await watch(await readerOf(a, b), onlyA.cursor);
    await both.untilTold(1);
    expect(byNamespace(both.events)).toEqual({ [b.name]: ["ADDED three"] });
  });

  it("tells of a namespace that goes the DELETED of each of its objects, then drops it from the cursor", async () => {
    const [a, b, token] = await two();
    const watched = await watch(token, "0");
    await watched.untilTold(3);
    const before = watched.cursor;
    await data(admin, DELETE, { ns: a.name });
    await watched.client.until(() => watched.told.filter((told) => told.startsWith("DELETED")).length === 2);
    expect(byNamespace(watched.events)[a.name]).toEqual(["ADDED one", "ADDED two", "DELETED one", "DELETED two"]);
    expect(watched.events.filter(({ type }) => type === "DELETED").map(({ object }) => object)).toEqual([null, null]);
    expect(Object.keys(vectorOf(watched.cursor))).toEqual([b.name]);
    await commit(b, { four: product("four") });
    await watched.client.until(() => watched.told.at(-1) === `ADDED ${b.name}/four`);
    // Who was away meanwhile hears of it all the same.
    const again = await watch(token, before);
    await again.client.until(() => again.told.length >= 3);
    expect(byNamespace(again.events)).toEqual({
      [a.name]: ["DELETED one", "DELETED two"],
      [b.name]: ["ADDED four"],
    });
    expect(Object.keys(vectorOf(again.cursor))).toEqual([b.name]);
  });

  it("says which cursor goes on after half of a departed namespace was told", async () => {
    const [a, b, token] = await two();
    const watched = await watch(token, "0");
    await watched.untilTold(3);
    await data(admin, DELETE, { ns: a.name });
    await watched.client.until(() => watched.told.some((told) => told.startsWith("DELETED")));
    const half = watched.events.find(({ type }) => type === "DELETED")?.resourceVersion;
    const again = await watch(token, half);
    await again.client.until(() => again.told.length >= 2);
    expect(byNamespace(again.events)).toEqual({ [a.name]: ["DELETED one", "DELETED two"] });
    expect(vectorOf(half ?? "")[b.name]).toBeGreaterThan(0);
  });

  it("never goes on in silence where a namespace was made again under its name", async () => {
    const [a, , token] = await two();
    const watched = await watch(token, "0");
    await watched.untilTold(3);
    const before = watched.cursor;
    watched.client.close();
    await data(admin, DELETE, { ns: a.name });
    await data(admin, CREATE, { ns: a.name });
    const ledger = await madeAs(a.name);
    await commit(ledger, { new: product("new") });
    const again = await watch(token, before);
    await again.client.until(() => again.isOver || again.told.length >= 3);
    if (again.isOver) expect(again.errors[0]?.extensions.code).toBe("WATCH_EXPIRED");
    else expect(byNamespace(again.events)[a.name]).toEqual(["DELETED one", "DELETED two", "ADDED new"]);
  });

  it("passes over what a cursor says of namespaces that the token may not watch", async () => {
    const [a, b] = await two();
    const all = await watch(await readerOf(a, b), "0");
    await all.untilTold(3);
    const one = await watch(await readerOf(a), all.cursor);
    await commit(b, { hidden: product("hidden") });
    await commit(a, { shown: product("shown") });
    await one.untilTold(1);
    expect(one.told).toEqual([`ADDED ${a.name}/shown`]);
    expect(Object.keys(vectorOf(one.cursor))).toEqual([a.name]);
  });

  it("needs a grant somewhere: FORBIDDEN before the cursor is looked at", async () => {
    const [a] = await two();
    const token = await tokenFor({ grants: [{ namespaces: [a.name], resources: ["categories"], verbs: ["watch"] }] });
    const watched = await watch(token, "garbage");
    expect((await watched.untilOver()).map(({ extensions }) => extensions.code)).toEqual(["FORBIDDEN"]);
  });

  it("is of at most 256 namespaces: one more, there or in the cursor, is BAD_USER_INPUT", async () => {
    const many = Object.fromEntries(Array.from({ length: 257 }, (_, i) => [`ns-${i}`, 1]));
    const cursor = `v1.${btoa(JSON.stringify(many)).replace(/=+$/, "")}`;
    const byCursor = await watch(admin, cursor);
    const [told] = await byCursor.untilOver();
    expect(told?.extensions).toEqual({ code: "BAD_USER_INPUT", retryable: false });
    expect(told?.message).toContain("at most 256 namespaces, found 257");

    const client = await Client.ready(admin, { env: withNamespaces(Object.keys(many)) });
    const [thereAre] = await client.subscribe(WATCH, { kind: "Product", rv: "0" }).untilOver();
    expect(thereAre?.extensions.code).toBe("BAD_USER_INPUT");
    expect(thereAre?.message).toContain("found 257");
  });
});

/** A namespace that the API made, with a repository whose pushes the test makes itself. */
async function madeAs(name: string): Promise<TestLedger> {
  controlsOf(name).alone = true;
  const stub = ledgerOf(bindings, name);
  return { name, stub, repository: await addRepository(stub, "catalog"), refs: new Map() };
}

/** The cluster, with these namespaces in its list. */
function withNamespaces(names: string[]): Env {
  const items = names.map((name) => JSON.stringify({ metadata: { name } }));
  const cluster = {
    head: async () => ({ ok: true, value: { rv: "9" } }),
    list: async () => ({ ok: true, value: { rv: "9", items, remaining: 0 } }),
  };
  const LEDGER = { idFromName: (name: string) => name, get: () => cluster } as unknown as DurableObjectNamespace;
  return { ...bindings, LEDGER };
}
