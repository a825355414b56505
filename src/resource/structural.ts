/** Checks that an openAPIV3Schema is one this project can hold objects to: structural, and with no keyword ignored. */
import { type FieldPath, formatField } from "./field.ts";
import { isObject, show } from "./json.ts";
import type { Schema } from "./kind.ts";
import { patternProblem } from "./pattern/match.ts";
import { prepare } from "./prepare.ts";
import { didYouMean } from "./suggest.ts";
import type { FieldError, Json, JsonObject, Reason } from "./types.ts";
import { validate } from "./validate.ts";

type Shape =
  | "string"
  | "boolean"
  | "number"
  | "count"
  | "strings"
  | "scalars"
  | "schema"
  | "schemas"
  | "properties"
  | "any";

const KEYWORDS: Record<string, Shape> = {
  type: "string",
  title: "string",
  description: "string",
  example: "any",
  format: "string",
  pattern: "string",
  default: "any",
  nullable: "boolean",
  enum: "scalars",
  required: "strings",
  properties: "properties",
  items: "schema",
  additionalProperties: "schema",
  minItems: "count",
  maxItems: "count",
  minLength: "count",
  maxLength: "count",
  minProperties: "count",
  maxProperties: "count",
  minimum: "number",
  maximum: "number",
  exclusiveMinimum: "boolean",
  exclusiveMaximum: "boolean",
  multipleOf: "number",
  allOf: "schemas",
  anyOf: "schemas",
  oneOf: "schemas",
  not: "schema",
  "x-kubernetes-preserve-unknown-fields": "boolean",
  "x-kubernetes-int-or-string": "boolean",
  "x-kubernetes-list-type": "string",
  "x-kubernetes-list-map-keys": "strings",
  "x-kubernetes-map-type": "string",
};

const TYPES = ["object", "array", "string", "integer", "number", "boolean"];
const LIST_TYPES = ["atomic", "set", "map"];
const MAP_TYPES = ["atomic", "granular"];

/** Every reason why `value`, standing at `path`, is no structural schema. */
export function schemaErrors(value: Json | undefined, path: FieldPath): FieldError[] {
  const errors: FieldError[] = [];
  check(value, path, errors, false);
  return errors;
}

function add(errors: FieldError[], path: FieldPath, reason: Reason, message: string, hint?: string): void {
  errors.push({ field: formatField(path), reason, message, ...(hint === undefined ? {} : { hint }) });
}

/** `partial`: below allOf and its like, where only constraints stand. */
function check(value: Json | undefined, path: FieldPath, errors: FieldError[], partial: boolean): void {
  if (!isObject(value)) {
    add(errors, path, "TypeInvalid", `must be a schema (a mapping), found ${show(value)}`);
    return;
  }
  const before = errors.length;
  for (const [keyword, item] of Object.entries(value)) checkKeyword(keyword, item, [...path, keyword], errors, partial);
  checkTogether(value, path, errors, partial);
  if (errors.length === before && value.default !== undefined) checkDefault(value, path, errors, partial);
}

function checkKeyword(keyword: string, item: Json, path: FieldPath, errors: FieldError[], partial: boolean): void {
  const shape = Object.hasOwn(KEYWORDS, keyword) ? KEYWORDS[keyword] : undefined;
  if (shape === undefined) {
    const hint = didYouMean(keyword, Object.keys(KEYWORDS));
    add(errors, path, "NotSupported", `the schema keyword ${show(keyword)} is not supported`, hint);
  } else if (shape === "schema") {
    // additionalProperties may be a boolean too.
    if (typeof item !== "boolean" || keyword !== "additionalProperties")
      check(item, path, errors, partial || keyword === "not");
  } else if (shape === "schemas") {
    if (Array.isArray(item)) for (const [index, part] of item.entries()) check(part, [...path, index], errors, true);
    else add(errors, path, "TypeInvalid", `must be a list of schemas, found ${show(item)}`);
  } else if (shape === "properties") {
    if (isObject(item)) for (const [name, part] of Object.entries(item)) check(part, [...path, name], errors, partial);
    else add(errors, path, "TypeInvalid", `must be a mapping of schemas, found ${show(item)}`);
  } else if (!hasShape(shape, item)) {
    add(errors, path, "TypeInvalid", `must be ${WANTED[shape]}, found ${show(item)}`);
  } else checkValue(keyword, item, path, errors);
}

