/**
 * What upstream's controller manager needs of the edge, a test for each item. Namespace lifecycle with finalizers
 * comes later; its subscriptions are in upstreamWatches.test.ts, its writes in upstreamWrites.test.ts; silence after it has settled is shown with a stand-in of
 * it against the whole server (test/e2e).
 */
import { type GraphQLEnumType, parse, visit } from "graphql";
import { afterEach, beforeAll, describe, expect, it } from "vitest";
import type { Env } from "../../../src/config.ts";
import { executableSchema } from "../../../src/graphql/build.ts";
import { ask, tokenFor } from "../support/http.ts";
import { addRepository, bindings, type TestLedger } from "../support/ledger.ts";
import { Client } from "./client.ts";
import { category, commit, data, product, productsOf, shop } from "./support.ts";
import { categoryOf, closeAll, condition, DOCUMENTS, must, send, subscribe, writeCategory } from "./upstream.ts";

let admin: string;
let manager: string;
let acme: TestLedger;
beforeAll(async () => {
  admin = await tokenFor({ role: "admin" });
  manager = await tokenFor({ role: "upstream-manager" }, "serviceaccount:upstream:manager");
  acme = await shop(admin, "acme");
  const media = "title: tops\nmedia:\n  - fileRef: { kind: File, name: hero, optional: true }";
  await commit(acme, {
    tops: `---\napiVersion: catalog.gitstore.dev/v1beta1\nkind: CategoryTaxonomy\nmetadata:\n  name: tops\nspec:\n  ${media.replaceAll("\n", "\n  ")}\n---\n`,
    shirts: category("shirts", "tops"),
    shirt: product("shirt", "shirts"),
    loose: product("loose"),
  });
});

const RFC3339 = /^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}(\.\d+)?(Z|[+-]\d{2}:\d{2})$/;
const ns = () => ({ namespace: acme.name });

afterEach(closeAll);

describe("transport", () => {
  it("1. takes a POST of JSON with a bearer token and no Accept, of an anonymous operation without a name", async () => {
    expect(await send(manager, { query: "{ __typename }" })).toEqual({
      status: 200,
      data: { __typename: "Query" },
      errors: undefined,
    });
    expect((await must(manager, "products", ns())).products.edges).toHaveLength(2);
  });

  it("2. answers below 300 whatever GraphQL says, and 300 or more for a missing or bad token", async () => {
    const stale = { ...ns(), name: "tops", resourceVersion: "1", conditions: [] };
    for (const [document, variables] of [
      [{ query: "{ broken" }, undefined],
      [{ query: "{ unknown }" }, undefined],
      ["products", {}],
      ["updateCategoryStatus", { input: stale }],
      ["updateCategoryStatus", { input: { ...stale, name: "nothing" } }],
      ["createRepository", { input: { namespace: "nowhere", name: "x" } }],
    ] as const)
      expect((await send(manager, document, variables)).status).toBe(200);
    const stranger = await tokenFor({ grants: [] });
    expect((await send(stranger, "namespaces")).status).toBe(200);
    for (const token of [undefined, "bad"]) expect((await send(token, "namespaces")).status).toBe(401);
    const failing: Env = { ...bindings, LEDGER: {} as DurableObjectNamespace };
    expect((await send(manager, "namespaces", undefined, failing)).status).toBe(500);
  });

  it("3. never answers these documents in part: an optional field that is not there is null, without an error", async () => {
    const loose = await must(manager, "products", ns());
    expect(loose.products.edges[0].node.spec.categoryRef).toBeNull();
    expect(await categoryOf(manager, acme.name, "tops")).toMatchObject({
      metadata: { deletionTimestamp: null },
      spec: { parentRef: null },
      status: { resolved: null },
    });
  });

  it("4. upgrades without Authorization and Origin, and takes the token from connection_init", async () => {
    const headers = { upgrade: "websocket", "sec-websocket-protocol": "graphql-transport-ws" };
    const answer = await ask(undefined, "/graphql", { headers });
    expect([answer.status, answer.headers.get("sec-websocket-protocol")]).toEqual([101, "graphql-transport-ws"]);
    const watched = await subscribe(manager, "watchCategories", "0");
    await watched.untilTold(1);
    expect(watched.events[0]?.type).toBe("ADDED");
  });

  it("5. sends connection_ack first, and takes a subscribe at once behind it", async () => {
    const client = await Client.open();
    client.pongs = false;
    client.send({ type: "connection_init", payload: { Authorization: `Bearer ${manager}` } });
    await client.until(() => client.messages.length > 0);
    expect(client.messages[0]).toEqual({ type: "connection_ack" });
  });

  it("6. goes on for who never answers a message-level ping, and says so after 8 MiB that nobody may have read", async () => {
    const ledger = await shop(admin, "silent");
    const long = "x".repeat(100_000);
    await commit(
      ledger,
      Object.fromEntries(Object.entries(productsOf(10)).map(([name, text]) => [name, `${text}${long}`])),
    );
    const client = await Client.ready(admin, { pongs: false });
    const watched = client.subscribe(
      `subscription { watchResources(kind: "Product", namespace: "${ledger.name}", resourceVersion: "0") { type name resourceVersion object } }`,
    );
    // A megabyte, four pings, and no pong. What comes after 8 MiB is in overflow.test.ts.
    await watched.untilTold(10);
    expect(client.messages.filter(({ type }) => type === "ping").length).toBeGreaterThanOrEqual(4);
    await commit(ledger, { later: product("later") });
    await watched.untilTold(11);
    expect(watched.errors).toEqual([]);
  });

  it("7. frees the session after complete and an abrupt close", async () => {
    const ledger = await shop(admin, "freed");
    const token = await tokenFor({ role: "upstream-manager", namespaces: [ledger.name] });
    const connected = async () => (await ledger.stub.stats()).watchers.connected;
    const watched = await subscribe(token, "watchProducts", "__product_watch_bootstrap__");
    await watched.untilTold(1);
    await expect.poll(connected).toBe(1);
    watched.stop();
    watched.client.close();
    await expect.poll(connected).toBe(0);
  });

  it("8. tells an error before the stream as next with errors, or as error: its code is there either way", async () => {
    const expired = await subscribe(manager, "watchProducts", "garbage");
    await expired.untilOver();
    expect(expired.messages[0]).toMatchObject({
      type: "next",
      payload: { errors: [{ extensions: { code: "WATCH_EXPIRED" } }] },
    });
    const stranger = await subscribe(await tokenFor({ grants: [] }), "watchProducts");
    expect((await stranger.untilOver())[0]?.extensions.code).toBe("FORBIDDEN");
  });
});

