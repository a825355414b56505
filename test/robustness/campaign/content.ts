import { MARK } from "../history.ts";
import { EVERYTHING, type FieldTerm, GIT_EVENT, type LabelTerm, type Selection } from "../selection.ts";
import { KINDS } from "../transports/paths.ts";
import type { Draw } from "./draw.ts";

export const PRODUCT = "Product.catalog.gitstore.dev";
export const CHANNEL = "Channel.release.gitstore.dev";
const REPOSITORY = "Repository.gitstore.dev";
export const PARITY = "shop/parity";
const TIER = "shop/tier";

export function labelsOf(draw: Draw): Record<string, string> {
  const labels: Record<string, string> = { [PARITY]: draw.one(["even", "odd"]) };
  if (draw.chance(60)) labels[TIER] = draw.one(["gold", "silver", "tin"]);
  return labels;
}

/** A product's file with a mark of its own, by which its version is found in the log; `bytes` of body. */
export function productFile(name: string, mark: string, labels: Record<string, string>, bytes: number): string {
  const lines = Object.entries(labels).map(([key, value]) => `    ${key}: ${value}\n`);
  return `---
apiVersion: catalog.gitstore.dev/v1beta1
kind: Product
metadata:
  name: ${name}
  labels:
${lines.join("")}  annotations:
    ${MARK}: ${mark}
spec:
  title: "${name} as of ${mark}"
---

# ${name}

${"text ".repeat(Math.ceil(bytes / 5))}
`;
}

const LABELS: readonly (readonly LabelTerm[])[] = [
  [],
  [{ key: PARITY, op: "In", values: ["even"] }],
  [{ key: PARITY, op: "NotIn", values: ["even"] }],
  [{ key: TIER, op: "In", values: ["gold", "silver"] }],
  [{ key: TIER, op: "NotIn", values: ["gold", "tin"] }],
  [{ key: TIER, op: "Exists" }],
  [
    { key: TIER, op: "DoesNotExist" },
    { key: PARITY, op: "In", values: ["odd"] },
  ],
];

const FIELDS: readonly (readonly FieldTerm[])[] = [
  [],
  [],
  [],
  [{ path: "metadata.name", op: "=", value: "main-3" }],
  [{ path: "metadata.name", op: "!=", value: "main-3" }],
  [{ path: "status.phase", op: "=", value: "draft" }],
];

/** What a watch or list asks for. `status.phase` is a field of catalogue kinds only. */
export function selectionOf(draw: Draw, manyKinds: boolean): Selection {
  const kinds = manyKinds
    ? draw.one([
        null,
        null,
        [PRODUCT],
        [PRODUCT, CHANNEL],
        KINDS.map(({ key }) => key),
        [PRODUCT, GIT_EVENT],
        [REPOSITORY, CHANNEL],
      ])
    : [draw.one([PRODUCT, PRODUCT, PRODUCT, CHANNEL, REPOSITORY, GIT_EVENT])];
  if (draw.chance(30)) return { ...EVERYTHING, kinds };
  const fields = draw.one(FIELDS);
  const ofProducts = kinds?.length === 1 && kinds[0] === PRODUCT;
  return {
    kinds,
    labels: draw.one(LABELS),
    fields: ofProducts ? fields : fields.filter(({ path }) => path !== "status.phase"),
  };
}