const WANTED: Record<Exclude<Shape, "schema" | "schemas" | "properties">, string> = {
  string: "a string",
  boolean: "true or false",
  number: "a number",
  count: "a whole number, 0 or more",
  strings: "a list of strings",
  scalars: "a list of strings, numbers or booleans with at least one item",
  any: "a value",
};

function hasShape(shape: Shape, item: Json): boolean {
  switch (shape) {
    case "count":
      return Number.isSafeInteger(item) && Number(item) >= 0;
    case "strings":
      return Array.isArray(item) && item.every((part) => typeof part === "string");
    case "scalars":
      return Array.isArray(item) && item.length > 0 && item.every((part) => part !== null && typeof part !== "object");
    case "any":
      return true;
    default:
      return typeof item === shape;
  }
}

function checkValue(keyword: string, item: Json, path: FieldPath, errors: FieldError[]): void {
  const options =
    keyword === "type"
      ? TYPES
      : keyword === "x-kubernetes-list-type"
        ? LIST_TYPES
        : keyword === "x-kubernetes-map-type"
          ? MAP_TYPES
          : undefined;
  if (options !== undefined && !options.some((option) => option === item)) {
    add(
      errors,
      path,
      "NotSupported",
      `must be one of ${options.map((o) => JSON.stringify(o)).join(", ")}, found ${show(item)}`,
    );
  }
  if (keyword === "multipleOf" && Number(item) <= 0) add(errors, path, "Invalid", `must be more than 0, found ${item}`);
  if (keyword === "pattern" && typeof item === "string") {
    const problem = patternProblem(item);
    if (problem !== undefined) add(errors, path, "Invalid", `${problem}, found ${show(item)}`);
  }
}

/** What keywords ask of each other; the rules of a structural schema in Kubernetes. */
function checkTogether(schema: JsonObject, path: FieldPath, errors: FieldError[], partial: boolean): void {
  const free = schema["x-kubernetes-int-or-string"] === true || schema["x-kubernetes-preserve-unknown-fields"] === true;
  if (!partial && schema.type === undefined && !free)
    add(errors, [...path, "type"], "Required", "is required in a structural schema");
  if (schema.properties !== undefined && isObject(schema.additionalProperties)) {
    add(
      errors,
      [...path, "additionalProperties"],
      "Forbidden",
      "must not stand beside properties: a mapping has named fields or free keys",
    );
  }
  if (!partial && schema.type === "array" && schema.items === undefined) {
    add(errors, [...path, "items"], "Required", "is required for a list");
  }
  if (schema["x-kubernetes-list-type"] === "map" && !hasKeys(schema["x-kubernetes-list-map-keys"])) {
    add(errors, [...path, "x-kubernetes-list-map-keys"], "Required", 'is required for the list type "map"');
  }
  if (partial && schema.default !== undefined) {
    add(
      errors,
      [...path, "default"],
      "Forbidden",
      "must not stand below allOf, anyOf, oneOf or not: it would not be applied",
    );
  }
}

function hasKeys(value: Json | undefined): boolean {
  return Array.isArray(value) && value.length > 0;
}

function checkDefault(schema: JsonObject, path: FieldPath, errors: FieldError[], partial: boolean): void {
  if (partial) return;
  const asSchema = schema as Schema;
  const value = prepare(asSchema, schema.default ?? null);
  for (const { path: at, reason, message } of validate(asSchema, value, [...path, "default"])) {
    add(errors, at, reason, message);
  }
}
