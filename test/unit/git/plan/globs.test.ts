import { describe, expect, it } from "vitest";
import { globError, matchesAny } from "../../../../src/git/plan/globs.ts";

describe("a pattern", () => {
  // The examples of GitHub's "Filter pattern cheat sheet", then the corners.
  it.each([
    ["feature/*", "feature/my-branch", true],
    ["feature/*", "feature/my/branch", false],
    ["feature/**", "feature/beta-a/my-branch", true],
    ["feature/**", "feature", false],
    ["main", "main", true],
    ["main", "main2", false],
    ["main", "xmain", false],
    ["releases/mona-the-octocat", "releases/mona-the-octocat", true],
    ["*", "main", true],
    ["*", "a/b", false],
    ["**", "all/the/branches", true],
    ["**", "", true],
    ["*feature", "mona-feature", true],
    ["*feature", "feature", true],
    ["v2*", "v2.0", true],
    ["v[12].[0-9]+.[0-9]+", "v1.10.1", true],
    ["v[12].[0-9]+.[0-9]+", "v3.0.0", false],
    ["v[12].[0-9]+.[0-9]+", "v1..1", false],
    ["v[0-9]*", "v10-rc/1", false],
    ["release/**", "release/v1.0.0", true],
    ["colou?r", "color", true],
    ["colou?r", "colour", true],
    ["colou?r", "colouur", false],
    ["[a-c]x", "bx", true],
    ["[a-c]x", "dx", false],
    ["[CB]at", "Cat", true],
    ["\\*", "*", true],
    ["\\*", "a", false],
    ["a\\+b", "a+b", true],
    ["a.c", "abc", false],
    ["(a|b)", "a", false],
    ["é*", "éa", true],
    ["🎉?x", "x", true],
    ["**/x", "a/b/x", true],
    ["**/x", "x", false],
    ["*+x", "aax", true],
  ])("%s against %s: %s", (glob, name, expected) => {
    expect(matchesAny([glob], name)).toBe(expected);
  });

  it("with ! takes names out that came in before it, and later ones bring them back", () => {
    const globs = ["releases/**", "!releases/**-alpha", "releases/keep-alpha"];
    expect(matchesAny(globs, "releases/10")).toBe(true);
    expect(matchesAny(globs, "releases/10-alpha")).toBe(false);
    expect(matchesAny(globs, "releases/keep-alpha")).toBe(true);
    expect(matchesAny(["!a", "**"], "a")).toBe(true);
  });

  it("is needed: exclusions alone, and no pattern, select nothing", () => {
    expect(matchesAny(["!a"], "b")).toBe(false);
    expect(matchesAny([], "a")).toBe(false);
  });

  it("that is malformed selects nothing, and is told what is wrong with it", () => {
    for (const [glob, problem] of [
      ["[a", "not closed"],
      ["?x", "nothing before"],
      ["+", "nothing before"],
      ["a\\", "nothing after"],
    ] as const) {
      expect(matchesAny([glob], glob)).toBe(false);
      expect(globError(glob)).toContain(problem);
      expect(globError(`!${glob}`)).toContain(problem);
    }
    expect(globError("v[0-9]*")).toBeNull();
  });

  it("takes a number of steps that grows with the name, not with its power", () => {
    // A backtracking matcher would need more steps for this than there are seconds.
    const glob = `${"*a".repeat(60)}b`;
    expect(matchesAny([glob], "a".repeat(5_000))).toBe(false);
    expect(matchesAny([`${"**a+".repeat(60)}b`], "a".repeat(5_000))).toBe(false);
  });
});
