import { gzipSync } from "node:zlib";
import { describe, expect, test } from "vitest";
import { type Gathering, gatherPart, parsePart, unpackPart } from "../../../../src/git/hooks/preReceive.ts";
import { A, B, type FileSpec, PUSH, partOf, ZERO } from "./support.ts";

const utf8 = (text: string) => new TextEncoder().encode(text);
const parse = (text: string) => parsePart(utf8(text));
const head = `gitstore-pre-receive 1\npush ${PUSH}\npart 1\nfinal 1\nupdate ${ZERO} ${A} refs/heads/main\n`;

describe("a part", () => {
  test("gives updates, actor and files with the bytes they have", () => {
    const parsed = parsePart(
      partOf({
        actor: "Ada L.",
        updates: [
          [ZERO, A, "refs/heads/main"],
          [B, ZERO, "refs/tags/größe"],
        ],
        files: [
          { path: "a b.md", content: "blob 3\n\n" },
          { path: ".gitstore/x.yaml", content: "", kind: "context", updates: "0,1" },
        ],
        left: 7,
      }),
    );
    expect(parsed).toMatchObject({
      ok: true,
      value: {
        pushId: PUSH,
        part: 1,
        final: true,
        left: 7,
        actor: "Ada L.",
        updates: [
          { ref: "refs/heads/main", old: null, new: A },
          { ref: "refs/tags/größe", old: B, new: null },
        ],
        files: [
          { path: "a b.md", bytes: utf8("blob 3\n\n"), updates: [0], changed: true },
          { path: ".gitstore/x.yaml", bytes: utf8(""), updates: [0, 1], changed: false },
        ],
      },
    });
  });

  test.each([
    ['"caf\\303\\251.md"', "café.md"],
    ['"a\\nb\\t\\"c\\"\\\\d.md"', 'a\nb\t"c"\\d.md'],
    ['"bell\\a\\b\\v\\f\\r.md"', "bell\x07\b\v\f\r.md"],
    ["plain name.md", "plain name.md"],
    ['"no utf-8 \\377.md"', "no utf-8 \ufffd.md"],
  ])("reads the path %s as git quotes it", (quoted, path) => {
    const parsed = parse(`${head}file 0 ${A} 0 ${quoted}\n\n${A} blob 0\n\n`);
    expect(parsed.ok && parsed.value.files[0]?.path).toBe(path);
  });

  test("may say more than this version reads", () => {
    expect(parse(`${head}colour blue\nflag\n\n`).ok).toBe(true);
  });

  test.each<[string, string, RegExp]>([
    ["nothing", "", /ends within its header/],
    ["another format", "GIF89a\n\n", /begins with "GIF89a", not with "gitstore-pre-receive 1"/],
    ["no end of its header", head, /ends within its header/],
    ["no push id", "gitstore-pre-receive 1\npart 1\n\n", /no line push/],
    ["no number", `gitstore-pre-receive 1\npush ${PUSH}\n\n`, /no line part/],
    ["a first part without updates", `gitstore-pre-receive 1\npush ${PUSH}\npart 1\n\n`, /no line update/],
    ["a bad push id", head.replace(PUSH, "../x"), /expected push <16 to 64 hex digits>, found "push \.\.\/x"/],
    ["part 0", head.replace("part 1", "part 0"), /expected part <number from 1>/],
    ["final maybe", head.replace("final 1", "final maybe"), /expected final 0 or final 1/],
    ["left -1", `${head}left -1\n\n`, /expected left <number>/],
    ["a short oid", head.replace(A, "abc"), /expected update <old> <new> <ref>/],
    ["a file without a size", `${head}file 0 ${A} a.md\n\n`, /expected file <updates> <oid> <size> <path>/],
    ["a path of half an escape", `${head}file 0 ${A} 0 "a\\\n\n`, /is not a path as git quotes it/],
    ["another file than announced", `${head}file 0 ${A} 1 a.md\n\n${B} blob 1\nx\n`, /expected "a+ blob 1", found/],
    ["a missing object", `${head}file 0 ${A} 1 a.md\n\n${A} missing\n`, /expected "a+ blob 1", found "a+ missing"/],
    ["a file cut short", `${head}file 0 ${A} 9 a.md\n\n${A} blob 9\nx\n`, /ends within the file/],
    ["no file at all", `${head}file 0 ${A} 1 a.md\n\n`, /before its last file/],
    ["more than its files", `${head}\nmore`, /goes on after its last file/],
  ])("with %s is refused, and says what was found", (_, text, message) => {
    expect(parse(text)).toEqual({ ok: false, status: 400, message: expect.stringMatching(message) });
  });
});

