import { readdirSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { type Named, RUNBOOKS } from "../../e2e/support/runbooks.ts";
import { fences, page, ROOT } from "./pages.ts";

const names = readdirSync(join(ROOT, "docs/runbooks")).map((name) => name.replace(/\.md$/, ""));

function commandsOf(markdown: string): string[] {
  const lines = fences(markdown)
    .filter(({ language }) => language === "sh")
    .flatMap(({ text }) => text.split("\n"));
  return [...new Set(lines.filter((line) => line.trim() !== "" && !line.startsWith("#")))];
}

/** `gitstore_…` metrics and `"msg": "…"` of the log. */
function signalsOf(markdown: string): string[] {
  const metrics = [...markdown.matchAll(/gitstore_[a-z0-9_]+/g)].map(([name]) => name);
  const messages = [...markdown.matchAll(/"msg": "([^"…]+)"/g)].map(([, text = ""]) => text);
  return [...new Set([...metrics, ...messages])];
}

describe("the runbooks", () => {
  it("are all exercised", () => {
    expect(Object.keys(RUNBOOKS).sort()).toEqual(names.sort());
  });

  it.each(names)("%s names the commands and signals that are exercised, and no other", (name) => {
    const markdown = page(`docs/runbooks/${name}.md`);
    const { commands, signals } = (RUNBOOKS as Record<string, Named>)[name] ?? { commands: [], signals: [] };
    expect(commandsOf(markdown).sort()).toEqual([...commands].sort());
    expect(signalsOf(markdown).sort()).toEqual([...signals].sort());
  });

  it.each(names.filter((name) => name !== "README"))(
    "%s says symptom, diagnosis, recovery and verification",
    (name) => {
      const headings = [...page(`docs/runbooks/${name}.md`).matchAll(/^## (.+)$/gm)].map(([, text = ""]) => text);
      expect(headings[0]).toBe("Symptom");
      expect(headings.at(-1)).toBe("Verification");
      expect(headings.some((text) => text.startsWith("Diagnosis"))).toBe(true);
      expect(headings).toContain("Recovery");
    },
  );
});
