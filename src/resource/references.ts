/** The references of the catalogue kinds that admission follows. Any other reference is not followed. */
import { get, isObject, listAt, stringAt } from "./json.ts";
import type { KindDef } from "./kind.ts";
import { kindKey } from "./kinds/define.ts";
import type { Json, JsonObject, Reference } from "./types.ts";

export const PRODUCT = kindKey("catalog.gitstore.dev", "Product");
export const PRODUCT_VARIANT = kindKey("catalog.gitstore.dev", "ProductVariant");
export const CATEGORY_TAXONOMY = kindKey("catalog.gitstore.dev", "CategoryTaxonomy");
export const COLLECTION = kindKey("catalog.gitstore.dev", "Collection");
export const FILE = kindKey("storage.gitstore.dev", "File");
export const CUSTOM_RESOURCE_DEFINITION = kindKey("apiextensions.gitstore.dev", "CustomResourceDefinition");

type Target = Pick<Reference, "role" | "kind">;

/** By kind: which field of the spec refers to what. */
const SINGLE: Record<string, { field: string } & Target> = {
  [PRODUCT]: { field: "categoryRef", role: "category", kind: CATEGORY_TAXONOMY },
  [PRODUCT_VARIANT]: { field: "productRef", role: "product", kind: PRODUCT },
  [CATEGORY_TAXONOMY]: { field: "parentRef", role: "parent", kind: CATEGORY_TAXONOMY },
};

function referenceAt(value: Json | undefined, field: string, target: Target): Reference[] {
  const name = stringAt(value, "name");
  if (name === undefined || name === "") return [];
  const namespace = stringAt(value, "namespace");
  return [
    {
      field,
      role: target.role,
      kind: target.kind,
      name,
      ...(namespace === undefined || namespace === "" ? {} : { namespace }),
      ...(get(value, "optional") === true ? { optional: true } : {}),
    },
  ];
}

/** The references that a spec of this kind makes, without places in a file. */
export function referencesOf(kind: Pick<KindDef, "key" | "catalogue">, spec: JsonObject): Reference[] {
  const single = SINGLE[kind.key];
  const references = single === undefined ? [] : referenceAt(get(spec, single.field), `spec.${single.field}`, single);
  if (!kind.catalogue) return references;
  for (const [index, medium] of listAt(spec, "media").entries()) {
    const target = { role: "file", kind: FILE } as const;
    references.push(...referenceAt(get(medium, "fileRef"), `spec.media[${index}].fileRef`, target));
  }
  return references;
}

/** The fields that the stages after parsing may report on, so that their errors have a place in the file. */
export function reportableFields(kind: Pick<KindDef, "key" | "catalogue">, spec: JsonObject): string[] {
  const fields = ["metadata.name", "spec"];
  for (const { field, namespace } of referencesOf(kind, spec)) {
    fields.push(`${field}.name`);
    if (namespace !== undefined) fields.push(`${field}.namespace`);
  }
  if (kind.key === PRODUCT_VARIANT) {
    fields.push("spec.sku");
    for (const [index, option] of listAt(spec, "selectedOptions").entries()) {
      if (isObject(option)) fields.push(`spec.selectedOptions[${index}].name`, `spec.selectedOptions[${index}].value`);
    }
  }
  if (kind.key === CUSTOM_RESOURCE_DEFINITION)
    fields.push("spec.group", "spec.names", "spec.names.kind", "spec.versions");
  return fields;
}
