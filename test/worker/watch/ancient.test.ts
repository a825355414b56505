import { describe, expect, it } from "vitest";
import type { PushOp } from "../../../src/ledger/api.ts";
import type { Candidate } from "../../../src/resource/types.ts";
import {
  candidateOf,
  headerOf,
  headOf,
  must,
  newLedger,
  newOid,
  productText,
  push,
  type TestLedger,
} from "../support/ledger.ts";
import { forgetUpTo } from "../support/retention.ts";
import { type WatchedEvent, type Watcher, watch } from "../support/watcher.ts";

const PRODUCT = "Product.catalog.gitstore.dev";
const EVENTS = 100_000;
const CATALOGUE = 2_400;
/** How many of them change at all, again and again: an eighth. */
const CHANGED = 300;
/** So many of these are deleted, made again and deleted. */
const GONE = 30;

const nameOf = (i: number): string => `p${i}`;
const files = (from: number, count: number): Record<string, string> =>
  Object.fromEntries(
    Array.from({ length: count }, (_, i) => [`${nameOf(from + i)}.md`, productText(nameOf(from + i), "as it was")]),
  );

/** Two versions of each changing product, parsed once: a hundred thousand parses would be what the test measures. */
function versionsOf(ledger: TestLedger): [Candidate, Candidate][] {
  return Array.from({ length: CHANGED }, (_, i) => {
    const of = (title: string): Candidate => candidateOf(`${nameOf(i)}.md`, productText(nameOf(i), title), ledger.name);
    return [of("changed once"), of("changed again")];
  });
}

async function apply(ledger: TestLedger, ops: PushOp[]): Promise<void> {
  const header = headerOf(ledger, {});
  const applied = await ledger.stub.applyPush({
    push: header,
    seq: 0,
    final: true,
    parsed: [],
    ops,
    index: ops.map((op) => ({
      path: op.path,
      oid: op.op === "delete" ? null : op.blob,
      identity: op.op === "delete" ? null : op.op === "upsert" ? op.candidate.identity : null,
    })),
    changed: { files: ops.length, resources: ops.length, deleted: 0 },
  });
  if (applied.result !== "applied") throw new Error(JSON.stringify(applied));
  ledger.refs.set(`${header.repository.uid} ${header.ref}`, { oid: header.new, move: header.move });
}

const bytesOf = (watcher: Watcher): number => watcher.texts.reduce((sum, text) => sum + text.length, 0);

function take(cache: Map<string, string>, events: readonly WatchedEvent[]): void {
  for (const { type, object } of events) {
    if (type === "DELETED") cache.delete(object.metadata.name);
    else cache.set(object.metadata.name, JSON.stringify(object));
  }
}

async function freshList(ledger: TestLedger): Promise<Map<string, string>> {
  const objects = new Map<string, string>();
  let at: string | undefined;
  let after: string | undefined;
  do {
    const page = await must(
      ledger.stub.list({
        kind: PRODUCT,
        limit: 1_000,
        ...(after === undefined ? {} : { after }),
        ...(at === undefined ? {} : { at: Number(at) }),
      }),
    );
    for (const text of page.items) {
      const object = JSON.parse(text) as WatchedEvent["object"];
      objects.set(object.metadata.name, JSON.stringify(object));
    }
    at = page.rv;
    after = page.next;
  } while (after !== undefined);
  return objects;
}

describe("a cursor 100,000 events old whose window is gone", () => {
  it("is answered 410 with fail; with compact it ends in the state of a fresh list, its bytes in proportion to what changed", async () => {
    const ledger = await newLedger();
    for (let from = 0; from < CATALOGUE; from += 800) await push(ledger, { files: files(from, 800) });
    const cursor = await headOf(ledger);
    const versions = versionsOf(ledger);
    const before = await watch(ledger, { kinds: [PRODUCT], start: { from: "state" } });
    await before.untilRv(cursor);
    const catalogueBytes = bytesOf(before);
    const cache = new Map<string, string>();
    take(cache, before.events);
    expect(cache.size).toBe(CATALOGUE);
    before.close();

    for (let round = 0; round % 2 === 1 || (await headOf(ledger)) < cursor + EVENTS; round++) {
      await apply(
        ledger,
        versions.map(([one, other], i) => {
          const path = `${nameOf(i)}.md`;
          // These go and come back, and the last round is one in which they go.
          if (i < GONE && round % 2 === 1) return { op: "delete", path, identity: one.identity };
          return { op: "upsert", path, blob: newOid(), candidate: round % 2 === 0 ? one : other };
        }),
      );
    }
    // The ledger prunes by itself: the tail to its last transaction, D1 from its old end, past the cursor.
    await forgetUpTo(ledger, (await headOf(ledger)) - 1);
    const head = await headOf(ledger);
    const { windowFloor, tailEvents } = await ledger.stub.stats();
    expect(windowFloor).toBeGreaterThan(cursor);
    expect(tailEvents, "its last transaction").toBeLessThan(2 * CHANGED);

    const start = { from: "rv", rv: cursor } as const;
    const failing = await watch(ledger, { kinds: [PRODUCT], start });
    expect(await failing.closed).toMatchObject({ code: 4410 });
    expect(failing.error).toMatchObject({ code: 410, reason: "Expired" });
    expect(failing.events).toEqual([]);

    const compact = await watch(ledger, { kinds: [PRODUCT], start, expired: "compact" });
    await compact.untilRv(head);
    take(cache, compact.events);
    const fresh = await freshList(ledger);
    expect(fresh.size).toBe(CATALOGUE - GONE);
    expect(cache).toEqual(fresh);
    // One event for each object that changed, however often it did: not one a change, and none of what did not.
    expect(new Set(compact.events.map(({ object }) => object.metadata.name)).size).toBe(CHANGED);
    expect(compact.events).toHaveLength(CHANGED);
    expect(compact.events.filter(({ type }) => type === "DELETED")).toHaveLength(GONE);
    const share = bytesOf(compact) / catalogueBytes;
    expect(share).toBeGreaterThan((0.5 * CHANGED) / CATALOGUE);
    expect(share).toBeLessThan((1.5 * CHANGED) / CATALOGUE);
  }, 120_000);
});
