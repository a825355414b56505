/** The split of a Markdown file into YAML front matter and body. */

export type FrontMatter =
  /** The file does not begin with a line that is exactly `---`. */
  | { found: "none" }
  /** It does, and no later line closes the block; `yaml` is all the rest. */
  | { found: "unclosed"; yaml: string; line: number }
  /** `line` is where `yaml` begins in the file, 1-based; `body` is what follows the closing line, byte for byte. */
  | { found: "closed"; yaml: string; line: number; body: string };

const BYTE_ORDER_MARK = "\ufeff";
const OPENING = /^---\r?\n/;
// Line-anchored: `---` inside a string or a comment must not end the block, or keys after it would escape every check
// (gitstore.md §12.14). A line with anything else on it, even blanks, is no delimiter.
// Not `^` with the m flag, which takes U+2028 for the end of a line.
const CLOSING = /(?<=\n)---(?:\r?\n|\r?$)/g;

export function splitFrontMatter(text: string): FrontMatter {
  const bom = text.startsWith(BYTE_ORDER_MARK) ? 1 : 0;
  const opening = OPENING.exec(text.slice(bom, bom + 5));
  if (opening === null) return { found: "none" };
  const start = bom + opening[0].length;
  CLOSING.lastIndex = start;
  const closing = CLOSING.exec(text);
  if (closing === null) return { found: "unclosed", yaml: text.slice(start), line: 2 };
  const yaml = text.slice(start, closing.index);
  return { found: "closed", yaml, line: 2, body: text.slice(closing.index + closing[0].length) };
}

// A plain Markdown file may begin with `---` too, as a rule across the page. Only what claims to be a resource is held
// to the rules of one.
const CLAIMS_API_VERSION = /^(?:\{[ \t]*)?(["']?)apiVersion\1[ \t]*:/m;

/** Whether YAML that could not be read was meant to be a resource. */
export function claimsToBeResource(yaml: string): boolean {
  return CLAIMS_API_VERSION.test(yaml);
}
