/**
 * YAML as files of resources may use it: 1.2 core schema, one document, no duplicate keys, no anchors, aliases or
 * custom tags, depth at most 32. Answers nodes, not values: how a plain scalar reads depends on the schema
 * (`decode.ts`), and errors need places.
 */
import { Composer, type Document, isAlias, isMap, isScalar, isSeq, LineCounter, type Node, Parser } from "yaml";
import type { FieldPath } from "./field.ts";

export const MAX_YAML_DEPTH = 32;

export interface Place {
  line: number;
  column: number;
}

export interface YamlProblem extends Place {
  message: string;
  hint?: string;
}

export interface YamlSource {
  /** The document's root; undefined where there is no document. */
  root: Node | undefined;
  problems: YamlProblem[];
  /** Where the value (or, with `atKey`, the key) at a path stands; for a missing one, the nearest parent's place. */
  locate(path: FieldPath, atKey?: boolean): Place;
  placeOf(offset: number): Place;
}

type Token = ReturnType<Parser["parse"]> extends Iterable<infer T> ? T : never;

const OPTIONS = {
  version: "1.2",
  schema: "core",
  merge: false,
  // The library compares every key with every other (quadratic, minutes for 512 KiB of keys): decode.ts checks.
  uniqueKeys: false,
  resolveKnownTags: false,
  strict: true,
  prettyErrors: false,
  logLevel: "silent",
} as const;

/** @param firstLine the line of the file that `text` begins at, 1-based. */
export function readYaml(text: string, firstLine: number): YamlSource {
  const lines = new LineCounter();
  const problems: YamlProblem[] = [];
  const placeOf = (offset: number): Place => {
    const { line, col } = lines.linePos(Math.max(0, offset));
    return { line: Math.max(1, line) + firstLine - 1, column: Math.max(1, col) };
  };
  const report = (offset: number, message: string, hint?: string) => {
    problems.push({ ...placeOf(offset), message, ...(hint === undefined ? {} : { hint }) });
  };

  const tokens = [...new Parser(lines.addNewLine).parse(text)] as Token[];
  for (const token of tokens) {
    if (token.type === "directive") report(token.offset, "directives are not allowed", "remove the % line");
    if (token.type === "document") cutBelowMaxDepth(token, report);
  }
  const allowed = tokens.filter((token) => token.type !== "directive");
  const documents = [...new Composer(OPTIONS).compose(allowed, true, text.length)] as Document.Parsed[];
  const [document, second] = documents;
  if (second !== undefined) {
    report(second.range[0], "the file must hold one document, found another", "one resource a file");
  }
  for (const error of document?.errors ?? []) report(error.pos[0], error.message);
  const root = document?.contents ?? undefined;
  return { root, problems, placeOf, locate: (path, atKey) => placeOf(offsetOf(root, path, atKey === true)) };
}

interface Nested {
  type?: string;
  offset?: number;
  value?: unknown;
  key?: unknown;
  items?: Nested[];
}

/**
 * Empties the collections nested too deep, before the composer recurses into them: 100,000 brackets would otherwise
 * overflow its stack, and take the rest of the file's errors along.
 */
function cutBelowMaxDepth(document: Token, report: (offset: number, message: string) => void): void {
  const stack: { token: Nested; depth: number }[] = [{ token: document as Nested, depth: 0 }];
  let reported = false;
  for (let next = stack.pop(); next !== undefined; next = stack.pop()) {
    const { token, depth } = next;
    if (token.items !== undefined && token.type !== undefined) {
      if (depth >= MAX_YAML_DEPTH) {
        token.items = [];
        if (!reported) report(token.offset ?? 0, `nesting must be at most ${MAX_YAML_DEPTH} levels deep`);
        reported = true;
        continue;
      }
    }
    const inner = token.items !== undefined && token.type !== undefined ? depth + 1 : depth;
    for (const child of [token.key, token.value, ...(token.items ?? [])]) {
      if (typeof child === "object" && child !== null) stack.push({ token: child as Nested, depth: inner });
    }
  }
}

/** The text of a mapping's key as its author wrote it (`12`, `true`), or undefined for a key that is no scalar. */
export function keyText(key: unknown): string | undefined {
  if (!isScalar(key)) return undefined;
  return typeof key.value === "string" ? key.value : (key.source ?? String(key.value));
}

function startOf(node: unknown): number | undefined {
  if (isScalar(node) || isMap(node) || isSeq(node) || isAlias(node)) return node.range?.[0];
  return undefined;
}

function offsetOf(root: Node | undefined, path: FieldPath, atKey: boolean): number {
  let node: unknown = root;
  let offset = startOf(root) ?? 0;
  for (const [depth, segment] of path.entries()) {
    const isLast = depth === path.length - 1;
    if (isMap(node)) {
      const pair = node.items.find((item) => keyText(item.key) === String(segment));
      if (pair === undefined) return offset;
      const keyStart = startOf(pair.key) ?? offset;
      // A collection's own place is that of its key: "spec" is where a reader looks for what spec lacks.
      const useKey = !isScalar(pair.value) || (isLast && atKey) || pair.value.source === "";
      offset = useKey ? keyStart : (startOf(pair.value) ?? keyStart);
      node = pair.value;
    } else if (isSeq(node)) {
      const item = node.items[Number(segment)];
      if (item === undefined) return offset;
      offset = startOf(item) ?? offset;
      node = item;
    } else return offset;
  }
  return offset;
}
