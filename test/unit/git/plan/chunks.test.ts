import { describe, expect, it } from "vitest";
import type { ChangePlan, PlanItem } from "../../../../src/git/plan/changes.ts";
import * as chunks from "../../../../src/git/plan/chunks.ts";
import type { PushHeader } from "../../../../src/ledger/api.ts";

const cutIntoChunks = (...args: Parameters<typeof chunks.cutIntoChunks>) => [...chunks.cutIntoChunks(...args)];
const push = { ref: "refs/heads/main" } as PushHeader;
const identity = (name: string) => ({ kind: "Product.catalog.gitstore.dev", name });
const remove = (path: string): PlanItem => ({
  op: { op: "delete", path, identity: identity(path) },
  rows: [{ path, oid: null, identity: null }],
});
const row = (path: string, oid: string | null) => ({ path, oid, identity: null });
const plan = (more: Partial<ChangePlan>): ChangePlan => ({
  items: [],
  first: [],
  last: [],
  changed: { files: 1, resources: 2, deleted: 3 },
  ...more,
});
const items = (count: number) => Array.from({ length: count }, (_, at) => remove(`p${at}`));

describe("a plan is cut into chunks", () => {
  it("of which there is one even where nothing is to be done, so that the ref is told of", () => {
    expect(cutIntoChunks(push, plan({}), 0)).toEqual([
      { push, seq: 0, final: true, parsed: [], ops: [], index: [], changed: { files: 1, resources: 2, deleted: 3 } },
    ]);
  });

  it("of at most so many ops, in order, the last marked, each with its ops' rows", () => {
    const chunks = cutIntoChunks(push, plan({ items: items(25) }), 3, { maxOps: 10, maxBytes: 1_000_000 });
    expect(chunks.map(({ seq, final, ops, index }) => [seq, final, ops.length, index.length])).toEqual([
      [3, false, 10, 10],
      [4, false, 10, 10],
      [5, true, 5, 5],
    ]);
    expect(chunks.flatMap(({ ops }) => ops.map(({ path }) => path))).toEqual(items(25).map(({ op }) => op.path));
  });

  it("of at most so many bytes, and one op where that alone is more", () => {
    const chunks = cutIntoChunks(push, plan({ items: items(10) }), 0, { maxOps: 100, maxBytes: 300 });
    expect(chunks.every(({ ops }) => ops.length >= 1)).toBe(true);
    expect(chunks.length).toBeGreaterThan(1);
    expect(cutIntoChunks(push, plan({ items: items(3) }), 0, { maxOps: 100, maxBytes: 1 })).toHaveLength(3);
  });

  it("with a directory's row gone in the first and written in the last, for while between it is not true", () => {
    const rows = { first: [row("d/", null), row("gone/", null)], last: [row("d/", "t2"), row("x.md", null)] };
    const chunks = cutIntoChunks(push, plan({ items: items(20), ...rows }), 0, { maxOps: 10, maxBytes: 1_000_000 });
    expect(chunks[0]?.index.slice(-2)).toEqual(rows.first);
    expect(chunks.at(-1)?.index.slice(-2)).toEqual(rows.last);
  });

  it("and in one chunk is only written", () => {
    const rows = { first: [row("d/", null), row("gone/", null)], last: [row("d/", "t2")] };
    const [only] = cutIntoChunks(push, plan(rows), 0);
    expect(only?.index).toEqual([row("gone/", null), row("d/", "t2")]);
  });

  it("so that of one path only one op is in a chunk where other branches' versions come back", () => {
    const heldBy = (branch: string): PlanItem => ({ ...remove("same.md"), heldBy: { branch, commit: branch } });
    const chunks = cutIntoChunks(push, plan({ items: [heldBy("a"), heldBy("b"), remove("other.md")] }), 0);
    expect(chunks.map((chunk) => chunk.heldBy)).toEqual([
      { "same.md": { branch: "a", commit: "a" } },
      { "same.md": { branch: "b", commit: "b" } },
    ]);
  });
});
