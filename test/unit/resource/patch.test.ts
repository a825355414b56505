import { describe, expect, it } from "vitest";
import { jsonPatch, MAX_OPERATIONS, mergePatch } from "../../../src/resource/patch.ts";

describe("a merge patch", () => {
  // RFC 7386, appendix A.
  it.each([
    [{ a: "b" }, { a: "c" }, { a: "c" }],
    [{ a: "b" }, { b: "c" }, { a: "b", b: "c" }],
    [{ a: "b" }, { a: null }, {}],
    [{ a: "b", b: "c" }, { a: null }, { b: "c" }],
    [{ a: ["b"] }, { a: "c" }, { a: "c" }],
    [{ a: "c" }, { a: ["b"] }, { a: ["b"] }],
    [{ a: { b: "c" } }, { a: { b: "d", c: null } }, { a: { b: "d" } }],
    [{ a: [{ b: "c" }] }, { a: [1] }, { a: [1] }],
    [
      ["a", "b"],
      ["c", "d"],
      ["c", "d"],
    ],
    [{ a: "b" }, ["c"], ["c"]],
    [{ a: "foo" }, null, null],
    [{ e: null }, { a: 1 }, { e: null, a: 1 }],
    [[1, 2], { a: "b", c: null }, { a: "b" }],
    [{}, { a: { bb: { ccc: null } } }, { a: { bb: {} } }],
  ])("of %j with %j is %j", (target, patch, expected) => {
    expect(mergePatch(target, patch)).toEqual(expected);
  });

  it("changes nothing of what it is given", () => {
    const target = { a: { b: 1 } };
    mergePatch(target, { a: { b: 2 } });
    expect(target).toEqual({ a: { b: 1 } });
  });

  it("cannot reach the prototype", () => {
    const result = mergePatch({}, JSON.parse('{"__proto__": {"polluted": true}}'));
    expect(({} as Record<string, unknown>).polluted).toBeUndefined();
    expect(Object.getPrototypeOf(result)).toBe(Object.prototype);
  });
});

describe("a JSON patch", () => {
  // RFC 6902, appendix A.
  it.each([
    [{ foo: "bar" }, [{ op: "add", path: "/baz", value: "qux" }], { baz: "qux", foo: "bar" }],
    [{ foo: ["bar", "baz"] }, [{ op: "add", path: "/foo/1", value: "qux" }], { foo: ["bar", "qux", "baz"] }],
    [{ baz: "qux", foo: "bar" }, [{ op: "remove", path: "/baz" }], { foo: "bar" }],
    [{ foo: ["bar", "qux", "baz"] }, [{ op: "remove", path: "/foo/1" }], { foo: ["bar", "baz"] }],
    [{ baz: "qux", foo: "bar" }, [{ op: "replace", path: "/baz", value: "boo" }], { baz: "boo", foo: "bar" }],
    [
      { foo: { bar: "baz", waldo: "fred" }, qux: {} },
      [{ op: "move", from: "/foo/waldo", path: "/qux/thud" }],
      { foo: { bar: "baz" }, qux: { thud: "fred" } },
    ],
    [
      { foo: ["all", "grass", "cows", "eat"] },
      [{ op: "move", from: "/foo/1", path: "/foo/3" }],
      { foo: ["all", "cows", "eat", "grass"] },
    ],
    [{ foo: ["bar"] }, [{ op: "add", path: "/foo/-", value: ["abc"] }], { foo: ["bar", ["abc"]] }],
    [{ "/": 9, "~1": 10 }, [{ op: "test", path: "/~01", value: 10 }], { "/": 9, "~1": 10 }],
    [{ a: 1 }, [{ op: "replace", path: "", value: { b: 2 } }], { b: 2 }],
    [{ a: { b: 1 } }, [{ op: "copy", from: "/a", path: "/c" }], { a: { b: 1 }, c: { b: 1 } }],
    [{ a: { x: 1, y: [2] } }, [{ op: "test", path: "/a", value: { y: [2], x: 1 } }], { a: { x: 1, y: [2] } }],
  ])("on %j does %j", (target, patch, expected) => {
    expect(jsonPatch(target, patch)).toEqual(expected);
  });

  it.each([
    [[{ op: "test", path: "/a", value: 2 }], "the value is another"],
    [[{ op: "remove", path: "/b" }], "nothing is there"],
    [[{ op: "replace", path: "/b", value: 1 }], "nothing is there"],
    [[{ op: "add", path: "/list/9", value: 1 }], "no index 9"],
    [[{ op: "add", path: "/list/01", value: 1 }], "no index 01"],
    [[{ op: "add", path: "/a/b", value: 1 }], "nothing can be put there"],
    [[{ op: "move", from: "/o", path: "/o/p" }], "into itself"],
    [[{ op: "spring", path: "/a" }], "unknown op"],
    [[{ op: "add", path: "a", value: 1 }], "begins with /"],
    [[{ op: "add", path: "/a" }], "no value"],
    [[{ op: "copy", path: "/a" }], "no from"],
    [[7], "operation 0"],
    [{ op: "add" }, "a list"],
    [Array.from({ length: MAX_OPERATIONS + 1 }, () => ({ op: "test", path: "/a", value: 1 })), "at most 10000"],
  ])("refuses %j", (patch, told) => {
    expect(() => jsonPatch({ a: 1, list: [1], o: {} }, patch)).toThrow(told);
  });

  it("applies all of it or nothing", () => {
    const target = { a: 1 };
    expect(() =>
      jsonPatch(target, [
        { op: "replace", path: "/a", value: 2 },
        { op: "test", path: "/a", value: 3 },
      ]),
    ).toThrow("operation 1");
    expect(target).toEqual({ a: 1 });
  });

  it("cannot double a document out of memory", () => {
    const patch = Array.from({ length: 40 }, () => ({ op: "copy", from: "/a", path: "/a/-" }));
    expect(() => jsonPatch({ a: ["x".repeat(1000)] }, patch)).toThrow("too large");
  });

  it("treats __proto__ as a key like any other", () => {
    const result = jsonPatch({}, [{ op: "add", path: "/__proto__", value: { polluted: true } }]);
    expect(({} as Record<string, unknown>).polluted).toBeUndefined();
    expect(Object.keys(result as object)).toEqual(["__proto__"]);
  });
});
