/**
 * Validation of a value against the structural subset of OpenAPI v3 (`kind.ts`). Every violation is reported, not the
 * first; places in the file are added by the caller, who knows where each path stands.
 */
import { canonicalJson } from "./canonical.ts";
import type { FieldPath, Segment } from "./field.ts";
import { numberFormatProblem, stringFormatProblem } from "./formats.ts";
import { isObject, show } from "./json.ts";
import type { Schema } from "./kind.ts";
import { compilePattern, type Pattern } from "./pattern/match.ts";
import { didYouMean } from "./suggest.ts";
import type { Json, JsonObject, Reason } from "./types.ts";

export interface Violation {
  path: FieldPath;
  reason: Reason;
  message: string;
  hint?: string;
  /** Point at the field's key instead of its value: the key itself is what is wrong. */
  atKey?: boolean;
}

/** Violations of `schema` by `value`; `base` is the path of `value` itself. */
export function validate(schema: Schema, value: Json, base: FieldPath): Violation[] {
  const walk: Walk = { path: [...base], found: [] };
  visit(schema, value, walk, false);
  return walk.found;
}

interface Walk {
  path: Segment[];
  found: Violation[];
}

type Extra = Pick<Violation, "hint" | "atKey">;

/** A file of 512 KiB can hold 100,000 violations; more than these are neither read nor worth their time. */
const MAX_VIOLATIONS = 1000;

function isFull(walk: Walk): boolean {
  return walk.found.length >= MAX_VIOLATIONS;
}

function report(walk: Walk, reason: Reason, message: string, extra: Extra = {}): void {
  if (isFull(walk)) return;
  walk.found.push({ path: [...walk.path], reason, message, ...extra });
}

function within(walk: Walk, segment: Segment, visitChild: () => void): void {
  walk.path.push(segment);
  visitChild();
  walk.path.pop();
}

/** `partial`: inside allOf and its like, which only add constraints, so that keys they do not name are not unknown. */
function visit(schema: Schema, value: Json, walk: Walk, partial: boolean): void {
  if (value === null && schema.nullable === true) return;
  const mismatch = typeProblem(schema, value);
  if (mismatch !== undefined) {
    report(walk, "TypeInvalid", `must be ${mismatch}, found ${show(value)}`);
    return;
  }
  if (schema.enum !== undefined) visitEnum(schema.enum, value, walk);
  if (typeof value === "string") visitString(schema, value, walk);
  else if (typeof value === "number") visitNumber(schema, value, walk);
  else if (Array.isArray(value)) visitList(schema, value, walk, partial);
  else if (isObject(value)) visitObject(schema, value, walk, partial);
  visitJunctors(schema, value, walk);
}

const WANTED = {
  object: "a mapping",
  array: "a list",
  string: "a string",
  integer: "an integer",
  number: "a number",
  boolean: "true or false",
} as const;

function typeProblem(schema: Schema, value: Json): string | undefined {
  if (schema["x-kubernetes-int-or-string"] === true) {
    return typeof value === "string" || Number.isSafeInteger(value) ? undefined : "an integer or a string";
  }
  if (schema.type === undefined) return undefined;
  return isType(schema.type, value) ? undefined : WANTED[schema.type];
}

function isType(type: NonNullable<Schema["type"]>, value: Json): boolean {
  switch (type) {
    case "object":
      return isObject(value);
    case "array":
      return Array.isArray(value);
    // Beyond 2^53 a JSON number is not what its author wrote.
    case "integer":
      return Number.isSafeInteger(value);
    case "number":
      return Number.isFinite(value);
    default:
      return typeof value === type;
  }
}

function visitEnum(allowed: (string | number | boolean)[], value: Json, walk: Walk): void {
  if (allowed.some((option) => option === value)) return;
  const hint =
    typeof value === "string"
      ? didYouMean(
          value,
          allowed.filter((option) => typeof option === "string"),
        )
      : undefined;
  const options = allowed.map((option) => JSON.stringify(option)).join(", ");
  const must = allowed.length === 1 ? `must be ${options}` : `must be one of ${options}`;
  report(walk, "NotSupported", `${must}, found ${show(value)}`, hint === undefined ? {} : { hint });
}

