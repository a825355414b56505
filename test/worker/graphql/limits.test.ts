import { beforeAll, describe, expect, it, vi } from "vitest";
import type { Env } from "../../../src/config.ts";
import { ask, tokenFor } from "../support/http.ts";
import { bindings, type TestLedger } from "../support/ledger.ts";
import { data, gql, shop } from "./support.ts";

let admin: string;
let ledger: TestLedger;
beforeAll(async () => {
  admin = await tokenFor({ role: "admin" });
  ledger = await shop(admin);
});

const refused = (message: string) => [
  expect.objectContaining({
    message: expect.stringContaining(message),
    extensions: expect.objectContaining({ code: "BAD_USER_INPUT", retryable: false }),
  }),
];

/** `category { parent { parent { … } } }` with so many levels of fields. */
const deep = (levels: number) => {
  let inner = "depth";
  for (let level = levels; level > 2; level -= 1) inner = `parent { ${inner} }`;
  return `{ category(by: { namespacePath: { namespace: "nowhere", name: "x" } }) { ${inner} } }`;
};
const aliased = (count: number) => `{ ${Array.from({ length: count }, (_, i) => `a${i}: __typename`).join(" ")} }`;
const page = (first: number) => `{ products(namespace: "nowhere", first: ${first}) { edges { node { id } } } }`;

describe("before anything is executed", () => {
  it("12 levels are answered and 13 refused, also where a fragment hides them", async () => {
    expect((await gql(admin, deep(12))).errors).toBeUndefined();
    expect((await gql(admin, deep(13))).errors).toEqual(refused("13 levels deep: at most 12"));
    const hidden = `${deep(10).replace("depth", "...More")} fragment More on Category { parent { parent { parent { depth } } } }`;
    expect((await gql(admin, hidden)).errors).toEqual(refused("13 levels deep"));
  });

  it("30 aliases are answered and 31 refused", async () => {
    expect((await gql(admin, aliased(30))).errors).toBeUndefined();
    expect((await gql(admin, aliased(31))).errors).toEqual(refused("31 aliases: at most 30"));
  });

  it("a cost of 10,000 is answered and one more refused; pages multiply, and a variable is no way round", async () => {
    // The connection is one object; each of its edges is one, and has one.
    expect((await gql(admin, page(4_999))).errors).toBeUndefined();
    expect((await gql(admin, page(5_000))).errors).toEqual(refused("costs 10001: at most 10000"));
    const nested = (first: string) =>
      `query${first.includes("$") ? "($n: Int)" : ""} { categories(namespace: "nowhere") { edges { node { products(${first}) { edges { node { id } } } } } } }`;
    expect((await gql(admin, nested("first: 45"), {})).errors).toBeUndefined();
    expect((await gql(admin, nested("first: 50"))).errors).toEqual(refused("costs"));
    expect((await gql(admin, nested("first: $n"), { n: 50 })).errors).toEqual(refused("costs"));
    expect((await gql(admin, nested("last: $n"), { n: 50 })).errors).toEqual(refused("costs"));
    expect((await gql(admin, nested("first: $n"), {})).errors).toEqual(refused("costs"));
  });

  it("a list inside an object counts once, however long it is", async () => {
    const inside = (first: number) =>
      `{ products(namespace: "nowhere", first: ${first}) { edges { node { status { conditions { type status } } } } } }`;
    expect((await gql(admin, inside(2_499))).errors).toBeUndefined();
    expect((await gql(admin, inside(2_500))).errors).toEqual(refused("costs 10001: at most 10000"));
  });

  it("what @skip leaves out costs nothing, and a fragment costs what it holds wherever it is spread", async () => {
    const skipped = `query($no: Boolean!) { products(namespace: "nowhere", first: 9000) { edges @include(if: $no) { node { id } } totalCount } }`;
    expect((await gql(admin, skipped, { no: false })).errors).toBeUndefined();
    expect((await gql(admin, skipped, { no: true })).errors).toEqual(refused("costs 18001"));
    const spread = `{ products(namespace: "nowhere", first: 5000) { ...Page } } fragment Page on ProductConnection { edges { node { id } } }`;
    expect((await gql(admin, spread)).errors).toEqual(refused("costs 10001"));
    expect(
      (await gql(admin, "query($ids: [ID!]!) { nodes(ids: $ids) { id } }", { ids: Array(10_001).fill("x") })).errors,
    ).toEqual(refused("costs 10001"));
  });

  it("1 MiB is read and more is not", async () => {
    const padded = (bytes: number) => {
      const text = JSON.stringify({ query: "{ __typename }", variables: { pad: "" } });
      return text.replace('"pad":""', `"pad":"${"x".repeat(bytes - text.length)}"`);
    };
    const send = (bytes: number) =>
      gql(admin, "", undefined, { body: padded(bytes), headers: { "content-type": "application/json" } });
    expect((await send(1_048_576)).data).toEqual({ __typename: "Query" });
    const over = await send(1_048_577);
    expect(over.status).toBe(200);
    expect(over.errors).toEqual(refused("over 1048576 bytes"));
  });

  it("thousands of equal fields are refused before validation would compare each with each", async () => {
    expect((await gql(admin, `{ ${"__typename ".repeat(6_000)} }`)).errors).toEqual(refused("tokens"));
  });
});

