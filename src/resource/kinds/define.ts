import type { KindDef, PrinterColumn, Schema } from "../kind.ts";
import type { FieldError, KindKey, Reason } from "../types.ts";

/** `Product.catalog.gitstore.dev`: a kind's key inside a namespace. The version is no part of identity. */
export function kindKey(group: string, kind: string): KindKey {
  return `${kind}.${group}`;
}

export const AGE_COLUMN: PrinterColumn = { name: "Age", type: "date", jsonPath: ".metadata.creationTimestamp" };

export function column(name: string, jsonPath: string, type: PrinterColumn["type"] = "string"): PrinterColumn {
  return { name, type, jsonPath };
}

export function wideColumn(name: string, jsonPath: string, type: PrinterColumn["type"] = "string"): PrinterColumn {
  return { name, type, jsonPath, priority: 1 };
}

export const READY_COLUMN = column("Ready", '.status.conditions[?(@.type=="Ready")].status');
const REVISION_COLUMN = wideColumn("Revision", ".metadata.revision");

type CoreKind = Pick<KindDef, "group" | "version" | "kind" | "plural" | "owner" | "spec"> & Partial<KindDef>;

/** A core kind with the usual filled in: namespaced, no body, in the categories `all` and `gitstore`, columns Age and Revision. */
export function coreKind(kind: CoreKind): KindDef {
  return {
    key: kindKey(kind.group, kind.kind),
    singular: kind.kind.toLowerCase(),
    shortNames: [],
    categories: ["all", "gitstore"],
    scope: "Namespaced",
    hasBody: false,
    catalogue: false,
    selectableFields: [],
    custom: false,
    ...kind,
    printerColumns: [
      ...(kind.printerColumns ?? []),
      AGE_COLUMN,
      // Only what was committed has one. Too long for a narrow table, so it shows with `-o wide`.
      ...(kind.owner === "git" ? [REVISION_COLUMN] : []),
    ],
  };
}

/** One of the four catalogue kinds: Markdown files in Git, published by releases. */
export function catalogueKind(kind: Pick<CoreKind, "kind" | "plural" | "spec"> & Partial<KindDef>): KindDef {
  return coreKind({
    group: "catalog.gitstore.dev",
    version: "v1beta1",
    owner: "git",
    hasBody: true,
    catalogue: true,
    selectableFields: ["status.phase"],
    ...kind,
    printerColumns: [...(kind.printerColumns ?? []), column("Phase", ".status.phase"), READY_COLUMN],
  });
}

/** A violation found by a kind's own rules; the caller adds path and place. */
export function violation(field: string, reason: Reason, message: string, hint?: string): FieldError {
  return hint === undefined ? { field, reason, message } : { field, reason, message, hint };
}

export function text(description: string, more: Partial<Schema> = {}): Schema {
  return { type: "string", description, ...more };
}

export function list(description: string, items: Schema, more: Partial<Schema> = {}): Schema {
  return { type: "array", description, items, ...more };
}

export function object(
  description: string,
  properties: Record<string, Schema>,
  required: string[] = [],
  more: Partial<Schema> = {},
): Schema {
  return { type: "object", description, properties, ...(required.length > 0 ? { required } : {}), ...more };
}
