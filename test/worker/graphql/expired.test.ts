import { evictDurableObject, runInDurableObject } from "cloudflare:test";
import { beforeAll, describe, expect, it } from "vitest";
import type { Env } from "../../../src/config.ts";
import { tokenFor } from "../support/http.ts";
import { bindings, headOf, runAlarm, type TestLedger } from "../support/ledger.ts";
import { compactAt, forgetUpTo, stubOf } from "../support/retention.ts";
import { Client, EventStream, type Message, type Subscription, WATCH } from "./client.ts";
import { commit, data, product, shop } from "./support.ts";

let admin: string;
beforeAll(async () => {
  admin = await tokenFor({ role: "admin" });
});

const QUERY = { kind: "Product" };

async function watch(ledger: TestLedger, rv: string, env?: Env): Promise<Subscription> {
  const client = await Client.ready(admin, env ? { env } : {});
  return client.subscribe(WATCH, { ...QUERY, ns: ledger.name, rv });
}

/** Without a namespace, of the one that the token is for. */
async function watchAll(ledger: TestLedger, rv: string, env?: Env): Promise<Subscription> {
  const reader = await tokenFor({ role: "reader", namespaces: [ledger.name] });
  const client = await Client.ready(reader, env ? { env } : {});
  return client.subscribe(WATCH, { ...QUERY, rv });
}

const vector = (of: Record<string, number>): string => `v1.${btoa(JSON.stringify(of)).replace(/=+$/, "")}`;

