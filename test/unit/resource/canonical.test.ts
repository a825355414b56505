import { serialize } from "node:v8";
import { describe, expect, it } from "vitest";
import { asciiJson, canonicalJson, digestOf, utf8Length } from "../../../src/resource/canonical.ts";
import { accepted } from "./files.ts";

describe("canonical JSON", () => {
  it("sorts keys, drops undefined, and keeps the order of lists", () => {
    expect(canonicalJson({ b: [2, 1, { d: 1, c: null }], a: undefined, A: "é" })).toBe(
      '{"A":"é","b":[2,1,{"c":null,"d":1}]}',
    );
    expect(canonicalJson([undefined])).toBe("[null]");
    expect(canonicalJson(undefined)).toBe("null");
  });
});

describe("digests", () => {
  const base = { metadata: { name: "a" }, spec: { x: 1 }, body: "text" };

  it("do not see empty labels and annotations, the name, or the order of keys", () => {
    const other = { metadata: { name: "b", labels: {}, annotations: {} }, spec: { x: 1 }, body: "text" };
    expect(digestOf(other)).toEqual(digestOf(base));
  });

  it("see labels and annotations in the digest only, and tell the two apart", () => {
    const labelled = digestOf({ ...base, metadata: { name: "a", labels: { k: "v" } } });
    const annotated = digestOf({ ...base, metadata: { name: "a", annotations: { k: "v" } } });
    expect(labelled.specDigest).toBe(digestOf(base).specDigest);
    expect(new Set([labelled.digest, annotated.digest, digestOf(base).digest]).size).toBe(3);
  });

  it("see spec and body in both", () => {
    for (const changed of [
      { ...base, spec: { x: 2 } },
      { ...base, body: "text " },
    ]) {
      expect(digestOf(changed).digest).not.toBe(digestOf(base).digest);
      expect(digestOf(changed).specDigest).not.toBe(digestOf(base).specDigest);
    }
  });

  it("never change when YAML keys are reordered or white space changes", () => {
    // A small generator (mulberry32), so that a failure can be repeated by its seed.
    const random = (seed: number) => () => {
      seed = (seed + 0x6d2b79f5) | 0;
      let t = Math.imul(seed ^ (seed >>> 15), 1 | seed);
      t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
      return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
    };
    const value = {
      apiVersion: "catalog.gitstore.dev/v1beta1",
      kind: "Product",
      metadata: {
        name: "laptop",
        labels: { "gitstore.dev/brand": "Apple", sale: "true" },
        annotations: { note: "a: b # c" },
      },
      spec: {
        title: "Laptop --- 14″",
        categoryRef: { kind: "CategoryTaxonomy", name: "computers" },
        tags: ["b", "a", "19.90"],
        options: [{ name: "color", title: "Colour", values: ["silver", "black"] }, { name: "size" }],
        media: [{ fileRef: { kind: "File", name: "hero", optional: true } }],
      },
    };
    const write = (item: unknown, depth: number, next: () => number): string => {
      const gap = () => " ".repeat(1 + Math.floor(next() * 3));
      if (Array.isArray(item)) {
        if (next() < 0.5) return `[${gap()}${item.map((part) => flow(part, next)).join(`,${gap()}`)}${gap()}]`;
        const indent = " ".repeat(depth + Math.floor(next() * 2));
        return `\n${item.map((part) => `${indent}-${gap()}${flow(part, next)}`).join("\n")}`;
      }
      if (typeof item !== "object" || item === null) return flow(item, next);
      if (depth > 0 && next() < 0.3) return flow(item, next);
      const step = 1 + Math.floor(next() * 4);
      const indent = " ".repeat(depth);
      const lines = shuffled(Object.entries(item), next).map(([key, part]) => {
        const comment = next() < 0.2 ? `${indent}# a comment --- here\n` : "";
        const blank = next() < 0.2 ? "\n" : "";
        return `${blank}${comment}${indent}${next() < 0.5 ? key : JSON.stringify(key)}:${gap()}${write(part, depth + step, next)}`;
      });
      return `${depth > 0 ? "\n" : ""}${lines.join("\n")}`;
    };
    const flow = (item: unknown, next: () => number): string => {
      if (Array.isArray(item)) return `[${item.map((part) => flow(part, next)).join(", ")}]`;
      if (typeof item !== "object" || item === null)
        return typeof item === "string" ? JSON.stringify(item) : String(item);
      return `{${shuffled(Object.entries(item), next)
        .map(([key, part]) => `${JSON.stringify(key)}: ${flow(part, next)}`)
        .join(",  ")}}`;
    };
    const shuffled = <T>(items: T[], next: () => number): T[] =>
      items
        .map((item) => ({ item, key: next() }))
        .sort((a, b) => a.key - b.key)
        .map(({ item }) => item);

    const texts = Array.from({ length: 300 }, (_, seed) => `---\n${write(value, 0, random(seed))}\n---\nbody\n`);
    expect(new Set(texts).size).toBeGreaterThan(290);
    const digests = new Set(texts.map((text) => accepted(text).digest));
    expect(digests.size).toBe(1);
  });
});

describe("ASCII JSON", () => {
  it("escapes everything beyond ASCII and means the same", () => {
    const value = { a: "é😀\u2028", ключ: [1, null, "\ud800"] };
    const text = asciiJson(value);
    // biome-ignore lint/suspicious/noControlCharactersInRegex: the range is what ASCII is
    expect(text).toMatch(/^[\x00-\x7f]*$/);
    expect(JSON.parse(text)).toEqual(value);
  });

  it("is plain JSON where there is nothing to escape", () => {
    expect(asciiJson({ a: 'b"\n' })).toBe('{"a":"b\\"\\n"}');
  });

  it("gives text of one byte a character, because frames are joined from it and sent to every watcher", () => {
    // V8's own serialisation says which of its two representations a string has: `"` has one byte, `c` two.
    const representation = (text: string) => String.fromCharCode(serialize(text)[2] ?? 0);
    expect(representation(JSON.stringify({ a: "Größe ✓".repeat(20) }).padEnd(200))).not.toBe('"');
    expect(representation(asciiJson({ a: "Größe ✓".repeat(20) }))).toBe('"');
    expect(JSON.parse(asciiJson({ a: 'Größe ✓ "\\n"' }))).toEqual({ a: 'Größe ✓ "\\n"' });
  });
});

describe("the length in UTF-8", () => {
  it.each(["", "ascii", "é", "€uro", "😀 smile", "\ud800", "\udc00x", "\ud800\ud800\udc00", "mixed é€😀"])(
    "is the encoder's: %j",
    (text) => {
      expect(utf8Length(text)).toBe(new TextEncoder().encode(text).length);
    },
  );
});
