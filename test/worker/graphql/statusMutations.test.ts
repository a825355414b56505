import { beforeAll, describe, expect, it } from "vitest";
import { tokenFor } from "../support/http.ts";
import { headOf, must, push, type TestLedger } from "../support/ledger.ts";
import { category, code, commit, data, gql, product, shop } from "./support.ts";

let admin: string;
beforeAll(async () => {
  admin = await tokenFor({ role: "admin" });
});

describe("the status mutation of a kind", () => {
  let ledger: TestLedger;
  let controller: string;
  beforeAll(async () => {
    ledger = await shop(admin);
    const collection = `---\napiVersion: catalog.gitstore.dev/v1beta1\nkind: Collection\nmetadata:\n  name: picks\nspec:\n  title: Picks\n---\n`;
    const variant = `---\napiVersion: catalog.gitstore.dev/v1beta1\nkind: ProductVariant\nmetadata:\n  name: red\nspec:\n  title: Red\n  productRef: { name: shirt }\n  sku: RED-1\n---\n`;
    await commit(ledger, { tops: category("tops"), shirt: product("shirt", "tops"), picks: collection, red: variant });
    const grants = [{ namespaces: ["*"], resources: ["*"], verbs: ["update" as const] }];
    controller = await tokenFor({ grants }, "serviceaccount:acme:controller");
  });

  const ready = { type: "Ready", status: "TRUE", observedGeneration: 1, reason: "Done", message: "" };
  const KINDS: [mutation: string, input: string, as: string, name: string][] = [
    ["updateCategoryStatus", "UpdateCategoryStatusInput", "category", "tops"],
    ["updateProductStatus", "UpdateProductStatusInput", "product", "shirt"],
    ["updateProductVariantStatus", "UpdateKindStatusInput", "productVariant", "red"],
    ["updateCollectionStatus", "UpdateKindStatusInput", "collection", "picks"],
    ["updateRepositoryStatus", "UpdateKindStatusInput", "repository", "catalog"],
    ["updateNamespaceStatus", "UpdateNamespaceStatusInput", "namespace", ""],
  ];
  const written = (mutation: string, type: string, as: string) =>
    `mutation($input: ${type}!) { ${mutation}(input: $input) {
      ${as} { metadata { name resourceVersion generation } status { observedGeneration conditions { type status reason } } }
      conflict { reason currentResourceVersion expected } } }`;

  it.each(KINDS)(
    "%s writes it once, says a stale resourceVersion in its conflict, and a missing object NOT_FOUND",
    async (mutation, type, as, given) => {
      const name = given === "" ? ledger.name : given;
      const by = given === "" ? { name } : { namespace: ledger.name, name };
      const selector =
        given === ""
          ? `by: { name: "${name}" }`
          : `by: { namespacePath: { namespace: "${ledger.name}", name: "${name}" } }`;
      const before = (await data(admin, `{ ${as}(${selector}) { metadata { resourceVersion } } }`))[as];
      const { resourceVersion } = before.metadata;
      const query = written(mutation, type, as);
      const input = { ...by, resourceVersion, observedGeneration: 1, conditions: [ready] };
      const first = (await data(controller, query, { input }))[mutation];
      expect(first.conflict).toBeNull();
      expect(Number(first[as].metadata.resourceVersion)).toBeGreaterThan(Number(resourceVersion));
      expect(first[as]).toMatchObject({ metadata: { name, generation: 1 }, status: { observedGeneration: 1 } });
      expect(first[as].status.conditions).toContainEqual({ type: "Ready", status: "TRUE", reason: "Done" });
      const stale = await gql(controller, query, { input });
      expect([stale.status, stale.errors]).toEqual([200, undefined]);
      expect(stale.data[mutation]).toEqual({
        [as]: null,
        conflict: {
          reason: "STALE_RESOURCE_VERSION",
          currentResourceVersion: first[as].metadata.resourceVersion,
          expected: resourceVersion,
        },
      });
      const current = first[as].metadata.resourceVersion;
      const same = (await data(controller, query, { input: { ...input, resourceVersion: current } }))[mutation];
      expect(same[as]).toEqual(first[as]);
      expect(await code(controller, query, { input: { ...input, name: "nothing" } })).toBe("NOT_FOUND");
      const { resourceVersion: _, ...without } = input;
      expect(await code(controller, query, { input: without })).toBe("BAD_USER_INPUT");
    },
  );

  it("replaces the caller's own types, but for a Product's, which merge by type until removeConditions", async () => {
    const types = async (mutation: string, type: string, as: string, name: string): Promise<string[][]> => {
      const query = written(mutation, type, as);
      const told: string[][] = [];
      let resourceVersion = (
        await data(
          admin,
          `{ ${as}(by: { namespacePath: { namespace: "${ledger.name}", name: "${name}" } }) { metadata { resourceVersion } } }`,
        )
      )[as].metadata.resourceVersion;
      for (const more of [
        {
          conditions: [
            { ...ready, type: "A" },
            { ...ready, type: "B" },
          ],
        },
        { conditions: [{ ...ready, type: "A" }] },
        { removeConditions: ["A"] },
      ]) {
        const input = { namespace: ledger.name, name, resourceVersion, ...more };
        const result = (await data(controller, query, { input }))[mutation][as];
        resourceVersion = result.metadata.resourceVersion;
        told.push(
          result.status.conditions
            .map(({ type }: { type: string }) => type)
            .filter((one: string) => /^[AB]$/.test(one)),
        );
      }
      return told;
    };
    expect(await types("updateCategoryStatus", "UpdateCategoryStatusInput", "category", "tops")).toEqual([
      ["A", "B"],
      ["A"],
      [],
    ]);
    expect(await types("updateProductStatus", "UpdateProductStatusInput", "product", "shirt")).toEqual([
      ["A", "B"],
      ["A", "B"],
      ["B"],
    ]);
  });

  it("says that the parts of namespace lifecycle come later, and writes nothing", async () => {
    const head = await headOf(ledger);
    const category = { namespace: ledger.name, name: "tops", resourceVersion: "1" };
    for (const more of [{ completeDeletion: true }, { decoupleProducts: true }]) {
      const query =
        "mutation($input: UpdateCategoryStatusInput!) { updateCategoryStatus(input: $input) { hasMoreProductDependents } }";
      expect(await code(controller, query, { input: { ...category, ...more } })).toBe("NOT_IMPLEMENTED");
    }
    const query =
      "mutation($input: UpdateProductStatusInput!) { updateProductStatus(input: $input) { conflict { reason } } }";
    const input = { namespace: ledger.name, name: "shirt", resourceVersion: "1", removeOwnerUID: "x" };
    expect(await code(controller, query, { input })).toBe("NOT_IMPLEMENTED");
    expect(await headOf(ledger)).toBe(head);
  });

  it("of a connection that was taken over is refused: GitStore-Watcher names the epoch", async () => {
    const headers = { "gitstore-watcher": "nobody/9" };
    const { body } = await must(ledger.stub.get("Product.catalog.gitstore.dev", "shirt")).then((text) => ({
      body: JSON.parse(text),
    }));
    const input = {
      namespace: ledger.name,
      name: "shirt",
      resourceVersion: body.metadata.resourceVersion,
      conditions: [ready],
    };
    const query =
      "mutation($input: UpdateProductStatusInput!) { updateProductStatus(input: $input) { conflict { reason } } }";
    const { errors } = await gql(controller, query, { input }, { headers });
    expect(errors?.[0]?.extensions).toEqual({ code: "CONFLICT", retryable: false, reason: "FENCED" });
    const malformed = await gql(controller, query, { input }, { headers: { "gitstore-watcher": "no epoch" } });
    expect(malformed.errors?.[0]?.extensions.code).toBe("BAD_USER_INPUT");
  });

  it("whose input nests too deeply is refused in words, whichever it is", async () => {
    const deep = JSON.parse(`${'{"a":'.repeat(300)}1${"}".repeat(300)}`);
    const query =
      "mutation($input: UpdateProductStatusInput!) { updateProductStatus(input: $input) { conflict { reason } } }";
    const input = { namespace: ledger.name, name: "shirt", resourceVersion: "1", resolved: deep };
    const { errors } = await gql(controller, query, { input });
    expect(errors?.[0]).toMatchObject({
      extensions: { code: "BAD_USER_INPUT" },
      message: expect.stringContaining("resolved"),
    });
    const labels = { input: { metadata: { name: "deep", labels: deep } } };
    const create = "mutation($input: CreateNamespaceInput!) { createNamespace(input: $input) { namespace { id } } }";
    expect(await code(admin, create, labels)).toBe("BAD_USER_INPUT");
  });
});

it("an object that a push changed meanwhile is a conflict for who writes its status", async () => {
  const ledger = await shop(admin);
  await commit(ledger, { shirt: product("shirt") });
  const query =
    "mutation($input: UpdateProductStatusInput!) { updateProductStatus(input: $input) { conflict { reason currentGeneration } } }";
  const { products } = await data(
    admin,
    `{ products(namespace: "${ledger.name}") { edges { node { metadata { resourceVersion } } } } }`,
  );
  await push(ledger, { files: { "shirt.md": product("shirt", "tops") } });
  const { resourceVersion } = products.edges[0].node.metadata;
  const input = { namespace: ledger.name, name: "shirt", resourceVersion, conditions: [] };
  const { updateProductStatus } = await data(admin, query, { input });
  expect(updateProductStatus.conflict).toEqual({ reason: "STALE_RESOURCE_VERSION", currentGeneration: 2 });
});
