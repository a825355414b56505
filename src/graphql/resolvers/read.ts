/**
 * Field readers that never fail: whatever a controller wrote into a status, or an old version left in a spec, a typed
 * field shows it or its empty value. One unreadable field must not cost a client the whole answer.
 */
import type { GraphContext } from "../context.ts";

// Parents are JSON; what of it is there is found out field by field.
type Parent = Record<string, unknown>;
export type Resolver<P = Parent, A = Record<string, unknown>> = (parent: P, args: A, graph: GraphContext) => unknown;
export type Fields = Record<string, Resolver>;

const MAX_INT = 2 ** 31 - 1;

export function isRecord(value: unknown): value is Parent {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

export function toInt(value: unknown, max = MAX_INT): number {
  if (typeof value !== "number" || Number.isNaN(value)) return 0;
  return Math.trunc(Math.max(-MAX_INT, Math.min(max, value)));
}

export const int =
  (key: string, max?: number): Resolver =>
  (parent) =>
    toInt(parent[key], max);

export const intOrNull =
  (key: string): Resolver =>
  (parent) =>
    typeof parent[key] === "number" ? toInt(parent[key]) : null;

export const text =
  (key: string, fallback = ""): Resolver =>
  (parent) =>
    typeof parent[key] === "string" ? parent[key] : fallback;

export const textOrNull =
  (key: string): Resolver =>
  (parent) =>
    typeof parent[key] === "string" ? parent[key] : null;

export const flag =
  (key: string): Resolver =>
  (parent) =>
    parent[key] === true;

export const texts =
  (key: string): Resolver =>
  (parent) =>
    Array.isArray(parent[key]) ? parent[key].filter((item) => typeof item === "string") : [];

export const records =
  (key: string): Resolver =>
  (parent) =>
    Array.isArray(parent[key]) ? parent[key].filter(isRecord) : [];

export const record =
  (key: string): Resolver =>
  (parent) =>
    isRecord(parent[key]) ? parent[key] : null;

/** An object that is always shown, with its fields' empty values where it is missing. */
export const present =
  (key: string): Resolver =>
  (parent) =>
    isRecord(parent[key]) ? parent[key] : {};

/** A name of an enum, from the spelling that files have; null for any other. */
export const choice =
  (key: string, names: Record<string, string>, fallback: string | null = null): Resolver =>
  (parent) =>
    (typeof parent[key] === "string" ? names[parent[key]] : undefined) ?? fallback;
