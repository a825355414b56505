import { describe, expect, it } from "vitest";
import { coreRegistry } from "../../../src/resource/registry.ts";
import {
  labelSelectorOf,
  matchesFields,
  matchesLabels,
  parseFieldSelector,
  parseLabelSelector,
  selectableFieldsOf,
  selectableValues,
} from "../../../src/resource/selectors.ts";
import type { Resource } from "../../../src/resource/types.ts";

function selects(text: string, labels?: Record<string, string>): boolean {
  const parsed = parseLabelSelector(text);
  if (!parsed.ok) throw new Error(parsed.message);
  return matchesLabels(parsed.value, labels);
}

describe("a label selector", () => {
  it.each<[string, Record<string, string> | undefined, boolean]>([
    ["", undefined, true],
    ["", { a: "b" }, true],
    ["a=b", { a: "b" }, true],
    ["a==b", { a: "b" }, true],
    ["a=b", { a: "c" }, false],
    ["a=b", {}, false],
    ["a=b", undefined, false],
    ["a=", { a: "" }, true],
    ["a=", {}, false],
    ["a!=b", { a: "c" }, true],
    ["a!=b", {}, true],
    ["a!=b", { a: "b" }, false],
    ["a in (b,c)", { a: "c" }, true],
    ["a in (b, c )", { a: "d" }, false],
    ["a in ()", { a: "" }, true],
    ["a in (b,)", { a: "" }, true],
    ["a notin (b,c)", { a: "d" }, true],
    ["a notin (b,c)", {}, true],
    ["a notin (b,c)", { a: "b" }, false],
    ["a", { a: "" }, true],
    ["a", {}, false],
    ["!a", {}, true],
    ["!a", { a: "x" }, false],
    ["! a", {}, true],
    ["a>5", { a: "6" }, true],
    ["a>5", { a: "5" }, false],
    ["a<5", { a: "4" }, true],
    ["a<5", { a: "x" }, false],
    ["a<5", {}, false],
    ["a=b,c!=d,e in (x,y),f notin (z),!g,h", { a: "b", e: "y", h: "" }, true],
    ["a=b,c!=d,e in (x,y),f notin (z),!g,h", { a: "b", e: "y" }, false],
    ["gitstore.dev/section = javascript , sale", { "gitstore.dev/section": "javascript", sale: "1" }, true],
    ["in in (in)", { in: "in" }, true],
    ["constructor", {}, false],
  ])("%j on %j: %s", (text, labels, wanted) => {
    expect(selects(text, labels)).toBe(wanted);
  });

  it.each([
    ["a=b=c", 'found "=", expected: ","'],
    ["a b", 'found "b", expected: in, notin, =, ==, !=, >, <'],
    [",a", 'found ",", expected: a label key'],
    ["a,", 'found nothing after ",", expected: a label key'],
    ["=b", 'found "=", expected: a label key'],
    ["a in b", 'found "b", expected: "("'],
    ["a in (b", 'found "", expected: ")"'],
    ["a>b", 'a must be compared with an integer, found "b"'],
    ["a=b!", 'found "!", expected: ","'],
    ["!", 'found "", expected: a label key'],
    [
      "-a=b",
      'key "-a": name part must consist of letters, digits, "-", "_" and ".", and start and end with a letter or digit',
    ],
    [`a=${"x".repeat(64)}`, "must be no more than 63 characters, found 64"],
    ["a=b/c", 'value "b/c": must be empty or consist of'],
  ])("%j is refused, naming the parameter", (text, message) => {
    const parsed = parseLabelSelector(text);
    expect(parsed).toEqual({ ok: false, message: expect.stringContaining(message) });
    expect(parsed).toEqual({
      ok: false,
      message: expect.stringContaining(`unable to parse labelSelector ${JSON.stringify(text)}`),
    });
  });

  it("comes from matchLabels and matchExpressions too", () => {
    const parsed = labelSelectorOf({
      matchLabels: { a: "b" },
      matchExpressions: [
        { key: "c", operator: "In", values: ["d", "e"] },
        { key: "f", operator: "NotIn", values: ["g"] },
        { key: "h", operator: "Exists" },
        { key: "i", operator: "DoesNotExist", values: [] },
      ],
    });
    if (!parsed.ok) throw new Error(parsed.message);
    expect(matchesLabels(parsed.value, { a: "b", c: "e", h: "" })).toBe(true);
    expect(matchesLabels(parsed.value, { a: "b", c: "e", h: "", i: "" })).toBe(false);
    expect(labelSelectorOf({ matchLabels: null })).toEqual({ ok: true, value: { requirements: [] } });
  });

  it.each([
    [{ matchLabels: { "a b": "c" } }, 'key "a b"'],
    [{ matchLabels: { a: "c d" } }, 'value "c d"'],
    [{ matchExpressions: [{ key: "a", operator: "In" }] }, "operator In on a requires at least one value"],
    [{ matchExpressions: [{ key: "a", operator: "Exists", values: ["b"] }] }, "operator Exists on a takes no values"],
    [{ matchExpressions: [{ key: "a", operator: "Is", values: ["b"] }] }, '"Is" is not an operator'],
  ])("%j is refused", (input, message) => {
    expect(labelSelectorOf(input)).toEqual({ ok: false, message: expect.stringContaining(message) });
  });
});

