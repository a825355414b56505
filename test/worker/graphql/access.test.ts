import { beforeAll, describe, expect, it } from "vitest";
import type { Env } from "../../../src/config.ts";
import { ask, tokenFor } from "../support/http.ts";
import { bindings, type TestLedger } from "../support/ledger.ts";
import { commit, data, gql, product, shop } from "./support.ts";

let admin: string;
let ours: TestLedger;
let theirs: TestLedger;
let reader: string;
beforeAll(async () => {
  admin = await tokenFor({ role: "admin" });
  ours = await shop(admin, "ours");
  theirs = await shop(admin, "theirs");
  await commit(ours, { shirt: product("shirt") });
  await commit(theirs, { shirt: product("shirt") });
  reader = await tokenFor({ role: "reader", namespaces: [ours.name] });
});

/** The environment, with the names of all objects that are addressed in it. */
function spying(): { env: Env; addressed: string[] } {
  const addressed: string[] = [];
  const spy = (namespace: DurableObjectNamespace) =>
    new Proxy(namespace, {
      get(target, key: keyof DurableObjectNamespace) {
        const value = target[key] as (...args: unknown[]) => unknown;
        return (...args: unknown[]) => {
          if (key === "idFromName") addressed.push(String(args[0]));
          return value.apply(target, args);
        };
      },
    });
  return { env: { ...bindings, LEDGER: spy(bindings.LEDGER), REPOSITORY: spy(bindings.REPOSITORY) }, addressed };
}

/** Every query field that takes a namespace, in its shortest form. */
const FIELDS: [string, (ns: string) => string][] = [
  ...["product", "productVariant", "category", "collection", "repository"].map(
    (field): [string, (ns: string) => string] => [
      field,
      (ns) => `{ ${field}(by: { namespacePath: { namespace: "${ns}", name: "shirt" } }) { id } }`,
    ],
  ),
  ...["products", "productVariants", "categories", "collections", "repositories"].map(
    (field): [string, (ns: string) => string] => [
      field,
      (ns) => `{ ${field}(namespace: "${ns}") { totalCount resourceVersion edges { node { id } } } }`,
    ],
  ),
  ["namespace", (ns) => `{ namespace(by: { name: "${ns}" }) { id } }`],
  [
    "resource",
    (ns) => `{ resource(by: { namespacePath: { kind: "Product", namespace: "${ns}", name: "shirt" } }) { id } }`,
  ],
  [
    "resource of a custom kind",
    (ns) => `{ resource(by: { namespacePath: { kind: "Widget", namespace: "${ns}", name: "x" } }) { id } }`,
  ],
  ["resources", (ns) => `{ resources(kind: "Product", namespace: "${ns}") { totalCount } }`],
  ["resources refused", (ns) => `{ resources(kind: "Product", namespace: "${ns}", view: REJECTED) { totalCount } }`],
  ["gitEvents", (ns) => `{ gitEvents(namespace: "${ns}") { resourceVersion } }`],
  ["watchers", (ns) => `{ watchers(namespace: "${ns}") { name } }`],
  ["admissionFailures", (ns) => `{ admissionFailures(namespace: "${ns}") { pageInfo { hasNextPage } } }`],
];

describe("without a token", () => {
  it("every operation is 401 with a GraphQL error, and addresses nothing", async () => {
    const { env, addressed } = spying();
    for (const [, query] of FIELDS) {
      for (const token of [undefined, "garbage"]) {
        const { status, errors, headers } = await gql(token, query(ours.name), undefined, { env });
        expect(status).toBe(401);
        expect(headers.get("www-authenticate")).toContain("Bearer");
        expect(errors).toEqual([
          {
            message: expect.stringContaining("Unauthorized"),
            extensions: { code: "UNAUTHENTICATED", retryable: false },
          },
        ]);
      }
    }
    expect(addressed).toEqual([]);
  });

  it("the schema is not told; with one it is", async () => {
    expect((await ask(undefined, "/graphql/schema.graphql")).status).toBe(401);
    const schema = await ask(await tokenFor({ grants: [] }), "/graphql/schema.graphql");
    expect(schema.text).toContain("type Subscription");
  });
});

