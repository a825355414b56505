import { describe, expect, it } from "vitest";
import { definitionErrors } from "../../../src/resource/customKinds.ts";
import { parseFile } from "../../../src/resource/parse.ts";
import { coreRegistry, registryWith } from "../../../src/resource/registry.ts";
import { schemaErrors } from "../../../src/resource/structural.ts";
import type { Json, JsonObject } from "../../../src/resource/types.ts";
import { accepted, refused, summary } from "./files.ts";

const SIZE_CHART = `apiVersion: apiextensions.gitstore.dev/v1beta1
kind: CustomResourceDefinition
metadata:
  name: sizecharts.shop.example
spec:
  group: shop.example
  names: {kind: SizeChart, plural: sizecharts, singular: sizechart, shortNames: [sc]}
  scope: Namespaced
  storefront: true
  versions:
    - name: v1
      served: true
      storage: true
      schema:
        openAPIV3Schema:
          type: object
          properties:
            spec:
              type: object
              required: [unit]
              properties:
                unit: {type: string, enum: [cm, inch]}
                note: {type: string, default: none}
                rows:
                  type: array
                  items:
                    type: object
                    required: [size]
                    properties:
                      size: {type: string, pattern: "^[A-Z0-9]+$"}
                      chest: {type: integer, minimum: 1}
            status:
              type: object
              properties:
                resolved: {type: object, properties: {rowCount: {type: integer}}}
      additionalPrinterColumns:
        - {name: Unit, type: string, jsonPath: .spec.unit}
      selectableFields:
        - jsonPath: .spec.unit
`;

const definition = () => accepted(SIZE_CHART, ".gitstore/sizecharts.yaml").resource.spec;

/** The definition with the value at a path replaced; undefined takes it out. */
function changed(path: (string | number)[], value: Json | undefined): JsonObject {
  const spec = structuredClone(definition());
  let at: Record<string | number, Json> = spec;
  for (const key of path.slice(0, -1)) at = at[key] as Record<string | number, Json>;
  const last = path.at(-1) ?? "";
  if (value === undefined) delete at[last];
  else at[last] = value;
  return spec;
}