describe("a relation that reads a whole kind", () => {
  /** A ledger that has so many products, of which a list gives 500 at a time. */
  function full(count: number): Env {
    const object = (kind: string, name: string, spec: object) =>
      JSON.stringify({
        apiVersion: "catalog.gitstore.dev/v1beta1",
        kind,
        metadata: { name, namespace: "full", uid: "0190a5b0-0000-7000-8000-000000000000", resourceVersion: "5" },
        spec,
      });
    const stub = {
      get: async () => ({ ok: true, value: object("CategoryTaxonomy", "all", {}) }),
      list: async ({ after, limit }: { after?: string; limit: number }) => {
        const from = after === undefined ? 0 : Number(after);
        const items = Array.from({ length: Math.min(limit, count - from) }, (_, i) =>
          object("Product", String(from + i).padStart(5, "0"), { categoryRef: { name: "all" } }),
        );
        const next = from + items.length;
        return { ok: true, value: { rv: "5", items, ...(next < count ? { next: String(next) } : {}) } };
      },
    };
    const LEDGER = { idFromName: (name: string) => name, get: () => stub } as unknown as DurableObjectNamespace;
    return { ...bindings, LEDGER };
  }
  const query = `{ category(by: { namespacePath: { namespace: "full", name: "all" } }) { products(first: 1) { totalCount } } }`;

  it("reads 10,000 objects and no more, and says what to do instead", async () => {
    const { category } = (await gql(admin, query, undefined, { env: full(10_000) })).data;
    expect(category.products.totalCount).toBe(10_000);
    const { errors, status } = await gql(admin, query, undefined, { env: full(10_001) });
    expect([status, errors]).toEqual([200, refused("more than 10000 products")]);
  });
});

describe("what is no GraphQL", () => {
  it("is HTTP 200 with the reason: syntax, unknown fields, wrong variables, no JSON, no query", async () => {
    for (const [query, word] of [
      ["{ nonsense", "Syntax Error"],
      ["{ nonsense }", "nonsense"],
      ['{ product(by: { id: "a", namespacePath: { namespace: "n", name: "x" } }) { id } }', "ProductBy"],
    ] as const) {
      const { status, errors } = await gql(admin, query);
      expect(status).toBe(200);
      expect(errors).toEqual(refused(word));
    }
    const wrong = await gql(admin, 'query($n: Int!) { products(namespace: "n", first: $n) { totalCount } }', {
      n: "x",
    });
    expect([wrong.status, wrong.errors]).toEqual([200, refused("$n")]);
    const noJson = await gql(admin, "", undefined, { body: "{", headers: { "content-type": "application/json" } });
    expect([noJson.status, noJson.errors]).toEqual([200, refused("not JSON")]);
    const nothing = await gql(admin, "", undefined, { body: {} });
    expect(nothing.status).toBe(200);
    expect(nothing.errors?.[0]?.extensions.code).toBe("BAD_USER_INPUT");
  });

  it("is 200 too for clients that ask for GraphQL's own media type", async () => {
    const { status } = await gql(admin, "{ nonsense }", undefined, {
      headers: { accept: "application/graphql-response+json" },
    });
    expect(status).toBe(200);
  });

  it("has HTTP's own words for another media type", async () => {
    const send = (headers: Record<string, string>) =>
      ask(admin, "/graphql", { method: "POST", body: JSON.stringify({ query: "{ __typename }" }), headers });
    const json = { "content-type": "application/json" };
    expect((await send({ "content-type": "text/plain" })).status).toBe(415);
    expect((await send({ ...json, accept: "image/png" })).status).toBe(406);
    expect((await send({ ...json, accept: "*/*" })).body).toEqual({ data: { __typename: "Query" } });
  });

  it("gives queries by GET, and mutations by POST only", async () => {
    const get = (query: string) => ask(admin, `/graphql?query=${encodeURIComponent(query)}`);
    expect((await get("{ __typename }")).body).toEqual({ data: { __typename: "Query" } });
    const mutation = await get('mutation { deleteNamespace(input: { identifier: "x" }) { deletedIdentifier } }');
    expect(mutation.status).toBe(405);
    expect((await ask(admin, "/graphql", { method: "DELETE" })).status).toBe(405);
  });
});

