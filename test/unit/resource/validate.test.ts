import { describe, expect, it } from "vitest";
import { formatField } from "../../../src/resource/field.ts";
import type { Schema } from "../../../src/resource/kind.ts";
import { prepare } from "../../../src/resource/prepare.ts";
import type { Json } from "../../../src/resource/types.ts";
import { validate } from "../../../src/resource/validate.ts";

function found(schema: Schema, value: Json): string[] {
  return validate(schema, value, ["spec"]).map(
    ({ reason, path, message }) => `${reason} ${formatField(path)} ${message}`,
  );
}

const anything: Schema = { type: "object", "x-kubernetes-preserve-unknown-fields": true };

describe("a schema", () => {
  it.each<[Schema, Json]>([
    [{ type: "integer" }, 3],
    [{ type: "integer" }, 3.0],
    [{ type: "number" }, 3.5],
    [{ type: "string", nullable: true }, null],
    [{ type: "string", minLength: 2, maxLength: 2 }, "😀😀"],
    [{ type: "string", pattern: "^a+$" }, "aa"],
    [{ type: "string", format: "date-time" }, "2026-12-31T23:59:60Z"],
    [{ type: "string", format: "date-time" }, "2024-02-29T00:00:00.123+05:30"],
    [{ type: "string", format: "date" }, "2026-01-31"],
    [{ type: "string", format: "uri" }, "https://a.example/x"],
    [{ type: "string", format: "uuid" }, "017F22E2-79B0-7CC3-98C4-DC0C0C07398F"],
    [{ type: "string", format: "decimal" }, "-0.50"],
    [{ type: "string", format: "made-up" }, "x"],
    [{ type: "integer", minimum: 1, maximum: 3 }, 3],
    [{ type: "number", multipleOf: 0.1 }, 0.3],
    [{ "x-kubernetes-int-or-string": true }, "50%"],
    [{ "x-kubernetes-int-or-string": true }, 50],
    [{ type: "object", additionalProperties: { type: "integer" } }, { a: 1 }],
    [{ type: "object", additionalProperties: true }, { a: [1] }],
    [anything, { a: { b: [null] } }],
    [
      { type: "array", items: { type: "string" }, minItems: 1, maxItems: 2, "x-kubernetes-list-type": "set" },
      ["a", "b"],
    ],
    [{ type: "string", enum: ["a", "b"] }, "b"],
    [{ ...anything, anyOf: [{ required: ["a"] }, { required: ["b"] }] }, { b: 1 }],
    [{ ...anything, oneOf: [{ required: ["a"] }, { required: ["b"] }] }, { b: 1 }],
    [{ ...anything, not: { required: ["a"] } }, { b: 1 }],
    [
      { type: "object", properties: { a: { type: "integer" } }, allOf: [{ properties: { a: { minimum: 1 } } }] },
      { a: 1 },
    ],
  ])("%j takes %j", (schema, value) => {
    expect(found(schema, value)).toEqual([]);
  });

  it.each<[Schema, Json, string]>([
    [{ type: "integer" }, 3.5, "TypeInvalid spec must be an integer, found the number 3.5"],
    [{ type: "integer" }, 2 ** 53, "TypeInvalid spec must be an integer, found the number 9007199254740992"],
    [{ type: "string" }, 12, "TypeInvalid spec must be a string, found the number 12"],
    [{ type: "string" }, null, "TypeInvalid spec must be a string, found nothing"],
    [{ type: "boolean" }, "true", 'TypeInvalid spec must be true or false, found "true"'],
    [{ type: "array" }, {}, "TypeInvalid spec must be a list, found a mapping"],
    [{ type: "object" }, [], "TypeInvalid spec must be a mapping, found a list"],
    [
      { "x-kubernetes-int-or-string": true },
      true,
      "TypeInvalid spec must be an integer or a string, found the boolean true",
    ],
    [{ type: "string", minLength: 3 }, "ab", "Invalid spec must have at least 3 characters, found 2"],
    [{ type: "string", minLength: 1 }, "", "Required spec must not be empty"],
    [{ type: "string", maxLength: 2 }, "abc", "TooLong spec must have at most 2 characters, found 3"],
    [{ type: "string", pattern: "^a+$" }, "b", 'Invalid spec must match ^a+$, found "b"'],
    [
      { type: "string", pattern: "^a+$" },
      "a".repeat(8193),
      "TooLong spec must have at most 8192 characters, as a pattern applies, found 8193",
    ],
    [{ type: "string", enum: ["a", "b"] }, "c", 'NotSupported spec must be one of "a", "b", found "c"'],
    [{ type: "string", enum: ["a"] }, "c", 'NotSupported spec must be "a", found "c"'],
    [{ type: "integer", minimum: 1 }, 0, "Invalid spec must be at least 1, found 0"],
    [{ type: "integer", minimum: 1, exclusiveMinimum: true }, 1, "Invalid spec must be more than 1, found 1"],
    [{ type: "integer", maximum: 1 }, 2, "Invalid spec must be at most 1, found 2"],
    [{ type: "integer", maximum: 1, exclusiveMaximum: true }, 1, "Invalid spec must be less than 1, found 1"],
    [{ type: "integer", multipleOf: 5 }, 7, "Invalid spec must be a multiple of 5, found 7"],
    [{ type: "integer", format: "int32" }, 2 ** 31, "Invalid spec must fit in 32 bits, found 2147483648"],
    [{ type: "array", minItems: 1 }, [], "Required spec must have at least 1 items, found 0"],
    [{ type: "array", minItems: 2 }, [1], "Invalid spec must have at least 2 items, found 1"],
    [{ type: "array", maxItems: 1 }, [1, 2], "TooMany spec must have at most 1 items, found 2"],
    [
      { type: "array", "x-kubernetes-list-type": "set" },
      [
        { a: 1, b: 2 },
        { b: 2, a: 1 },
      ],
      "Duplicate spec[1] is in the list twice: a mapping",
    ],
    [
      { type: "array", "x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": ["a", "b"] },
      [
        { a: 1, b: 2 },
        { a: 1, b: 2 },
      ],
      "Duplicate spec[1] the number 1, the number 2 is already taken by item 0 of the list",
    ],
    [{ type: "object", properties: { a: {} } }, { b: 1 }, 'UnknownField spec.b unknown field "b"'],
    [{ type: "object", required: ["a"] }, {}, "Required spec.a is required"],
    [
      { type: "object", additionalProperties: { type: "string" } },
      { a: 1 },
      "TypeInvalid spec.a must be a string, found the number 1",
    ],
    [{ type: "object", additionalProperties: false }, { a: 1 }, 'UnknownField spec.a unknown field "a"'],
    [{ ...anything, minProperties: 1 }, {}, "Invalid spec must have at least 1 fields, found 0"],
    [{ ...anything, maxProperties: 1 }, { a: 1, b: 1 }, "TooMany spec must have at most 1 fields, found 2"],
    [
      { ...anything, anyOf: [{ required: ["a"] }, { required: ["b"] }] },
      {},
      "Invalid spec must match at least one of the alternatives (anyOf)",
    ],
    [
      { ...anything, oneOf: [{ required: ["a"] }, { required: ["b"] }] },
      { a: 1, b: 1 },
      "Invalid spec must match exactly one of the alternatives (oneOf), matches 2",
    ],
    [{ ...anything, not: { required: ["a"] } }, { a: 1 }, "Invalid spec must not match the schema in not"],
    [
      { type: "object", properties: { a: { type: "integer" } }, allOf: [{ properties: { a: { minimum: 1 } } }] },
      { a: 0 },
      "Invalid spec.a must be at least 1, found 0",
    ],
    [
      { type: "string", format: "date" },
      "2026-02-29",
      'Invalid spec must be a date, such as 2026-01-31, found "2026-02-29"',
    ],
    [{ type: "string", format: "uuid" }, "x", 'Invalid spec must be a UUID, found "x"'],
    [{ type: "string", format: "uri" }, "/x", 'Invalid spec must be an absolute URI, found "/x"'],
  ])("%j refuses %j", (schema, value, wanted) => {
    expect(found(schema, value)).toEqual([wanted]);
  });

  it("shows a long value cut, and never half a character", () => {
    const [only] = found({ type: "string", enum: ["a"] }, "😀".repeat(100));
    expect(only).toBe(`NotSupported spec must be "a", found "${"😀".repeat(64)}"…`);
  });

  it("stops at 1,000 violations", () => {
    const many = Object.fromEntries(Array.from({ length: 5000 }, (_, i) => [`k${i}`, 1]));
    expect(found({ type: "object", properties: {} }, many)).toHaveLength(1000);
  });
});

