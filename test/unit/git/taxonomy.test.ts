import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { join } from "node:path";
import { Ajv } from "ajv";
import { Ajv2020 } from "ajv/dist/2020.js";
import addFormats from "ajv-formats";
import { describe, expect, test } from "vitest";
import { asyncApi, CLASSES, eventReference } from "../../../src/git/taxonomy.ts";
import { buildGitEvent, EVENT_TYPES, typeOf } from "../../../src/resource/gitevent.ts";

const docs = (name: string) => readFileSync(join(import.meta.dirname, "../../../docs", name), "utf8");

describe("the AsyncAPI document", () => {
  const document = asyncApi("1.2.3");

  test("is AsyncAPI 3.0, by its own schema", () => {
    const schema = createRequire(import.meta.url)("@asyncapi/specs/schemas/3.0.0-without-$id.json");
    const ajv = new Ajv({ strict: false, allErrors: true });
    addFormats.default(ajv);
    const valid = ajv.compile(schema);
    expect(valid(document), ajv.errorsText(valid.errors)).toBe(true);
    expect(ajv.validate(schema, { ...document, channels: [] })).toBe(false);
  });

  test("has a message for every event of the table and no other, on the events channel", () => {
    const { channels, components } = document as {
      channels: { events: { messages: Record<string, { $ref: string }> } };
      components: { messages: Record<string, { name: string; "x-delivery-class": string }> };
    };
    const sent = Object.values(channels.events.messages).map(
      ({ $ref }) => components.messages[$ref.split("/").at(-1) ?? ""],
    );
    expect(sent.map((message) => [message?.name, message?.["x-delivery-class"]])).toEqual(
      EVENT_TYPES.map((row) => [row.type, row.class]),
    );
  });

  test("has no reference that leads nowhere", () => {
    const references = [...JSON.stringify(document).matchAll(/"\$ref":"#([^"]+)"/g)].map(
      ([, pointer]) => pointer ?? "",
    );
    expect(references.length).toBeGreaterThan(EVENT_TYPES.length * 3);
    for (const pointer of references) {
      let at: unknown = document;
      for (const key of pointer.slice(1).split("/")) at = (at as Record<string, unknown> | undefined)?.[key];
      expect(at, pointer).toBeDefined();
    }
  });

  test("describes what is built: a GitEvent satisfies its schema, and one without data does not", () => {
    const ajv = new Ajv2020({ strict: false });
    addFormats.default(ajv);
    const valid = ajv.compile({ $ref: "#/components/schemas/GitEvent", components: document.components });
    const event = buildGitEvent({
      namespace: "acme",
      rv: 7,
      uid: "0192f0c1-0000-7000-8000-0000000000aa",
      repository: { uid: "0192f0c1-0000-7000-8000-000000000001", name: "catalog" },
      type: typeOf("draft-published"),
      subject: "Release/catalog.v1",
      id: "c0ffee",
      time: "2026-11-21T08:00:00Z",
      correlationid: "p",
      data: { release: "catalog.v1", resources: [{ kind: "Product", name: "hat" }] },
    });
    expect(valid(event), ajv.errorsText(valid.errors)).toBe(true);
    const { data: _data, ...spec } = event.spec;
    expect(valid({ ...event, spec })).toBe(false);
  });
});

describe("docs/events.md", () => {
  const text = docs("events.md");

  test("lists exactly the table", () => {
    const block = /<!-- reference:begin[^>]*-->\n\n([\s\S]*?)\n<!-- reference:end -->/.exec(text)?.[1];
    expect(block).toBe(eventReference());
  });

  test("explains every class", () => {
    for (const [name, meaning] of Object.entries(CLASSES)) expect(text).toContain(`| ${name} | ${meaning} |`);
  });
});
