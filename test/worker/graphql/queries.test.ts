import { beforeAll, describe, expect, it } from "vitest";
import { tokenFor } from "../support/http.ts";
import { push, type TestLedger } from "../support/ledger.ts";
import { category, code, commit, data, file, gql, product, productsOf, shop } from "./support.ts";

let admin: string;
let acme: TestLedger;
beforeAll(async () => {
  admin = await tokenFor({ role: "admin" });
  acme = await shop(admin, "acme");
  await commit(acme, {
    clothing: category("clothing"),
    shirts: category("shirts", "clothing"),
    polo: product("polo", "shirts", { "shop/season": "summer" }),
    tee: product("tee", "shirts", { "shop/season": "summer" }),
    coat: product("coat", "clothing", { "shop/season": "winter" }),
    "polo-red": file(
      "ProductVariant",
      "polo-red",
      [
        "title: Red polo",
        "sku: POLO-R",
        "productRef: { name: polo }",
        "inventory: { managed: true, policy: backorder }",
        "pricing: { priceSet: { name: retail, prices: [{ currencyCode: EUR, amount: 19.90, strategy: { type: fixed } }] } }",
      ].join("\n"),
    ),
    summer: file("Collection", "summer", "title: Summer\nselector: { matchLabels: { shop/season: summer } }"),
    empty: file("Collection", "empty", "title: Nothing"),
  });
});

const idOf = (text: string) => btoa(text);

describe("an object", () => {
  it("is found by its path, with metadata, spec, status and body as the fields have them", async () => {
    const { product } = await data(
      admin,
      `query($ns: String!) { product(by: { namespacePath: { namespace: $ns, name: "polo" } }) {
        id apiVersion kind body
        metadata { name namespace uid resourceVersion generation creationTimestamp labels revision finalizers ownerReferences { uid } deletionTimestamp }
        spec { title categoryRef { name } tags media { fileRef { name } } options { name } }
        status { observedGeneration lastAppliedRevision phase conditions { type status observedGeneration lastTransitionTime reason message } resolved { totalInventory } }
      } }`,
      { ns: acme.name },
    );
    expect(product).toMatchObject({
      apiVersion: "catalog.gitstore.dev/v1beta1",
      kind: "Product",
      metadata: {
        name: "polo",
        namespace: acme.name,
        generation: 1,
        finalizers: [],
        ownerReferences: [],
        deletionTimestamp: null,
      },
      spec: { title: "polo", categoryRef: { name: "shirts" }, tags: [], media: [], options: [] },
      status: { observedGeneration: 0, lastAppliedRevision: null, phase: "draft", resolved: null },
    });
    expect(product.metadata.resourceVersion).toMatch(/^[1-9][0-9]*$/);
    expect(product.status.conditions).toContainEqual(
      expect.objectContaining({ type: "CategoryResolved", status: "TRUE" }),
    );
    expect(atob(product.id)).toBe(`gid://GitStore/Product/${product.metadata.uid}?ns=${acme.name}`);
    expect(product.body).toContain("# polo");
  });

  it("is null where there is none, in a namespace that is there and in one that is not", async () => {
    const query = `query($ns: String!) { product(by: { namespacePath: { namespace: $ns, name: "nothing" } }) { id }
      repository(by: { namespacePath: { namespace: $ns, name: "nothing" } }) { id } }`;
    for (const ns of [acme.name, "nowhere"]) {
      expect(await data(admin, query, { ns })).toEqual({ product: null, repository: null });
    }
  });

  it("shows decimals as they were written and enums in GraphQL's spelling", async () => {
    const { productVariant } = await data(
      admin,
      `query($ns: String!) { productVariant(by: { namespacePath: { namespace: $ns, name: "polo-red" } }) {
        spec { sku inventory { managed policy stockLocationRefs { name } } pricing { priceSet { name prices { name currencyCode amount priority strategy { type } eligibility { operator } } } } }
      } }`,
      { ns: acme.name },
    );
    expect(productVariant.spec).toEqual({
      sku: "POLO-R",
      inventory: { managed: true, policy: "BACKORDER", stockLocationRefs: [] },
      pricing: {
        priceSet: {
          name: "retail",
          prices: [
            {
              name: "",
              currencyCode: "EUR",
              amount: "19.90",
              priority: 0,
              strategy: { type: "fixed" },
              eligibility: null,
            },
          ],
        },
      },
    });
  });

  it("knows its relations: parent, children, path, depth, products, variants, members", async () => {
    const { category, product, collections } = await data(
      admin,
      `query($ns: String!) {
        category(by: { namespacePath: { namespace: $ns, name: "shirts" } }) {
          path depth parent { metadata { name } children { metadata { name } } parent { id } }
          products(first: 1) { totalCount edges { cursor node { metadata { name } } } pageInfo { hasNextPage endCursor } }
        }
        product(by: { namespacePath: { namespace: $ns, name: "polo" } }) { productVariants { edges { node { spec { sku } } } } }
        collections(namespace: $ns, first: 10) { edges { node { metadata { name } products(first: 10) { totalCount edges { node { metadata { name } } } } } } }
      }`,
      { ns: acme.name },
    );
    expect(category.path).toEqual(["clothing", "shirts"]);
    expect(category.depth).toBe(1);
    expect(category.parent).toEqual({
      metadata: { name: "clothing" },
      children: [{ metadata: { name: "shirts" } }],
      parent: null,
    });
    expect(category.products).toMatchObject({
      totalCount: 2,
      edges: [{ node: { metadata: { name: "polo" } } }],
      pageInfo: { hasNextPage: true },
    });
    expect(product.productVariants.edges).toEqual([{ node: { spec: { sku: "POLO-R" } } }]);
    const members = Object.fromEntries(
      collections.edges.map(
        ({
          node,
        }: {
          node: { metadata: { name: string }; products: { edges: { node: { metadata: { name: string } } }[] } };
        }) => [node.metadata.name, node.products.edges.map((edge) => edge.node.metadata.name)],
      ),
    );
    expect(members).toEqual({ summer: ["polo", "tee"], empty: [] });
  });
});

