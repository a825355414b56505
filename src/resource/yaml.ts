/**
 * YAML as files of resources may use it: 1.2 core schema, one document, no duplicate keys, no anchors, aliases or
 * custom tags, depth at most 32. Answers nodes, not values: how a plain scalar reads depends on the schema
 * (`decode.ts`), and errors need places.
 */
import {
  Composer,
  type Document,
  isAlias,
  isMap,
  isScalar,
  isSeq,
  Lexer,
  LineCounter,
  type Node,
  type Pair,
  Parser,
  type YAMLMap,
} from "yaml";
import type { FieldPath } from "./field.ts";

export const MAX_YAML_DEPTH = 32;

/** Keeps a file of 500,000 commas to some megabytes and 200 ms; 512 KiB of honest front matter has fewer. */
const MAX_LEXEMES = 100_000;

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

  const tokens = tokensOf(text, lines);
  if (tokens === undefined) {
    report(0, `the YAML must have at most ${MAX_LEXEMES} tokens`, "write less of it, or more into the body");
    return { root: undefined, problems, placeOf, locate: () => placeOf(0) };
  }
  for (const token of tokens) {
    if (token.type === "directive") report(token.offset, "directives are not allowed", "remove the % line");
    if (token.type === "document") cutBelowMaxDepth(token, report);
  }
  const allowed = tokens.filter((token) => token.type !== "directive");
  const [document, second] = compose(allowed, text.length);
  if (second !== undefined) {
    report(second.range[0], "the file must hold one document, found another", "one resource a file");
  }
  for (const error of document?.errors ?? []) report(error.pos[0], error.message);
  const root = document?.contents ?? undefined;
  return { root, problems, placeOf, locate: (path, atKey) => placeOf(offsetOf(root, path, atKey === true)) };
}

/** The concrete syntax, or undefined where there is too much of it. */
function tokensOf(text: string, lines: LineCounter): Token[] | undefined {
  const parser = new Parser(lines.addNewLine);
  const tokens: Token[] = [];
  lines.addNewLine(0);
  let count = 0;
  for (const lexeme of new Lexer().lex(text)) {
    if (++count > MAX_LEXEMES) return undefined;
    for (const token of parser.next(lexeme)) tokens.push(token);
  }
  for (const token of parser.end()) tokens.push(token);
  return tokens;
}

/** Without stack traces: the library makes an Error of each mistake, and 100,000 traces are 90 MB. */
function compose(tokens: Token[], end: number): Document.Parsed[] {
  const { stackTraceLimit } = Error;
  try {
    Error.stackTraceLimit = 0;
    return [...new Composer(OPTIONS).compose(tokens, true, end)] as Document.Parsed[];
  } finally {
    Error.stackTraceLimit = stackTraceLimit;
  }
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

/** By mapping, its pairs by key: a file with 10,000 errors must not search a mapping of 10,000 keys for each. */
const indexes = new WeakMap<YAMLMap, Map<string, Pair>>();

function pairOf(map: YAMLMap, key: string): Pair | undefined {
  let index = indexes.get(map);
  if (index === undefined) {
    index = new Map();
    // The first of duplicates is the one that is read.
    for (const pair of map.items.toReversed()) {
      const text = keyText(pair.key);
      if (text !== undefined) index.set(text, pair);
    }
    indexes.set(map, index);
  }
  return index.get(key);
}

function offsetOf(root: Node | undefined, path: FieldPath, atKey: boolean): number {
  let node: unknown = root;
  let offset = startOf(root) ?? 0;
  for (const [depth, segment] of path.entries()) {
    const isLast = depth === path.length - 1;
    if (isMap(node)) {
      const pair = pairOf(node, String(segment));
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
