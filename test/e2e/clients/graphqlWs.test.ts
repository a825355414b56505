import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import { GraphqlShop, LIST, type Told, WATCH } from "../support/graphql.ts";

/** A cursor further back than this is REPLAY_LIMIT. */
const REPLAY_EVENTS = 12;

let shop: GraphqlShop;
beforeAll(async () => {
  shop = await GraphqlShop.open({ GRAPHQL_REPLAY_EVENTS: String(REPLAY_EVENTS) });
});
afterEach(() => shop.disposeClients());
afterAll(() => shop.close());

describe("graphql-ws", () => {
  it("subscribes to the state, then to what comes, and leaves no session behind", async () => {
    const stream = shop.graphqlWs().iterate({ query: WATCH, variables: { namespace: "acme", rv: "0" } });
    const told: string[] = [];
    const next = async () => {
      const { data } = (await stream.next()).value as Told;
      told.push(`${data?.watchProducts.type} ${data?.watchProducts.name}`);
    };
    await next();
    await next();
    await shop.push({ hat: "Another hat", scarf: "A scarf" });
    await next();
    await next();
    await shop.push({ scarf: null });
    await next();
    expect(told).toEqual(["ADDED coat", "ADDED hat", "MODIFIED hat", "ADDED scarf", "DELETED scarf"]);
    expect(await shop.sessions()).toBe(1);
    await stream.return?.();
    await expect.poll(() => shop.sessions(), { timeout: 30_000 }).toBe(0);
  });

  it.each([
    ["one namespace", "acme"],
    ["all of them", null],
  ])("resumes a watch of %s strictly after the last event it has", async (_, namespace) => {
    const [bookmark] = await shop.events(shop.graphqlWs(), "__product_watch_bootstrap__", 1, namespace);
    expect(bookmark?.type).toBe("BOOKMARK");
    await shop.push({ one: "One", two: "Two", three: "Three" });
    const client = shop.graphqlWs();
    const first = await shop.events(client, bookmark?.resourceVersion ?? "", 1, namespace);
    client.terminate();
    const rest = await shop.events(shop.graphqlWs(), first[0]?.resourceVersion ?? "", 2, namespace);
    expect([...first, ...rest].map(({ type, name }) => `${type} ${name}`).sort()).toEqual(
      ["one", "three", "two"].map((name) => `ADDED ${name}`),
    );
    await shop.push({ one: null, two: null, three: null });
  });

  it("resumes over a kill -9 and restart of the server, with what came between", async () => {
    const stream = shop.graphqlWs().iterate({ query: WATCH, variables: { namespace: "acme", rv: await shop.head() } });
    await shop.push({ hat: "Before" });
    const before = (await stream.next()).value as Told;
    await shop.stage.server.kill();
    // Node's WebSocket says that it failed, and closes: graphql-ws rejects with what comes first.
    await expect(stream.next()).rejects.toMatchObject({ type: expect.stringMatching(/^(error|close)$/) });
    await shop.stage.server.restart();
    await shop.push({ hat: "After" });
    const cursor = before.data?.watchProducts.resourceVersion ?? "";
    const [after] = await shop.events(shop.graphqlWs(), cursor, 1);
    expect([before.data?.watchProducts.product?.spec.title, after?.product?.spec.title]).toEqual(["Before", "After"]);
  });

  it("is told WATCH_EXPIRED in its next, with the reason, and then that it is complete", async () => {
    const rv = await shop.head();
    for (let i = 0; i < REPLAY_EVENTS; i += 1) await shop.push({ hat: `Hat ${i}` });
    for (const [cursor, reason] of [
      [rv, "REPLAY_LIMIT"],
      ["999999999", "INVALID_CURSOR"],
    ] as const) {
      expect(await shop.told(shop.graphqlWs(), cursor)).toEqual([
        {
          data: null,
          errors: [expect.objectContaining({ extensions: { code: "WATCH_EXPIRED", retryable: false, reason } })],
        },
      ]);
    }
  });

  it("is refused for good without a token, 4401, and with FORBIDDEN for what its token may not watch", async () => {
    const refused = shop.graphqlWs("garbage", { retryAttempts: 5 });
    await expect(shop.told(refused, "0")).rejects.toMatchObject({ code: 4401 });
    const stranger = await shop.stage.server.token({ role: "reader", namespaces: ["elsewhere"] });
    const [told] = await shop.told(shop.graphqlWs(stranger), "0");
    expect(told?.errors?.[0]?.extensions).toEqual({ code: "FORBIDDEN", retryable: false });
  });

  it("is pinged as it pings, and runs queries over the connection that a subscription is on", async () => {
    const seen: string[] = [];
    const opened: unknown[] = [];
    const client = shop.graphqlWs(shop.stage.admin, {
      keepAlive: 20,
      on: {
        opened: (socket) => opened.push(socket),
        ping: (received) => seen.push(received ? "pinged" : "ping"),
        pong: (received) => seen.push(received ? "pong" : "ponged"),
      },
    });
    const stream = client.iterate({ query: WATCH, variables: { namespace: "acme", rv: "0" } });
    await stream.next();
    const { value } = await client.iterate({ query: LIST, variables: { namespace: "acme" } }).next();
    expect(value).toMatchObject({ data: { products: { edges: [{}, {}] } } });
    await expect.poll(() => new Set(seen)).toEqual(new Set(["ping", "pong", "pinged", "ponged"]));
    expect(opened).toHaveLength(1);
    await stream.return?.();
  });
});
