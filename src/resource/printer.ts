/** What a printer column shows of an object: the same cell in a Table of the server and in gitstorectl's. */
import type { PrinterColumn } from "./kind.ts";

export type Cell = string | number | boolean | null;

const STEP = /\.([A-Za-z_][\w-]*)|\[(\d+)\]|\[['"]([^'"]+)['"]\]|\[\?\(@\.([\w-]+)\s*==\s*["']([^"']*)["']\)\]/g;

/** The part of JSONPath that columns use: `.spec.title`, `.status.conditions[?(@.type=="Ready")].status`. */
export function readPath(object: unknown, jsonPath: string): unknown {
  let value = object;
  for (const [, key, index, quoted, field, wanted] of jsonPath.matchAll(STEP)) {
    const name = key ?? quoted;
    if (name !== undefined) value = isRecord(value) && Object.hasOwn(value, name) ? value[name] : undefined;
    else if (!Array.isArray(value)) return undefined;
    else if (index !== undefined) value = value[Number(index)];
    else value = value.find((item) => isRecord(item) && item[field ?? ""] === wanted);
  }
  return value;
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null;
}

/**
 * A cell as kube-apiserver makes it for custom resources: dates as the time since, null where there is nothing or
 * nothing of the column's type (apiextensions-apiserver pkg/registry/customresource/tableconvertor).
 */
export function cellOf(object: unknown, { jsonPath, type }: PrinterColumn, now: number): Cell {
  const value = readPath(object, jsonPath);
  if (value === undefined || value === null) return null;
  switch (type) {
    case "date": {
      const at = Date.parse(String(value));
      return Number.isFinite(at) ? humanDuration(now - at) : "<invalid>";
    }
    case "integer":
      return typeof value === "number" ? Math.trunc(value) : null;
    case "number":
      return typeof value === "number" ? value : null;
    case "boolean":
      return typeof value === "boolean" ? value : null;
    default:
      return typeof value === "object" ? JSON.stringify(value) : String(value);
  }
}

/** `95s`, `5m30s`, `3h10m`, `4d2h`, `2y40d`: as kubectl shows how long ago (apimachinery pkg/util/duration). */
export function humanDuration(ms: number): string {
  const seconds = Math.trunc(ms / 1_000);
  // Clocks of two machines differ by a little; more than that is no age.
  if (seconds < -1) return "<invalid>";
  if (seconds < 0) return "0s";
  if (seconds < 120) return `${seconds}s`;
  const minutes = Math.floor(seconds / 60);
  if (minutes < 10) return two(minutes, "m", seconds % 60, "s");
  if (minutes < 180) return `${minutes}m`;
  const hours = Math.floor(minutes / 60);
  if (hours < 8) return two(hours, "h", minutes % 60, "m");
  if (hours < 48) return `${hours}h`;
  const days = Math.floor(hours / 24);
  if (days < 8) return two(days, "d", hours % 24, "h");
  if (days < 365 * 2) return `${days}d`;
  const years = Math.floor(days / 365);
  return days < 365 * 8 ? two(years, "y", days % 365, "d") : `${years}y`;
}

function two(large: number, unit: string, small: number, smallUnit: string): string {
  return small === 0 ? `${large}${unit}` : `${large}${unit}${small}${smallUnit}`;
}
