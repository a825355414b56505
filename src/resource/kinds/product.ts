import type { KindDef } from "../kind.ts";
import { catalogueKind, column, list, object, text } from "./define.ts";
import { CATALOG_API, media, reference } from "./shared.ts";

export const MAX_TITLE_LENGTH = 200;

const options = list(
  "The choices that make variants of the product.",
  object(
    "One choice.",
    {
      name: text("The name that variants select by.", { minLength: 1 }),
      title: text("The name shown to buyers."),
      values: list("The values to choose from; an empty list accepts any.", text("One value.")),
    },
    ["name"],
  ),
  { "x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": ["name"] },
);

export const product: KindDef = catalogueKind({
  kind: "Product",
  plural: "products",
  shortNames: ["prod"],
  printerColumns: [column("Title", ".spec.title"), column("Category", ".spec.categoryRef.name")],
  spec: object("What is offered; its variants are what is sold.", {
    title: text("The name shown to buyers.", { maxLength: MAX_TITLE_LENGTH }),
    categoryRef: reference(
      "The category that the product belongs to.",
      { apiVersion: CATALOG_API, kind: "CategoryTaxonomy" },
      ["name"],
    ),
    tags: list("Free words to find the product by.", text("One tag.")),
    media,
    options,
  }),
});
