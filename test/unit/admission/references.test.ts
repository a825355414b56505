import { describe, expect, it } from "vitest";
import { cycleThrough } from "../../../src/admission/cycle.ts";
import type { AdmissionRequest } from "../../../src/admission/types.ts";
import type { Condition, JsonObject, Resource } from "../../../src/resource/types.ts";
import { markdown, summary } from "../resource/files.ts";
import { admitted, conditions, denied, GROUP, request, stateOf } from "./state.ts";

const PRODUCT = `Product.${GROUP}`;
const VARIANT = `ProductVariant.${GROUP}`;
const CATEGORY = `CategoryTaxonomy.${GROUP}`;
const FILE = "File.storage.gitstore.dev";

const product = (spec: string, more?: Partial<AdmissionRequest>) => request(markdown("Product", "me", spec), more);
const variant = (spec: string, more?: Partial<AdmissionRequest>) =>
  request(markdown("ProductVariant", "me", `title: V\nsku: S\nproductRef: {name: p}\n${spec}`), more);
const category = (spec: string, more?: Partial<AdmissionRequest>) =>
  request(markdown("CategoryTaxonomy", "me", `title: T\n${spec}`), more);
const release = { trigger: "release" } as const;

describe("a reference on a branch", () => {
  it("that is missing is a condition on the object, and the object is admitted", () => {
    const state = stateOf({});
    expect(conditions(admitted(product("categoryRef: {name: laptops}", { state })))).toEqual([
      "CategoryResolved=False CategoryNotFound",
    ]);
    expect(conditions(admitted(category("parentRef: {name: root}", { state })))).toEqual([
      "ParentResolved=False ParentNotFound",
      "Acyclic=True NoCycle",
    ]);
    expect(conditions(admitted(variant("", { state })))).toEqual(["ProductResolved=False ProductNotFound"]);
  });

  it("that is there is a condition too, so that an earlier False is answered", () => {
    const state = stateOf({ [CATEGORY]: { laptops: { title: "L" } }, [PRODUCT]: { p: {} } });
    expect(conditions(admitted(product("categoryRef: {name: laptops}", { state })))).toEqual([
      "CategoryResolved=True CategoryFound",
    ]);
    expect(conditions(admitted(category("parentRef: {name: laptops}", { state })))).toEqual([
      "ParentResolved=True ParentFound",
      "Acyclic=True NoCycle",
    ]);
    expect(conditions(admitted(variant("", { state })))).toEqual(["ProductResolved=True ProductFound"]);
  });

  it("says in its message what is missing", () => {
    const [only] = admitted(product("categoryRef: {name: laptops}")).conditions;
    expect(only?.message).toBe('no CategoryTaxonomy "laptops" exists in the namespace');
  });

  it("that the object no longer makes does not go on being reported missing", () => {
    const stale = (type: string, status: Condition["status"]): Condition => ({
      type,
      status,
      reason: "x",
      message: "",
    });
    const oldObject: Resource = {
      apiVersion: "catalog.gitstore.dev/v1beta1",
      kind: "Product",
      metadata: { name: "me", uid: "u", resourceVersion: "1", generation: 1, creationTimestamp: "" },
      spec: {},
      status: {
        conditions: [stale("CategoryResolved", "False"), stale("FileRefConfirmed", "True"), stale("Ready", "False")],
      },
    };
    expect(conditions(admitted(product("title: x", { operation: "UPDATE", oldObject })))).toEqual([
      "CategoryResolved=True NotReferenced",
    ]);
  });

  it("of another kind is not followed", () => {
    expect(admitted(variant("inventory: {stockLocationRefs: [{name: nowhere}]}")).conditions).toHaveLength(1);
  });
});