describe("a token for one namespace", () => {
  it.each(FIELDS)(
    "gets FORBIDDEN for another's %s, in words that do not say whether it exists, and no object of it is addressed",
    async (_, query) => {
      const { env, addressed } = spying();
      const there = await gql(reader, query(theirs.name), undefined, { env });
      const nowhere = await gql(reader, query("nowhere"), undefined, { env });
      expect(there.status).toBe(200);
      expect(there.errors?.map(({ extensions }) => extensions)).toEqual([{ code: "FORBIDDEN", retryable: false }]);
      expect(there.text.replaceAll(theirs.name, "X")).toBe(nowhere.text.replaceAll("nowhere", "X"));
      expect(addressed).toEqual([]);
    },
  );

  it("reads its own", async () => {
    const { products } = await data(reader, `{ products(namespace: "${ours.name}") { totalCount } }`);
    expect(products.totalCount).toBe(1);
  });

  it("lists its own Namespace, and counts no other", async () => {
    const { env, addressed } = spying();
    const { data: found } = await gql(
      reader,
      "{ namespaces { totalCount edges { node { metadata { name } } } } }",
      undefined,
      { env },
    );
    expect(found.namespaces).toEqual({ totalCount: 1, edges: [{ node: { metadata: { name: ours.name } } }] });
    expect(addressed).not.toContain(theirs.name);
    const none = await tokenFor({ grants: [{ namespaces: [ours.name], resources: ["products"], verbs: ["list"] }] });
    expect((await gql(none, "{ namespaces { totalCount } }")).errors?.[0]?.extensions.code).toBe("FORBIDDEN");
  });

  it("learns nothing from ids: of another namespace, of nothing, or bare, all are null", async () => {
    const mine = (
      await data(
        admin,
        `{ product(by: { namespacePath: { namespace: "${ours.name}", name: "shirt" } }) { id metadata { uid } } }`,
      )
    ).product;
    const { id, metadata } = (
      await data(
        admin,
        `{ product(by: { namespacePath: { namespace: "${theirs.name}", name: "shirt" } }) { id metadata { uid } } }`,
      )
    ).product;
    const elsewhere = [
      id,
      btoa(`gid://GitStore/Product/${metadata.uid}`),
      // Another's uid under a namespace of one's own, and the other way round.
      btoa(`gid://GitStore/Product/${metadata.uid}?ns=${ours.name}`),
      btoa(`gid://GitStore/Product/${mine.metadata.uid}?ns=${theirs.name}`),
      btoa(`gid://GitStore/Widget/${metadata.uid}?ns=${theirs.name}`),
      btoa(`gid://GitStore/Namespace/${metadata.uid}?ns=${theirs.name}`),
      btoa(`gid://GitStore/Namespace/${metadata.uid}?ns=~cluster`),
      btoa("gid://GitStore/Product/0190a5b0-0000-7000-8000-000000000000"),
    ];
    while ((await data(admin, "query($id: ID!) { node(id: $id) { id } }", { id: elsewhere[1] })).node === null)
      await scheduler.wait(50);
    const { env, addressed } = spying();
    const query = "query($ids: [ID!]!) { nodes(ids: $ids) { id } }";
    const { data: found } = await gql(reader, query, { ids: [...elsewhere, mine.id] }, { env });
    expect(found.nodes).toEqual([...elsewhere.map(() => null), { id: mine.id }]);
    expect(new Set(addressed)).toEqual(new Set([ours.name]));
  });

  it("limited to names gets these and no others, by path and by id", async () => {
    await commit(ours, { polo: product("polo") });
    const named = await tokenFor({
      grants: [{ namespaces: [ours.name], resources: ["products"], verbs: ["get"], names: ["shirt"] }],
    });
    const query = `query($name: String!) { product(by: { namespacePath: { namespace: "${ours.name}", name: $name } }) { id } }`;
    const { id } = (await data(named, query, { name: "shirt" })).product;
    expect((await data(named, "query($id: ID!) { node(id: $id) { id } }", { id })).node).toEqual({ id });
    expect((await gql(named, query, { name: "polo" })).errors?.[0]?.extensions.code).toBe("FORBIDDEN");
    const polo = (await data(admin, query, { name: "polo" })).product.id;
    expect((await data(named, "query($id: ID!) { node(id: $id) { id } }", { id: polo })).node).toBeNull();
  });

  it("is judged at every field, not at the operation: relations need their own grant", async () => {
    const products = await tokenFor({ grants: [{ namespaces: [ours.name], resources: ["products"], verbs: ["get"] }] });
    const { data: found, errors } = await gql(
      products,
      `{ product(by: { namespacePath: { namespace: "${ours.name}", name: "shirt" } }) { id productVariants { totalCount } } }`,
    );
    expect(found.product).toBeNull();
    expect(errors?.[0]).toMatchObject({ path: ["product", "productVariants"], extensions: { code: "FORBIDDEN" } });
  });
});