function codePoints(text: string): number {
  let count = 0;
  for (const _ of text) count++;
  return count;
}

function visitString(schema: Schema, value: string, walk: Walk): void {
  const { minLength, maxLength, pattern, format } = schema;
  if (minLength !== undefined && value.length < 2 * minLength) {
    const length = codePoints(value);
    if (length === 0 && minLength > 0) {
      report(walk, "Required", "must not be empty");
      return;
    }
    if (length < minLength) report(walk, "Invalid", `must have at least ${minLength} characters, found ${length}`);
  }
  if (maxLength !== undefined && value.length > maxLength) {
    const length = codePoints(value);
    if (length > maxLength) report(walk, "TooLong", `must have at most ${maxLength} characters, found ${length}`);
  }
  if (pattern !== undefined) visitPattern(schema, pattern, value, walk);
  if (format !== undefined) {
    const problem = stringFormatProblem(format, value);
    if (problem !== undefined) report(walk, "Invalid", `${problem}, found ${show(value)}`);
  }
}

/** Matching is linear in the value times the pattern, which for 512 KiB would still be seconds. */
const MAX_PATTERN_VALUE = 8192;

function visitPattern(schema: Schema, pattern: string, value: string, walk: Walk): void {
  if (value.length > MAX_PATTERN_VALUE) {
    const message = `must have at most ${MAX_PATTERN_VALUE} characters, as a pattern applies, found ${value.length}`;
    report(walk, "TooLong", message);
  } else if (!patternOf(schema, pattern).test(value)) {
    report(walk, "Invalid", `must match ${pattern}, found ${show(value)}`);
  }
}

// Keyed by the schema object, so that patterns of a custom kind are freed with its registry.
const patterns = new WeakMap<Schema, Pattern>();

function patternOf(schema: Schema, source: string): Pattern {
  let pattern = patterns.get(schema);
  if (pattern === undefined) {
    pattern = compilePattern(source);
    patterns.set(schema, pattern);
  }
  return pattern;
}

function visitNumber(schema: Schema, value: number, walk: Walk): void {
  const { minimum, maximum, multipleOf, format } = schema;
  if (minimum !== undefined) {
    const [fits, limit] =
      schema.exclusiveMinimum === true ? [value > minimum, "more than"] : [value >= minimum, "at least"];
    if (!fits) report(walk, "Invalid", `must be ${limit} ${minimum}, found ${value}`);
  }
  if (maximum !== undefined) {
    const [fits, limit] =
      schema.exclusiveMaximum === true ? [value < maximum, "less than"] : [value <= maximum, "at most"];
    if (!fits) report(walk, "Invalid", `must be ${limit} ${maximum}, found ${value}`);
  }
  if (multipleOf !== undefined && !isMultiple(value, multipleOf)) {
    report(walk, "Invalid", `must be a multiple of ${multipleOf}, found ${value}`);
  }
  const problem = format === undefined ? undefined : numberFormatProblem(format, value);
  if (problem !== undefined) report(walk, "Invalid", `${problem}, found ${value}`);
}

/** With a tolerance, as 0.3 is no multiple of 0.1 in binary floating point. */
function isMultiple(value: number, of: number): boolean {
  const quotient = value / of;
  return Math.abs(quotient - Math.round(quotient)) < 1e-9 * Math.max(1, Math.abs(quotient));
}

function visitList(schema: Schema, value: Json[], walk: Walk, partial: boolean): void {
  const { minItems, maxItems, items } = schema;
  if (minItems !== undefined && value.length < minItems) {
    const reason = value.length === 0 ? "Required" : "Invalid";
    report(walk, reason, `must have at least ${minItems} items, found ${value.length}`);
  }
  if (maxItems !== undefined && value.length > maxItems) {
    report(walk, "TooMany", `must have at most ${maxItems} items, found ${value.length}`);
  }
  if (items !== undefined) {
    for (const [index, item] of value.entries()) within(walk, index, () => visit(items, item, walk, partial));
  }
  const listType = schema["x-kubernetes-list-type"];
  if (listType === "set") visitSet(value, walk);
  if (listType === "map") visitListMap(value, schema["x-kubernetes-list-map-keys"] ?? [], walk);
}

