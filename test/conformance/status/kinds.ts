/** The two kinds that every row runs for: a core one, and a custom one that only its definition tells of. */
import type { TestKind } from "./types.ts";

export const CATEGORY: TestKind = {
  kind: "CategoryTaxonomy",
  plural: "categorytaxonomies",
  apiVersion: "catalog.gitstore.dev/v1beta1",
  catalogue: true,
  spec: (title) => ({ title }),
  resolved: (n) => ({ depth: n, path: ["root", `n${n}`], childCount: n, productCount: 0 }),
  badResolved: { value: { depth: "deep" }, field: "status.resolved.depth" },
};

export const GADGET: TestKind = {
  kind: "Gadget",
  plural: "gadgets",
  apiVersion: "acme.example/v1",
  catalogue: false,
  spec: (title) => ({ title }),
  resolved: (n) => ({ score: n }),
  badResolved: { value: { score: 1.5 }, field: "status.resolved.score" },
};

/** The file that makes `Gadget` a kind. */
export const GADGETS_YAML = `apiVersion: apiextensions.gitstore.dev/v1beta1
kind: CustomResourceDefinition
metadata:
  name: gadgets.acme.example
spec:
  group: acme.example
  scope: Namespaced
  names: {kind: Gadget, plural: gadgets, singular: gadget}
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
              required: [title]
              properties:
                title: {type: string}
            status:
              type: object
              properties:
                resolved:
                  type: object
                  properties:
                    score: {type: integer}
`;

export const KINDS: readonly TestKind[] = [CATEGORY, GADGET];

/** An object's file, with a body. */
export function fileOf(kind: TestKind, name: string, title: string): string {
  return `---
apiVersion: ${kind.apiVersion}
kind: ${kind.kind}
metadata:
  name: ${name}
  labels:
    shop/section: a
spec:
${Object.entries(kind.spec(title))
  .map(([key, value]) => `  ${key}: ${JSON.stringify(value)}\n`)
  .join("")}---

# ${title}
`;
}
