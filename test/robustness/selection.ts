/** What a watch or list asks for, and what it should get: written a second time, from the contract, beside `src/`. */
import { kindOf, type WatchedObject } from "./history.ts";

export const GIT_EVENT = "GitEvent.events.gitstore.dev";

export interface LabelTerm {
  key: string;
  op: "In" | "NotIn" | "Exists" | "DoesNotExist";
  values?: readonly string[];
}

export interface FieldTerm {
  path: "metadata.name" | "metadata.namespace" | "status.phase";
  op: "=" | "!=";
  value: string;
}

export interface Selection {
  /** `Kind.group`; null: every kind but GitEvents. */
  kinds: readonly string[] | null;
  labels: readonly LabelTerm[];
  fields: readonly FieldTerm[];
}

export const EVERYTHING: Selection = { kinds: null, labels: [], fields: [] };

export function labelText(terms: readonly LabelTerm[]): string {
  return terms.map(termText).join(",");
}

function termText({ key, op, values = [] }: LabelTerm): string {
  switch (op) {
    case "In":
      return values.length === 1 ? `${key}=${values[0]}` : `${key} in (${values.join(",")})`;
    case "NotIn":
      return values.length === 1 ? `${key}!=${values[0]}` : `${key} notin (${values.join(",")})`;
    case "Exists":
      return key;
    case "DoesNotExist":
      return `!${key}`;
  }
}

export function fieldText(terms: readonly FieldTerm[]): string {
  return terms.map(({ path, op, value }) => `${path}${op}${value}`).join(",");
}

export function wantsKind(selection: Selection, kind: string): boolean {
  return selection.kinds === null ? kind !== GIT_EVENT : selection.kinds.includes(kind);
}

/** Whether an object is one of those selected. */
export function selects(selection: Selection, object: WatchedObject): boolean {
  return (
    wantsKind(selection, kindOf(object)) &&
    selection.labels.every((term) => holds(term, object.metadata.labels?.[term.key])) &&
    selection.fields.every(({ path, op, value }) => (field(object, path) === value) === (op === "="))
  );
}

/** Kubernetes' rule: `NotIn` and `!=` also select what has no such label. */
function holds({ op, values = [] }: LabelTerm, found: string | undefined): boolean {
  switch (op) {
    case "In":
      return found !== undefined && values.includes(found);
    case "NotIn":
      return found === undefined || !values.includes(found);
    case "Exists":
      return found !== undefined;
    case "DoesNotExist":
      return found === undefined;
  }
}

function field(object: WatchedObject, path: FieldTerm["path"]): string {
  switch (path) {
    case "metadata.name":
      return object.metadata.name;
    case "metadata.namespace":
      return String(object.metadata.namespace ?? "");
    case "status.phase":
      return String((object.status as { phase?: string } | undefined)?.phase ?? "");
  }
}
