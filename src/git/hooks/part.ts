/**
 * One part of a pre-receive check, as the hook writes it (docs/hooks.md): header lines, an empty line, then the output
 * of `git cat-file --batch` for the files of the header, in their order.
 */

import { PART_COMPRESSED_MAX, PART_RAW_MAX } from "./limits.ts";

export interface RefUpdate {
  ref: string;
  /** Null: the ref did not exist. */
  old: string | null;
  /** Null: the ref is to be deleted. */
  new: string | null;
}

export interface PushedFile {
  path: string;
  blob: string;
  bytes: Uint8Array;
  /** The places, in the push's updates, of those that have the file with this content. */
  updates: number[];
  /** False: sent along unchanged, because it may define the kinds of others. */
  changed: boolean;
}

export interface PreReceivePart {
  pushId: string;
  /** From 1. */
  part: number;
  final: boolean;
  /** In the first part only. */
  actor: string | null;
  /** In the first part only, in the order git gave them. */
  updates: RefUpdate[];
  files: PushedFile[];
  /** In the final part only: changed files that no part has. */
  left: number;
}

export type Parsed<T> = { ok: true; value: T } | { ok: false; status: 400 | 413; message: string };

const MAGIC = "gitstore-pre-receive 1";
const OID = "([0-9a-f]{40}|[0-9a-f]{64})";
const UPDATE = new RegExp(`^update ${OID} ${OID} (.+)$`, "s");
const FILE = new RegExp(`^(file|context) ([0-9]+(?:,[0-9]+)*) ${OID} ([0-9]{1,9}) (.+)$`, "s");

/** Unpacks a part. gzip is told by its first bytes, which no plain part begins with. */
export async function unpackPart(body: Uint8Array): Promise<Parsed<Uint8Array>> {
  if (body.length > PART_COMPRESSED_MAX) return tooLarge(PART_COMPRESSED_MAX);
  if (body[0] !== 0x1f || body[1] !== 0x8b) return { ok: true, value: body };
  const chunks: Uint8Array[] = [];
  let length = 0;
  try {
    const stream = new Response(body as Uint8Array<ArrayBuffer>).body?.pipeThrough(new DecompressionStream("gzip"));
    for await (const chunk of stream ?? []) {
      length += chunk.length;
      if (length > PART_RAW_MAX) return tooLarge(PART_RAW_MAX);
      chunks.push(chunk);
    }
  } catch {
    return { ok: false, status: 400, message: "the part begins as gzip and cannot be unpacked" };
  }
  const raw = new Uint8Array(length);
  let at = 0;
  for (const chunk of chunks) {
    raw.set(chunk, at);
    at += chunk.length;
  }
  return { ok: true, value: raw };
}

const tooLarge = (limit: number): Parsed<never> => ({
  ok: false,
  status: 413,
  message: `the part is over ${limit} bytes: the hook cuts them smaller, install it again`,
});

/** Reads an unpacked part. */
export function parsePart(bytes: Uint8Array): Parsed<PreReceivePart> {
  try {
    return { ok: true, value: new PartReader(bytes).read() };
  } catch (error) {
    if (error instanceof Malformed) return { ok: false, status: 400, message: error.message };
    throw error;
  }
}

class Malformed extends Error {}

type Header = Omit<PushedFile, "bytes"> & { size: number };

