import { describe, expect, it } from "vitest";
import type { AdmissionRequest } from "../../../src/admission/types.ts";
import type { JsonObject, Resource } from "../../../src/resource/types.ts";
import { summary } from "../resource/files.ts";
import { admitted, denied, request, stateOf } from "./state.ts";

const CRD = "CustomResourceDefinition.apiextensions.gitstore.dev";
const SIZE = "Size.shop.example";

function definition(spec: string, kind = "Size"): string {
  return `apiVersion: apiextensions.gitstore.dev/v1beta1
kind: CustomResourceDefinition
metadata: {name: sizes.shop.example}
spec:
  group: shop.example
  names: {kind: ${kind}, plural: sizes}
  scope: Namespaced
  versions:
    - name: v1
      served: true
      storage: true
      schema: {openAPIV3Schema: {type: object, properties: {spec: ${spec}}}}
`;
}

const CHEST = "{type: object, required: [chest], properties: {chest: {type: integer}}}";

function of(text: string, objects: Record<string, Record<string, JsonObject>>, more: Partial<AdmissionRequest> = {}) {
  return request("", { source: { path: ".gitstore/sizes.yaml", text }, state: stateOf(objects), ...more });
}

function objectOf(wanted: AdmissionRequest): Resource {
  const { candidate } = admitted(wanted);
  if (candidate === undefined) throw new Error("no candidate");
  const metadata = {
    uid: "u",
    resourceVersion: "1",
    generation: 1,
    creationTimestamp: "",
    ...candidate.resource.metadata,
  };
  return { ...candidate.resource, metadata };
}

describe("a definition under admission", () => {
  it("is admitted where every object of its kind fits", () => {
    admitted(of(definition(CHEST), {}));
    admitted(of(definition(CHEST), { [SIZE]: { xl: { chest: 110 } } }));
  });

  it("is refused where it would invalidate admitted objects, naming them", () => {
    const objects = { [SIZE]: { l: { chest: 100 }, xl: { chest: "wide" }, xxl: {} } };
    expect(denied(of(definition(CHEST), objects)).errors).toEqual([
      {
        path: ".gitstore/sizes.yaml",
        line: 8,
        column: 3,
        field: "spec.versions",
        reason: "Invalid",
        message:
          'would make 2 of 3 admitted Size objects invalid: xl (spec.chest must be an integer, found "wide"), xxl (spec.chest is required)',
        hint: "change those objects first, or in the same push",
      },
    ]);
  });

  it("names five of them at most", () => {
    const many = Object.fromEntries(Array.from({ length: 9 }, (_, i) => [`s${i}`, {}]));
    const [error] = denied(of(definition(CHEST), { [SIZE]: many })).errors;
    expect(error?.message).toContain("9 of 9");
    expect(error?.message).toMatch(/s4 \([^)]*\), and 4 more$/);
  });

  it("is refused where another definition gives the same kind", () => {
    const others = {
      [CRD]: { "tailles.shop.example": { group: "shop.example", names: { kind: "Size", plural: "tailles" } } },
    };
    expect(denied(of(definition(CHEST), others)).errors).toMatchObject([
      { field: "spec.names.kind", reason: "Duplicate", message: expect.stringContaining('"tailles.shop.example"') },
    ]);
    const itself = {
      [CRD]: { "sizes.shop.example": { group: "shop.example", names: { kind: "Size", plural: "sizes" } } },
    };
    admitted(of(definition(CHEST), itself));
  });

  it("is refused where it renames a kind whose objects are there", () => {
    const oldObject = objectOf(of(definition(CHEST), {}));
    const renamed = of(
      definition(CHEST, "Sizing"),
      { [SIZE]: { xl: { chest: 1 } } },
      { operation: "UPDATE", oldObject },
    );
    expect(denied(renamed).errors).toMatchObject([
      { field: "spec.names.kind", reason: "Forbidden", message: "must not be renamed while 1 Size object exists: xl" },
    ]);
    admitted(of(definition(CHEST, "Sizing"), {}, { operation: "UPDATE", oldObject }));
  });

  it("that is invalid itself is refused by the schema stage, before any state is asked", () => {
    const decision = denied(of(definition("{type: object, properties: {a: {}}}"), {}));
    expect(decision.stage).toBe("schema");
    expect(summary(decision.errors)).toEqual([
      "Required spec.versions[0].schema.openAPIV3Schema.properties.spec.properties.a.type",
    ]);
  });

  it("is not deleted while objects of its kind are there in the resulting state", () => {
    const oldObject = objectOf(of(definition(CHEST), {}));
    const deletion = (objects: Record<string, Record<string, JsonObject>>): AdmissionRequest => {
      const { source: _, ...rest } = of("", objects, { operation: "DELETE", oldObject });
      return rest;
    };
    expect(denied(deletion({ [SIZE]: { l: {}, xl: {} } }))).toMatchObject({
      identity: { kind: CRD, name: "sizes.shop.example" },
      stage: "references",
      errors: [{ field: "", reason: "Forbidden", message: "must not be deleted while 2 Size objects exist: l, xl" }],
    });
    admitted(deletion({}));
  });
});
