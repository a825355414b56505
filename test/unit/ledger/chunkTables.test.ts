import { beforeEach, describe, expect, it } from "vitest";
import type { IndexEntry, PushChunk } from "../../../src/ledger/api.ts";
import { Heads, objectOf } from "../../../src/ledger/heads.ts";
import type { Outcome } from "../../../src/ledger/push/evaluate.ts";
import { countRejected, Refusals, updateIndex } from "../../../src/ledger/push/records.ts";
import { readIndex } from "../../../src/ledger/push/repository.ts";
import { migrate } from "../../../src/ledger/schema.ts";
import { Store } from "../../../src/ledger/store.ts";
import type { Resource } from "../../../src/resource/types.ts";
import { memoryStorage } from "../git/support/storage.ts";

const REPO = "4f0c9a52";
const KIND = "Product.catalog.gitstore.dev";
const OID = "a".repeat(40);

let store: Store;

beforeEach(() => {
  const storage = memoryStorage();
  migrate(storage);
  store = new Store(storage, () => 0);
});

function chunkOf(index: IndexEntry[]): PushChunk {
  return { push: { repository: { uid: REPO }, ref: "refs/heads/main", peeled: OID }, index } as unknown as PushChunk;
}

function refused(path: string, name: string): Extract<Outcome, { does: "fail" }> {
  const identity = { kind: KIND, name };
  return {
    does: "fail",
    path,
    blob: OID,
    identity,
    stage: "parse",
    errors: [],
    before: undefined,
    candidate: undefined,
  };
}

describe("the refusals of a repository", () => {
  it("go with the file that is admitted, also where the same chunk made them", () => {
    const refusals = new Refusals(store, REPO);
    refusals.record(chunkOf([]), "main", refused("a.md", "a"), "2026-01-01T00:00:00Z");
    refusals.record(chunkOf([]), "main", refused("b.md", "b"), "2026-01-01T00:00:00Z");
    expect(countRejected(store)).toBe(2);
    refusals.dropAt("main", "a.md");
    refusals.dropOf("main", { kind: KIND, name: "b" });
    expect(countRejected(store)).toBe(0);
  });

  it("go where an earlier push made them", () => {
    new Refusals(store, REPO).record(chunkOf([]), "main", refused("a.md", "a"), "2026-01-01T00:00:00Z");
    new Refusals(store, REPO).dropAt("main", "a.md");
    expect(countRejected(store)).toBe(0);
  });

  it("stay where another branch, path or object is admitted", () => {
    const refusals = new Refusals(store, REPO);
    refusals.record(chunkOf([]), "main", refused("a.md", "a"), "2026-01-01T00:00:00Z");
    refusals.dropAt("next", "a.md");
    refusals.dropAt("main", "b.md");
    refusals.dropOf("main", { kind: KIND, name: "b" });
    expect(countRejected(store)).toBe(1);
  });
});

describe("the branch index", () => {
  const entries = () => readIndex(store, REPO, "main", "", 10_000).entries;
  const update = (index: IndexEntry[]) => updateIndex(store, chunkOf(index), new Refusals(store, REPO));

  it("has each file once, with its blob and identity, whatever its path is made of", () => {
    const paths = ["a.md", "größe/ß 💡.md", 'quo"te\\back\n.md'];
    update(paths.map((path) => ({ path, oid: OID, identity: { kind: KIND, name: "a" } })));
    update([{ path: "a.md", oid: "b".repeat(40), identity: null }]);
    expect(entries()).toEqual([
      { path: "a.md", oid: "b".repeat(40), identity: null },
      { path: "größe/ß 💡.md", oid: OID, identity: { kind: KIND, name: "a" } },
      { path: 'quo"te\\back\n.md', oid: OID, identity: { kind: KIND, name: "a" } },
    ]);
  });

  it("takes a chunk whose paths are more than one statement's parameter holds", () => {
    const long = "d/".repeat(2_000);
    const index = Array.from({ length: 1_000 }, (_, i) => ({ path: `${long}${i}.md`, oid: OID, identity: null }));
    update(index);
    expect(new Set(entries().map(({ path }) => path))).toEqual(new Set(index.map(({ path }) => path)));
  });

  it("follows the chunk's order where it names a path twice", () => {
    update([
      { path: "gone.md", oid: OID, identity: null },
      { path: "gone.md", oid: null, identity: null },
      { path: "back.md", oid: null, identity: null },
      { path: "back.md", oid: OID, identity: null },
    ]);
    expect(entries().map(({ path }) => path)).toEqual(["back.md"]);
  });

  it("takes the refusal of a path that is gone along", () => {
    const refusals = new Refusals(store, REPO);
    refusals.record(chunkOf([]), "main", refused("a.md", "a"), "2026-01-01T00:00:00Z");
    updateIndex(store, chunkOf([{ path: "a.md", oid: null, identity: null }]), refusals);
    expect(countRejected(store)).toBe(0);
  });
});

describe("the heads of a chunk", () => {
  const create = (kind: string, name: string) =>
    store.commit([
      (tx) =>
        tx.put({
          kind,
          resource: { apiVersion: "v1", kind: "K", metadata: { name }, spec: { of: kind } } as unknown as Resource,
          sel: "{}",
          meta: { digest: `of ${name}`, specDigest: "" },
          before: undefined,
        }),
    ]);

  it("are what finding each one gives, and nothing of what was not asked for", () => {
    create(KIND, "a");
    create(KIND, "b");
    create("Other.example.com", "a");
    const heads = new Heads(store.storage.sql, [
      { kind: KIND, name: "a" },
      { kind: KIND, name: "absent" },
    ]);
    expect(heads.get({ kind: KIND, name: "a" })).toEqual(store.find(KIND, "a"));
    expect(heads.get({ kind: KIND, name: "absent" })).toBeUndefined();
    expect(heads.get({ kind: KIND, name: "b" })).toBeUndefined();
    expect(heads.get({ kind: "Other.example.com", name: "a" })).toBeUndefined();
  });

  it("have an object that is parsed once, and again where it is large", () => {
    const head = (text: string) => ({ rv: 1, created: 1, meta: { digest: "", specDigest: "" }, sel: "{}", json: text });
    const small = head('{"spec":{}}');
    expect(objectOf(small)).toBe(objectOf(small));
    const large = head(JSON.stringify({ spec: { text: "x".repeat(20_000) } }));
    expect(objectOf(large)).not.toBe(objectOf(large));
    expect(objectOf(large)).toEqual(objectOf(large));
  });
});
