import { beforeAll, describe, expect, it } from "vitest";
import { tokenFor } from "../support/http.ts";
import { controlsOfLedger, headOf, runAlarm, type TestLedger } from "../support/ledger.ts";
import { Client, type Event, EventStream, type Subscription, WATCH } from "./client.ts";
import { commit, product, shop, type Told } from "./support.ts";

const LONG = "x".repeat(500_000);
const COUNT = 24;

let admin: string;
let ledger: TestLedger;
let start: number;
let reader: string;
beforeAll(async () => {
  admin = await tokenFor({ role: "admin" });
  ledger = await shop(admin, "heavy");
  reader = await tokenFor({ role: "reader", namespaces: [ledger.name] });
  start = await headOf(ledger);
  for (let i = 0; i < COUNT; i += 1) {
    const name = `p${String(i).padStart(2, "0")}`;
    await commit(ledger, { [name]: `${product(name)}${LONG}` });
  }
}, 60_000);

const names = (watched: Subscription) =>
  watched.events.filter(({ type }) => type !== "BOOKMARK").map(({ name }) => name);

/** A subscriber that never answers a ping, as upstream's controllers, until it is told that it does not read. */
async function overflowed(variables: Record<string, unknown>): Promise<Subscription> {
  const client = await Client.ready(reader, { pongs: false });
  const watched = client.subscribe(WATCH, { kind: "Product", ...variables });
  await watched.untilOver();
  return watched;
}

describe("a subscriber that does not read", () => {
  it("is told so after 8 MiB, with the resourceVersion from which nothing is missing and nothing comes twice", async () => {
    const first = await overflowed({ ns: ledger.name, rv: String(start) });
    const told = names(first);
    expect(told.length).toBeGreaterThan(5);
    expect(told.length).toBeLessThan(COUNT);
    expect(first.errors.map(({ extensions }) => extensions)).toEqual([
      { code: "UNAVAILABLE", retryable: true, reason: "SUBSCRIBER_OVERFLOW", resourceVersion: first.cursor },
    ]);
    expect(first.messages.at(-1)?.type).toBe("complete");
    const rest = (await Client.ready(reader)).subscribe(WATCH, { kind: "Product", ns: ledger.name, rv: first.cursor });
    await rest.untilTold(COUNT - told.length);
    expect([...told, ...names(rest)]).toEqual(
      Array.from({ length: COUNT }, (_, i) => `p${String(i).padStart(2, "0")}`),
    );
  });

  it("and watches without a namespace, is given the cursor of all of them", async () => {
    const cursor = `v1.${btoa(JSON.stringify({ [ledger.name]: start })).replace(/=+$/, "")}`;
    const first = await overflowed({ rv: cursor });
    const told = names(first);
    expect(first.errors[0]?.extensions).toEqual({
      code: "UNAVAILABLE",
      retryable: true,
      reason: "SUBSCRIBER_OVERFLOW",
      resourceVersion: first.cursor,
    });
    const rest = (await Client.ready(reader)).subscribe(WATCH, { kind: "Product", rv: first.cursor });
    await rest.untilTold(COUNT - told.length);
    expect([...told, ...names(rest)]).toEqual(
      Array.from({ length: COUNT }, (_, i) => `p${String(i).padStart(2, "0")}`),
    );
  });

  it("costs the ledger its window and nothing more: what is not pulled stays in the log", async () => {
    const client = await Client.ready(reader);
    await client.until(() => client.messages.some(({ type }) => type === "ping"));
    client.pongs = false;
    const watched = client.subscribe(WATCH, { kind: "Product", ns: ledger.name, rv: String(start) });
    await client.until(() => watched.events.length >= 1);
    const stats = async () => (await ledger.stub.stats()).watchers;
    await expect.poll(async () => (await stats()).parked).toBeGreaterThanOrEqual(1);
    expect(watched.events.length).toBeLessThanOrEqual(2);
    client.pongs = true;
    client.send({ type: "pong" });
    await watched.untilTold(COUNT);
    client.close();
  });

  it("of server-sent events costs the same, and is told everything once it reads", async () => {
    const stats = async () => (await ledger.stub.stats()).watchers;
    const before = (await stats()).parked;
    const variables = { kind: "Product", ns: ledger.name, rv: String(start) };
    const events = await EventStream.open(reader, WATCH, variables);
    await expect.poll(async () => (await stats()).parked).toBe(before + 1);
    const told: unknown[] = [];
    while (told.length < COUNT) {
      const { data } = (await events.next()) as { data: { data: { watchResources: { type: string; name: string } } } };
      if (data.data.watchResources.type !== "BOOKMARK") told.push(data.data.watchResources.name);
    }
    expect(told).toEqual(Array.from({ length: COUNT }, (_, i) => `p${String(i).padStart(2, "0")}`));
    await events.close();
  });

  it("for five minutes is given up by the ledger, and told so when it reads, with where to go on", async () => {
    const stats = async () => (await ledger.stub.stats()).watchers;
    const before = (await stats()).parked;
    const variables = { kind: "Product", ns: ledger.name, rv: String(start) };
    const events = await EventStream.open(reader, WATCH, variables);
    await expect.poll(async () => (await stats()).parked).toBe(before + 1);
    controlsOfLedger(ledger).clockAheadMs = 6 * 60_000;
    await runAlarm(ledger);
    const told: Event[] = [];
    let errors: Told[] | undefined;
    while (!errors) {
      const { data } = (await events.next()) as { data: { data?: { watchResources: Event }; errors?: Told[] } };
      errors = data.errors;
      if (data.data) told.push(data.data.watchResources);
    }
    expect(told.length).toBeLessThan(COUNT);
    expect(errors.map(({ extensions }) => extensions)).toEqual([
      {
        code: "UNAVAILABLE",
        retryable: true,
        reason: "SUBSCRIBER_OVERFLOW",
        resourceVersion: told.at(-1)?.resourceVersion ?? String(start),
      },
    ]);
    expect(await events.next()).toMatchObject({ event: "complete" });
    const rv = errors[0]?.extensions.resourceVersion;
    const rest = (await Client.ready(reader)).subscribe(WATCH, { ...variables, rv });
    const shown = told.filter(({ type }) => type !== "BOOKMARK").map(({ name }) => name);
    await rest.untilTold(COUNT - shown.length);
    expect([...shown, ...names(rest)]).toEqual(
      Array.from({ length: COUNT }, (_, i) => `p${String(i).padStart(2, "0")}`),
    );
  });
});
