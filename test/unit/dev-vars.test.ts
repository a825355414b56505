import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { ensureDevVars, parse } from "../../src/cli/local/devVars.ts";

let dir: string;
let path: string;
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), "dev-vars-"));
  path = join(dir, ".dev.vars");
});
afterEach(() => rmSync(dir, { recursive: true, force: true }));

describe(".dev.vars", () => {
  it("is made with secrets of its own, for its owner's eyes only", () => {
    const { vars, created } = ensureDevVars(path);
    expect(created).toBe(true);
    expect(statSync(path).mode & 0o777).toBe(0o600);
    expect(parse(readFileSync(path, "utf8"))).toEqual(vars);
    const other = ensureDevVars(join(dir, "other")).vars;
    expect(other.TOKEN_SIGNING_KEY).not.toBe(vars.TOKEN_SIGNING_KEY);
    expect(other.SEALING_KEY).not.toBe(vars.SEALING_KEY);
  });

  it("keeps what it says and gets what it lacks", () => {
    writeFileSync(path, "TOKEN_SIGNING_KEY=mine:abc\nPOLL=1m");
    const { vars, created } = ensureDevVars(path);
    expect(created).toBe(false);
    expect(vars).toMatchObject({ TOKEN_SIGNING_KEY: "mine:abc", POLL: "1m", ALLOW_PRIVATE_GIT: "true" });
    expect(parse(readFileSync(path, "utf8"))).toEqual(vars);
    expect(statSync(path).mode & 0o777).toBe(0o600);
  });

  it("is left untouched where it lacks nothing", () => {
    ensureDevVars(path);
    const before = readFileSync(path, "utf8");
    ensureDevVars(path);
    expect(readFileSync(path, "utf8")).toBe(before);
  });

  it("is read as wrangler reads it: comments, export, quotes", () => {
    const text = `# a comment\nexport A = 1\nB="two words" \nC='{"x": "#1"}'\nD=plain # comment\n\nnot a line`;
    expect(parse(text)).toEqual({ A: "1", B: "two words", C: '{"x": "#1"}', D: "plain" });
  });
});
