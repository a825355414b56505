import { describe, expect, it } from "vitest";
import { AllFeed, MAX_QUEUED } from "../../../src/graphql/subscriptions/all.ts";
import { encodeVector, MAX_NAMESPACES } from "../../../src/graphql/subscriptions/cursor.ts";
import type { Departed } from "../../../src/graphql/subscriptions/departed.ts";
import type { Payload } from "../../../src/graphql/subscriptions/payload.ts";
import type { Item, LedgerStream, StreamStart } from "../../../src/graphql/subscriptions/stream.ts";
import { coreRegistry } from "../../../src/resource/registry.ts";

const PRODUCT = coreRegistry.byKey("Product.catalog.gitstore.dev");
if (!PRODUCT) throw new Error("no Product");

/** A ledger's stream, fed by the test. */
class Fed {
  items: Item[] = [];
  queued = 0;
  synced = false;
  waiting = false;
  isClosed = false;
  take(): Item | undefined {
    return this.items.shift();
  }
  close(): void {
    this.isClosed = true;
    this.items = [];
  }
  event(type: "ADDED" | "MODIFIED" | "DELETED", name: string, rv: number, more: object = {}): void {
    const object = { apiVersion: "v1", kind: "Product", metadata: { name, resourceVersion: String(rv), ...more } };
    this.items.push({ is: "event", type, object, initial: false, last: false, rv: String(rv) });
  }
  mark(rv: number): void {
    this.synced = true;
    this.items.push({ is: "mark", rv: String(rv), start: false });
  }
}

function feedOf(there: string[], at: Record<string, number> = {}, bootstrap = false) {
  const cluster = new Fed();
  const streams = new Map<string, Fed>();
  const opened: [string, StreamStart][] = [];
  const gone = new Map<string, { items: ReturnType<Departed["take"]>[] }>();
  const clock = { now: 0 };
  const feed = new AllFeed({
    kind: PRODUCT as NonNullable<typeof PRODUCT>,
    at: new Map(Object.entries(at)),
    there,
    bootstrap,
    isShown: (name) => !name.startsWith("hidden"),
    cluster: cluster as unknown as LedgerStream,
    open: (name, start) => {
      const stream = new Fed();
      streams.set(name, stream);
      opened.push([name, start]);
      return stream as unknown as LedgerStream;
    },
    departed: (name) => {
      const departed = { items: [] as ReturnType<Departed["take"]>[], take: () => departed.items.shift() };
      gone.set(name, departed);
      return departed as unknown as Departed;
    },
    now: () => clock.now,
  });
  const of = (name: string): Fed => streams.get(name) as Fed;
  return { feed, cluster, streams, opened, gone, clock, of };
}

function told(payload: Payload | undefined): string {
  if (!payload) return "nothing";
  if ("error" in payload) return `${payload.error.extensions.code} ${payload.error.extensions.reason ?? ""}`.trim();
  return `${payload.event.type} ${payload.event.name}`.trim();
}

const names = (count: number) => Array.from({ length: count }, (_, i) => `ns-${i}`);

describe("a watch of many namespaces", () => {
  it("reads what it missed in six at once, and the next when one has caught up", () => {
    const { feed, opened, of } = feedOf(names(8));
    expect(opened).toHaveLength(6);
    of("ns-2").mark(5);
    feed.take();
    expect(opened.map(([name]) => name)).toEqual(names(7));
  });

  it("starts each where the cursor says, and at its beginning where it says nothing", () => {
    const { opened } = feedOf(["a", "b"], { a: 7 });
    expect(opened).toEqual([
      ["a", { from: "rv", rv: 7 }],
      ["b", { from: "state" }],
    ]);
  });

  it("takes from each in turn, so that a busy one starves no other", () => {
    const { feed, of } = feedOf(["a", "b"], { a: 1, b: 1 });
    for (const rv of [2, 3, 4]) of("a").event("ADDED", `a${rv}`, rv);
    of("b").event("ADDED", "b2", 2);
    expect([feed.take(), feed.take(), feed.take(), feed.take()].map(told)).toEqual([
      "ADDED a2",
      "ADDED b2",
      "ADDED a3",
      "ADDED a4",
    ]);
  });

  it("ends with BAD_USER_INPUT when a 257th namespace is made", () => {
    const { feed, cluster, streams } = feedOf(names(MAX_NAMESPACES));
    cluster.event("ADDED", "hidden-one", 8);
    expect(told(feed.take())).toBe("nothing");
    cluster.event("ADDED", "one-more", 9);
    const last = feed.take();
    expect(told(last)).toBe("BAD_USER_INPUT");
    expect([...streams.values(), cluster].every(({ isClosed }) => isClosed)).toBe(true);
    expect(feed.take()).toBe(last);
  });

  it("ends with SUBSCRIBER_OVERFLOW when over 16 MiB wait to be taken, and says where to go on", () => {
    const { feed, of } = feedOf(["a", "b"], { a: 3, b: 4 });
    of("a").queued = MAX_QUEUED;
    feed.guard();
    expect(told(feed.take())).toBe("nothing");
    of("b").queued = 1;
    feed.guard();
    const last = feed.take();
    expect(told(last)).toBe("UNAVAILABLE SUBSCRIBER_OVERFLOW");
    const cursor = encodeVector(new Map(Object.entries({ a: 3, b: 4 })));
    expect(last && "error" in last && last.error.extensions.resourceVersion).toBe(cursor);
  });

  it("tells a cursor that moved without an event every half minute, and not more often", () => {
    const { feed, of, clock } = feedOf(["a"], { a: 1 });
    of("a").mark(5);
    expect(told(feed.take())).toBe("nothing");
    clock.now = 30_000;
    const bookmark = feed.take();
    expect(told(bookmark)).toBe("BOOKMARK");
    expect(bookmark && "event" in bookmark && bookmark.event.resourceVersion).toBe(encodeVector(new Map([["a", 5]])));
    expect(told(feed.take())).toBe("nothing");
  });

  it("lets a namespace that was made again join when the old one's objects were told", () => {
    const { feed, cluster, gone, opened, of } = feedOf(["a"], { a: 1 });
    cluster.event("DELETED", "a", 5, { uid: "old" });
    feed.take();
    expect(of("a").isClosed).toBe(true);
    cluster.event("ADDED", "a", 6, { uid: "new" });
    gone.get("a")?.items.push({
      is: "object",
      object: { apiVersion: "v1", kind: "Product", metadata: { name: "x", resourceVersion: "4" } },
      last: true,
    });
    expect(told(feed.take())).toBe("DELETED x");
    feed.take();
    expect(opened.at(-1)).toEqual(["a", { from: "state" }]);
  });

  it("ends with the ledger's word where one namespace's cursor is expired", () => {
    const { feed, of } = feedOf(["a", "b"], { a: 1, b: 1 });
    of("b").items.push({ is: "over", status: { code: 410, message: "too old" } });
    expect([feed.take()].map(told)).toEqual(["WATCH_EXPIRED RETENTION_EXPIRED"]);
  });
});