describe("a field selector", () => {
  const allowed = ["metadata.name", "metadata.namespace", "status.phase"];
  const fields = { "metadata.name": "a", "metadata.namespace": "acme", "status.phase": "draft" };

  it.each([
    ["", true],
    ["metadata.name=a", true],
    ["metadata.name==a", true],
    ["metadata.name=b", false],
    ["metadata.name!=b", true],
    ["status.phase=draft,metadata.name!=a", false],
    [" status.phase=draft , metadata.name=a ", true],
    ["metadata.name=", false],
  ])("%j: %s", (text, wanted) => {
    const parsed = parseFieldSelector(text, allowed);
    if (!parsed.ok) throw new Error(parsed.message);
    expect(matchesFields(parsed.value, fields)).toBe(wanted);
  });

  it("compares a missing field as the empty string", () => {
    const parsed = parseFieldSelector("status.phase=", allowed);
    if (!parsed.ok) throw new Error(parsed.message);
    expect(matchesFields(parsed.value, { "metadata.name": "a" })).toBe(true);
  });

  it("takes escaped commas, equals signs and backslashes", () => {
    const parsed = parseFieldSelector("metadata.name=a\\,b\\=c\\\\d", allowed);
    if (!parsed.ok) throw new Error(parsed.message);
    expect(matchesFields(parsed.value, { "metadata.name": "a,b=c\\d" })).toBe(true);
  });

  it.each([
    [
      "spec.title=x",
      'field label not supported: "spec.title" (supported: metadata.name, metadata.namespace, status.phase)',
    ],
    ["metadata.name", '"metadata.name" is not of the form field=value'],
    ["metadata.name=a=b", "unable to parse fieldSelector"],
    ["metadata.name=a\\x", "unable to parse fieldSelector"],
    ["=a", 'field label not supported: ""'],
  ])("%j is refused", (text, message) => {
    expect(parseFieldSelector(text, allowed)).toEqual({ ok: false, message: expect.stringContaining(message) });
    expect(parseFieldSelector(text, allowed)).toEqual({ ok: false, message: expect.stringContaining("fieldSelector") });
  });

  it("reads a kind's selectable fields from an object", () => {
    const product = coreRegistry.resolve("prod");
    if (product === undefined) throw new Error("no Product");
    const metadata = {
      name: "a",
      namespace: "acme",
      uid: "u",
      resourceVersion: "1",
      generation: 1,
      creationTimestamp: "",
    };
    const resource: Resource = { apiVersion: "v", kind: "Product", metadata, spec: {}, status: { phase: "draft" } };
    expect(selectableFieldsOf(product)).toEqual(allowed);
    expect(selectableValues(product, resource)).toEqual(fields);
    expect(selectableValues(product, { ...resource, status: {} })["status.phase"]).toBe("");
    const custom = { selectableFields: ["spec.size", "spec.on", "spec.tags"] };
    expect(selectableValues(custom, { ...resource, spec: { size: 4, on: true, tags: ["x"] } })).toMatchObject({
      "spec.size": "4",
      "spec.on": "true",
      "spec.tags": "",
    });
  });
});
