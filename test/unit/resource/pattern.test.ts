import { describe, expect, it } from "vitest";
import { compilePattern, patternProblem } from "../../../src/resource/pattern/match.ts";

describe("a pattern", () => {
  const values = [
    "",
    "a",
    "b",
    "ab",
    "aab",
    "abc",
    "A",
    "aa",
    "aaa",
    "ba",
    "a b",
    "a-b",
    "a_b",
    "0",
    "12",
    "é",
    "😀",
    "\n",
    "a\nb",
    "x.y",
    "]",
    "-",
    "^",
    "\\",
    "a1b2",
    "word",
    " ",
  ];
  // What the platform's own expressions and RE2 agree on.
  it.each([
    "",
    "a",
    "^a$",
    "^a*$",
    "^a+b?$",
    "a|b",
    "^(a|b)+$",
    "^(?:ab|a)b?$",
    "^a{2}$",
    "^a{2,}$",
    "^a{1,2}$",
    "^(a*)*$",
    "^[a-c]+$",
    "^[^a]$",
    "^[a\\-c]$",
    "^[-a]$",
    "^[a-]$",
    "^[\\]^]$",
    "^.$",
    "^a.b$",
    "\\bab\\b",
    "a\\B",
    "^\\d+$",
    "^\\w+$",
    "^\\W$",
    "^\\D+$",
    "^\\S+$",
    "^\\u00e9$",
    "^\\x61$",
    "^x\\.y$",
    "^\\p{L}+$",
    "^\\P{L}$",
    "^[\\p{Lu}0-9]+$",
    "^[\\w-]+$",
    "^a*?b$",
    "^(?<name>a)b$",
    "^(|a)b$",
    "^$",
    "$",
    "a$|^b",
    "^[a-c\\d]+$",
    "(^a|b$)",
    "^\\\\$",
    "^(([a-z])+.)+[A-Z]$",
    "^((a|ab)(c|bc))$",
  ])("%s finds what the platform finds", (source) => {
    const pattern = compilePattern(source);
    const native = new RegExp(source, "u");
    expect(values.filter((value) => pattern.test(value))).toEqual(values.filter((value) => native.test(value)));
  });

  it.each<[string, string, boolean]>([
    ["^[[:alpha:]_]+$", "ab_", true],
    ["^[[:digit:]]$", "a", false],
    ["^[]a]+$", "a]", true],
    ["^[^]a]$", "]", false],
    ["(?i)^abc$", "aBC", true],
    ["(?i)^[a-c]É$", "Bé", true],
    ["^(?P<name>a)$", "a", true],
    ["^\\pL+$", "é", true],
    ["^\\p{Greek}+$", "αβ", true],
    ["^[\\w-.]+$", "a-.", true],
    ["^\\_\\@$", "_@", true],
    ["\\Aa\\z", "a", true],
    ["\\Aa\\z", "ba", false],
    ["^a{,2}$", "a{,2}", true],
    ["^\\x{1F600}$", "😀", true],
    ["^[😀-😎]$", "😃", true],
    ["^\\s$", "\v", false],
    ["^\\d$", "٣", false],
  ])("%s is Go's, not ECMAScript's: on %j %s", (source, value, wanted) => {
    expect(compilePattern(source).test(value)).toBe(wanted);
  });

  it.each([
    ["(a", "a ( has no )"],
    ["a)", "a ) has no ("],
    ["[a", "a [ has no ]"],
    ["[]", "a [ has no ]"],
    ["*a", "* repeats nothing"],
    ["a**", "a repetition is repeated"],
    ["a{2}{3}", "a repetition is repeated"],
    ["a{1001}", "{1001} is over 1000"],
    ["a{3,2}", "{3,2} ends before it begins"],
    ["(?=a)", "(?= is not supported"],
    ["(?!a)", "(?! is not supported"],
    ["(?<=a)", "(?< is not supported"],
    ["(a)\\1", "\\1 is not supported"],
    ["\\k", "\\k is not supported"],
    ["\\", "a \\ stands at the end"],
    ["\\p{Nope}", "\\p{Nope} names no class of characters"],
    ["[z-a]", "ends before it begins"],
    ["[a-\\d]", "must end in one character"],
    ["[[:nope:]]", "[:nope:] is not supported"],
    ["\\x{110000}", "is no character"],
    ["(a{1000}){1000}", "too large once its repetitions are written out"],
    ["((((){1000}){1000}){1000}){1000}", "too large once its repetitions are written out"],
    ["a".repeat(1001), "it has 1001 characters"],
  ])("%s is refused", (source, message) => {
    expect(patternProblem(source)).toContain(message);
  });

  it.each(["^(a+)+$", "^(a|a)*$", "^(a|aa)+$", "^(.*)*x$", "^(([a-z])+.)+[A-Z]([a-z])+$"])(
    "%s ends on a value that no backtracking would come back from",
    (source) => {
      expect(compilePattern(source).test(`${"a".repeat(5000)}!`)).toBe(false);
    },
  );
});
