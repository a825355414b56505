/**
 * Reads a packfile. Source: gitformat-pack(5).
 *
 * Every object the header counts is decoded, or the pack is refused: an object silently left out would later look like
 * a file that was deleted. Sizes are checked before anything is inflated, so that a small pack which unpacks into
 * gigabytes ends as `FetchTooLarge` and not as a crash of the object that shares its memory with others.
 */
import { createHash } from "node:crypto";
import { inflateSync } from "node:zlib";
import { GitRemoteError } from "./errors.ts";

export type ObjectType = "commit" | "tree" | "blob" | "tag";

export interface GitObject {
  type: ObjectType;
  data: Uint8Array;
}

export interface PackLimits {
  /** Of the pack itself. */
  maxBytes: number;
  maxObjects: number;
  /** Of all its objects, unpacked. */
  maxInflatedBytes: number;
}

const TYPES: Record<number, ObjectType> = { 1: "commit", 2: "tree", 3: "blob", 4: "tag" };
const OFS_DELTA = 6;
const REF_DELTA = 7;
const HEADER_BYTES = 12;
const TRAILER_BYTES = 20;

interface Entry {
  offset: number;
  data: Uint8Array;
  /** Absent for deltas until they are resolved. */
  type?: ObjectType;
  /** Offset of the base, or its id. */
  base?: number | string;
}

/** Objects by id. `pack` is the whole file, trailer included. */
export function decodePack(pack: Uint8Array, limits: PackLimits): Map<string, GitObject> {
  const count = checkHeader(pack, limits);
  const end = pack.length - TRAILER_BYTES;
  if (sha1(pack.subarray(0, end)) !== hex(pack.subarray(end)))
    throw bad("its checksum is wrong: it was cut or damaged");

  const budget = { left: limits.maxInflatedBytes };
  const entries: Entry[] = [];
  let at = HEADER_BYTES;
  for (let n = 0; n < count; n++) {
    const read = readEntry(pack, at, end, budget);
    entries.push(read.entry);
    at = read.next;
  }
  if (at !== end) throw bad(`${end - at} bytes follow its last object`);
  return resolve(entries, budget);
}

/** The number of objects, once the first 12 bytes are there. */
export function checkHeader(pack: Uint8Array, limits: PackLimits): number {
  if (pack.length < HEADER_BYTES + TRAILER_BYTES) throw bad(`it has only ${pack.length} bytes`);
  const view = new DataView(pack.buffer, pack.byteOffset, HEADER_BYTES);
  const version = view.getUint32(4);
  if (view.getUint32(0) !== 0x5041434b || (version !== 2 && version !== 3)) throw bad("it does not begin with PACK");
  const count = view.getUint32(8);
  if (count > limits.maxObjects) {
    throw new GitRemoteError(
      "FetchTooLarge",
      `the pack has ${count} objects, more than the ${limits.maxObjects} allowed`,
    );
  }
  return count;
}

function readEntry(pack: Uint8Array, offset: number, end: number, budget: { left: number }) {
  let at = offset;
  const byte = () => {
    const value = at < end ? pack[at] : undefined;
    if (value === undefined) throw bad("it ends inside an object");
    at++;
    return value;
  };
  let current = byte();
  const type = (current >> 4) & 7;
  let size = current & 15;
  // Multiplied, not shifted: a size over 4 GiB must not wrap to a small one.
  for (let factor = 16; current & 0x80; factor *= 128) {
    current = byte();
    size += (current & 0x7f) * factor;
  }
  let base: number | string | undefined;
  if (type === OFS_DELTA) {
    current = byte();
    let distance = current & 0x7f;
    while (current & 0x80) {
      current = byte();
      distance = (distance + 1) * 128 + (current & 0x7f);
    }
    base = offset - distance;
  } else if (type === REF_DELTA) {
    base = hex(pack.subarray(at, at + 20));
    at += 20;
  } else if (TYPES[type] === undefined) throw bad(`object type ${type} does not exist`);

  const { data, consumed } = inflate(pack.subarray(at, end), size, budget);
  const entry: Entry = { offset, data };
  const known = TYPES[type];
  if (known !== undefined) entry.type = known;
  if (base !== undefined) entry.base = base;
  return { entry, next: at + consumed };
}

