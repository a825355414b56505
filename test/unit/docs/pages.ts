/** Documentation pages, as far as tests hold them to the code. */
import { readdirSync, readFileSync } from "node:fs";
import { join, relative } from "node:path";

export const ROOT = join(import.meta.dirname, "../../..");

/** README.md and every page under docs/, as paths from the checkout's root. */
export function pages(): string[] {
  const found = readdirSync(join(ROOT, "docs"), { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile() && entry.name.endsWith(".md"))
    .map((entry) => relative(ROOT, join(entry.parentPath, entry.name)));
  return ["README.md", ...found.sort()];
}

export function page(path: string): string {
  return readFileSync(join(ROOT, path), "utf8");
}

export interface Fence {
  language: string;
  text: string;
  /** The nearest line of text above it. */
  before: string;
}

/** Fenced code blocks in order; their text ends without a line end. */
export function fences(markdown: string): Fence[] {
  const found: Fence[] = [];
  let before = "";
  let open: { language: string; lines: string[] } | undefined;
  for (const line of markdown.split("\n")) {
    if (open === undefined && line.startsWith("```")) open = { language: line.slice(3).trim(), lines: [] };
    else if (open !== undefined && line.trimEnd() === "```") {
      found.push({ language: open.language, text: open.lines.join("\n"), before });
      open = undefined;
    } else if (open !== undefined) open.lines.push(line);
    else if (line.trim() !== "") before = line;
  }
  return found;
}

/** Text without its fenced code blocks. */
export function prose(markdown: string): string {
  return markdown.replace(/^```.*\n(?:[^\n]*\n)*?```$/gm, "");
}

/** The part under a heading, to the next one of its level or a higher one. */
export function section(markdown: string, heading: string): string {
  const lines = markdown.split("\n");
  const start = lines.indexOf(heading);
  if (start < 0) throw new Error(`no heading ${heading}`);
  const level = heading.indexOf(" ");
  const end = lines.findIndex((line, at) => at > start && /^#+ /.test(line) && line.indexOf(" ") <= level);
  return lines.slice(start + 1, end < 0 ? undefined : end).join("\n");
}