describe("a reference in a release tree", () => {
  it("that is missing refuses, at its place in the file", () => {
    const decision = denied(product("title: x\ncategoryRef:\n  name: laptops", release));
    expect(decision.errors).toEqual([
      {
        path: "a.md",
        line: 9,
        column: 11,
        field: "spec.categoryRef.name",
        reason: "ReferenceNotFound",
        message: 'no CategoryTaxonomy "laptops" exists in the namespace',
      },
    ]);
    expect(decision.stage).toBe("references");
    expect(decision.conditions).toEqual([]);
  });

  it.each<[string, AdmissionRequest, string]>([
    ["parentRef", category("parentRef: {name: root}", release), "ReferenceNotFound spec.parentRef.name"],
    ["productRef", variant("", release), "ReferenceNotFound spec.productRef.name"],
    [
      "fileRef",
      product("media: [{fileRef: {kind: File, name: hero}}]", release),
      "ReferenceNotFound spec.media[0].fileRef.name",
    ],
    [
      "selectedOptions",
      variant("selectedOptions: [{name: color, value: red}]", { ...release, state: stateOf({ [PRODUCT]: { p: {} } }) }),
      "ReferenceNotFound spec.selectedOptions[0].name",
    ],
    [
      "a cycle of parents",
      category("parentRef: {name: a}", {
        ...release,
        state: stateOf({ [CATEGORY]: { a: { parentRef: { name: "me" } } } }),
      }),
      "Cycle spec.parentRef.name",
    ],
  ])("refuses for %s", (_, wanted, error) => {
    expect(summary(denied(wanted).errors)).toEqual([error]);
  });

  it("only warns where the repository says danglingReferences: Warn", () => {
    const decision = admitted(product("categoryRef: {name: laptops}", { ...release, danglingReferences: "Warn" }));
    expect(summary(decision.warnings)).toEqual(["ReferenceNotFound spec.categoryRef.name"]);
    expect(conditions(decision)).toEqual(["CategoryResolved=False CategoryNotFound"]);
  });
});

describe("files", () => {
  const media = "media:\n- fileRef: {kind: File, name: hero}\n- fileRef: {kind: File, name: extra, optional: true}";

  it("that are not optional must be there", () => {
    const decision = admitted(product(media));
    expect(conditions(decision)).toEqual(["FileRefConfirmed=False FileNotFound"]);
    expect(decision.conditions[0]?.message).toBe('no File "hero" exists in the namespace');
    expect(conditions(admitted(product(media, { state: stateOf({ [FILE]: { hero: {} } }) })))).toEqual([
      "FileRefConfirmed=True FilesFound",
    ]);
  });

  it("that are optional may be missing, in a release too", () => {
    admitted(product(media, { ...release, state: stateOf({ [FILE]: { hero: {} } }) }));
  });

  it("are counted where many are missing", () => {
    const many = Array.from({ length: 6 }, (_, i) => `- fileRef: {kind: File, name: f${i}}`).join("\n");
    expect(admitted(product(`media:\n${many}`)).conditions[0]?.message).toMatch(/"f2".*, and 3 more$/);
  });
});

describe("selected options", () => {
  const options: JsonObject = { options: [{ name: "color", values: ["silver", "black"] }, { name: "engraving" }] };
  const state = stateOf({ [PRODUCT]: { p: options } });
  const select = (list: string) => variant(`selectedOptions: [${list}]`, { state });

  it("must be the product's, and an option without values accepts any", () => {
    expect(conditions(admitted(select("{name: color, value: silver}, {name: engraving, value: For Ada}")))).toEqual([
      "ProductResolved=True ProductFound",
      "OptionsAccepted=True OptionsCompatible",
    ]);
  });

  it.each([
    ["{name: colour, value: silver}", 'Product "p" has no option "colour": it has color, engraving'],
    ["{name: color, value: red}", 'option "color" has no value "red": it has silver, black'],
    ["{name: color, value: silver}, {name: color, value: black}", 'option "color" is selected twice'],
  ])("%s is incompatible", (list, message) => {
    const decision = admitted(select(list));
    expect(conditions(decision)).toContain("OptionsAccepted=False IncompatibleOptions");
    expect(decision.conditions.at(-1)?.message).toBe(message);
  });

  it("cannot be judged without the product", () => {
    expect(conditions(admitted(variant("selectedOptions: [{name: a, value: b}]")))).toEqual([
      "ProductResolved=False ProductNotFound",
      "OptionsAccepted=Unknown ProductNotFound",
    ]);
  });
});

