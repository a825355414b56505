import { beforeAll, describe, expect, it } from "vitest";
import { ask, tokenFor } from "../support/http.ts";
import { bindings, type TestLedger } from "../support/ledger.ts";
import { tokenOf } from "../support/token.ts";
import { Client, EventStream, WATCH } from "./client.ts";
import { commit, product, shop } from "./support.ts";

let admin: string;
let ledger: TestLedger;
beforeAll(async () => {
  admin = await tokenFor({ role: "admin" });
  ledger = await shop(admin);
  await commit(ledger, { shirt: product("shirt") });
});

describe("graphql-transport-ws", () => {
  it("acknowledges a connection first, by the payload or by the header of the upgrade", async () => {
    for (const headers of [{}, { authorization: `Bearer ${admin}` }]) {
      const client = await Client.open({ headers });
      const payload = "authorization" in headers ? undefined : { Authorization: `Bearer ${admin}` };
      client.send({ type: "connection_init", ...(payload ? { payload } : {}) });
      await client.until(() => client.messages.length > 0);
      expect(client.messages[0]).toEqual({ type: "connection_ack" });
    }
  });

  it("answers a ping with its payload, and takes a pong that nobody asked for", async () => {
    const client = await Client.ready(admin);
    client.send({ type: "pong" });
    client.send({ type: "ping", payload: { n: 1 } });
    await client.until(() => client.messages.some(({ type }) => type === "pong"));
    expect(client.messages.at(-1)).toEqual({ type: "pong", payload: { n: 1 } });
  });

  it("executes queries and mutations too: one next, then complete; errors before execution are one error", async () => {
    const client = await Client.ready(admin);
    const good = client.subscribe("{ __typename }");
    await good.untilOver();
    expect(good.messages).toEqual([
      { id: "1", type: "next", payload: { data: { __typename: "Query" } } },
      { id: "1", type: "complete" },
    ]);
    for (const query of [
      "{ nonsense }",
      "{ broken",
      `{ ${Array.from({ length: 31 }, (_, i) => `a${i}: __typename`).join(" ")} }`,
    ]) {
      const bad = client.subscribe(query);
      const errors = await bad.untilOver();
      expect(bad.messages.map(({ type }) => type)).toEqual(["error"]);
      expect(errors[0]?.extensions).toMatchObject({ code: "BAD_USER_INPUT", retryable: false });
    }
    const costly = client.subscribe('{ products(namespace: "x", first: 9000) { edges { node { id } } } }');
    expect((await costly.untilOver())[0]?.message).toContain("costs");
  });

  it("says FORBIDDEN before it looks at the cursor or whether the namespace is there", async () => {
    const reader = await tokenFor({ role: "reader", namespaces: [ledger.name] });
    const client = await Client.ready(reader);
    const told: string[] = [];
    for (const ns of ["elsewhere", "nowhere"]) {
      for (const rv of ["0", "garbage"]) {
        const watched = client.subscribe(WATCH, { kind: "Product", ns, rv });
        const errors = await watched.untilOver();
        expect(errors.map(({ extensions }) => extensions.code)).toEqual(["FORBIDDEN"]);
        told.push(JSON.stringify(errors).replaceAll(ns, "X"));
      }
    }
    expect(new Set(told).size).toBe(1);
    const own = client.subscribe(WATCH, { kind: "Product", ns: ledger.name, rv: "0" });
    expect(await own.untilTold(1)).toEqual([`ADDED ${ledger.name}/shirt`]);
  });

  it.each([
    ["a second connection_init", (client: Client) => client.send({ type: "connection_init" }), 4429],
    ["what is no JSON", (client: Client) => client.send("{"), 4400],
    ["an unknown type", (client: Client) => client.send({ type: "start" }), 4400],
    ["subscribe without a query", (client: Client) => client.send({ id: "1", type: "subscribe", payload: {} }), 4400],
    ["a message over 1 MiB", (client: Client) => client.send(`"${"x".repeat(1_048_576)}"`), 4400],
    [
      "one of fewer characters",
      (client: Client) => {
        const query = `{ __typename } # ${"字".repeat(400_000)}`;
        client.send({ id: "1", type: "subscribe", payload: { query } });
      },
      4400,
    ],
    [
      "an id that is in use",
      (client: Client) => {
        for (let i = 0; i < 2; i += 1)
          client.send({
            id: "7",
            type: "subscribe",
            payload: { query: WATCH, variables: { kind: "Product", ns: ledger.name } },
          });
      },
      4409,
    ],
  ])("closes on %s", async (_, act, code) => {
    const client = await Client.ready(admin);
    act(client);
    expect((await client.closed).code).toBe(code);
  });

  it("closes 4401 for subscribe before connection_init, and for no token or a bad one", async () => {
    const early = await Client.open();
    early.send({ id: "1", type: "subscribe", payload: { query: "{ __typename }" } });
    expect((await early.closed).code).toBe(4401);
    for (const payload of [undefined, {}, { Authorization: "Bearer garbage" }, { Authorization: 7 }]) {
      const client = await Client.open();
      client.send({ type: "connection_init", ...(payload ? { payload } : {}) });
      const { code, reason } = await client.closed;
      expect([code, reason.startsWith("Unauthorized")]).toEqual([4401, true]);
      expect(client.messages).toEqual([]);
    }
  });

  it("closes 4406 where the subprotocol is not offered", async () => {
    const { webSocket } = await ask(admin, "/graphql", {
      headers: { upgrade: "websocket", "sec-websocket-protocol": "graphql-ws" },
    });
    if (!webSocket) throw new Error("no socket");
    expect((await new Client(webSocket).closed).code).toBe(4406);
  });

  it("closes 4408 where connection_init does not come within 3 s", async () => {
    const client = await Client.open();
    expect((await client.closed).code).toBe(4408);
  });

  it("has at most 64 operations at once, and says so for the next one alone", async () => {
    const client = await Client.ready(admin);
    const watches = Array.from({ length: 65 }, () =>
      client.subscribe(WATCH, { kind: "Product", ns: ledger.name, rv: "__product_watch_bootstrap__" }),
    );
    expect((await watches[64]?.untilOver())?.[0]?.extensions).toEqual({ code: "RATE_LIMITED", retryable: true });
    expect(client.isClosed).toBe(false);
    client.close();
  });
});

