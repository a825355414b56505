import { describe, expect, it } from "vitest";
import { admit } from "../../../src/admission/admit.ts";
import { parseObject } from "../../../src/resource/parseObject.ts";
import { coreRegistry, registryWith } from "../../../src/resource/registry.ts";
import type { Candidate, JsonObject } from "../../../src/resource/types.ts";
import { markdown, summary } from "../resource/files.ts";
import { admitted, denied, request, stateOf } from "./state.ts";

const PRODUCT = markdown("Product", "laptop", "title: Laptop");

describe("admit", () => {
  it("gives kind, identity and candidate of a good file", () => {
    const decision = admitted(request(PRODUCT));
    expect(decision).toMatchObject({
      identity: { kind: "Product.catalog.gitstore.dev", name: "laptop" },
      kind: { kind: "Product" },
      candidate: { resource: { spec: { title: "Laptop" } } },
      conditions: [],
      warnings: [],
      policies: [],
    });
    expect(decision).not.toHaveProperty("stage");
  });

  it("is the same in pre-receive, which runs parse and schema and has no state", () => {
    const { state: _, ...preReceive } = request(PRODUCT, { stages: ["parse", "schema"] });
    expect(admitted(preReceive).candidate).toEqual(admitted(request(PRODUCT)).candidate);
    const bad = request(markdown("Product", "laptop", "titel: x"));
    expect(denied({ ...preReceive, source: { path: "a.md", text: bad.source?.text ?? "" } }).errors).toEqual(
      denied(bad).errors,
    );
  });

  it("says that a file is no resource", () => {
    expect(admit(request("# Readme\n"))).toMatchObject({ allowed: true, ignored: true, errors: [] });
  });

  it.each([
    ["parse", PRODUCT.replace("title: Laptop", 'title: "Laptop')],
    ["parse", PRODUCT.replace("spec:", "status: {}\nspec:")],
    ["parse", PRODUCT.replace("kind: Product", "kind: Gadget")],
    ["parse", PRODUCT.replace("spec:", "status: {}\nspec:").replace("title", "titel")],
    ["schema", PRODUCT.replace("title", "titel")],
    ["references", markdown("Product", "laptop", "categoryRef: {name: a, namespace: other}")],
  ])("names the stage that refused: %s", (stage, text) => {
    const decision = denied(request(text));
    expect(decision.stage).toBe(stage);
    expect(decision.errors.length).toBeGreaterThan(0);
    expect(decision.errors.every(({ path }) => path === "a.md")).toBe(true);
  });

  it("names the identity of a file that is refused, where it can be read", () => {
    expect(denied(request(PRODUCT.replace("title", "titel")))).toMatchObject({
      identity: { kind: "Product.catalog.gitstore.dev", name: "laptop" },
      kind: { kind: "Product" },
    });
  });

  it("takes a candidate that an earlier call gave, and judges it again by its own registry", () => {
    const { candidate } = admitted(request(PRODUCT));
    const { source: _, ...again } = request("", { stages: ["schema", "references"] });
    if (candidate === undefined) throw new Error("no candidate");
    admitted({ ...again, candidate });
    const broken: Candidate = { ...candidate, resource: { ...candidate.resource, spec: { titel: "x" } } };
    expect(denied({ ...again, candidate: broken })).toMatchObject({
      stage: "schema",
      errors: [{ field: "spec.titel", reason: "UnknownField", line: 6, column: 1 }],
    });
    const unknown: Candidate = { ...candidate, identity: { kind: "Gadget.shop.example", name: "x" } };
    expect(summary(denied({ ...again, candidate: unknown }).errors)).toEqual(["UnknownKind kind"]);
  });

  it("admits an API body, with trigger api", () => {
    const body = { apiVersion: "gitstore.dev/v1beta1", kind: "Namespace", metadata: { name: "acme" }, spec: {} };
    const { candidate } = parseObject(body, { namespace: "", registry: coreRegistry });
    if (candidate === undefined) throw new Error("no candidate");
    const { source: _, ...api } = request("", { trigger: "api", candidate });
    expect(admitted(api)).toMatchObject({ kind: { kind: "Namespace" }, conditions: [] });
  });

  it("fails loudly where its caller gave it nothing to judge", () => {
    const { source: _, state: __, ...empty } = request("");
    expect(() => admit({ ...empty, stages: ["parse"] })).toThrow("stage parse needs a source");
    expect(() => admit({ ...empty, stages: ["schema"] })).toThrow("stage schema needs a candidate");
    expect(() => admit({ ...empty, stages: ["references"] })).toThrow("needs the resulting state");
    expect(() => admit({ ...empty, stages: ["references"], state: stateOf({}) })).toThrow(
      "references needs a candidate",
    );
  });

  it("holds files of custom kinds to their schema like core ones", () => {
    const spec: JsonObject = {
      group: "shop.example",
      names: { kind: "Size", plural: "sizes" },
      scope: "Namespaced",
      versions: [
        {
          name: "v1",
          served: true,
          storage: true,
          schema: {
            openAPIV3Schema: {
              type: "object",
              properties: { spec: { type: "object", properties: { chest: { type: "integer" } } } },
            },
          },
        },
      ],
    };
    const registry = registryWith([{ spec }]);
    const file = (chest: string) =>
      `---\napiVersion: shop.example/v1\nkind: Size\nmetadata: {name: xl}\nspec:\n  chest: ${chest}\n---\n`;
    expect(admitted(request(file("96"), { registry })).kind?.custom).toBe(true);
    expect(denied(request(file("wide"), { registry })).errors).toMatchObject([
      { field: "spec.chest", reason: "TypeInvalid", line: 6, column: 10 },
    ]);
    expect(summary(denied(request(file("96"))).errors)).toEqual(["UnknownKind kind"]);
  });

  it("allows any deletion but a definition's whose objects are there", () => {
    const { source: _, ...deletion } = request("", {
      operation: "DELETE",
      oldObject: {
        apiVersion: "catalog.gitstore.dev/v1beta1",
        kind: "CategoryTaxonomy",
        metadata: { name: "root", uid: "u", resourceVersion: "1", generation: 1, creationTimestamp: "" },
        spec: { title: "Root" },
      },
    });
    expect(admitted(deletion)).toMatchObject({
      identity: { kind: "CategoryTaxonomy.catalog.gitstore.dev", name: "root" },
      conditions: [],
    });
  });
});