describe("scalars and shapes", () => {
  it("9. has times that Go reads, statuses in capitals, a depth of at most 127, and JSON that is objects", async () => {
    const before = await categoryOf(manager, acme.name, "shirts");
    const path = Array.from({ length: 3 }, (_, i) => `p${i}`);
    const written = await writeCategory(manager, {
      ...ns(),
      name: "shirts",
      resourceVersion: before.metadata.resourceVersion,
      observedGeneration: 1,
      conditions: [condition("Ready", "UNKNOWN")],
      resolved: { depth: 300, path, childCount: 2_000_000_000, productCount: 1 },
    });
    expect(written.conflict).toBeNull();
    const { metadata, status } = await categoryOf(manager, acme.name, "shirts");
    expect(status.resolved).toEqual({ depth: 127, path, childCount: 2_000_000_000, productCount: 1 });
    for (const { lastTransitionTime, status: shown } of status.conditions) {
      expect(lastTransitionTime).toMatch(RFC3339);
      expect(["TRUE", "FALSE", "UNKNOWN"]).toContain(shown);
    }
    expect(metadata.resourceVersion).toMatch(/^[1-9][0-9]*$/);
    expect(Number(metadata.resourceVersion)).toBeGreaterThan(Number(before.metadata.resourceVersion));
    const watched = await subscribe(manager, "watchNamespaces", "0");
    await watched.untilTold(1);
    expect(typeof watched.events[0]?.object).toBe("object");
    for (const { resourceVersion } of watched.events) expect(resourceVersion).not.toBe("");
  });

  it("10. has exactly the event types ADDED, MODIFIED, DELETED, BOOKMARK", () => {
    const type = executableSchema().getType("WatchEventType") as GraphQLEnumType;
    expect(type.getValues().map(({ name }) => name)).toEqual(["ADDED", "MODIFIED", "DELETED", "BOOKMARK"]);
  });
});