function inflate(input: Uint8Array, size: number, budget: { left: number }): { data: Uint8Array; consumed: number } {
  spend(budget, size);
  try {
    // `info` tells where the stream ended, which a pack says nowhere.
    const result = inflateSync(input, { info: true, chunkSize: Math.max(64, size + 1), maxOutputLength: size + 1 });
    const { buffer, engine } = result as unknown as { buffer: Uint8Array; engine: { bytesWritten: number } };
    if (buffer.length !== size) throw bad(`an object has ${buffer.length} bytes where ${size} were announced`);
    return { data: buffer, consumed: engine.bytesWritten };
  } catch (error) {
    if (error instanceof GitRemoteError) throw error;
    throw bad(`an object cannot be inflated (${error instanceof Error ? error.message : String(error)})`);
  }
}

function spend(budget: { left: number }, bytes: number): void {
  budget.left -= bytes;
  if (budget.left < 0)
    throw new GitRemoteError("FetchTooLarge", "the pack's objects are over the size allowed unpacked");
}

/** Applies deltas base first, with a stack of its own: a chain may be deeper than the call stack. */
function resolve(entries: Entry[], budget: { left: number }): Map<string, GitObject> {
  const objects = new Map<string, GitObject>();
  const waiting = new Map<number | string, Entry[]>();
  const ready: Entry[] = [];
  for (const entry of entries) {
    if (entry.base === undefined) ready.push(entry);
    else {
      const others = waiting.get(entry.base);
      if (others === undefined) waiting.set(entry.base, [entry]);
      else others.push(entry);
    }
  }
  let resolved = 0;
  for (let entry = ready.pop(); entry !== undefined; entry = ready.pop()) {
    const { type, data } = entry;
    if (type === undefined) continue;
    resolved++;
    const oid = objectId(type, data);
    objects.set(oid, { type, data });
    for (const key of [entry.offset, oid]) {
      for (const delta of waiting.get(key) ?? []) {
        ready.push({ offset: delta.offset, type, data: applyDelta(data, delta.data, budget) });
      }
      waiting.delete(key);
    }
  }
  if (resolved !== entries.length) {
    throw bad(
      `${entries.length - resolved} of its ${entries.length} objects are deltas against objects it does not hold`,
    );
  }
  return objects;
}

function applyDelta(base: Uint8Array, delta: Uint8Array, budget: { left: number }): Uint8Array {
  let at = 0;
  const byte = () => {
    const value = delta[at++];
    if (value === undefined) throw bad("a delta ends early");
    return value;
  };
  const size = () => {
    let value = 0;
    for (let factor = 1; ; factor *= 128) {
      const part = byte();
      value += (part & 0x7f) * factor;
      if (!(part & 0x80)) return value;
    }
  };
  if (size() !== base.length) throw bad("a delta does not fit its base");
  const length = size();
  spend(budget, length);
  const result = new Uint8Array(length);
  let out = 0;
  while (at < delta.length) {
    const code = byte();
    let source = delta;
    let from = at;
    let count = code;
    if (code & 0x80) {
      from = 0;
      count = 0;
      for (let bit = 0; bit < 4; bit++) if (code & (1 << bit)) from += byte() * 2 ** (8 * bit);
      for (let bit = 0; bit < 3; bit++) if (code & (16 << bit)) count += byte() * 2 ** (8 * bit);
      if (count === 0) count = 0x10000;
      source = base;
    } else {
      if (code === 0) throw bad("a delta holds a reserved instruction");
      at += count;
    }
    if (from + count > source.length || out + count > length) throw bad("a delta reaches past its end");
    result.set(source.subarray(from, from + count), out);
    out += count;
  }
  if (out !== length) throw bad("a delta gives fewer bytes than it announced");
  return result;
}

export function objectId(type: ObjectType, data: Uint8Array): string {
  return createHash("sha1").update(`${type} ${data.length}\0`).update(data).digest("hex");
}

function sha1(data: Uint8Array): string {
  return createHash("sha1").update(data).digest("hex");
}

export function hex(bytes: Uint8Array): string {
  let text = "";
  for (const byte of bytes) text += byte.toString(16).padStart(2, "0");
  return text;
}

function bad(what: string): GitRemoteError {
  return new GitRemoteError("BadResponse", `the pack cannot be read: ${what}`);
}
