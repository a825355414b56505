/** Canonical JSON and the digests over it: what decides whether an edit changed anything. */
import { sha256 } from "@noble/hashes/sha2.js";
import { bytesToHex, utf8ToBytes } from "@noble/hashes/utils.js";
import { isObject } from "./json.ts";
import type { AuthoredResource } from "./types.ts";

/**
 * JSON with object keys sorted by UTF-16 code units and nothing between tokens (as RFC 8785 orders them). A property
 * that is undefined is absent; a list's undefined is null, as in JSON.stringify.
 */
export function canonicalJson(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map((item) => canonicalJson(item)).join(",")}]`;
  if (isObject(value)) {
    const parts: string[] = [];
    for (const key of Object.keys(value).sort()) {
      const item = value[key];
      if (item !== undefined) parts.push(`${JSON.stringify(key)}:${canonicalJson(item)}`);
    }
    return `{${parts.join(",")}}`;
  }
  return JSON.stringify(value) ?? "null";
}

function sha256Hex(text: string): string {
  return bytesToHex(sha256(utf8ToBytes(text)));
}

function unlessEmpty(map: Record<string, string> | undefined): Record<string, string> | undefined {
  return map !== undefined && Object.keys(map).length > 0 ? map : undefined;
}

/**
 * `digest` covers labels, annotations, spec and body: equal ones mean that nothing changed. `specDigest` covers spec
 * and body: a different one is a new generation. Neither covers apiVersion: a version is another view of one object.
 */
export function digestOf(resource: Pick<AuthoredResource, "metadata" | "spec" | "body">): {
  digest: string;
  specDigest: string;
} {
  const content = canonicalJson({ body: resource.body, spec: resource.spec });
  const labels = canonicalJson(unlessEmpty(resource.metadata.labels));
  const annotations = canonicalJson(unlessEmpty(resource.metadata.annotations));
  return { digest: sha256Hex(`[${labels},${annotations},${content}]`), specDigest: sha256Hex(content) };
}

// biome-ignore lint/suspicious/noControlCharactersInRegex: the range is what ASCII is
const NON_ASCII = /[^\x00-\x7f]/;

/**
 * JSON text in ASCII only. A frame with one character beyond Latin-1 costs two to three times as much in every send to
 * a socket, so those are escaped once, here.
 */
export function asciiJson(value: unknown): string {
  const text = JSON.stringify(value) ?? "null";
  if (!NON_ASCII.test(text)) return text;
  const ascii = text.replace(/[\u0080-\uffff]/g, (unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, "0")}`);
  // V8 leaves the result in the two bytes a character that `text` needed; written and read once more it has one.
  return JSON.parse(JSON.stringify(ascii)) as string;
}

/** Bytes of a string in UTF-8, without encoding it. A lone surrogate counts 3, as the encoder replaces it. */
export function utf8Length(text: string): number {
  if (!NON_ASCII.test(text)) return text.length;
  let bytes = 0;
  for (let i = 0; i < text.length; i++) {
    const unit = text.charCodeAt(i);
    if (unit < 0x80) bytes += 1;
    else if (unit < 0x800) bytes += 2;
    else if (unit >= 0xd800 && unit < 0xdc00 && isLowSurrogate(text.charCodeAt(i + 1))) {
      bytes += 4;
      i++;
    } else bytes += 3;
  }
  return bytes;
}

function isLowSurrogate(unit: number): boolean {
  return unit >= 0xdc00 && unit < 0xe000;
}

/** Text of UTF-8 bytes, or undefined where they are none. A byte order mark is kept: the body is byte for byte. */
export function decodeUtf8(bytes: Uint8Array): string | undefined {
  try {
    return new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch {
    return undefined;
  }
}
