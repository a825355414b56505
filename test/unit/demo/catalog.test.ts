import { describe, expect, it } from "vitest";
import { catalogFiles, categories, productFile, products } from "../../../src/cli/demo/catalog.ts";
import { parseFile } from "../../../src/resource/parse.ts";
import { coreRegistry } from "../../../src/resource/registry.ts";

const context = { namespace: "acme", registry: coreRegistry };

describe("the catalogue of real products", () => {
  it("has a path of its own for every file, and every file is a resource", () => {
    const files = catalogFiles({ products: 5_000, retailCategories: 1_273 });
    expect(new Set(files.map(({ path }) => path)).size).toBe(files.length);
    const refused = files.filter(({ path, text }) => parseFile(path, text ?? "", context).outcome !== "resource");
    expect(refused.map(({ path }) => path)).toEqual([]);
  });

  it("has the category of every product, and the parent of every category", () => {
    const outcomes = catalogFiles({ products: 1_000, retailCategories: 200 }).map(({ path, text }) =>
      parseFile(path, text ?? "", context),
    );
    const candidates = outcomes.flatMap((outcome) => (outcome.outcome === "resource" ? [outcome.candidate] : []));
    const names = new Set(candidates.map(({ identity }) => `${identity.kind}/${identity.name}`));
    const dangling = candidates.flatMap(({ references }) =>
      references.filter(({ kind, name }) => !names.has(`${kind}/${name}`)),
    );
    expect(dangling).toEqual([]);
  });

  it("is another text after an edit, and the same one without", () => {
    const [row] = products(1);
    if (!row) throw new Error("a product");
    expect(productFile(row)).toEqual(productFile(row));
    expect(productFile(row, ", second edition").text).not.toBe(productFile(row).text);
  });

  it("refuses to give more than it has", () => {
    expect(() => products(5_001)).toThrow("5001 products were asked for; there are 5000.");
    expect(() => categories(1_274)).toThrow("there are 1273");
  });
});