describe("a token that ends", () => {
  it("ends its subscriptions with UNAUTHENTICATED and where to go on, then the connection, 4403", async () => {
    const jti = crypto.randomUUID();
    const token = await tokenOf({ role: "admin", namespaces: ["*"] }, { sub: "user:gone", jti });
    const client = await Client.ready(token);
    const watched = client.subscribe(WATCH, { kind: "Product", ns: ledger.name, rv: "__product_watch_bootstrap__" });
    await watched.untilTold(1);
    await ledger.stub.revoke({ jti });
    const { code } = await client.closed;
    expect(code).toBe(4403);
    expect(watched.errors).toEqual([
      expect.objectContaining({
        extensions: { code: "UNAUTHENTICATED", retryable: false, resourceVersion: watched.cursor },
      }),
    ]);
  });

  it("is registered with the ledgers it watches, so that a revocation ends all that it watches", async () => {
    const token = await tokenOf({ role: "admin", namespaces: ["*"] }, { sub: "user:known" });
    const variables = { kind: "Product", ns: ledger.name, rv: "__product_watch_bootstrap__" };
    const client = await Client.ready(token);
    const watched = client.subscribe(WATCH, variables);
    await watched.untilTold(1);
    const events = await EventStream.open(token, WATCH, variables);
    expect(await events.next()).toMatchObject({ data: { data: { watchResources: { type: "BOOKMARK" } } } });
    const rows = async () =>
      (
        await bindings.REPLAY.prepare("SELECT ns FROM sessions WHERE sub = ?").bind("user:known").all<{ ns: string }>()
      ).results.map(({ ns }) => ns);
    await expect.poll(rows).toEqual([ledger.name]);
    const { body } = await ask(admin, "/admin/revocations", { method: "POST", body: { sub: "user:known" } });
    expect(body).toMatchObject({ closed: 2 });
    expect((await client.closed).code).toBe(4403);
    const ended = { extensions: { code: "UNAUTHENTICATED", retryable: false, resourceVersion: watched.cursor } };
    expect(watched.errors).toMatchObject([ended]);
    expect(await events.next()).toMatchObject({ event: "next", data: { errors: [ended] } });
    expect(await events.next()).toMatchObject({ event: "complete" });
    const again = await Client.open();
    again.send({ type: "connection_init", payload: { Authorization: `Bearer ${token}` } });
    expect((await again.closed).code).toBe(4401);
  });
});

describe("server-sent events", () => {
  const open = (query: string, variables: Record<string, unknown>, method: "GET" | "POST" = "POST") =>
    EventStream.open(admin, query, variables, method);

  it.each(["POST", "GET"] as const)(
    "carry a subscription by %s, event by event, and its error at the end",
    async (method) => {
      const own = await shop(admin);
      await commit(own, { shirt: product("shirt") });
      const events = await open(WATCH, { kind: "Product", ns: own.name, rv: "0" }, method);
      expect(events.response.headers.get("content-type")).toBe("text/event-stream");
      const told = (name: string) => ({
        event: "next",
        data: { data: { watchResources: expect.objectContaining({ type: "ADDED", name }) } },
      });
      expect(await events.next()).toEqual(told("shirt"));
      await commit(own, { hat: product("hat") });
      expect(await events.next()).toEqual(told("hat"));
      await events.close();
      // That the reader went is heard of with the next write.
      await commit(own, { coat: product("coat") });
      await expect.poll(async () => (await own.stub.stats()).watchers.connected).toBe(0);
      const expired = await open(WATCH, { kind: "Product", ns: ledger.name, rv: "garbage" }, method);
      expect(await expired.next()).toMatchObject({
        event: "next",
        data: { errors: [{ extensions: { code: "WATCH_EXPIRED", reason: "INVALID_CURSOR" } }] },
      });
      expect(await expired.next()).toMatchObject({ event: "complete" });
    },
  );
});
