import { existsSync } from "node:fs";
import { dirname, join, normalize } from "node:path";
import { describe, expect, it } from "vitest";
import { GLOBAL_OPTIONS } from "../../../src/cli/command.ts";
import { COMMANDS } from "../../../src/cli/run.ts";
import { page, pages, prose, ROOT } from "./pages.ts";

const all = pages();
const scripts = (JSON.parse(page("package.json")) as { scripts: Record<string, string> }).scripts;

/** As GitHub makes anchors of headings. */
function anchorsOf(markdown: string): string[] {
  return [...prose(markdown).matchAll(/^#{1,6} (.+)$/gm)].map(([, text = ""]) =>
    text
      .toLowerCase()
      .replace(/[^\p{L}\p{N}\s_-]/gu, "")
      .trim()
      .replace(/\s/g, "-"),
  );
}

function linksOf(markdown: string): string[] {
  return [...prose(markdown).matchAll(/\]\(([^)\s]+)\)/g)]
    .map(([, target = ""]) => target)
    .filter((target) => !/^[a-z]+:/.test(target));
}

/** Code spans that are a path of the checkout. */
function pathsOf(markdown: string): string[] {
  return [...prose(markdown).matchAll(/`([^`\n]+)`/g)]
    .map(([, text = ""]) => text)
    .filter((text) => /^(src|test|docs|migrations|\.ci)\/[\w./-]*$/.test(text) || /^[\w.-]+\.(toml|json)$/.test(text));
}

/** What is typed after `gitstorectl`, to the end of the code or the line. */
function invocationsOf(markdown: string): string[] {
  return [...markdown.matchAll(/gitstorectl ([a-z][^`\n|)#]*)/g)].map(([, text = ""]) => text.trim());
}

describe.each(all)("%s", (path) => {
  const markdown = page(path);

  it("links to pages and headings that exist", () => {
    for (const target of linksOf(markdown)) {
      const [file = "", anchor] = target.split("#");
      const to = file === "" ? path : normalize(join(dirname(path), file));
      expect(existsSync(join(ROOT, to)), `${target} in ${path}`).toBe(true);
      if (anchor !== undefined) expect(anchorsOf(page(to)), `${target} in ${path}`).toContain(anchor);
    }
  });

  it("names files that exist", () => {
    for (const name of pathsOf(markdown)) expect(existsSync(join(ROOT, name)), `${name} in ${path}`).toBe(true);
  });

  it("names commands and options of gitstorectl that exist", () => {
    for (const line of invocationsOf(markdown)) {
      const words = line.split(/\s+/);
      const command = COMMANDS.find(({ name }) => line === name || line.startsWith(`${name} `) || words[0] === name);
      // In a sentence, a command may be named by its first word alone, or by what it is (`gitstorectl makes …`).
      const isGroup = COMMANDS.some(({ name }) => name.startsWith(`${words[0]} `)) && words.length === 1;
      expect(command ?? isGroup, `gitstorectl ${line} in ${path}`).toBeTruthy();
      const known = { ...GLOBAL_OPTIONS, ...command?.options };
      for (const [, option = ""] of line.matchAll(/(?:^|[\s[])--([a-z][a-z-]*)/g))
        expect(Object.keys(known), `--${option} of gitstorectl ${line} in ${path}`).toContain(option);
    }
  });

  it("names scripts of package.json that exist", () => {
    for (const [, script = ""] of markdown.matchAll(/npm run (?:--silent )?([a-z][a-z:]*)/g))
      expect(Object.keys(scripts), `npm run ${script} in ${path}`).toContain(script);
  });

  it("names no place on somebody's machine", () => {
    expect(markdown).not.toMatch(/(^|[\s"'`(=])\/(work|tmp|root|home|Users)\//);
  });
});

describe("the documentation", () => {
  it("is where wrangler.toml says", () => {
    const named = [...page("wrangler.toml").matchAll(/docs\/[\w./-]+\.md/g)].map(([name]) => name);
    expect(named.length).toBeGreaterThan(0);
    for (const name of named) expect(existsSync(join(ROOT, name)), name).toBe(true);
  });

  it("has a page for every link of the README, and every page is reached from it", () => {
    const reached = new Set(["README.md"]);
    for (const path of reached) {
      for (const target of linksOf(page(path))) {
        const file = target.split("#")[0] ?? "";
        const to = file === "" ? path : normalize(join(dirname(path), file));
        if (to.endsWith(".md") && existsSync(join(ROOT, to))) reached.add(to);
      }
    }
    expect(all.filter((path) => !reached.has(path))).toEqual([]);
  });
});