describe("a CustomResourceDefinition", () => {
  it("is a YAML file under .gitstore/ without a body", () => {
    const candidate = accepted(SIZE_CHART, ".gitstore/sizecharts.yaml");
    expect(candidate.identity).toEqual({
      kind: "CustomResourceDefinition.apiextensions.gitstore.dev",
      name: "sizecharts.shop.example",
    });
    expect(candidate.resource).not.toHaveProperty("body");
    expect(candidate.positions["spec.versions"]).toEqual({ line: 10, column: 3 });
  });

  it("makes its kind parse and validate like a core one", () => {
    const registry = registryWith([{ spec: definition() }]);
    const kind = registry.byKey("SizeChart.shop.example");
    expect(kind).toMatchObject({
      group: "shop.example",
      version: "v1",
      plural: "sizecharts",
      custom: true,
      owner: "git",
      hasBody: true,
      catalogue: false,
      categories: ["all", "gitstore"],
      selectableFields: ["spec.unit"],
      printerColumns: [{ name: "Unit", type: "string", jsonPath: ".spec.unit" }],
      resolved: { type: "object" },
    });
    const file = (spec: string) =>
      `---\napiVersion: shop.example/v1\nkind: SizeChart\nmetadata: {name: shirts}\nspec:\n  ${spec}\n---\nHow to measure.\n`;
    const good = parseFile("a.md", file("{unit: cm, rows: [{size: 40, chest: 96}]}"), { namespace: "acme", registry });
    expect(good).toMatchObject({
      outcome: "resource",
      candidate: {
        identity: { kind: "SizeChart.shop.example", name: "shirts" },
        resource: { spec: { unit: "cm", note: "none", rows: [{ size: "40", chest: 96 }] }, body: "How to measure.\n" },
      },
    });
    const bad = parseFile("a.md", file("{unit: mm, rows: [{size: xl, chest: 0}, {}], colour: red}"), {
      namespace: "acme",
      registry,
    });
    expect(bad.outcome === "invalid" ? summary(bad.errors) : bad).toEqual([
      "NotSupported spec.unit",
      "Invalid spec.rows[0].size",
      "Invalid spec.rows[0].chest",
      "Required spec.rows[1].size",
      "UnknownField spec.colour",
    ]);
  });

  it("is refused under another name than plural.group", () => {
    const text = SIZE_CHART.replace("name: sizecharts.shop.example", "name: sizes.shop.example");
    expect(refused(text, ".gitstore/a.yaml")).toMatchObject([
      { field: "metadata.name", reason: "Invalid", line: 4, hint: 'name it "sizecharts.shop.example"' },
    ]);
  });

  const version = ["versions", 0];
  const schema = [...version, "schema", "openAPIV3Schema"];
  const props = [...schema, "properties", "spec", "properties"];
  const field = (path: (string | number)[]) => `spec.${path.join(".").replace(/\.(\d+)/g, "[$1]")}`;
  it.each<[string, (string | number)[], Json | undefined, string[]]>([
    ["a group under gitstore.dev", ["group"], "shop.gitstore.dev", ["Forbidden spec.group"]],
    ["a group that ends in gitstore.dev", ["group"], "mygitstore.dev", ["Forbidden spec.group"]],
    ["a group under k8s.io", ["group"], "apps.k8s.io", ["Forbidden spec.group"]],
    ["a group without a dot", ["group"], "shop", ["Invalid spec.group"]],
    ["a group that is no domain", ["group"], "Shop.Example", ["Invalid spec.group"]],
    ["the plural status", ["names", "plural"], "status", ["Forbidden spec.names.plural"]],
    ["the plural finalize", ["names", "plural"], "finalize", ["Forbidden spec.names.plural"]],
    ["a plural that is no DNS label", ["names", "plural"], "Size_Charts", ["Invalid spec.names.plural"]],
    ["a kind that does not begin with a capital", ["names", "kind"], "sizeChart", ["Invalid spec.names.kind"]],
    ["a short name that is none", ["names", "shortNames"], ["S C"], ["Invalid spec.names.shortNames[0]"]],
    ["no storage version", [...version, "storage"], false, ["Invalid spec.versions"]],
    ["no served version", [...version, "served"], false, ["Required spec.versions"]],
    ["a version that is no DNS label", [...version, "name"], "v1.0", [`Invalid ${field([...version, "name"])}`]],
    ["a schema that is no object's", [...schema, "type"], "string", [`Invalid ${field([...schema, "type"])}`]],
    [
      "a field beside spec and status",
      [...schema, "properties", "data"],
      { type: "object" },
      [`NotSupported ${field([...schema, "properties", "data"])}`],
    ],
    ["a schema without type", [...props, "unit"], { enum: ["cm"] }, [`Required ${field([...props, "unit", "type"])}`]],
    ["an unknown type", [...props, "unit", "type"], "text", [`NotSupported ${field([...props, "unit", "type"])}`]],
    ["a list without items", [...props, "rows"], { type: "array" }, [`Required ${field([...props, "rows", "items"])}`]],
    [
      "$ref",
      [...props, "unit"],
      { $ref: "#/x" },
      [`NotSupported ${field([...props, "unit", "$ref"])}`, `Required ${field([...props, "unit", "type"])}`],
    ],
    [
      "CEL rules, which are not run",
      [...props, "unit", "x-kubernetes-validations"],
      [],
      [`NotSupported ${field([...props, "unit"])}.x-kubernetes-validations`],
    ],
    ["a pattern that is none", [...props, "unit", "pattern"], "(", [`Invalid ${field([...props, "unit", "pattern"])}`]],
    [
      "a pattern with lookahead",
      [...props, "unit", "pattern"],
      "^(?=a)",
      [`Invalid ${field([...props, "unit", "pattern"])}`],
    ],
    [
      "a keyword of the wrong type",
      [...props, "unit", "maxLength"],
      -1,
      [`TypeInvalid ${field([...props, "unit", "maxLength"])}`],
    ],
    ["an empty enum", [...props, "unit", "enum"], [], [`TypeInvalid ${field([...props, "unit", "enum"])}`]],
    [
      "a default that is invalid itself",
      [...props, "note", "default"],
      5,
      [`TypeInvalid ${field([...props, "note", "default"])}`],
    ],
    [
      "a default below anyOf",
      [...props, "unit", "anyOf"],
      [{ default: "cm" }],
      [`Forbidden ${field([...props, "unit", "anyOf", 0, "default"])}`],
    ],
    [
      "properties beside additionalProperties",
      [...schema, "properties", "spec", "additionalProperties"],
      { type: "string" },
      [`Forbidden ${field([...schema, "properties", "spec", "additionalProperties"])}`],
    ],
    [
      "a list map without keys",
      [...props, "rows", "x-kubernetes-list-type"],
      "map",
      [`Required ${field([...props, "rows"])}.x-kubernetes-list-map-keys`],
    ],
    [
      "a selectable field that the schema has not",
      [...version, "selectableFields"],
      [{ jsonPath: ".spec.colour" }],
      [`Invalid ${field([...version, "selectableFields", 0, "jsonPath"])}`],
    ],
    [
      "a selectable field that is a list",
      [...version, "selectableFields"],
      [{ jsonPath: ".spec.rows" }],
      [`Invalid ${field([...version, "selectableFields", 0, "jsonPath"])}`],
    ],
    [
      "a selectable field that is no simple path",
      [...version, "selectableFields"],
      [{ jsonPath: ".spec.rows[0]" }],
      [`Invalid ${field([...version, "selectableFields", 0, "jsonPath"])}`],
    ],
  ])("is refused with %s", (_, path, value, wanted) => {
    const spec = changed(path, value);
    const group = String(spec.group);
    const plural = String((spec.names as JsonObject).plural);
    expect(summary(definitionErrors(spec, `${plural}.${group}`))).toEqual(wanted);
  });

  it.each([
    ["scope: Namespaced", "scope: Cluster", "NotSupported spec.scope", 8],
    ["  group: shop.example\n", "", "Required spec.group", 5],
    [
      "required: [unit]",
      "requierd: [unit]",
      "NotSupported spec.versions[0].schema.openAPIV3Schema.properties.spec.requierd",
      20,
    ],
  ])("reports %j as %j at its line in the file", (from, to, wanted, line) => {
    const errors = refused(SIZE_CHART.replace(from, to), ".gitstore/a.yaml");
    expect(errors.map(({ reason, field, line }) => [`${reason} ${field}`, line])).toEqual([[wanted, line]]);
  });

  it("may have several versions: one is stored, the served ones are found", () => {
    const spec = structuredClone(definition());
    const versions = spec.versions as JsonObject[];
    const [first] = versions;
    versions.push(
      { ...first, name: "v2", served: true, storage: false },
      { ...first, name: "v0", served: false, storage: false },
    );
    expect(definitionErrors(spec, "sizecharts.shop.example")).toEqual([]);
    const registry = registryWith([{ spec }]);
    expect(registry.byKey("SizeChart.shop.example")?.version).toBe("v1");
    expect(registry.byApiVersion("shop.example/v2", "SizeChart")?.version).toBe("v2");
    expect(registry.byApiVersion("shop.example/v0", "SizeChart")).toBeUndefined();
    expect(registry.byPlural("shop.example", "v2", "sizecharts")?.version).toBe("v2");
    expect(registry.resolve("sizecharts.v2.shop.example")?.version).toBe("v2");
  });

  it("with two versions of one name is refused", () => {
    const text = `${SIZE_CHART}    - {name: v1, served: true, storage: false, schema: {openAPIV3Schema: {type: object}}}\n`;
    expect(summary(refused(text, ".gitstore/a.yaml"))).toEqual(["Duplicate spec.versions[1].name"]);
  });

  it("without a schema of spec takes no fields, unless it keeps unknown ones", () => {
    const bare = registryWith([{ spec: changed(schema, { type: "object" }) }]).byKey("SizeChart.shop.example");
    expect(bare?.spec).toEqual({ type: "object", properties: {} });
    const open = { type: "object", "x-kubernetes-preserve-unknown-fields": true };
    expect(registryWith([{ spec: changed(schema, open) }]).byKey("SizeChart.shop.example")?.spec).toEqual(open);
  });
});