/** One `next` with the one error and then `complete`, and the connection goes on. */
async function expectExpired(watched: Subscription, reason: string): Promise<void> {
  const errors = await watched.untilOver();
  expect(errors.map(({ extensions }) => extensions)).toEqual([{ code: "WATCH_EXPIRED", retryable: false, reason }]);
  expect(errors[0]?.message).toMatch(/^watch cursor expired: .*list again and watch from the list's cursor$/);
  expect(watched.messages.map(({ type }: Message) => type)).toEqual(["next", "complete"]);
  expect(watched.client.isClosed).toBe(false);
}

/** A list's cursor, which is never expired. */
async function listed(ledger: TestLedger): Promise<string> {
  const query = "query($ns: String!) { products(namespace: $ns, first: 1) { resourceVersion } }";
  return (await data(admin, query, { ns: ledger.name })).products.resourceVersion;
}

async function grown(count: number): Promise<{ ledger: TestLedger; start: number }> {
  const ledger = await shop(admin, "grown");
  const start = await headOf(ledger);
  for (let i = 0; i < count; i += 1) await commit(ledger, { [`p${i}`]: product(`p${i}`) });
  return { ledger, start };
}

describe("a cursor that cannot be resumed is WATCH_EXPIRED, with the reason", () => {
  it("RETENTION_EXPIRED, where its events are kept no more; a relist then ends the loop", async () => {
    const { ledger, start } = await grown(4);
    await forgetUpTo(ledger, (await headOf(ledger)) - 1);
    await expectExpired(await watch(ledger, String(start)), "RETENTION_EXPIRED");
    await expectExpired(await watchAll(ledger, vector({ [ledger.name]: start })), "RETENTION_EXPIRED");
    const again = await watch(ledger, await listed(ledger));
    await commit(ledger, { after: product("after") });
    expect(await again.untilTold(1)).toEqual([`ADDED ${ledger.name}/after`]);
  });

  it("and not where they have left the ledger but are in the window", async () => {
    const { ledger, start } = await grown(4);
    await compactAt(ledger, (await headOf(ledger)) - 1);
    const watched = await watch(ledger, String(start));
    expect(await watched.untilTold(4)).toEqual([0, 1, 2, 3].map((i) => `ADDED ${ledger.name}/p${i}`));
  });

  it("EPOCH_MISMATCH, where a restore undid what it is of", async () => {
    const { ledger } = await grown(1);
    const restored = await headOf(ledger);
    const refs = new Map(ledger.refs);
    await commit(ledger, { undone: product("undone") });
    const seen = await headOf(ledger);
    await runAlarm(ledger);
    // What point-in-time recovery leaves behind.
    await runInDurableObject(stubOf(ledger), (_, { storage: { sql } }) => {
      sql.exec("DELETE FROM versions WHERE rv > ?", restored);
      sql.exec("DELETE FROM heads WHERE rv > ? AND kind <> 'Repository.gitstore.dev'", restored);
      sql.exec("UPDATE heads SET rv = ? WHERE kind = 'Repository.gitstore.dev'", restored);
      sql.exec("UPDATE meta SET value = ? WHERE key IN ('rv', 'flushed')", restored);
      for (const [key, { oid, move }] of refs)
        sql.exec("UPDATE refs SET oid = ?, move = ? WHERE repo = ?", oid, move, key.split(" ")[0] ?? "");
    });
    await evictDurableObject(stubOf(ledger), { webSockets: "close" });
    ledger.refs = refs;
    await commit(ledger, { after: product("after") });
    await expectExpired(await watch(ledger, String(seen)), "EPOCH_MISMATCH");
    await expectExpired(await watchAll(ledger, vector({ [ledger.name]: seen })), "EPOCH_MISMATCH");
  });

  it.each([
    ["a future RV", "999999999"],
    ["nonsense", "garbage"],
    ["an RV that no counter reaches", "99999999999999999999"],
    ["a negative one", "-1"],
    ["a sentinel that nobody has", "__nothing_watch_bootstrap__"],
    ["a cursor of many namespaces for one", vector({ acme: 5 })],
  ])("INVALID_CURSOR, for %s", async (_, rv) => {
    const { ledger } = await grown(0);
    await expectExpired(await watch(ledger, rv), "INVALID_CURSOR");
  });

  it.each([
    ["nonsense", "garbage"],
    ["what is no base64", "v1.§"],
    ["what is no JSON", `v1.${btoa("{")}`],
    ["a list", `v1.${btoa("[1]")}`],
    ["RVs that are no numbers", `v1.${btoa('{"acme":"5"}')}`],
    ["names that are no namespaces", vector({ "A/../b": 5 })],
    ["over 64 KiB", `v1.${"A".repeat(65 * 1024)}`],
  ])("INVALID_CURSOR without a namespace, for %s", async (_, rv) => {
    const { ledger } = await grown(0);
    await expectExpired(await watchAll(ledger, rv), "INVALID_CURSOR");
  });

  it("INVALID_CURSOR, for a future RV of one namespace among several", async () => {
    const { ledger } = await grown(1);
    await expectExpired(await watchAll(ledger, vector({ [ledger.name]: 999_999_999 })), "INVALID_CURSOR");
  });

  it("REPLAY_LIMIT, where more happened since than is replayed; the last cursor within it is resumed", async () => {
    const { ledger } = await grown(6);
    const head = await headOf(ledger);
    const env: Env = { ...bindings, GRAPHQL_REPLAY_EVENTS: 3 };
    await expectExpired(await watch(ledger, String(head - 4), env), "REPLAY_LIMIT");
    await expectExpired(await watchAll(ledger, vector({ [ledger.name]: head - 4 }), env), "REPLAY_LIMIT");
    const within = await watch(ledger, String(head - 3), env);
    // Before the watch stands, one more event would put its cursor beyond the limit.
    await within.client.until(() => within.told.length > 0);
    await commit(ledger, { last: product("last") });
    await within.client.until(() => within.told.includes(`ADDED ${ledger.name}/last`));
    expect((await watch(ledger, "0", env)).errors).toEqual([]);
  });

  it("over server-sent events: one next with the error, then complete and the end", async () => {
    const { ledger, start } = await grown(3);
    await forgetUpTo(ledger, (await headOf(ledger)) - 1);
    const stream = await EventStream.open(admin, WATCH, { kind: "Product", ns: ledger.name, rv: String(start) });
    expect(await stream.next()).toMatchObject({
      event: "next",
      data: { data: null, errors: [{ extensions: { code: "WATCH_EXPIRED", reason: "RETENTION_EXPIRED" } }] },
    });
    expect(await stream.next()).toMatchObject({ event: "complete" });
    expect(await stream.next()).toBeUndefined();
  });
});