describe("what is refused wherever it comes from", () => {
  const triggers = ["push", "api", "release"] as const;

  it.each(triggers)("a reference into another namespace (%s)", (trigger) => {
    const state = stateOf({ [CATEGORY]: { laptops: {} } });
    const decision = denied(product("categoryRef: {name: laptops, namespace: other}", { trigger, state }));
    expect(decision.errors).toMatchObject([
      { field: "spec.categoryRef.namespace", reason: "NamespaceMismatch", line: 7, path: "a.md" },
    ]);
    admitted(product("categoryRef: {name: laptops, namespace: acme}", { trigger, state }));
  });

  it.each(triggers)("a category that is its own parent (%s)", (trigger) => {
    expect(summary(denied(category("parentRef: {name: me}", { trigger })).errors)).toEqual([
      "Cycle spec.parentRef.name",
    ]);
  });

  it("a category that is its own parent, by the references stage alone too", () => {
    const { candidate } = admitted(category("parentRef: {name: you}"));
    if (candidate === undefined) throw new Error("no candidate");
    const renamed = { ...candidate, identity: { ...candidate.identity, name: "you" } };
    const { source: _, ...api } = request("", { candidate: renamed, stages: ["references"] });
    const decision = denied(api);
    expect(summary(decision.errors)).toEqual(["Cycle spec.parentRef.name"]);
    expect(decision.errors[0]?.line).toBe(8);
  });

  it.each(triggers)("a SKU that another variant holds, naming it (%s)", (trigger) => {
    const state = stateOf({ [VARIANT]: { other: { sku: "S" }, me: { sku: "S" } }, [PRODUCT]: { p: {} } });
    expect(denied(variant("", { trigger, state })).errors).toMatchObject([
      {
        field: "spec.sku",
        reason: "Duplicate",
        message: 'SKU "S" is already held by ProductVariant "other"',
        line: 8,
        column: 8,
      },
    ]);
  });

  it("names the first of many holders", () => {
    const holders = Object.fromEntries(["a", "b", "c", "d", "e"].map((name) => [name, { sku: "S" }]));
    const [error] = denied(variant("", { state: stateOf({ [VARIANT]: holders }) })).errors;
    expect(error?.message).toMatch(/"a", ProductVariant "b", ProductVariant "c" and 2 more$/);
  });

  it("keeps a variant its own SKU", () => {
    admitted(variant("", { state: stateOf({ [VARIANT]: { me: { sku: "S" } } }) }));
  });
});

describe("cycles of parents", () => {
  const parents: Record<string, string> = { a: "b", b: "c", c: "a", tail: "a", self: "self", top: "none" };
  const parentOf = (name: string) => parents[name];

  it("are found from every member, which comes first", () => {
    expect(cycleThrough("a", parentOf)).toEqual(["a", "b", "c"]);
    expect(cycleThrough("b", parentOf)).toEqual(["b", "c", "a"]);
    expect(cycleThrough("self", parentOf)).toEqual(["self"]);
  });

  it("are none for one who only leads into a cycle, or to nothing", () => {
    expect(cycleThrough("tail", parentOf)).toBeUndefined();
    expect(cycleThrough("top", parentOf)).toBeUndefined();
    expect(cycleThrough("root", parentOf)).toBeUndefined();
  });

  it("are walked in a chain of 100,000 without a stack", () => {
    const deep = (name: string) => (name === "n99999" ? "n0" : `n${Number(name.slice(1)) + 1}`);
    expect(cycleThrough("n0", deep)).toHaveLength(100_000);
  });

  it("are a condition on the object under admission, by its new parent and not its old one", () => {
    const state = stateOf({
      [CATEGORY]: { me: {}, a: { parentRef: { name: "b" } }, b: { parentRef: { name: "me" } } },
    });
    const decision = admitted(category("parentRef: {name: a}", { state }));
    expect(conditions(decision)).toEqual(["ParentResolved=True ParentFound", "Acyclic=False CycleDetected"]);
    expect(decision.conditions[1]?.message).toBe("the parents form a cycle: me → a → b → me");
    expect(conditions(admitted(category("parentRef: {name: c}", { state })))).toContain("Acyclic=True NoCycle");
  });
});