describe("preparing a value", () => {
  const schema: Schema = {
    type: "object",
    properties: {
      a: { type: "string", default: "x" },
      b: { type: "object", default: {}, properties: { c: { type: "integer", default: 1 } } },
      d: { type: "object", properties: { e: { type: "boolean", default: true } } },
      f: { type: "string", nullable: true },
      g: { type: "array", items: { type: "object", properties: { h: { type: "string", default: "i" } } } },
    },
  };

  it("fills in defaults, also inside of defaults and lists, but not below what is absent", () => {
    expect(prepare(schema, { g: [{}] })).toEqual({ a: "x", b: { c: 1 }, g: [{ h: "i" }] });
    expect(prepare(schema, { a: null, d: {} })).toEqual({ a: "x", b: { c: 1 }, d: { e: true } });
  });

  it("drops null where it is not allowed, and keeps unknown fields for validation to name", () => {
    expect(prepare(schema, { d: null, f: null, z: null })).toEqual({ a: "x", b: { c: 1 }, f: null, z: null });
  });

  it("does not change what it is given, nor share defaults", () => {
    const value = { d: {} };
    const first = prepare(schema, value);
    expect(value).toEqual({ d: {} });
    expect((prepare(schema, {}) as { b: unknown }).b).not.toBe((first as { b: unknown }).b);
  });

  it("keeps a key __proto__ an own key", () => {
    const prepared = prepare(
      { type: "object", additionalProperties: { type: "string" } },
      JSON.parse('{"__proto__": "x"}') as Json,
    );
    expect(Object.keys(prepared as object)).toEqual(["__proto__"]);
  });
});
