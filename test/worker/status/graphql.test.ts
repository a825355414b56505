import { CATEGORY, KINDS } from "../../conformance/status/kinds.ts";
import { describeStatus } from "../../conformance/status/suite.ts";
import type { TestKind, Trait } from "../../conformance/status/types.ts";
import { GRAPHQL_TRAITS, graphql, typed } from "./graphql.ts";
import { WorkerWorld } from "./world.ts";

for (const kind of KINDS) {
  describeStatus(`the status of a ${kind.kind} by GraphQL`, GRAPHQL_TRAITS, () => WorkerWorld.open(kind, graphql));
}

const category = typed("updateCategoryStatus", "UpdateCategoryStatusInput", "category");
describeStatus("the status of a CategoryTaxonomy by updateCategoryStatus", GRAPHQL_TRAITS, () =>
  WorkerWorld.open(CATEGORY, category),
);

/** A Product says nothing of its `resolved`: any is fine but what no status may hold. */
const PRODUCT: TestKind = {
  kind: "Product",
  plural: "products",
  apiVersion: "catalog.gitstore.dev/v1beta1",
  catalogue: true,
  spec: (title) => ({ title }),
  resolved: (n) => ({ count: n }),
  badResolved: { value: JSON.parse(`${'{"a":'.repeat(150)}1${"}".repeat(150)}`), field: "100 levels" },
};
const merging = new Set<Trait>([...GRAPHQL_TRAITS].filter((trait) => trait !== "replacesOwn"));
const product = typed("updateProductStatus", "UpdateProductStatusInput", "product", merging);
describeStatus("the status of a Product by updateProductStatus, which merges conditions", merging, () =>
  WorkerWorld.open(PRODUCT, product),
);
