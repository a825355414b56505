import { describe, expect, it } from "vitest";
import { splitFrontMatter } from "../../../src/resource/frontMatter.ts";

describe("front matter", () => {
  it("stands between two lines that are exactly ---, and the body is what follows, byte for byte", () => {
    expect(splitFrontMatter("---\na: 1\n---\n\n body \n")).toEqual({
      found: "closed",
      yaml: "a: 1\n",
      line: 2,
      body: "\n body \n",
    });
  });

  it.each([
    ["a heading", "# Title\n---\na: 1\n---\n"],
    ["white space before", " ---\na: 1\n---\n"],
    ["an empty line before", "\n---\na: 1\n---\n"],
    ["a longer line", "----\na: 1\n---\n"],
    ["a blank behind", "--- \na: 1\n---\n"],
    ["nothing", ""],
    ["the dashes alone, without a line end", "---"],
  ])("is not there in a file that begins with %s", (_, text) => {
    expect(splitFrontMatter(text)).toEqual({ found: "none" });
  });

  it.each([
    ["inside a string", 'a: "x --- y"\n'],
    ["at the end of a line", "a: x ---\n"],
    ["indented, in a block scalar", "a: |\n  ---\n"],
    ["in a comment", "a: 1 # ---\n"],
    ["with a blank behind", "a: 1\n--- \n"],
    ["with more behind", "---- \n"],
    ["behind U+2028, which is no line end", 'a: "\u2028---\u2028"\n'],
  ])("is not ended by --- %s", (_, yaml) => {
    expect(splitFrontMatter(`---\n${yaml}---\nbody`)).toMatchObject({ found: "closed", yaml, body: "body" });
  });

  it("takes CRLF line ends, and a byte order mark", () => {
    expect(splitFrontMatter("\ufeff---\r\na: 1\r\n---\r\nbody\r\n")).toMatchObject({
      found: "closed",
      yaml: "a: 1\r\n",
      body: "body\r\n",
    });
  });

  it("may be empty, and may end with the file", () => {
    expect(splitFrontMatter("---\n---\nbody")).toMatchObject({ found: "closed", yaml: "", body: "body" });
    expect(splitFrontMatter("---\na: 1\n---")).toMatchObject({ found: "closed", yaml: "a: 1\n", body: "" });
    expect(splitFrontMatter("---\r\na: 1\r\n---\r")).toMatchObject({ found: "closed", body: "" });
  });

  it("is unclosed where no later line is ---", () => {
    expect(splitFrontMatter("---\na: 1\n")).toEqual({ found: "unclosed", yaml: "a: 1\n", line: 2 });
  });
});
