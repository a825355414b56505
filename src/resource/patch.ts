/** JSON merge patch (RFC 7386) and JSON patch (RFC 6902), pure. */
import type { Json, JsonObject } from "./types.ts";

export class PatchError extends Error {}

/** kube-apiserver's limit. */
export const MAX_OPERATIONS = 10_000;
/** A copied subtree may be copied again: without a limit 10,000 operations double a document out of memory. */
const MAX_RESULT_CHARS = 3 * 1024 * 1024;

const isObject = (value: unknown): value is JsonObject =>
  typeof value === "object" && value !== null && !Array.isArray(value);

export function mergePatch(target: Json, patch: Json): Json {
  if (!isObject(patch)) return patch;
  const result: JsonObject = isObject(target) ? { ...target } : {};
  for (const [key, value] of Object.entries(patch)) {
    if (value === null) delete result[key];
    else define(result, key, mergePatch(Object.hasOwn(result, key) ? (result[key] as Json) : null, value));
  }
  return result;
}

interface Operation {
  op: string;
  path: string;
  from?: string;
  value?: Json;
}

/** Throws `PatchError` naming the operation that cannot be applied; then nothing of the patch is. */
export function jsonPatch(target: Json, patch: unknown): Json {
  if (!Array.isArray(patch)) throw new PatchError("a JSON patch is a list of operations");
  if (patch.length > MAX_OPERATIONS)
    throw new PatchError(`a JSON patch has at most ${MAX_OPERATIONS} operations, found ${patch.length}`);
  let document: Json = structuredClone(target);
  let copied = 0;
  for (const [index, raw] of patch.entries()) {
    const operation = operationOf(raw, index);
    try {
      if (operation.op === "copy" || operation.op === "add" || operation.op === "replace") {
        const value = operation.op === "copy" ? read(document, operation.from ?? "") : operation.value;
        copied += JSON.stringify(value ?? null).length;
        if (copied > MAX_RESULT_CHARS) throw new PatchError("the result would be too large");
      }
      document = apply(document, operation);
    } catch (error) {
      if (!(error instanceof PatchError)) throw error;
      throw new PatchError(`operation ${index} (${operation.op} ${JSON.stringify(operation.path)}): ${error.message}`);
    }
  }
  return document;
}

function operationOf(raw: unknown, index: number): Operation {
  if (!isObject(raw) || typeof raw.op !== "string" || typeof raw.path !== "string") {
    throw new PatchError(`operation ${index} is not {"op", "path", …}`);
  }
  const { op, path } = raw;
  if (!["add", "remove", "replace", "move", "copy", "test"].includes(op)) {
    throw new PatchError(`operation ${index} has the unknown op ${JSON.stringify(op)}`);
  }
  if (["add", "replace", "test"].includes(op) && raw.value === undefined)
    throw new PatchError(`operation ${index} has no value`);
  if (["move", "copy"].includes(op) && typeof raw.from !== "string")
    throw new PatchError(`operation ${index} has no from`);
  return {
    op,
    path,
    ...(typeof raw.from === "string" ? { from: raw.from } : {}),
    ...(raw.value === undefined ? {} : { value: raw.value }),
  };
}

function apply(document: Json, { op, path, from = "", value = null }: Operation): Json {
  switch (op) {
    case "add":
      return add(document, path, structuredClone(value));
    case "remove":
      return remove(document, path);
    case "replace":
      read(document, path);
      return path === "" ? structuredClone(value) : add(remove(document, path), path, structuredClone(value));
    case "copy":
      return add(document, path, structuredClone(read(document, from)));
    case "move": {
      if (path.startsWith(`${from}/`)) throw new PatchError("a value cannot be moved into itself");
      const moved = read(document, from);
      return add(remove(document, from), path, moved);
    }
    default:
      if (!equal(read(document, path), value)) throw new PatchError("the value is another");
      return document;
  }
}

function segments(path: string): string[] {
  if (path === "") return [];
  if (!path.startsWith("/")) throw new PatchError("a path begins with /");
  return path
    .slice(1)
    .split("/")
    .map((segment) => segment.replace(/~1/g, "/").replace(/~0/g, "~"));
}

function read(document: Json, path: string): Json {
  let value: Json = document;
  for (const segment of segments(path)) {
    if (Array.isArray(value)) value = value[indexOf(segment, value.length - 1)] as Json;
    else if (isObject(value) && Object.hasOwn(value, segment)) value = value[segment] as Json;
    else throw new PatchError("nothing is there");
  }
  return value;
}

function indexOf(segment: string, last: number): number {
  if (!/^(0|[1-9][0-9]*)$/.test(segment) || Number(segment) > last)
    throw new PatchError(`there is no index ${segment}`);
  return Number(segment);
}

function parentOf(document: Json, path: string): { parent: Json; key: string } {
  return { parent: read(document, path.slice(0, path.lastIndexOf("/"))), key: segments(path).pop() ?? "" };
}

function add(document: Json, path: string, value: Json): Json {
  if (path === "") return value;
  const { parent, key } = parentOf(document, path);
  if (Array.isArray(parent)) parent.splice(key === "-" ? parent.length : indexOf(key, parent.length), 0, value);
  else if (isObject(parent)) define(parent, key, value);
  else throw new PatchError("nothing can be put there");
  return document;
}

function remove(document: Json, path: string): Json {
  read(document, path);
  if (path === "") return null;
  const { parent, key } = parentOf(document, path);
  if (Array.isArray(parent)) parent.splice(indexOf(key, parent.length - 1), 1);
  else if (isObject(parent)) delete parent[key];
  return document;
}

/** `__proto__` is a key like any other, and never the prototype. */
function define(target: JsonObject, key: string, value: Json): void {
  Object.defineProperty(target, key, { value, enumerable: true, configurable: true, writable: true });
}

function equal(a: Json, b: Json): boolean {
  if (Array.isArray(a) && Array.isArray(b))
    return a.length === b.length && a.every((item, index) => equal(item, b[index] as Json));
  if (!isObject(a) || !isObject(b)) return a === b;
  const keys = Object.keys(a);
  return (
    keys.length === Object.keys(b).length &&
    keys.every((key) => Object.hasOwn(b, key) && equal(a[key] as Json, b[key] as Json))
  );
}
