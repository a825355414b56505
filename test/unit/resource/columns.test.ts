import { describe, expect, it } from "vitest";
import { coreRegistry } from "../../../src/resource/registry.ts";

/** What `kubectl get` shows of a kind beside the name; those with a * with `-o wide` only. */
const COLUMNS: Record<string, string> = {
  Product: "Title Category Phase Ready Age Revision*",
  ProductVariant: "SKU Product Phase Ready Age Revision*",
  CategoryTaxonomy: "Title Parent Phase Ready Age Revision*",
  Collection: "Title Phase Ready Age Revision*",
  Namespace: "Title Tier Ready Age",
  Repository: "URL Provider Ready Poll* Channel* Age",
  File: "Type Content-Type Age Revision*",
  GitEvent: "Type Subject Time* Age",
  Release: "Tag Phase Repository* Commit* Age",
  Channel: "Release Repository Epoch Age",
  CustomResourceDefinition: "Group Kind Age Revision*",
  Lease: "Holder Age",
};

describe("a kind's columns", () => {
  it("are known for every core kind", () => {
    expect(coreRegistry.all().map(({ kind }) => kind)).toEqual(Object.keys(COLUMNS));
  });

  it.each(coreRegistry.all().map((kind) => [kind.kind, kind] as const))("of a %s", (name, { printerColumns }) => {
    const shown = printerColumns.map((column) => `${column.name}${column.priority ? "*" : ""}`);
    expect(shown.join(" ")).toBe(COLUMNS[name]);
  });

  it.each(coreRegistry.all().filter(({ catalogue }) => catalogue))(
    "of $kind are phase, ready, age and revision where objects have them",
    ({ printerColumns }) => {
      const paths = Object.fromEntries(printerColumns.map(({ name, jsonPath }) => [name, jsonPath]));
      expect(paths).toMatchObject({
        Phase: ".status.phase",
        Ready: '.status.conditions[?(@.type=="Ready")].status',
        Age: ".metadata.creationTimestamp",
        Revision: ".metadata.revision",
      });
    },
  );
});