function visitSet(value: Json[], walk: Walk): void {
  const seen = new Set<string>();
  for (const [index, item] of value.entries()) {
    const text = canonicalJson(item);
    if (seen.has(text)) within(walk, index, () => report(walk, "Duplicate", `is in the list twice: ${show(item)}`));
    seen.add(text);
  }
}

/** A list that is a map by some of its items' keys: `options` by `name`. The first of two is the one that stands. */
function visitListMap(value: Json[], keys: string[], walk: Walk): void {
  const seen = new Map<string, number>();
  for (const [index, item] of value.entries()) {
    if (!isObject(item)) continue;
    const found = keys.map((key) => (Object.hasOwn(item, key) ? item[key] : undefined));
    if (found.some((part) => part === undefined)) continue;
    const text = canonicalJson(found);
    const first = seen.get(text);
    if (first === undefined) {
      seen.set(text, index);
      continue;
    }
    const [onlyKey] = keys;
    const named = found.map((part) => show(part)).join(", ");
    walk.path.push(index);
    if (keys.length === 1 && onlyKey !== undefined) walk.path.push(onlyKey);
    report(walk, "Duplicate", `${named} is already taken by item ${first} of the list`);
    if (keys.length === 1) walk.path.pop();
    walk.path.pop();
  }
}

function visitObject(schema: Schema, value: JsonObject, walk: Walk, partial: boolean): void {
  const properties = schema.properties ?? {};
  const count = Object.keys(value).length;
  if (schema.minProperties !== undefined && count < schema.minProperties) {
    report(walk, "Invalid", `must have at least ${schema.minProperties} fields, found ${count}`);
  }
  if (schema.maxProperties !== undefined && count > schema.maxProperties) {
    report(walk, "TooMany", `must have at most ${schema.maxProperties} fields, found ${count}`);
  }
  for (const key of schema.required ?? []) {
    if (!Object.hasOwn(value, key)) within(walk, key, () => report(walk, "Required", "is required"));
  }
  for (const [key, item] of Object.entries(value)) {
    const property = Object.hasOwn(properties, key) ? properties[key] : undefined;
    if (property !== undefined) within(walk, key, () => visit(property, item, walk, partial));
    else visitOtherKey(schema, properties, key, item, walk, partial);
  }
}

function visitOtherKey(
  schema: Schema,
  properties: Record<string, Schema>,
  key: string,
  item: Json,
  walk: Walk,
  partial: boolean,
): void {
  const other = schema.additionalProperties;
  if (isObject(other)) {
    within(walk, key, () => visit(other as Schema, item, walk, partial));
    return;
  }
  if (partial || other === true || schema["x-kubernetes-preserve-unknown-fields"] === true) return;
  // An object schema that names nothing says nothing about its keys.
  if (schema.type === undefined && schema.properties === undefined) return;
  if (isFull(walk)) return;
  const hint = didYouMean(key, Object.keys(properties)) ?? knownFields(properties);
  within(walk, key, () => report(walk, "UnknownField", `unknown field ${show(key)}`, { hint, atKey: true }));
}

function knownFields(properties: Record<string, Schema>): string {
  const names = Object.keys(properties);
  return names.length === 0 ? "no fields are allowed here" : `known fields: ${names.join(", ")}`;
}

function holds(schema: Schema, value: Json): boolean {
  const walk: Walk = { path: [], found: [] };
  visit(schema, value, walk, true);
  return walk.found.length === 0;
}

function visitJunctors(schema: Schema, value: Json, walk: Walk): void {
  for (const part of schema.allOf ?? []) visit(part, value, walk, true);
  if (schema.anyOf !== undefined && !schema.anyOf.some((part) => holds(part, value))) {
    report(walk, "Invalid", "must match at least one of the alternatives (anyOf)");
  }
  if (schema.oneOf !== undefined) {
    const count = schema.oneOf.filter((part) => holds(part, value)).length;
    if (count !== 1) report(walk, "Invalid", `must match exactly one of the alternatives (oneOf), matches ${count}`);
  }
  if (schema.not !== undefined && holds(schema.not, value)) report(walk, "Invalid", "must not match the schema in not");
}
