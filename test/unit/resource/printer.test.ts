import { describe, expect, it } from "vitest";
import type { PrinterColumn } from "../../../src/resource/kind.ts";
import { cellOf, humanDuration, readPath } from "../../../src/resource/printer.ts";

const NOW = Date.parse("2026-06-01T12:00:00Z");
const object = {
  metadata: { name: "hat", annotations: { "a.b/c": "dotted" } },
  spec: { title: "A hat", count: 3, ratio: 0.5, sold: false, tags: ["a", "b"], nothing: null },
  status: {
    conditions: [
      { type: "Valid", status: "False" },
      { type: "Ready", status: "True" },
    ],
  },
};
const cell = (jsonPath: string, type: PrinterColumn["type"] = "string") =>
  cellOf(object, { name: "X", type, jsonPath }, NOW);

describe("a printer column", () => {
  it.each([
    [".spec.title", "A hat"],
    [".spec.tags[1]", "b"],
    [".metadata.annotations['a.b/c']", "dotted"],
    ['.status.conditions[?(@.type=="Ready")].status', "True"],
    [".status.conditions[?(@.type=='Missing')].status", undefined],
    [".spec.title.deeper", undefined],
    [".spec.constructor", undefined],
    [".spec.title[0]", undefined],
  ])("reads %s", (path, value) => expect(readPath(object, path)).toBe(value));

  it.each<[string, PrinterColumn["type"], unknown]>([
    [".spec.title", "string", "A hat"],
    [".spec.tags", "string", '["a","b"]'],
    [".spec.count", "string", "3"],
    [".spec.count", "integer", 3],
    [".spec.ratio", "integer", 0],
    [".spec.ratio", "number", 0.5],
    [".spec.sold", "boolean", false],
    [".spec.title", "integer", null],
    [".spec.title", "number", null],
    [".spec.title", "boolean", null],
    [".spec.title", "date", "<invalid>"],
    [".spec.nothing", "string", null],
    [".spec.missing", "date", null],
  ])("shows %s as %s", (path, type, value) => expect(cell(path, type)).toBe(value));

  it("shows a date as the time since", () => {
    const made = { metadata: { creationTimestamp: "2026-06-01T11:50:30Z" } };
    expect(cellOf(made, { name: "Age", type: "date", jsonPath: ".metadata.creationTimestamp" }, NOW)).toBe("9m30s");
  });
});

describe("how long ago", () => {
  const second = 1_000;
  const minute = 60 * second;
  const hour = 60 * minute;
  const day = 24 * hour;
  it.each([
    [-5 * second, "<invalid>"],
    [-second, "0s"],
    [119 * second, "119s"],
    [2 * minute, "2m"],
    [5 * minute + 30 * second, "5m30s"],
    [179 * minute, "179m"],
    [3 * hour, "3h"],
    [3 * hour + 10 * minute, "3h10m"],
    [47 * hour, "47h"],
    [4 * day + 2 * hour, "4d2h"],
    [5 * day, "5d"],
    [400 * day, "400d"],
    [770 * day, "2y40d"],
    [730 * day, "2y"],
    [3000 * day, "8y"],
  ])("%i ms is %s", (ms, text) => expect(humanDuration(ms)).toBe(text));
});