describe("unpacking", () => {
  test("tells gzip by its first bytes", async () => {
    const part = partOf({});
    expect(await unpackPart(part)).toEqual({ ok: true, value: part });
    expect(await unpackPart(gzipSync(part))).toEqual({ ok: true, value: part });
  });

  test("refuses what is over 8 MiB, before it is unpacked", async () => {
    expect(await unpackPart(new Uint8Array(8 * 1024 * 1024 + 1))).toMatchObject({ ok: false, status: 413 });
  });

  test("stops at 16 MiB, however small the gzip is", async () => {
    const bomb = gzipSync(new Uint8Array(16 * 1024 * 1024 + 1));
    expect(bomb.length).toBeLessThan(100_000);
    expect(await unpackPart(bomb)).toMatchObject({ ok: false, status: 413 });
  });

  test.each([
    ["broken", gzipSync(partOf({})).fill(0, 20, 30)],
    ["cut short", gzipSync(partOf({})).subarray(0, 40)],
  ])("refuses gzip that is %s", async (_, body) => {
    expect(await unpackPart(body)).toEqual({
      ok: false,
      status: 400,
      message: "the part begins as gzip and cannot be unpacked",
    });
  });
});

describe("gathering", () => {
  const at = (
    open: Map<string, Gathering>,
    part: number,
    rest: { final?: boolean; files?: FileSpec[]; left?: number; pushId?: string } = {},
    nowMs = 0,
  ) => {
    const parsed = parsePart(partOf({ part, final: false, ...rest }));
    if (!parsed.ok) throw new Error(parsed.message);
    return gatherPart(open, parsed.value, nowMs);
  };
  const file = (path: string, size = 1): FileSpec => ({ path, content: "x".repeat(size) });

  test("ends with the last part, with all files in order, and forgets the push", () => {
    const open = new Map<string, Gathering>();
    expect(at(open, 1, { files: [file("a.md")] })).toMatchObject({ step: "more" });
    expect(at(open, 2, { files: [file("b.md")] })).toMatchObject({ step: "more" });
    const last = at(open, 3, { files: [file("c.md")], final: true, left: 2 });
    expect(last.step === "complete" && last.push.files.map(({ path }) => path)).toEqual(["a.md", "b.md", "c.md"]);
    expect(last).toMatchObject({ push: { left: 2, updates: [{ ref: "refs/heads/main" }] } });
    expect(open.size).toBe(0);
  });

  test.each([
    ["a part is missing", [1, 3]],
    ["a part comes twice", [1, 2, 2]],
    ["the first part never came", [2]],
  ])("asks for the push anew where %s", (_, numbers) => {
    const open = new Map<string, Gathering>();
    const steps = numbers.map((number) => at(open, number));
    expect(steps.at(-1)).toMatchObject({ step: "refused", status: 409, message: expect.stringMatching(/from part 1/) });
    expect(open.size).toBe(0);
  });

  test("begins anew with a first part", () => {
    const open = new Map<string, Gathering>();
    at(open, 1, { files: [file("old.md")] });
    at(open, 1, { files: [file("new.md")] });
    const last = at(open, 2, { final: true });
    expect(last.step === "complete" && last.push.files.map(({ path }) => path)).toEqual(["new.md"]);
  });

  test("keeps pushes apart", () => {
    const open = new Map<string, Gathering>();
    const other = "f".repeat(32);
    at(open, 1, { files: [file("a.md")] });
    at(open, 1, { files: [file("b.md")], pushId: other });
    const last = at(open, 2, { final: true });
    expect(last.step === "complete" && last.push.files.map(({ path }) => path)).toEqual(["a.md"]);
    expect([...open.keys()]).toEqual([other]);
  });

  test("forgets a push that was broken off a minute ago", () => {
    const open = new Map<string, Gathering>();
    at(open, 1, {}, 0);
    at(open, 1, { pushId: "f".repeat(32), final: true }, 60_000);
    expect(open.size).toBe(1);
    at(open, 1, { pushId: "f".repeat(32), final: true }, 60_001);
    expect(open.size).toBe(0);
  });

  test("leaves files past 5,000 and past 32 MiB to admission, definitions not counted among them", () => {
    const open = new Map<string, Gathering>();
    const definition: FileSpec = { path: ".gitstore/x.yaml", content: "", kind: "context" };
    const many = Array.from({ length: 5_001 }, (_, i) => file(`${i}.md`, 0));
    const full = at(open, 1, { files: [...many, definition], final: true });
    expect(full).toMatchObject({ step: "complete", push: { left: 1 } });
    expect(full.step === "complete" && full.push.files.length).toBe(5_001);

    for (let part = 1; part <= 4; part++) at(open, part, { files: [file("x.md", 8 * 1024 * 1024 - 1)] });
    const large = at(open, 5, { files: [file("fits.md", 4), file("over.md", 1)], final: true });
    expect(large).toMatchObject({ step: "complete", push: { left: 1 } });
  });

  test("takes no more than 48 MiB of open pushes at once", () => {
    const open = new Map<string, Gathering>();
    const large = { files: [file("x.md", 12 * 1024 * 1024)] };
    for (const digit of ["1", "2", "3", "4"]) {
      expect(at(open, 1, { ...large, pushId: digit.repeat(32) })).toMatchObject({ step: "more" });
    }
    expect(at(open, 1, { files: [file("y.md", 1)], pushId: "5".repeat(32) })).toMatchObject({
      step: "refused",
      status: 503,
      message: expect.stringMatching(/push again/),
    });
    expect(open.size).toBe(4);
  });
});
