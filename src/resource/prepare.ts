import { isObject, setOwn } from "./json.ts";
import type { Schema } from "./kind.ts";
import type { Json, JsonObject } from "./types.ts";

/**
 * A value as its schema stores it: a known field without a value (`title:`, JSON null) is absent, as Kubernetes prunes
 * it, and defaults are filled in. Never changes what it is given; unknown fields are kept for validation to name.
 */
export function prepare(schema: Schema, value: Json): Json {
  if (Array.isArray(value)) {
    const { items } = schema;
    return items === undefined ? value : value.map((item) => prepare(items, item));
  }
  if (!isObject(value)) return value;
  const { properties } = schema;
  const other = isObject(schema.additionalProperties) ? (schema.additionalProperties as Schema) : undefined;
  if (properties === undefined && other === undefined) return value;
  const prepared: JsonObject = {};
  for (const [key, item] of Object.entries(value)) {
    const property = properties !== undefined && Object.hasOwn(properties, key) ? properties[key] : undefined;
    if (item === null && property !== undefined && property.nullable !== true) continue;
    const child = property ?? other;
    setOwn(prepared, key, child === undefined ? item : prepare(child, item));
  }
  for (const [key, property] of Object.entries(properties ?? {})) {
    if (property.default !== undefined && !Object.hasOwn(prepared, key)) {
      prepared[key] = prepare(property, structuredClone(property.default) as Json);
    }
  }
  return prepared;
}