describe("the registry", () => {
  it.each([
    "Product",
    "product",
    "PRODUCTS",
    "prod",
    "products.catalog.gitstore.dev",
    "Product.catalog.gitstore.dev",
    "products.v1beta1.catalog.gitstore.dev",
  ])("resolves %s", (word) => {
    expect(coreRegistry.resolve(word)?.kind).toBe("Product");
  });

  it.each([
    ["ns", "Namespace"],
    ["cat", "CategoryTaxonomy"],
    ["repo", "Repository"],
    ["rel", "Release"],
    ["crd", "CustomResourceDefinition"],
  ])("knows the short name %s", (word, kind) => {
    expect(coreRegistry.resolve(word)?.kind).toBe(kind);
  });

  it("finds nothing by words that are Object's own", () => {
    for (const word of ["constructor", "__proto__", "toString", ""]) {
      expect(coreRegistry.resolve(word)).toBeUndefined();
      expect(coreRegistry.byKey(word)).toBeUndefined();
    }
  });

  it("lets no custom kind take a core kind's words", () => {
    const spec = changed(["names"], { kind: "Product", plural: "products", shortNames: ["ns", "pp"] });
    const registry = registryWith([{ spec }]);
    expect(registry.resolve("products")?.group).toBe("catalog.gitstore.dev");
    expect(registry.resolve("ns")?.kind).toBe("Namespace");
    expect(registry.resolve("pp")?.group).toBe("shop.example");
    expect(registry.resolve("products.shop.example")?.group).toBe("shop.example");
    expect(registry.byApiVersion("shop.example/v1", "Product")?.custom).toBe(true);
  });

  it("is the core one without definitions, and lists every kind", () => {
    expect(registryWith([])).toBe(coreRegistry);
    expect(registryWith([{ spec: definition() }]).all()).toHaveLength(coreRegistry.all().length + 1);
  });

  it("has unique keys, plurals and words among the core kinds", () => {
    const kinds = coreRegistry.all();
    expect(new Set(kinds.map(({ key }) => key)).size).toBe(kinds.length);
    const words = kinds.flatMap((kind) => [...new Set([kind.plural, kind.singular, ...kind.shortNames])]);
    expect(new Set(words).size).toBe(words.length);
  });

  it("has only structural schemas among the core kinds", () => {
    for (const kind of coreRegistry.all()) {
      expect(schemaErrors(kind.spec as unknown as Json, [kind.kind]), kind.kind).toEqual([]);
      if (kind.resolved !== undefined) expect(schemaErrors(kind.resolved as unknown as Json, [kind.kind])).toEqual([]);
    }
  });
});