describe("queries", () => {
  it("11. lists namespaces with their finalizers and status, never null, and of those alone that the token may list", async () => {
    const { namespaces } = await must(manager, "namespaces", { first: 100 });
    const found = namespaces.edges.find(
      (edge: { node: { metadata: { name: string } } }) => edge.node.metadata.name === acme.name,
    );
    expect(found).toEqual({
      cursor: expect.any(String),
      node: {
        metadata: {
          uid: expect.any(String),
          name: acme.name,
          resourceVersion: expect.stringMatching(/^[1-9]/),
          generation: 1,
          finalizers: [],
        },
        status: {
          observedGeneration: expect.any(Number),
          lastAppliedRevision: null,
          conditions: [
            {
              ...condition("AdmissionAccepted"),
              reason: "Admitted",
              message: expect.any(String),
              lastTransitionTime: expect.stringMatching(RFC3339),
            },
          ],
        },
      },
    });
    const one = await tokenFor({ role: "upstream-manager", namespaces: [acme.name] });
    const { namespaces: own } = await must(one, "namespaces", { first: 100 });
    expect(own.edges.map((edge: { node: { metadata: { name: string } } }) => edge.node.metadata.name)).toEqual([
      acme.name,
    ]);
  });

  it("12. lists categories with the lists that may not be null, and null where there is no parent or status part", async () => {
    const tops = await categoryOf(manager, acme.name, "tops");
    expect(tops).toMatchObject({
      metadata: { namespace: acme.name, finalizers: [], ownerReferences: [], deletionTimestamp: null },
      spec: { parentRef: null, media: [{ fileRef: { name: "hero", optional: true } }] },
      status: { resolved: null, lastAppliedRevision: expect.any(String) },
    });
    expect((await categoryOf(manager, acme.name, "shirts")).spec).toEqual({ parentRef: { name: "tops" }, media: [] });
  });

  it("13. lists products in both forms", async () => {
    const { products } = await must(manager, "products", { ...ns(), first: 100 });
    expect(products.edges.map(({ node }: { node: object }) => node)).toEqual([
      {
        metadata: { uid: expect.any(String), name: "loose", namespace: acme.name, resourceVersion: expect.any(String) },
        spec: { categoryRef: null },
      },
      expect.objectContaining({ spec: { categoryRef: { name: "shirts" } } }),
    ]);
    const short = await must(manager, "productsOfCategory", { ...ns(), first: 100 });
    expect(short.products.edges).toEqual([
      { node: { spec: { categoryRef: null } } },
      { node: { spec: { categoryRef: { name: "shirts" } } } },
    ]);
  });

  it("14. lists nothing, without an error, of a namespace that vanished between two calls", async () => {
    const gone = await shop(admin, "gone");
    await commit(gone, { a: product("a"), c: category("c") });
    await data(
      admin,
      `mutation { deleteNamespace(input: { identifier: "${gone.name}", force: true }) { deletedIdentifier } }`,
    );
    for (const document of ["categories", "products"] as const) {
      const found = await must(manager, document, { namespace: gone.name, first: 100 });
      expect(found[document]).toEqual({ edges: [], pageInfo: { hasNextPage: false, endCursor: null } });
    }
  });

  it("15. finds a repository by its path, and null without an error where there is none", async () => {
    expect(await must(manager, "repository", { ...ns(), name: "catalog" })).toEqual({
      repository: { metadata: { name: "catalog" } },
    });
    expect(await must(manager, "repository", { ...ns(), name: "nothing" })).toEqual({ repository: null });
    expect(await must(manager, "repository", { namespace: "nowhere", name: "x" })).toEqual({ repository: null });
  });

  it("16. counts repositories exactly, with one asked for", async () => {
    const ledger = await shop(admin, "counted");
    const count = async () => (await must(manager, "repositories", { namespace: ledger.name })).repositories.totalCount;
    expect(await count()).toBe(1);
    for (let i = 2; i <= 4; i += 1) {
      await addRepository(ledger.stub, `more-${i}`);
      expect(await count()).toBe(i);
    }
    expect((await must(manager, "repositories", { namespace: "nowhere" })).repositories.totalCount).toBe(0);
  });

  it("17. pages by endCursor, with nothing twice and nothing missing while others change", async () => {
    const ledger = await shop(admin, "paged");
    const files = productsOf(230);
    await commit(ledger, files);
    const seen: string[] = [];
    let after: string | null = null;
    for (let page = 0; ; page += 1) {
      const variables = { namespace: ledger.name, first: 100, ...(after === null ? {} : { after }) };
      const { products } = await must(manager, "products", variables);
      seen.push(...products.edges.map(({ node }: { node: { metadata: { name: string } } }) => node.metadata.name));
      await commit(ledger, { [`aa${page}`]: product(`aa${page}`), p150: product("p150", "moved") });
      if (!products.pageInfo.hasNextPage || products.pageInfo.endCursor === null) break;
      after = products.pageInfo.endCursor;
    }
    expect(seen).toEqual(Object.keys(files));
  });

  it("18. has room for every document: at most seven levels, under the cost limit, without introspection", async () => {
    const deepest = Object.values(DOCUMENTS).map((text) => {
      let depth = 0;
      let most = 0;
      visit(parse(text), {
        Field: {
          enter: () => {
            depth += 1;
            most = Math.max(most, depth);
          },
          leave: () => {
            depth -= 1;
          },
        },
      });
      return most;
    });
    expect(Math.max(...deepest)).toBeLessThanOrEqual(7);
    const variables = { ...ns(), first: 100, name: "catalog" };
    for (const document of [
      "namespaces",
      "categories",
      "products",
      "productsOfCategory",
      "repository",
      "repositories",
    ] as const)
      await must(manager, document, variables);
    expect((await send(manager, { query: "{ __schema { types { name } } }" })).errors?.[0]?.extensions.code).toBe(
      "BAD_USER_INPUT",
    );
  });
});