class PartReader {
  readonly #bytes: Uint8Array;
  #at = 0;

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
  }

  read(): PreReceivePart {
    const first = this.#line();
    if (first !== MAGIC) throw new Malformed(`the part begins with ${quoted(first)}, not with ${quoted(MAGIC)}`);
    const part: PreReceivePart = {
      pushId: "",
      part: 0,
      final: false,
      actor: null,
      updates: [],
      files: [],
      left: 0,
    };
    const headers: Header[] = [];
    for (let line = this.#line(); line !== ""; line = this.#line()) readHeader(line, part, headers);
    if (part.pushId === "") throw new Malformed("the part has no line push <id>");
    if (part.part === 0) throw new Malformed("the part has no line part <number>");
    if (part.part === 1 && part.updates.length === 0) throw new Malformed("the first part has no line update …");
    for (const header of headers) part.files.push(this.#file(header));
    if (this.#at < this.#bytes.length) throw new Malformed("the part goes on after its last file");
    return part;
  }

  /** `<oid> blob <size>`, the content, a line feed. */
  #file({ size, ...header }: Header): PushedFile {
    const wanted = `${header.blob} blob ${size}`;
    const line = this.#line();
    if (line !== wanted)
      throw new Malformed(`${quoted(header.path)}: expected ${quoted(wanted)}, found ${quoted(line)}`);
    const end = this.#at + size;
    if (this.#bytes[end] !== 0x0a) throw new Malformed(`${quoted(header.path)}: the part ends within the file`);
    const bytes = this.#bytes.subarray(this.#at, end);
    this.#at = end + 1;
    return { ...header, bytes };
  }

  #line(): string {
    const end = this.#bytes.indexOf(0x0a, this.#at);
    if (end < 0) throw new Malformed("the part ends within its header or before its last file");
    const line = new TextDecoder().decode(this.#bytes.subarray(this.#at, end));
    this.#at = end + 1;
    return line;
  }
}

function readHeader(line: string, part: PreReceivePart, headers: Header[]): void {
  const [word, rest = ""] = cut(line);
  switch (word) {
    case "push":
      if (!/^[0-9a-f]{16,64}$/.test(rest))
        throw new Malformed(`expected push <16 to 64 hex digits>, found ${quoted(line)}`);
      part.pushId = rest;
      return;
    case "part":
      if (!/^[1-9][0-9]{0,3}$/.test(rest)) throw new Malformed(`expected part <number from 1>, found ${quoted(line)}`);
      part.part = Number(rest);
      return;
    case "final":
      if (rest !== "0" && rest !== "1") throw new Malformed(`expected final 0 or final 1, found ${quoted(line)}`);
      part.final = rest === "1";
      return;
    case "left":
      if (!/^[0-9]{1,9}$/.test(rest)) throw new Malformed(`expected left <number>, found ${quoted(line)}`);
      part.left = Number(rest);
      return;
    case "actor":
      part.actor = rest === "" ? null : rest;
      return;
    case "update": {
      const [, old = "", after = "", ref = ""] = UPDATE.exec(line) ?? [];
      if (ref === "") throw new Malformed(`expected update <old> <new> <ref>, found ${quoted(line)}`);
      part.updates.push({ ref, old: orNull(old), new: orNull(after) });
      return;
    }
    case "file":
    case "context": {
      const [, , updates = "", blob = "", size = "", path = ""] = FILE.exec(line) ?? [];
      if (path === "") throw new Malformed(`expected ${word} <updates> <oid> <size> <path>, found ${quoted(line)}`);
      headers.push({
        path: unquotePath(path),
        blob,
        size: Number(size),
        updates: updates.split(",").map(Number),
        changed: word === "file",
      });
      return;
    }
    default:
      // A newer hook may say more than this version reads.
      return;
  }
}

function cut(line: string): [string, string?] {
  const space = line.indexOf(" ");
  return space < 0 ? [line] : [line.slice(0, space), line.slice(space + 1)];
}

const orNull = (oid: string) => (/^0+$/.test(oid) ? null : oid);

/** A text of another's making, short enough for a message. */
const quoted = (text: string) => JSON.stringify(text.length > 120 ? `${text.slice(0, 120)}…` : text);

const ESCAPES: Record<string, number> = { a: 7, b: 8, t: 9, n: 10, v: 11, f: 12, r: 13, '"': 34, "\\": 92 };

/** A path as git quotes it (core.quotePath): as it is, or between quotation marks with C's escapes for its bytes. */
export function unquotePath(path: string): string {
  if (!path.startsWith('"')) return path;
  const body = /^"((?:[^"\\]|\\[abtnvfr"\\]|\\[0-3][0-7]{2})*)"$/s.exec(path)?.[1];
  if (body === undefined) throw new Malformed(`${quoted(path)} is not a path as git quotes it`);
  const bytes: number[] = [];
  for (const [piece] of body.matchAll(/\\[0-7]{3}|\\.|[^\\]+/gs)) {
    if (!piece.startsWith("\\")) bytes.push(...new TextEncoder().encode(piece));
    else bytes.push(ESCAPES[piece[1] ?? ""] ?? Number.parseInt(piece.slice(1), 8));
  }
  return new TextDecoder().decode(Uint8Array.from(bytes));
}
