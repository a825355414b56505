/** Reading of values whose shape is not known yet. Each reader answers "empty" where the value is something else. */
import type { Json, JsonObject } from "./types.ts";

export function isObject(value: unknown): value is JsonObject {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** Own properties only: a key named `constructor` must not find the one of Object.prototype. */
export function get(value: unknown, key: string): Json | undefined {
  return isObject(value) && Object.hasOwn(value, key) ? value[key] : undefined;
}

export function objectAt(value: unknown, key: string): JsonObject {
  const found = get(value, key);
  return isObject(found) ? found : {};
}

export function listAt(value: unknown, key: string): Json[] {
  const found = get(value, key);
  return Array.isArray(found) ? found : [];
}

export function stringAt(value: unknown, key: string): string | undefined {
  const found = get(value, key);
  return typeof found === "string" ? found : undefined;
}

export function numberAt(value: unknown, key: string): number | undefined {
  const found = get(value, key);
  return typeof found === "number" ? found : undefined;
}

/** Whether mappings and lists nest deeper than so many levels; asks no deeper itself. */
export function deeperThan(value: unknown, levels: number): boolean {
  if (typeof value !== "object" || value === null) return false;
  return levels === 0 || Object.values(value).some((item) => deeperThan(item, levels - 1));
}

const SHOWN_CHARACTERS = 64;

/** A value as an error message shows it: short, and never a whole document. */
export function show(value: unknown): string {
  if (value === null || value === undefined) return "nothing";
  if (typeof value === "string") {
    // Cut by code point: half a surrogate pair in a message would become a replacement character on the wire.
    return value.length > SHOWN_CHARACTERS
      ? `${JSON.stringify([...value.slice(0, 2 * SHOWN_CHARACTERS)].slice(0, SHOWN_CHARACTERS).join(""))}…`
      : JSON.stringify(value);
  }
  if (typeof value === "number") return `the number ${value}`;
  if (typeof value === "boolean") return `the boolean ${value}`;
  return Array.isArray(value) ? "a list" : "a mapping";
}

/** Sets an own property, also one named `__proto__`, which an assignment would take for the prototype. */
export function setOwn(target: JsonObject, key: string, value: Json): void {
  if (key === "__proto__") {
    Object.defineProperty(target, key, { value, enumerable: true, configurable: true, writable: true });
  } else target[key] = value;
}
