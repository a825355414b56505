/** YAML nodes to JSON values, directed by the schema: where a string is wanted, a plain scalar is its source text. */
import { isAlias, isMap, isScalar, isSeq, type Node, type Scalar, type YAMLMap, type YAMLSeq } from "yaml";
import { isObject, setOwn, show } from "./json.ts";
import type { Schema } from "./kind.ts";
import type { Json, JsonObject } from "./types.ts";
import { keyText } from "./yaml.ts";

/** Reports a breach of the YAML rules at an offset of the text. */
export type ReportYaml = (offset: number, message: string, hint?: string) => void;

const CORE_TAG = /^tag:yaml\.org,2002:(str|int|float|bool|null|map|seq)$/;

/** `schema` undefined: no wish, plain scalars read as the core schema has them. */
export function decode(node: unknown, schema: Schema | undefined, report: ReportYaml): Json {
  if (node === null || node === undefined) return null;
  checkProperties(node as Node, report);
  if (isScalar(node)) return decodeScalar(node, schema, report);
  if (isSeq(node)) return decodeList(node, schema, report);
  if (isMap(node)) return decodeMap(node, schema, report);
  return null;
}

function checkProperties(node: Node, report: ReportYaml): void {
  const offset = node.range?.[0] ?? 0;
  if (isAlias(node)) {
    report(offset, `aliases are not allowed, found *${node.source}`, "write the value out");
    return;
  }
  const { anchor, tag } = node as { anchor?: string; tag?: string };
  if (anchor !== undefined) report(offset, `anchors are not allowed, found &${anchor}`, "write each value out");
  if (tag !== undefined && tag !== "!" && !CORE_TAG.test(tag)) {
    report(offset, `custom tags are not allowed, found ${tag}`, "remove the tag");
  }
}

function wantsString(schema: Schema | undefined): boolean {
  return schema?.type === "string" && schema["x-kubernetes-int-or-string"] !== true;
}

function decodeScalar(node: Scalar, schema: Schema | undefined, report: ReportYaml): Json {
  const { value, source } = node;
  const isPlain = node.type === "PLAIN" || node.type === undefined;
  if (wantsString(schema) && isPlain && node.tag === undefined) {
    // `title:` with nothing after it has no value; `title: null` is the text "null".
    return source === undefined || source === "" ? null : source;
  }
  if (typeof value === "number" && !Number.isFinite(value)) {
    report(node.range?.[0] ?? 0, `${source ?? value} is no JSON number`, "quote it if it is text");
    return null;
  }
  if (typeof value === "string" || typeof value === "number" || typeof value === "boolean") return value;
  return null;
}

function decodeList(node: YAMLSeq, schema: Schema | undefined, report: ReportYaml): Json {
  return node.items.map((item) => decode(item, schema?.items, report));
}

function decodeMap(node: YAMLMap, schema: Schema | undefined, report: ReportYaml): Json {
  const value: JsonObject = {};
  for (const [key, item] of entriesOf(node, report)) {
    const property = schemaOf(schema, key);
    const decoded = decode(item, property.schema, report);
    // A key of a free map of strings (a label) without a value has the empty one.
    setOwn(value, key, decoded === null && property.free && wantsString(property.schema) ? "" : decoded);
  }
  return value;
}

function schemaOf(schema: Schema | undefined, key: string): { schema: Schema | undefined; free: boolean } {
  const properties = schema?.properties;
  if (properties !== undefined && Object.hasOwn(properties, key)) return { schema: properties[key], free: false };
  const other = schema?.additionalProperties;
  return { schema: isObject(other) ? (other as Schema) : undefined, free: true };
}

/** A mapping's keys and value nodes, the first of duplicates, with every breach of the rules on keys reported. */
export function entriesOf(node: YAMLMap, report: ReportYaml): Map<string, unknown> {
  const entries = new Map<string, unknown>();
  for (const { key, value } of node.items) {
    const offset = (key as Node | null)?.range?.[0] ?? node.range?.[0] ?? 0;
    const text = keyText(key);
    if (text === undefined) {
      report(offset, "a mapping's key must be a plain or quoted string");
      continue;
    }
    checkProperties(key as Node, report);
    if (entries.has(text)) report(offset, `duplicate key ${show(text)}`, "keep one of them");
    else entries.set(text, value);
  }
  return entries;
}
