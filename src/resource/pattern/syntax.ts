/**
 * Reads a regular expression as Kubernetes understands one (Go's RE2 syntax: no backreferences, no lookaround) into a
 * tree. Only what {@link ./match.ts} can run in linear time is accepted.
 */
import { type CharSet, ClassReader, escapedSet, literal } from "./charSet.ts";

export type Node =
  | { type: "empty" }
  | { type: "char"; set: CharSet }
  | { type: "assert"; at: "start" | "end" | "wordBoundary" | "noWordBoundary" }
  | { type: "sequence"; parts: Node[] }
  | { type: "choice"; options: Node[] }
  | { type: "repeat"; node: Node; min: number; max: number | undefined };

export class PatternError extends Error {}

export const MAX_PATTERN_LENGTH = 1000;
/** RE2's limit on a counted repetition. */
const MAX_REPEAT = 1000;

export function parsePattern(source: string): Node {
  if (source.length > MAX_PATTERN_LENGTH) {
    throw new PatternError(`it has ${source.length} characters, at most ${MAX_PATTERN_LENGTH} are allowed`);
  }
  return new PatternReader([...source]).read();
}

const COUNT = /^\{(\d+)(,(\d*))?\}/;

class PatternReader {
  readonly #chars: string[];
  #at = 0;
  #ignoreCase = false;

  constructor(chars: string[]) {
    this.#chars = chars;
  }

  read(): Node {
    if (this.#take("(?i)")) this.#ignoreCase = true;
    const node = this.#choice();
    if (this.#at < this.#chars.length) throw new PatternError("a ) has no (");
    return node;
  }

  #take(text: string): boolean {
    if (this.#chars.slice(this.#at, this.#at + text.length).join("") !== text) return false;
    this.#at += text.length;
    return true;
  }

  #choice(): Node {
    const options = [this.#sequence()];
    while (this.#take("|")) options.push(this.#sequence());
    const [only] = options;
    return options.length === 1 && only !== undefined ? only : { type: "choice", options };
  }

  #sequence(): Node {
    const parts: Node[] = [];
    for (;;) {
      const char = this.#chars[this.#at];
      if (char === undefined || char === "|" || char === ")") break;
      parts.push(this.#repeated(this.#atom()));
    }
    return parts.length === 0 ? { type: "empty" } : { type: "sequence", parts };
  }

  #repeated(node: Node): Node {
    const count = this.#count();
    if (count === undefined) return node;
    // Lazy or greedy: whether a value matches is the same.
    this.#take("?");
    if (this.#count() !== undefined) throw new PatternError("a repetition is repeated: put it into parentheses");
    return { type: "repeat", node, ...count };
  }

  #count(): { min: number; max: number | undefined } | undefined {
    if (this.#take("*")) return { min: 0, max: undefined };
    if (this.#take("+")) return { min: 1, max: undefined };
    if (this.#take("?")) return { min: 0, max: 1 };
    const match = COUNT.exec(this.#chars.slice(this.#at, this.#at + 16).join(""));
    if (match === null) return undefined;
    this.#at += match[0].length;
    const min = Number(match[1]);
    const max = match[2] === undefined ? min : match[3] === "" ? undefined : Number(match[3]);
    if (min > MAX_REPEAT || (max ?? 0) > MAX_REPEAT) throw new PatternError(`${match[0]} is over ${MAX_REPEAT}`);
    if (max !== undefined && max < min) throw new PatternError(`${match[0]} ends before it begins`);
    return { min, max };
  }

  #atom(): Node {
    const char = this.#chars[this.#at++] ?? "";
    switch (char) {
      case "(":
        return this.#group();
      case "[":
        return this.#class();
      case "\\":
        return this.#escape();
      case "^":
        return { type: "assert", at: "start" };
      case "$":
        return { type: "assert", at: "end" };
      case ".":
        return { type: "char", set: (codePoint) => codePoint !== 10 };
      case "*":
      case "+":
      case "?":
        throw new PatternError(`${char} repeats nothing`);
      default:
        return { type: "char", set: literal(char, this.#ignoreCase) };
    }
  }

  #group(): Node {
    if (this.#take("?")) {
      const rest = this.#chars.slice(this.#at, this.#at + 80).join("");
      const opening = /^(:|P?<[A-Za-z_]\w*>)/.exec(rest);
      if (opening === null) {
        const found = `(?${this.#chars[this.#at] ?? ""}`;
        throw new PatternError(`${found} is not supported: there is no lookaround, and (?i) only at the start`);
      }
      this.#at += opening[0].length;
    }
    const node = this.#choice();
    if (!this.#take(")")) throw new PatternError("a ( has no )");
    return node;
  }

  #class(): Node {
    const reader = new ClassReader(this.#chars, this.#at, this.#ignoreCase, (message) => new PatternError(message));
    const set = reader.read();
    this.#at = reader.end;
    return { type: "char", set };
  }

  #escape(): Node {
    const char = this.#chars[this.#at] ?? "";
    if (char === "b" || char === "B" || char === "A" || char === "z") {
      this.#at++;
      const at = { b: "wordBoundary", B: "noWordBoundary", A: "start", z: "end" } as const;
      return { type: "assert", at: at[char] };
    }
    const { set, length } = escapedSet(this.#chars, this.#at, this.#ignoreCase, (message) => new PatternError(message));
    this.#at += length;
    return { type: "char", set };
  }
}
