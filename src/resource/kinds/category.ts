import { objectAt, stringAt } from "../json.ts";
import type { KindDef } from "../kind.ts";
import type { FieldError, JsonObject } from "../types.ts";
import { catalogueKind, column, object, text, violation } from "./define.ts";
import { CATALOG_API, media, reference } from "./shared.ts";

/** A category that names itself as its parent. Judged here too, so that pre-receive refuses it. */
export function selfParentErrors(spec: JsonObject, name: string): FieldError[] {
  const parent = stringAt(objectAt(spec, "parentRef"), "name");
  if (parent !== name) return [];
  return [
    violation("spec.parentRef.name", "Cycle", `must not name the category itself, found ${JSON.stringify(name)}`),
  ];
}

export const categoryTaxonomy: KindDef = catalogueKind({
  kind: "CategoryTaxonomy",
  plural: "categorytaxonomies",
  shortNames: ["cat"],
  printerColumns: [column("Title", ".spec.title"), column("Parent", ".spec.parentRef.name")],
  spec: object(
    "A node of the category tree.",
    {
      title: text("The name shown to buyers.", { minLength: 1 }),
      parentRef: reference(
        "The category above; absent for a root.",
        { apiVersion: CATALOG_API, kind: "CategoryTaxonomy" },
        ["name"],
      ),
      media,
    },
    ["title"],
  ),
  resolved: object("What the taxonomy controller derives.", {
    depth: { type: "integer", minimum: 0, description: "0 for a root." },
    path: { type: "array", items: { type: "string" }, description: "Names from the root to the category itself." },
    childCount: { type: "integer", minimum: 0, description: "Categories directly below." },
    productCount: { type: "integer", minimum: 0, description: "Products that refer to the category." },
  }),
  rules: selfParentErrors,
});