describe("ids", () => {
  const NODE = "query($id: ID!) { node(id: $id) { __typename id ... on Product { metadata { name } } } }";

  it("find their object at once, and for ever after a flush, with the namespace and without", async () => {
    const found = await data(
      admin,
      `{ product(by: { namespacePath: { namespace: "${acme.name}", name: "tee" } }) { id metadata { uid } } }`,
    );
    const { id, metadata } = found.product;
    expect((await data(admin, NODE, { id })).node).toEqual({ __typename: "Product", id, metadata: { name: "tee" } });
    await until(
      async () => (await data(admin, NODE, { id: idOf(`gid://GitStore/Product/${metadata.uid}`) })).node !== null,
    );
    expect((await data(admin, NODE, { id })).node.id).toBe(id);
    expect(
      await data(admin, "query($id: ID!) { product(by: { id: $id }) { id } category(by: { id: $id }) { id } }", { id }),
    ).toEqual({
      product: { id },
      category: null,
    });
  });

  it("of several objects answer in their order, null where there is none", async () => {
    const { namespace, repository } = await data(
      admin,
      `{ namespace(by: { name: "${acme.name}" }) { id } repository(by: { namespacePath: { namespace: "${acme.name}", name: "catalog" } }) { id } }`,
    );
    const ids = [
      repository.id,
      "garbage",
      idOf("gid://GitStore/Product/0190a5b0-0000-7000-8000-000000000000?ns=acme"),
      namespace.id,
    ];
    const { nodes } = await data(admin, "query($ids: [ID!]!) { nodes(ids: $ids) { __typename } }", { ids });
    expect(nodes).toEqual([{ __typename: "Repository" }, null, null, { __typename: "Namespace" }]);
  });

  it("of a kind without a type of its own give a Resource", async () => {
    await commit(acme, {
      hero: "---\napiVersion: storage.gitstore.dev/v1beta1\nkind: File\nmetadata: { name: hero }\nspec: { contentType: image/webp }\n---\n",
    });
    const { resource } = await data(
      admin,
      `{ resource(by: { namespacePath: { kind: "files", namespace: "${acme.name}", name: "hero" } }) { id kind spec metadata { namespace } status { phase conditions { type } } object } }`,
    );
    expect(resource).toMatchObject({
      kind: "File",
      spec: { contentType: "image/webp" },
      metadata: { namespace: acme.name },
      status: { phase: null },
    });
    expect(resource.object).toMatchObject({ kind: "File", metadata: { finalizers: [] }, status: { conditions: [] } });
    expect(atob(resource.id)).toMatch(/^gid:\/\/GitStore\/File\//);
    expect((await data(admin, NODE, { id: resource.id })).node).toEqual({ __typename: "Resource", id: resource.id });
  });
});

describe("a connection", () => {
  let big: TestLedger;
  beforeAll(async () => {
    big = await shop(admin, "big");
    await commit(big, productsOf(130));
  });
  const PAGE = `query($ns: String!, $first: Int, $after: String, $last: Int, $before: String) {
    products(namespace: $ns, first: $first, after: $after, last: $last, before: $before) {
      edges { cursor node { metadata { name } } } pageInfo { hasNextPage hasPreviousPage startCursor endCursor } totalCount resourceVersion } }`;
  const names = (page: { edges: { node: { metadata: { name: string } } }[] }) =>
    page.edges.map(({ node }) => node.metadata.name);

  it("has pages of 100 where nothing is said, an exact count, and the list's resourceVersion", async () => {
    const { products } = await data(admin, PAGE, { ns: big.name });
    expect(names(products)).toHaveLength(100);
    expect(products).toMatchObject({ totalCount: 130, pageInfo: { hasNextPage: true, hasPreviousPage: false } });
    expect(products.resourceVersion).toMatch(/^[1-9][0-9]*$/);
    expect(products.pageInfo.endCursor).toBe(products.edges.at(-1).cursor);
  });

  it("goes through a list that changes meanwhile with nothing twice, nothing missing, at one resourceVersion", async () => {
    const seen: string[] = [];
    let after: string | null = null;
    const versions = new Set<string>();
    for (let page = 0; ; page += 1) {
      const {
        products,
      }: {
        products: {
          edges: { node: { metadata: { name: string } } }[];
          pageInfo: { hasNextPage: boolean; endCursor: string };
          resourceVersion: string;
        };
      } = await data(admin, PAGE, { ns: big.name, first: 50, after });
      seen.push(...names(products));
      versions.add(products.resourceVersion);
      if (!products.pageInfo.hasNextPage) break;
      after = products.pageInfo.endCursor;
      await commit(big, { [`a-new-${page}`]: product(`a-new-${page}`), [`q-new-${page}`]: product(`q-new-${page}`) });
    }
    expect(seen).toEqual(Object.keys(productsOf(130)));
    expect(versions.size).toBe(1);
  });

  it("goes backwards from the end and from a cursor", async () => {
    const { products: last } = await data(admin, PAGE, { ns: big.name, last: 2 });
    expect(names(last)).toEqual(["q-new-0", "q-new-1"]);
    expect(last.pageInfo).toMatchObject({ hasNextPage: false, hasPreviousPage: true });
    const { products: before } = await data(admin, PAGE, { ns: big.name, last: 2, before: last.pageInfo.startCursor });
    expect(names(before)).toEqual(["p128", "p129"]);
    expect(before.pageInfo).toMatchObject({ hasNextPage: true, hasPreviousPage: true });
  });

  it("refuses what cannot be a page, in words that name the argument", async () => {
    for (const [variables, word] of [
      [{ first: -1 }, "first"],
      [{ first: 1, last: 1 }, "first and last"],
      [{ after: "garbage" }, "after"],
    ] as const) {
      const { errors, status } = await gql(admin, PAGE, { ns: big.name, ...variables });
      expect(status).toBe(200);
      expect(errors).toEqual([
        expect.objectContaining({
          message: expect.stringContaining(word),
          extensions: { code: "BAD_USER_INPUT", retryable: false },
        }),
      ]);
    }
  });

  it("of a namespace that is not there is empty, without an error", async () => {
    const { products } = await data(admin, PAGE, { ns: "nowhere" });
    expect(products).toMatchObject({ edges: [], totalCount: 0, pageInfo: { hasNextPage: false, endCursor: null } });
  });

  it("of any kind is selected by labels, and counts what a scan would count as -1", async () => {
    const { resources } = await data(
      admin,
      `query($ns: String!) { resources(kind: "Product", namespace: $ns, selector: { matchExpressions: [{ key: "shop/season", operator: IN, values: ["winter"] }] }) { totalCount edges { node { metadata { name } } } } }`,
      { ns: acme.name },
    );
    expect(resources).toEqual({ totalCount: -1, edges: [{ node: { metadata: { name: "coat" } } }] });
    expect(
      await code(
        admin,
        `{ resources(kind: "Product", namespace: "${acme.name}", selector: { matchLabels: { a: 1 } }) { totalCount } }`,
      ),
    ).toBe("BAD_USER_INPUT");
  });
});

describe("kinds", () => {
  it("that nobody knows are KIND_NOT_FOUND, and a missing namespace is named", async () => {
    expect(await code(admin, `{ resources(kind: "Gadget", namespace: "${acme.name}") { totalCount } }`)).toBe(
      "KIND_NOT_FOUND",
    );
    expect(await code(admin, `{ resources(kind: "Product") { totalCount } }`)).toBe("BAD_USER_INPUT");
    expect(await code(admin, `{ resources(kind: "Namespace", namespace: "x") { totalCount } }`)).toBe("BAD_USER_INPUT");
  });

  it("of cluster scope are listed without a namespace", async () => {
    const { resources } = await data(
      admin,
      `{ resources(kind: "namespaces") { edges { node { kind metadata { name namespace } } } } }`,
    );
    expect(resources.edges).toContainEqual({
      node: { kind: "Namespace", metadata: { name: acme.name, namespace: "" } },
    });
  });

  it("of a namespace's own are read like core ones", async () => {
    await push(acme, {
      files: {
        ".gitstore/widgets.yaml": `apiVersion: apiextensions.gitstore.dev/v1beta1
kind: CustomResourceDefinition
metadata: { name: widgets.acme.example }
spec:
  group: acme.example
  names: { kind: Widget, plural: widgets }
  scope: Namespaced
  versions: [{ name: v1, served: true, storage: true, schema: { openAPIV3Schema: { type: object, properties: { spec: { type: object, properties: { size: { type: integer } } } } } } }]
`,
      },
    });
    const { resources } = await data(admin, `{ resources(kind: "Widget", namespace: "${acme.name}") { totalCount } }`);
    expect(resources.totalCount).toBe(0);
    const reader = await tokenFor({ grants: [{ namespaces: [acme.name], resources: ["products"], verbs: ["list"] }] });
    expect(await code(reader, `{ resources(kind: "Widget", namespace: "${acme.name}") { totalCount } }`)).toBe(
      "FORBIDDEN",
    );
    expect(await code(reader, `{ resources(kind: "Gadget", namespace: "${acme.name}") { totalCount } }`)).toBe(
      "FORBIDDEN",
    );
  });
});

/** The index in D1 is written a second after the commit. */
async function until(holds: () => Promise<boolean>): Promise<void> {
  while (!(await holds())) await scheduler.wait(50);
}
