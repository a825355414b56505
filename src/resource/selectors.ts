/** Field selectors, and what of an object selectors look at. Label selectors are in `labelSelector.ts`. */
import { isObject } from "./json.ts";
import type { KindDef } from "./kind.ts";
import type { Json, Resource } from "./types.ts";

export {
  type LabelRequirement,
  type LabelSelector,
  type LabelSelectorInput,
  labelSelectorOf,
  matchesLabels,
  parseLabelSelector,
} from "./labelSelector.ts";

export interface FieldRequirement {
  field: string;
  equals: boolean;
  value: string;
}

/** All requirements must hold; none selects everything. */
export interface FieldSelector {
  requirements: FieldRequirement[];
}

export type Parsed<T> = { ok: true; value: T } | { ok: false; message: string };

function problem(text: string, what: string): { ok: false; message: string } {
  return { ok: false, message: `unable to parse fieldSelector ${JSON.stringify(text)}: ${what}` };
}

/** Splits at commas that no backslash escapes (the grammar of Kubernetes' field selectors). */
function terms(text: string): string[] {
  const found: string[] = [];
  let term = "";
  for (let i = 0; i < text.length; i++) {
    const char = text[i];
    if (char === "\\") term += text.slice(i, ++i + 1);
    else if (char === ",") {
      found.push(term);
      term = "";
    } else term += char;
  }
  return [...found, term];
}

const ESCAPED_VALUE = /^(?:[^\\,=]|\\[\\,=])*$/;
const OPERATOR = /^([^=!]*?)\s*(==|=|!=)([\s\S]*)$/;

/** `metadata.name=x,status.phase!=draft`. `allowed` are the fields the kind can be selected by; null: checked before. */
export function parseFieldSelector(text: string, allowed: readonly string[] | null): Parsed<FieldSelector> {
  const requirements: FieldRequirement[] = [];
  for (const term of terms(text)) {
    if (term.trim() === "") continue;
    const match = OPERATOR.exec(term.trim());
    if (match === null) return problem(text, `${JSON.stringify(term.trim())} is not of the form field=value`);
    const [, field = "", operator, value = ""] = match;
    if (allowed !== null && !allowed.includes(field)) {
      const supported = `supported: ${allowed.join(", ")}`;
      return {
        ok: false,
        message: `fieldSelector: field label not supported: ${JSON.stringify(field)} (${supported})`,
      };
    }
    if (!ESCAPED_VALUE.test(value)) {
      return problem(text, `in the value of ${field} a comma, an equals sign and a backslash need a backslash before`);
    }
    requirements.push({ field, equals: operator !== "!=", value: value.replace(/\\([\\,=])/g, "$1") });
  }
  return { ok: true, value: { requirements } };
}

/** A field that the object does not have compares as the empty string. */
export function matchesFields(selector: FieldSelector, fields: Readonly<Record<string, string>>): boolean {
  for (const { field, equals, value } of selector.requirements) {
    const found = Object.hasOwn(fields, field) ? fields[field] : "";
    if ((found === value) !== equals) return false;
  }
  return true;
}

/** The fields that a kind's list and watch can be selected by. */
export function selectableFieldsOf(kind: Pick<KindDef, "selectableFields">): string[] {
  return ["metadata.name", "metadata.namespace", ...kind.selectableFields];
}

/** What field selectors compare: every selectable field of the object as a string, `""` where it has none. */
export function selectableValues(kind: Pick<KindDef, "selectableFields">, resource: Resource): Record<string, string> {
  const values: Record<string, string> = {
    "metadata.name": resource.metadata.name,
    "metadata.namespace": resource.metadata.namespace ?? "",
  };
  for (const path of kind.selectableFields) values[path] = readField(resource, path);
  return values;
}

const split = new Map<string, readonly string[]>();
/** Far more than the kinds of any one namespace have; beyond it a path is split each time. */
const SPLIT_PATHS = 1_000;

/** Each write reads the same few paths of its object, twice. */
function keysOf(path: string): readonly string[] {
  let keys = split.get(path);
  if (!keys) {
    keys = path.split(".");
    if (split.size < SPLIT_PATHS) split.set(path, keys);
  }
  return keys;
}

/** A scalar at a dotted path (`status.phase`) as the string that selectors compare. */
export function readField(resource: Resource, path: string): string {
  let value: unknown = resource;
  for (const key of keysOf(path)) value = isObject(value) && Object.hasOwn(value, key) ? value[key] : undefined;
  const scalar = value as Json | undefined;
  return typeof scalar === "string" || typeof scalar === "number" || typeof scalar === "boolean" ? String(scalar) : "";
}
