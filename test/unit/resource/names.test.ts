import { describe, expect, it } from "vitest";
import { formatField, parseField } from "../../../src/resource/field.ts";
import {
  dnsLabelProblem,
  dnsSubdomainProblem,
  labelKeyProblem,
  labelValueProblem,
} from "../../../src/resource/names.ts";
import { didYouMean } from "../../../src/resource/suggest.ts";
import { uuidv7 } from "../../../src/resource/uuid.ts";

describe("names", () => {
  it.each(["a", "a1", "a-b", "0", "x".repeat(63)])("%s is a DNS label", (name) => {
    expect(dnsLabelProblem(name)).toBeUndefined();
  });
  it.each(["", "A", "-a", "a-", "a.b", "a_b", "x".repeat(64), "é", "a\n"])("%j is no DNS label", (name) => {
    expect(dnsLabelProblem(name)).toBeTypeOf("string");
  });
  it.each(["a", "a.b", "a-b.c0", `${"x".repeat(63)}.y`, "x".repeat(253)])("%s is a DNS subdomain", (name) => {
    expect(dnsSubdomainProblem(name)).toBeUndefined();
  });
  it.each(["", ".", "a.", ".a", "a..b", "a.-b", "A.b", "a/b", "x".repeat(254), "a\n"])(
    "%j is no DNS subdomain",
    (name) => {
      expect(dnsSubdomainProblem(name)).toBeTypeOf("string");
    },
  );
  it.each(["a", "A.b_c-d", "gitstore.dev/brand", `${"p".repeat(253)}/${"n".repeat(63)}`])(
    "%s is a label key",
    (key) => {
      expect(labelKeyProblem(key)).toBeUndefined();
    },
  );
  it.each([
    ["", "must have a name part"],
    ["a/", "must have a name part"],
    ["/a", "DNS prefix"],
    ["a/b/c", "at most one"],
    ["A/b", "prefix must consist"],
    [`${"p".repeat(254)}/a`, "no more than 253"],
    ["n".repeat(64), "no more than 63"],
    ["-a", "name part must consist"],
    ["a b", "name part must consist"],
  ])("%j is no label key", (key, message) => {
    expect(labelKeyProblem(key)).toContain(message);
  });
  it.each(["", "a", "A.b_c-d", "x".repeat(63)])("%j is a label value", (value) => {
    expect(labelValueProblem(value)).toBeUndefined();
  });
  it.each(["a b", "-a", "a-", "x".repeat(64), "é"])("%j is no label value", (value) => {
    expect(labelValueProblem(value)).toBeTypeOf("string");
  });
});

describe("fields", () => {
  it.each<[string, (string | number)[]]>([
    ["spec.options[1].name", ["spec", "options", 1, "name"]],
    ['metadata.labels["gitstore.dev/brand"]', ["metadata", "labels", "gitstore.dev/brand"]],
    ['spec["a\\"b"][0]', ["spec", 'a"b', 0]],
    ["spec.x-kubernetes-y", ["spec", "x-kubernetes-y"]],
    ["", []],
  ])("%s is a path and back", (field, path) => {
    expect(formatField(path)).toBe(field);
    expect(parseField(field)).toEqual(path);
  });

  it("text that is no path gives what can be read of it", () => {
    expect(parseField("spec.a[")).toEqual(["spec", "a"]);
  });
});

describe("suggestions", () => {
  it.each([
    ["titel", "title"],
    ["Titl", "title"],
    ["catgoryRef", "categoryRef"],
  ])("%s is meant as %s", (word, meant) => {
    expect(didYouMean(word, ["tags", "title", "categoryRef"])).toBe(`did you mean "${meant}"?`);
  });
  it("there is none for a word that is like nothing", () => {
    expect(didYouMean("inventory", ["tags", "title"])).toBeUndefined();
    expect(didYouMean("x", [])).toBeUndefined();
  });
});

describe("UUIDv7", () => {
  const fixed = (byte: number) => (count: number) => new Uint8Array(count).fill(byte);

  it("has the time in its first 48 bits, the version and the variant", () => {
    expect(uuidv7(0x017f22e279b0, fixed(0xff))).toBe("017f22e2-79b0-7fff-bfff-ffffffffffff");
    expect(uuidv7(0, fixed(0))).toBe("00000000-0000-7000-8000-000000000000");
  });

  it("sorts by time", () => {
    expect(uuidv7(1_000, fixed(0xff)) < uuidv7(1_001, fixed(0))).toBe(true);
  });
});
