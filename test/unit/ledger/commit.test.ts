import { beforeEach, describe, expect, it } from "vitest";
import { migrate } from "../../../src/ledger/schema.ts";
import { Store } from "../../../src/ledger/store.ts";
import type { Transaction } from "../../../src/ledger/transaction.ts";
import type { Resource } from "../../../src/resource/types.ts";
import { memoryStorage } from "../git/support/storage.ts";

const KIND = "Channel.release.gitstore.dev";

let store: Store;
let isFailing = false;

beforeEach(() => {
  const storage = memoryStorage();
  migrate(storage);
  isFailing = false;
  store = new Store(storage, () => 0, {
    hit: (point) => {
      if (isFailing && point === "beforeCommit") throw new Error("the disk is full");
    },
  });
});

function create(tx: Transaction, name: string): number {
  const resource = { apiVersion: "v1", kind: "Channel", metadata: { name }, spec: {} } as unknown as Resource;
  const meta = { digest: name, specDigest: "" };
  return tx.put({ kind: KIND, resource, sel: "{}", meta, before: undefined }).rv;
}

const fault = new Error("a fault");
const failing = (tx: Transaction): number => {
  create(tx, "half-done");
  throw fault;
};

describe("a transaction of several requests", () => {
  it("gives each its result, and one that throws undoes what it wrote and nothing else", () => {
    const { results, entries } = store.commit([
      (tx) => create(tx, "a"),
      failing,
      (tx) => create(tx, "b"),
      (tx) => Number(store.has(KIND, "half-done")) + tx.rv,
    ]);
    expect(results).toEqual([{ value: 1 }, { thrown: fault }, { value: 2 }, { value: 2 }]);
    expect(entries.map(({ rv, name, last }) => [rv, name, last > 0])).toEqual([
      [1, "a", false],
      [2, "b", true],
    ]);
    expect(store.head).toBe(2);
    expect(["a", "b", "half-done"].map((name) => store.has(KIND, name))).toEqual([true, true, false]);
    expect(store.endsTransaction(1)).toBe(false);
    expect(store.endsTransaction(2)).toBe(true);
  });

  it("has what was read of a state that is undone forgotten, before anything is read again", () => {
    const told: string[] = [];
    store.undone = () => told.push("undone");
    store.commit([(tx) => create(tx, "a"), () => told.push("read"), failing, () => told.push("read")]);
    expect(told).toEqual(["read", "undone", "read", "undone", "read"]);
    isFailing = true;
    expect(() => store.commit([() => told.push("read")])).toThrow("the disk is full");
    expect(told.slice(5)).toEqual(["read", "undone"]);
  });

  it("is no transaction where all of them throw", () => {
    const { results, entries } = store.commit([failing, failing]);
    expect(results).toEqual([{ thrown: fault }, { thrown: fault }]);
    expect(entries).toEqual([]);
    expect(store.head).toBe(0);
    expect(store.has(KIND, "half-done")).toBe(false);
  });

  it("throws where the commit itself fails, and leaves nothing behind", () => {
    isFailing = true;
    for (const requests of [[(tx: Transaction) => create(tx, "a")], [(tx: Transaction) => create(tx, "a"), failing]])
      expect(() => store.commit(requests)).toThrow("the disk is full");
    expect(store.head).toBe(0);
    expect(store.has(KIND, "a")).toBe(false);
    isFailing = false;
    expect(store.commit([(tx) => create(tx, "a")]).results).toEqual([{ value: 1 }]);
  });
});
