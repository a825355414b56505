/** Sets of characters: literals, escapes and bracket classes. Each is judged one code point at a time. */

export type CharSet = (codePoint: number) => boolean;
type Fail = (message: string) => Error;

export function literal(char: string, ignoreCase: boolean): CharSet {
  const wanted = char.codePointAt(0) ?? 0;
  if (!ignoreCase || char.toLowerCase() === char.toUpperCase()) return (codePoint) => codePoint === wanted;
  return native(`[${hex(wanted)}]`, ignoreCase);
}

function hex(codePoint: number): string {
  return `\\u{${codePoint.toString(16)}}`;
}

const ASCII_SIZE = 128;

/** A set as the platform's own expression of one character; no repetition, so nothing to run away. */
function native(source: string, ignoreCase: boolean): CharSet {
  const expression = new RegExp(`^${source}$`, ignoreCase ? "iu" : "u");
  const ascii = new Uint8Array(ASCII_SIZE);
  for (let code = 0; code < ASCII_SIZE; code++) ascii[code] = expression.test(String.fromCharCode(code)) ? 1 : 0;
  return (codePoint) =>
    codePoint < ASCII_SIZE ? ascii[codePoint] === 1 : expression.test(String.fromCodePoint(codePoint));
}

const CONTROLS: Record<string, number> = { n: 10, r: 13, t: 9, f: 12, v: 11, a: 7 };
// Go's \s has no vertical tab, and its \d, \w, \s are ASCII only.
const SETS: Record<string, string> = {
  d: "0-9",
  w: "0-9A-Za-z_",
  s: "\\t\\n\\f\\r ",
  D: "\\u{0}-\\u{2f}\\u{3a}-\\u{10ffff}",
  W: "\\u{0}-\\u{2f}\\u{3a}-\\u{40}\\u{5b}-\\u{5e}\\u{60}\\u{7b}-\\u{10ffff}",
  S: "\\u{0}-\\u{8}\\u{b}\\u{e}-\\u{1f}\\u{21}-\\u{10ffff}",
};
const POSIX: Record<string, string> = {
  alnum: "0-9A-Za-z",
  alpha: "A-Za-z",
  blank: "\\t ",
  cntrl: "\\u{0}-\\u{1f}\\u{7f}",
  digit: "0-9",
  graph: "!-~",
  lower: "a-z",
  print: " -~",
  punct: "!-\\/:-@\\[-`\\{-~",
  space: "\\t\\n\\v\\f\\r ",
  upper: "A-Z",
  word: "0-9A-Za-z_",
  xdigit: "0-9A-Fa-f",
};

/** One item behind a backslash: a single code point, or the source of a set. `length` counts what follows it. */
type Escape = { length: number } & ({ codePoint: number } | { source: string });

function readEscape(chars: string[], at: number, fail: Fail): Escape {
  const char = chars[at];
  if (char === undefined) throw fail("a \\ stands at the end");
  if (Object.hasOwn(SETS, char)) return { source: SETS[char] ?? "", length: 1 };
  if (Object.hasOwn(CONTROLS, char)) return { codePoint: CONTROLS[char] ?? 0, length: 1 };
  const rest = chars.slice(at, at + 40).join("");
  const coded = /^(?:x([0-9A-Fa-f]{2})|u([0-9A-Fa-f]{4})|[xu]\{([0-9A-Fa-f]{1,6})\})/.exec(rest);
  if (coded !== null) {
    const codePoint = Number.parseInt(coded[1] ?? coded[2] ?? coded[3] ?? "0", 16);
    if (codePoint > 0x10ffff) throw fail(`\\${coded[0]} is no character`);
    return { codePoint, length: coded[0].length };
  }
  const property = /^([pP])(?:([A-Z])|\{(\w+(?:=\w+)?)\})/.exec(rest);
  if (property !== null) return { source: propertySource(property, fail), length: property[0].length };
  if (/^[A-Za-z0-9]$/.test(char)) throw fail(`\\${char} is not supported`);
  return { codePoint: char.codePointAt(0) ?? 0, length: 1 };
}

function propertySource([text, sign, letter, name]: RegExpExecArray, fail: Fail): string {
  // Go names a script alone, ECMAScript by Script=.
  for (const property of [letter ?? name ?? "", `Script=${name ?? letter}`]) {
    try {
      new RegExp(`\\p{${property}}`, "u");
      return `\\${sign}{${property}}`;
    } catch {
      // The next spelling, or none.
    }
  }
  throw fail(`\\${text} names no class of characters`);
}

/** A character or a set behind a backslash, outside brackets. */
export function escapedSet(
  chars: string[],
  at: number,
  ignoreCase: boolean,
  fail: Fail,
): { set: CharSet; length: number } {
  const escaped = readEscape(chars, at, fail);
  const set =
    "codePoint" in escaped
      ? literal(String.fromCodePoint(escaped.codePoint), ignoreCase)
      : native(`[${escaped.source}]`, ignoreCase);
  return { set, length: escaped.length };
}

/** A bracket class, read from behind its `[`. */
export class ClassReader {
  readonly #chars: string[];
  readonly #ignoreCase: boolean;
  readonly #fail: Fail;
  /** Behind the closing `]`, once read. */
  end: number;

  constructor(chars: string[], start: number, ignoreCase: boolean, fail: Fail) {
    this.#chars = chars;
    this.#ignoreCase = ignoreCase;
    this.#fail = fail;
    this.end = start;
  }

  read(): CharSet {
    const negated = this.#chars[this.end] === "^";
    if (negated) this.end++;
    let source = "";
    // A ] that comes first is a member.
    for (let first = true; first || this.#chars[this.end] !== "]"; first = false) {
      if (this.end >= this.#chars.length) throw this.#fail("a [ has no ]");
      source += this.#item();
    }
    this.end++;
    const set = native(`[${source}]`, this.#ignoreCase);
    return negated ? (codePoint) => !set(codePoint) : set;
  }

  #item(): string {
    const posix = /^\[:(\^?)(\w+):\]/.exec(this.#chars.slice(this.end, this.end + 16).join(""));
    if (posix !== null) {
      const members = Object.hasOwn(POSIX, posix[2] ?? "") ? POSIX[posix[2] ?? ""] : undefined;
      if (members === undefined || posix[1] === "^") throw this.#fail(`${posix[0]} is not supported`);
      this.end += posix[0].length;
      return members;
    }
    const from = this.#single();
    if (typeof from === "string") return from;
    if (this.#chars[this.end] !== "-" || this.#chars[this.end + 1] === "]") return hex(from);
    this.end++;
    if (this.end >= this.#chars.length) throw this.#fail("a [ has no ]");
    const to = this.#single();
    if (typeof to === "string") throw this.#fail("a range of a class must end in one character");
    if (to < from) throw this.#fail("a range of a class ends before it begins");
    return `${hex(from)}-${hex(to)}`;
  }

  /** One code point, or the source of a set. */
  #single(): number | string {
    const char = this.#chars[this.end++] ?? "";
    if (char !== "\\") return char.codePointAt(0) ?? 0;
    const escaped = readEscape(this.#chars, this.end, this.#fail);
    this.end += escaped.length;
    return "codePoint" in escaped ? escaped.codePoint : escaped.source;
  }
}
