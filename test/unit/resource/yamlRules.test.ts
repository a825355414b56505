import { describe, expect, it } from "vitest";
import { accepted, markdown, refused, summary } from "./files.ts";

const spec = (yaml: string) => markdown("Product", "laptop", yaml);

describe("YAML rules", () => {
  it.each([
    ["an anchor", "title: &a x", "anchors are not allowed, found &a", 7, 13],
    ["an alias", "title: x\ntags: [*a]", "aliases are not allowed, found *a", 8, 10],
    ["a custom tag", "title: !mine x", "custom tags are not allowed, found !mine", 7, 16],
    ["a tag on a list", "tags: !mine [a]", "custom tags are not allowed, found !mine", 7, 15],
    [
      "a tag beyond the core schema",
      "title: !!binary aGk=",
      "custom tags are not allowed, found tag:yaml.org,2002:binary",
      7,
      19,
    ],
    ["a duplicate key", "title: a\ntags: []\ntitle: b", 'duplicate key "title"', 9, 3],
    ["a duplicate key in another spelling", 'title: a\n"title": b', 'duplicate key "title"', 8, 3],
    ["a duplicate key in flow style", "options: [{name: a, name: b}]", 'duplicate key "name"', 7, 23],
    ["a key that is a list", "[a]: b", "a mapping's key must be a plain or quoted string", 7, 3],
  ])("refuse %s", (_, yaml, message, line, column) => {
    expect(refused(spec(yaml))).toContainEqual(
      expect.objectContaining({ reason: "MalformedYAML", field: "", message, line, column }),
    );
  });

  it("read duplicate keys, unknown keys and syntax errors all in one go", () => {
    const errors = refused(spec("title: a\ntitle: b\nnope: 1\ntags: [a"));
    expect(new Set(errors.map(({ reason }) => reason))).toEqual(new Set(["MalformedYAML", "UnknownField"]));
  });

  it("know no merge keys", () => {
    expect(summary(refused(spec("<<: {title: a}")))).toEqual(['UnknownField spec["<<"]']);
  });

  it("refuse a key __proto__ like any unknown key, and no object takes its prototype from a file", () => {
    expect(summary(refused(spec("__proto__: {title: x}\nconstructor: y")))).toEqual([
      "UnknownField spec.__proto__",
      "UnknownField spec.constructor",
    ]);
  });

  it("take core tags, comments, block scalars and quoted strings", () => {
    const { resource } = accepted(spec("title: !!str 12 # twelve\ntags:\n- |\n  a\n  b\n- 'c'\n- >-\n  d\n  e"));
    expect(resource.spec).toEqual({ title: "12", tags: ["a\nb\n", "c", "d e"] });
  });

  it("refuse a second document and directives", () => {
    const crd =
      "apiVersion: apiextensions.gitstore.dev/v1beta1\nkind: CustomResourceDefinition\nmetadata: {name: a.b.example}\n";
    const second = refused(`${crd}---\n${crd}`, ".gitstore/a.yaml");
    expect(second).toContainEqual(
      expect.objectContaining({ reason: "MalformedYAML", message: "the file must hold one document, found another" }),
    );
    const directive = refused(`%YAML 1.1\n---\n${crd}`, ".gitstore/a.yaml");
    expect(directive).toContainEqual(
      expect.objectContaining({ reason: "MalformedYAML", message: "directives are not allowed", line: 1 }),
    );
  });

  it("take 32 levels of nesting and refuse 33", () => {
    // The document's mapping and spec are two; the rest are lists.
    const nested = (levels: number) => spec(`tags: ${"[".repeat(levels)}${"]".repeat(levels)}`);
    const tooDeep = (errors: { message: string }[]) => errors.some(({ message }) => message.includes("32 levels"));
    expect(tooDeep(refused(nested(30)))).toBe(false);
    expect(tooDeep(refused(nested(31)))).toBe(true);
  });

  it("name the object of a file that is nested too deep", () => {
    expect(refused(spec(`tags: ${"[".repeat(60)}`)).length).toBeGreaterThan(0);
  });

  it.each([
    ["brackets", `tags: ${"[".repeat(400_000)}`],
    ["commas", `tags: [${",".repeat(400_000)}]`],
    ["closing brackets", `tags: ${"]".repeat(400_000)}`],
    ["dashes", `tags: ${"- ".repeat(200_000)}`],
  ])("refuse 400 KB of %s with few errors, whatever the parser makes of it", (_, yaml) => {
    const errors = refused(spec(yaml));
    expect(errors.length).toBeGreaterThan(0);
    expect(errors.length).toBeLessThanOrEqual(101);
    expect(errors.some(({ reason }) => reason === "MalformedYAML")).toBe(true);
  });
});

describe("a plain scalar where a string is wanted", () => {
  it.each(["19.99", "12345", "0123", "1e3", "0x1F", "true", "null", "~", "2026-01-01", ".inf", "1_000", "19.90"])(
    "is taken by its source text: %s",
    (source) => {
      expect(accepted(spec(`title: ${source}`)).resource.spec.title).toBe(source);
      expect(accepted(spec(`tags: [${source}]`)).resource.spec.tags).toEqual([source]);
    },
  );

  it("is so in metadata too", () => {
    const text = spec("title: x").replace("name: laptop", "name: 12345\n  labels: {a: true, 5: 1.10}");
    expect(accepted(text).resource.metadata).toMatchObject({ name: "12345", labels: { a: "true", "5": "1.10" } });
  });

  it("gives prices and dates as their authors wrote them", () => {
    const text = markdown(
      "ProductVariant",
      "v",
      `title: 1984
sku: 00123
productRef: {name: book}
pricing:
  priceSet:
    name: default
    prices:
      - {amount: 19.90, currencyCode: EUR, strategy: {type: fixed}, validFromTime: 2026-01-01T00:00:00+01:00}`,
    );
    expect(accepted(text).resource.spec).toMatchObject({
      title: "1984",
      sku: "00123",
      pricing: { priceSet: { prices: [{ amount: "19.90", validFromTime: "2026-01-01T00:00:00+01:00" }] } },
    });
  });

  it("is not made of a list or a mapping", () => {
    expect(summary(refused(spec("title: [a]")))).toEqual(["TypeInvalid spec.title"]);
    expect(summary(refused(spec("title: {a: b}")))).toEqual(["TypeInvalid spec.title"]);
  });

  it("stays a number or a boolean where one is wanted, and text there is refused", () => {
    const variant = (inventory: string) =>
      markdown("ProductVariant", "v", `title: V\nsku: S\nproductRef: {name: p}\ninventory: {managed: ${inventory}}`);
    expect(accepted(variant("true")).resource.spec).toMatchObject({ inventory: { managed: true } });
    expect(summary(refused(variant('"true"')))).toEqual(["TypeInvalid spec.inventory.managed"]);
    // YAML 1.1's booleans are text in 1.2.
    expect(summary(refused(variant("yes")))).toEqual(["TypeInvalid spec.inventory.managed"]);
  });
});