describe("faults", () => {
  const failing = (error: Error & { retryable?: boolean; overloaded?: boolean }): Env => {
    const get = () => new Proxy({}, { get: () => async () => Promise.reject(error) });
    return { ...bindings, LEDGER: { idFromName: (name: string) => name, get } as unknown as DurableObjectNamespace };
  };
  const query = () => `{ product(by: { namespacePath: { namespace: "${ledger.name}", name: "x" } }) { id } }`;

  it("are masked, logged, and carry the request id; HTTP 500", async () => {
    const logged = vi.spyOn(console, "error").mockImplementation(() => undefined);
    const env = failing(new Error("SQLITE: the secret detail"));
    const { status, errors, text } = await gql(admin, query(), undefined, {
      env,
      headers: { "x-request-id": "request-4711" },
    });
    expect(status).toBe(500);
    expect(text).not.toContain("secret detail");
    expect(errors).toEqual([
      {
        message: expect.stringContaining("request-4711"),
        locations: expect.anything(),
        path: ["product"],
        extensions: { code: "INTERNAL_ERROR", retryable: false, requestId: "request-4711" },
      },
    ]);
    expect(logged.mock.calls.flat().join()).toContain("the secret detail");
    logged.mockRestore();
  });

  it("of an overloaded or restarted object are RATE_LIMITED, 429, and UNAVAILABLE, 503, with when to come back", async () => {
    const overloaded = await gql(admin, query(), undefined, {
      env: failing(Object.assign(new Error("x"), { overloaded: true })),
    });
    expect([overloaded.status, overloaded.headers.get("retry-after")]).toEqual([429, "5"]);
    expect(overloaded.errors?.[0]?.extensions).toMatchObject({ code: "RATE_LIMITED", retryable: true });
    const restarted = await gql(admin, query(), undefined, {
      env: failing(Object.assign(new Error("x"), { retryable: true })),
    });
    expect([restarted.status, restarted.headers.get("retry-after")]).toEqual([503, "1"]);
    expect(restarted.errors?.[0]?.extensions).toMatchObject({ code: "UNAVAILABLE", retryable: true });
  });

  it("of D1 alone stop ids that only its index knows, and nothing else", async () => {
    const env: Env = {
      ...bindings,
      REPLAY: {
        prepare: () => {
          throw new Error("D1_ERROR");
        },
      } as unknown as D1Database,
    };
    const bare = btoa("gid://GitStore/Product/0190a5b0-0000-7000-8000-000000000000");
    const { status, errors } = await gql(admin, "query($id: ID!) { node(id: $id) { id } }", { id: bare }, { env });
    expect([status, errors?.[0]?.extensions.code]).toEqual([503, "UNAVAILABLE"]);
    const { namespace } = await data(admin, `{ namespace(by: { name: "${ledger.name}" }) { id } }`);
    const named = await gql(admin, "query($id: ID!) { node(id: $id) { id } }", { id: namespace.id }, { env });
    expect(named.data.node).toEqual({ id: namespace.id });
  });
});

describe("introspection", () => {
  const INTROSPECT =
    "{ __schema { queryType { name fields { name type { ofType { ofType { ofType { ofType { ofType { ofType { ofType { ofType { ofType { name } } } } } } } } } } } } } }";
  const env = (on: string): Env => ({ ...bindings, GRAPHQL_INTROSPECTION: on });

  it("is off unless a variable says development", async () => {
    const { errors } = await gql(admin, "{ __schema { queryType { name } } }", undefined, { env: env("false") });
    expect(errors?.slice(0, 1)).toEqual(refused("introspection"));
    expect((await gql(admin, INTROSPECT, undefined, { env: env("true") })).errors).toBeUndefined();
    expect((await gql(admin, "{ __typename }", undefined, { env: env("false") })).data).toEqual({
      __typename: "Query",
    });
  });

  it("is shown in GraphiQL, in development only, to a browser that has no token yet", async () => {
    const headers = { accept: "text/html" };
    const shown = await ask(undefined, "/graphql", { headers, env: env("true") });
    expect([shown.status, shown.headers.get("content-type")]).toEqual([200, "text/html"]);
    expect((await ask(undefined, "/graphql", { headers, env: env("false") })).status).toBe(401);
  });
});
