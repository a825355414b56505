import { GraphQLObjectType } from "graphql";
import { beforeAll, describe, expect, it } from "vitest";
import type { Env } from "../../../src/config.ts";
import { executableSchema } from "../../../src/graphql/build.ts";
import { ask, tokenFor } from "../support/http.ts";
import { bindings, type TestLedger } from "../support/ledger.ts";
import { Client } from "./client.ts";
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

type Case = (ns: string) => string;

const ID = "0190a5b0-0000-7000-8000-000000000000";
const gid = (ns: string) => btoa(`gid://GitStore/Repository/${ID}?ns=${ns}`);
const one =
  (field: string): Case =>
  (ns) =>
    `{ ${field}(by: { namespacePath: { namespace: "${ns}", name: "shirt" } }) { id } }`;
const many =
  (field: string): Case =>
  (ns) =>
    `{ ${field}(namespace: "${ns}") { totalCount resourceVersion edges { node { id } } } }`;
const does =
  (field: string, input: Case, shown = "conflict { expected }"): Case =>
  (ns) =>
    `mutation { ${field}(input: { ${input(ns)} }) { ${shown} } }`;
const status = (field: string): Case => does(field, (ns) => `name: "shirt", namespace: "${ns}", resourceVersion: "1"`);
const watches =
  (field: string, args = ""): Case =>
  (ns) =>
    `subscription { ${field}(namespace: "${ns}", resourceVersion: "0"${args}) { type } }`;

/** Every root field that takes a namespace, in its shortest forms. */
const FIELDS: Record<string, Record<string, Case | Case[]>> = {
  Query: {
    product: one("product"),
    productVariant: one("productVariant"),
    category: one("category"),
    collection: one("collection"),
    repository: one("repository"),
    products: many("products"),
    productVariants: many("productVariants"),
    categories: many("categories"),
    collections: many("collections"),
    repositories: many("repositories"),
    namespace: [
      (ns) => `{ namespace(by: { name: "${ns}" }) { id } }`,
      (ns) => `{ namespace(by: { identifier: "${ns}" }) { id } }`,
    ],
    resource: ["Product", "Widget"].map(
      (kind): Case =>
        (ns) =>
          `{ resource(by: { namespacePath: { kind: "${kind}", namespace: "${ns}", name: "shirt" } }) { id } }`,
    ),
    resources: [
      ...["Product", "Widget"].map(
        (kind): Case =>
          (ns) =>
            `{ resources(kind: "${kind}", namespace: "${ns}") { totalCount } }`,
      ),
      (ns) => `{ resources(kind: "Product", namespace: "${ns}", view: REJECTED) { totalCount } }`,
    ],
    gitEvents: (ns) => `{ gitEvents(namespace: "${ns}") { resourceVersion } }`,
    watchers: (ns) => `{ watchers(namespace: "${ns}") { name } }`,
    admissionFailures: (ns) => `{ admissionFailures(namespace: "${ns}") { pageInfo { hasNextPage } } }`,
  },
  Mutation: {
    createNamespace: does("createNamespace", (ns) => `metadata: { name: "${ns}" }`, "namespace { id }"),
    deleteNamespace: ["", ", force: true", ', idempotencyKey: "k"'].map((more) =>
      does("deleteNamespace", (ns) => `identifier: "${ns}"${more}`, "deletedIdentifier"),
    ),
    registerRepository: does(
      "registerRepository",
      (ns) => `namespace: "${ns}", name: "catalog", spec: { url: "https://git.example/x.git", provider: "git" }`,
      "secret",
    ),
    createRepository: does("createRepository", (ns) => `namespace: "${ns}", name: "catalog"`, "repository { id }"),
    updateRepository: does("updateRepository", (ns) => `repositoryId: "${gid(ns)}"`),
    deleteRepository: ["", ', idempotencyKey: "k"'].map((more) =>
      does("deleteRepository", (ns) => `repositoryId: "${gid(ns)}"${more}`, "deletedRepositoryId"),
    ),
    updateResourceStatus: [
      ...["Product", "Widget"].map((kind) =>
        does("updateResourceStatus", (ns) => `kind: "${kind}", name: "x", namespace: "${ns}", resourceVersion: "1"`),
      ),
      does("updateResourceStatus", (ns) => `kind: "Namespace", name: "${ns}", resourceVersion: "1"`),
    ],
    updateCategoryStatus: status("updateCategoryStatus"),
    updateProductStatus: status("updateProductStatus"),
    updateProductVariantStatus: status("updateProductVariantStatus"),
    updateCollectionStatus: status("updateCollectionStatus"),
    updateRepositoryStatus: status("updateRepositoryStatus"),
    updateNamespaceStatus: does("updateNamespaceStatus", (ns) => `name: "${ns}", resourceVersion: "1"`),
  },
  Subscription: {
    watchResources: ["Product", "Widget"].map((kind) => watches("watchResources", `, kind: "${kind}"`)),
    watchProducts: watches("watchProducts"),
    watchCategories: watches("watchCategories"),
  },
};

