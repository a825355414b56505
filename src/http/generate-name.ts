/** `metadata.generateName`: the server completes the name, as kube-apiserver does (k8s.io/apiserver, storage/names). */
import type { Result } from "../ledger/api.ts";
import { isObject } from "../resource/json.ts";
import { dnsSubdomainProblem } from "../resource/names.ts";
import type { FieldError } from "../resource/types.ts";

/** Room for what is derived from names, such as labels of 63 characters; a longer prefix is cut. */
const MAX_GENERATED_CHARS = 63;
const SUFFIX_CHARS = 5;
/** 27⁵ suffixes: 8 in a row that are all taken are no accident. */
const ATTEMPTS = 8;
/** Without vowels and look-alikes, so that no words come about. */
const ALPHABET = "bcdfghjklmnpqrstvwxz2456789";

export type Prefix = { given: false } | { given: true; prefix: string } | { given: true; error: FieldError };

/** What a body asks for: a name that is there counts, and a prefix beside it does not. */
export function prefixOf(value: unknown): Prefix {
  const metadata = isObject(value) && isObject(value.metadata) ? value.metadata : {};
  const { name = "", generateName: prefix = "" } = metadata;
  if ((name !== "" && name !== null) || prefix === "" || prefix === null) return { given: false };
  const field = "metadata.generateName";
  if (typeof prefix !== "string")
    return { given: true, error: { field, reason: "TypeInvalid", message: "must be a string" } };
  // What is added begins with a letter or digit, so a prefix may end with "-" or ".".
  const problem = dnsSubdomainProblem(`${prefix}x`);
  if (problem === undefined) return { given: true, prefix };
  return { given: true, error: { field, reason: "Invalid", message: `${problem}, found ${JSON.stringify(prefix)}` } };
}

/** The body under a name. */
export function underName(value: unknown, name: string): unknown {
  if (!isObject(value)) return value;
  return { ...value, metadata: { ...(isObject(value.metadata) ? value.metadata : {}), name } };
}

/** The prefix is not kept: once there is a name it says nothing more. */
export function withoutPrefix(value: unknown): unknown {
  if (!isObject(value) || !isObject(value.metadata) || !Object.hasOwn(value.metadata, "generateName")) return value;
  const { generateName: _, ...metadata } = value.metadata;
  return { ...value, metadata };
}

/** @param random whole numbers from 0 to 255, as many as asked for */
export function generatedName(prefix: string, random: (count: number) => Uint8Array): string {
  let suffix = "";
  while (suffix.length < SUFFIX_CHARS) {
    const [byte = 0] = random(1);
    // 243 = 9 × 27: above it the first letters would come up more often.
    if (byte < 243) suffix += ALPHABET[byte % ALPHABET.length];
  }
  return `${prefix.slice(0, MAX_GENERATED_CHARS - SUFFIX_CHARS)}${suffix}`;
}

/** Tries names until one is free; the last refusal where none was. */
export async function underGeneratedName<T>(
  prefix: string,
  random: (count: number) => Uint8Array,
  create: (name: string) => Promise<Result<T>>,
): Promise<Result<T>> {
  let result = await create(generatedName(prefix, random));
  for (let attempt = 1; attempt < ATTEMPTS; attempt += 1) {
    if (result.ok || result.error.code !== "AlreadyExists") return result;
    result = await create(generatedName(prefix, random));
  }
  return result;
}