/** Fields that take no namespace, each with a test of its own. */
const OTHERS: Record<string, string[]> = {
  Query: ["node", "nodes", "namespaces"],
  Mutation: ["applyResource", "deleteResource"],
  Subscription: [],
};

const casesOf = (type: string): [string, Case][] =>
  Object.entries(FIELDS[type] ?? {}).flatMap(([field, cases]) =>
    [cases].flat().map((query): [string, Case] => [field, query]),
  );
const EXECUTED = [...casesOf("Query"), ...casesOf("Mutation")];

describe("the tests of access", () => {
  it.each(["Query", "Mutation", "Subscription"])("have a case for every field of %s", (type) => {
    const root = executableSchema().getType(type);
    const fields = root instanceof GraphQLObjectType ? Object.keys(root.getFields()) : [];
    expect(fields.length).toBeGreaterThan(0);
    expect([...Object.keys(FIELDS[type] ?? {}), ...(OTHERS[type] ?? [])].sort()).toEqual([...fields].sort());
  });
});

describe("without a token", () => {
  it("every operation is 401 with a GraphQL error, and addresses nothing", async () => {
    const { env, addressed } = spying();
    for (const [, query] of EXECUTED) {
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

  it("no subscription is begun: 401 for its stream, 4401 for its connection, and nothing addressed", async () => {
    const { env, addressed } = spying();
    for (const [, query] of casesOf("Subscription")) {
      const headers = { accept: "text/event-stream" };
      const { status, errors } = await gql(undefined, query(ours.name), undefined, { env, headers });
      expect([status, errors?.[0]?.extensions.code]).toEqual([401, "UNAUTHENTICATED"]);
      const client = await Client.open({ env });
      client.send({ type: "connection_init" });
      client.send({ id: "1", type: "subscribe", payload: { query: query(ours.name) } });
      expect((await client.closed).code).toBe(4401);
      expect(client.messages).toEqual([]);
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
  it.each(EXECUTED)(
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

  it.each(casesOf("Subscription"))(
    "gets FORBIDDEN for another's %s, in the same words for one that is not there, and no object of it is addressed",
    async (_, query) => {
      const { env, addressed } = spying();
      const client = await Client.ready(reader, { env });
      const told: string[] = [];
      for (const ns of [theirs.name, "nowhere"]) {
        const watched = client.subscribe(query(ns));
        const errors = await watched.untilOver();
        expect(errors.map(({ extensions }) => extensions)).toEqual([{ code: "FORBIDDEN", retryable: false }]);
        expect(watched.events).toEqual([]);
        told.push(JSON.stringify(errors).replaceAll(ns, "X"));
      }
      expect(new Set(told).size).toBe(1);
      expect(addressed).toEqual([]);
    },
  );

  it("may not write what it may read: FORBIDDEN for every mutation in its own namespace, and nothing is changed", async () => {
    const { env, addressed } = spying();
    for (const [, query] of casesOf("Mutation")) {
      const { errors } = await gql(reader, query(ours.name), undefined, { env });
      expect(errors?.map(({ extensions }) => extensions.code)).toEqual(["FORBIDDEN"]);
    }
    expect(addressed).toEqual([]);
  });

  it("learns nothing from a bare id that it would write to: another's is as one that nobody has", async () => {
    const deleter = await tokenFor({
      grants: [{ namespaces: [ours.name], resources: ["repositories"], verbs: ["get", "update", "delete"] }],
    });
    const theirsId = btoa(`gid://GitStore/Repository/${theirs.repository.uid}`);
    const nobodys = btoa(`gid://GitStore/Repository/${ID}`);
    const indexed = "query($id: ID!) { node(id: $id) { id } }";
    while ((await data(admin, indexed, { id: theirsId })).node === null) await scheduler.wait(50);
    for (const mutation of ["updateRepository", "deleteRepository"]) {
      const shown = mutation === "updateRepository" ? "conflict { expected }" : "deletedRepositoryId";
      const query = `mutation($id: ID!) { ${mutation}(input: { repositoryId: $id }) { ${shown} } }`;
      const { env, addressed } = spying();
      const there = await gql(deleter, query, { id: theirsId }, { env });
      const nowhere = await gql(deleter, query, { id: nobodys }, { env });
      expect(there.errors?.[0]?.extensions.code).toBe("NOT_FOUND");
      expect(there.text.replaceAll(theirsId, "X")).toBe(nowhere.text.replaceAll(nobodys, "X"));
      expect(addressed).toEqual([]);
    }
  });

  it("and any other, is told that applyResource and deleteResource are not served, and nothing is addressed", async () => {
    const { env, addressed } = spying();
    for (const query of [
      "mutation { applyResource(input: { resource: {} }) { commit } }",
      `mutation { deleteResource(input: { kind: "Product", namespace: "${theirs.name}", name: "shirt" }) { commit } }`,
    ]) {
      const { errors } = await gql(reader, query, undefined, { env });
      expect(errors?.map(({ extensions }) => extensions.code)).toEqual(["NOT_IMPLEMENTED"]);
    }
    expect(addressed).toEqual([]);
  });

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
