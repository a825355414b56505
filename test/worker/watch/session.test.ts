import { evictDurableObject, runInDurableObject } from "cloudflare:test";
import { describe, expect, it } from "vitest";
import { type Attachment, sessionOf } from "../../../src/watch/attachment.ts";
import type { SessionState } from "../../../src/watch/session.ts";
import {
  bindings,
  controlsOfLedger,
  headOf,
  newLedger,
  productText,
  push,
  runAlarm,
  type TestLedger,
} from "../support/ledger.ts";
import { watch } from "../support/watcher.ts";

const PRODUCT = "Product.catalog.gitstore.dev";

const stubOf = (ledger: TestLedger): DurableObjectStub => bindings.LEDGER.get(bindings.LEDGER.idFromName(ledger.name));
const many = (from: number, count: number, size = 1): Record<string, string> =>
  Object.fromEntries(
    Array.from({ length: count }, (_, i) => [
      `p${from + i}.md`,
      productText(`p${from + i}`, `T ${from + i}`) + "x".repeat(size),
    ]),
  );

async function sessions(ledger: TestLedger): Promise<SessionState[]> {
  return runInDurableObject(stubOf(ledger), (_, state) =>
    state.getWebSockets().map((socket) => sessionOf(socket.deserializeAttachment() as Attachment)),
  );
}

describe("a gitstore.watch.v1 session", () => {
  it("fixes its start with an empty frame at once, and each frame's prev is the rv before it", async () => {
    const ledger = await newLedger();
    const head = await headOf(ledger);
    const watcher = await watch(ledger, { start: { from: "now" } });
    await watcher.until(() => watcher.frames.length === 1);
    expect(watcher.frames[0]).toMatchObject({ prev: String(head), rv: String(head), events: [], head: String(head) });
    for (let i = 0; i < 5; i++) await push(ledger, { files: many(i, 1) });
    await watcher.untilRv(await headOf(ledger));
    watcher.frames.reduce((before, frame) => {
      expect(frame.prev).toBe(before.rv);
      expect(frame.sent).toBeGreaterThan(before.sent);
      return frame;
    });
  });

  it("counts credit by `sent`: each frame's own size in bytes", async () => {
    const ledger = await newLedger();
    const watcher = await watch(ledger);
    await push(ledger, { files: many(0, 20) });
    await watcher.untilRv(await headOf(ledger));
    let sent = 0;
    for (const text of watcher.texts) {
      sent += text.length;
      expect((JSON.parse(text) as { sent: number }).sent).toBe(sent);
    }
  });

  it("resumes strictly after any RV of the tail, inside a transaction with the rest of it", async () => {
    const ledger = await newLedger();
    await push(ledger, { files: many(0, 5) });
    await push(ledger, { files: many(5, 5) });
    const head = await headOf(ledger);
    const whole = await watch(ledger, { kinds: [PRODUCT, "GitEvent.events.gitstore.dev", "Repository.gitstore.dev"] });
    await whole.untilRv(head);
    for (let rv = 1; rv < head; rv++) {
      const rest = await watch(ledger, {
        start: { from: "rv", rv },
        kinds: [PRODUCT, "GitEvent.events.gitstore.dev", "Repository.gitstore.dev"],
      });
      await rest.untilRv(head);
      expect(rest.told, `from ${rv}`).toEqual(whole.told.filter((text) => Number(text.split("@")[1]) > rv));
      rest.close();
    }
  });

  it("sends the initial state as one snapshot at one RV, ended also when it is empty, and then what comes after", async () => {
    const ledger = await newLedger();
    const empty = await watch(ledger, { start: { from: "state" }, kinds: [PRODUCT] });
    await empty.until(() => empty.frames.length > 0);
    expect(empty.frames[0]).toMatchObject({ snapshot: true, end: true, events: [] });
    await push(ledger, { files: many(0, 700, 2_000) });
    const head = await headOf(ledger);
    const watcher = await watch(ledger, { start: { from: "state" }, kinds: [PRODUCT] });
    await watcher.untilRv(head);
    expect(watcher.frames.filter((frame) => frame.snapshot).length).toBeGreaterThan(2);
    expect(new Set(watcher.frames.map((frame) => frame.rv))).toEqual(new Set([String(head)]));
    expect(watcher.events.map(({ object }) => object.metadata.name).sort()).toEqual(
      Object.keys(many(0, 700))
        .map((path) => path.slice(0, -3))
        .sort(),
    );
    await push(ledger, { files: many(700, 1) });
    await watcher.untilRv(await headOf(ledger));
    expect(watcher.frames.at(-1)).toMatchObject({ prev: String(head) });
  });

  it("tells a label selector's transitions: entering is ADDED, leaving is DELETED with the old object at the new RV", async () => {
    const ledger = await newLedger();
    const watcher = await watch(ledger, { start: { from: "now" }, label: "shop/section=even" });
    await push(ledger, { files: { "a.md": productText("a", "odd") } });
    await push(ledger, { files: { "a.md": productText("a", "even") } });
    await push(ledger, { files: { "a.md": productText("a", "EVEN") } });
    await push(ledger, { files: { "a.md": productText("a", "odd") } });
    await push(ledger, { files: { "a.md": productText("a", "ODD") } });
    await push(ledger, { files: { "a.md": productText("a", "even") } });
    await push(ledger, { deletes: { "a.md": { kind: PRODUCT, name: "a" } } });
    await watcher.until(() => watcher.events.length >= 5);
    expect(watcher.events.map(({ type, object }) => `${type} ${(object.spec as { title: string }).title}`)).toEqual([
      "ADDED even",
      "MODIFIED EVEN",
      "DELETED EVEN",
      "ADDED even",
      "DELETED even",
    ]);
    // The same transitions from the log, for one that resumes.
    const resumed = await watch(ledger, { label: "shop/section=even" });
    await resumed.until(() => resumed.events.length >= 5);
    expect(resumed.told).toEqual(watcher.told);
  });

  it("splits only a transaction over 1 MiB, and only the last of its frames is a resume point", async () => {
    const ledger = await newLedger();
    const watcher = await watch(ledger, { start: { from: "now" }, window: 1024 * 1024 });
    await push(ledger, { files: many(0, 990, 2_000) });
    const head = await headOf(ledger);
    await watcher.untilRv(head);
    const frames = watcher.frames.slice(1);
    expect(frames.length).toBeGreaterThan(4);
    expect(frames.map((frame) => frame.partial ?? false)).toEqual([...frames.slice(1).map(() => true), false]);
    expect(new Set(frames.map((frame) => `${frame.prev}→${frame.rv}`)).size).toBe(1);
    expect(watcher.events).toHaveLength(990 + 1);
  });

  it("tells a client without credit how far it is covered as soon as it has some, though nothing more matches", async () => {
    const ledger = await newLedger();
    const watcher = await watch(ledger, {
      start: { from: "state" },
      kinds: [PRODUCT],
      label: "shop/section=odd",
      window: 64 * 1_024,
      ack: false,
    });
    await watcher.until(() => watcher.frames.length > 0);
    await push(ledger, { files: { "odd.md": `${productText("odd", "P")}${"text ".repeat(60_000)}` } });
    const matched = await headOf(ledger);
    await watcher.untilRv(matched);
    // Half a minute behind, it is owed a frame that covers what follows, and has no credit for it.
    controlsOfLedger(ledger).clockAheadMs = 31_000;
    await push(ledger, { files: { "even.md": productText("even", "PP") } });
    await expect.poll(async () => (await ledger.stub.stats()).watchers).toMatchObject({ parked: 1 });
    watcher.socket.send(JSON.stringify({ ack: watcher.frames.at(-1)?.sent }));
    const head = await headOf(ledger);
    await watcher.untilRv(head);
    expect(watcher.frames.at(-1)).toMatchObject({ prev: String(matched), rv: String(head), events: [] });
  });

  it("parks a client that stops reading with a cursor and nothing else, delays no one, and goes on from the log when it reads", async () => {
    const ledger = await newLedger();
    const stalled = await watch(ledger, { start: { from: "now" }, ack: false, window: 64 * 1024 });
    const healthy = await watch(ledger, { start: { from: "now" } });
    for (let i = 0; i < 10; i++) await push(ledger, { files: many(i * 50, 50, 2_000) });
    const head = await headOf(ledger);
    await healthy.untilRv(head);
    const parked = (await sessions(ledger)).filter((state) => state.parkedAt > 0);
    expect(parked).toHaveLength(1);
    expect(parked[0]?.sent).toBeLessThan(64 * 1024 + 512 * 1024);
    expect(JSON.stringify(parked[0]).length, "a session is its attachment, some hundred bytes").toBeLessThan(1_000);
    const stats = await ledger.stub.stats();
    expect(stats.watchers).toEqual({ connected: 2, parked: 1 });
    stalled.ack = true;
    stalled.acknowledge();
    await stalled.untilRv(head);
    expect(stalled.told).toEqual(healthy.told);
  });

  it("keeps position, credit and filter through hibernation", async () => {
    const ledger = await newLedger();
    const watcher = await watch(ledger, { start: { from: "now" }, label: "shop/section=even" });
    await push(ledger, { files: { "a.md": productText("a", "even") } });
    await watcher.until(() => watcher.events.length === 1);
    await evictDurableObject(stubOf(ledger), { webSockets: "hibernate" });
    await push(ledger, { files: { "b.md": productText("b", "even"), "c.md": productText("c", "odd") } });
    await watcher.until(() => watcher.events.length === 2);
    watcher.frames.reduce((before, frame) => {
      expect(frame.prev).toBe(before.rv);
      return frame;
    });
    expect(watcher.events.map(({ object }) => object.metadata.name)).toEqual(["a", "b"]);
  });

  it("answers ping without waking, and refuses what is no client frame with 4400", async () => {
    const ledger = await newLedger();
    const watcher = await watch(ledger);
    watcher.socket.send("ping");
    await watcher.until(() => watcher.texts.includes("pong"));
    for (const bad of ["{", "[]", '{"akc":1}', '{"ack":"1"}', '{"ack":99999999}', '{"done":"1"}', '{"token":1}']) {
      const client = await watch(ledger);
      client.socket.send(bad);
      const { code, reason } = await client.closed;
      expect(code, bad).toBe(4400);
      expect(reason).not.toBe("");
      expect(client.error).toMatchObject({ code: 400 });
    }
  });

  it("answers a future RV with 410 and ResourceVersionTooLarge, and an unknown namespace with 4404", async () => {
    const ledger = await newLedger();
    const future = await watch(ledger, { start: { from: "rv", rv: (await headOf(ledger)) + 1_000 } });
    expect(await future.closed).toMatchObject({ code: 4410 });
    expect(JSON.stringify(future.texts)).toContain("ResourceVersionTooLarge");
    const nowhere = await watch({
      ...ledger,
      stub: (await import("../../../src/config.ts")).ledgerOf(bindings, "nobody-made-this"),
    });
    expect(await nowhere.closed).toMatchObject({ code: 4404 });
  });

  it("covers what a filter let nothing through of by a bookmark: 1,000 RVs behind at once, the last of a burst within 30 s", async () => {
    const ledger = await newLedger();
    const watcher = await watch(ledger, { start: { from: "now" }, label: "shop/section=none" });
    await push(ledger, { files: many(0, 10) });
    expect(watcher.frames).toHaveLength(1);
    controlsOfLedger(ledger).clockAheadMs = 31_000;
    await runAlarm(ledger);
    const head = await headOf(ledger);
    await watcher.until(() => watcher.lastRv === String(head));
    expect(watcher.frames.at(-1)).toMatchObject({ events: [] });
    await push(ledger, { files: many(10, 990) });
    await watcher.until(() => watcher.frames.length === 3);
    expect(watcher.frames[2]).toMatchObject({ prev: String(head), rv: String(await headOf(ledger)), events: [] });
  });

  it("closes 4401 when the token expires, with a bookmark first, and 4429 after 5 minutes parked", async () => {
    const ledger = await newLedger();
    const expiring = await watch(ledger, {
      start: { from: "now" },
      label: "a=b",
      exp: Math.floor(Date.now() / 1000) + 60,
    });
    const stalled = await watch(ledger, { start: { from: "now" }, ack: false, window: 64 * 1024 });
    const other = await watch(ledger, { start: { from: "now" } });
    for (let i = 0; i < 4; i++) await push(ledger, { files: many(i * 50, 50, 2_000) });
    const head = await headOf(ledger);
    controlsOfLedger(ledger).clockAheadMs = 62_000;
    await runAlarm(ledger);
    expect(await expiring.closed).toMatchObject({ code: 4401 });
    expect(expiring.lastRv).toBe(String(head));
    controlsOfLedger(ledger).clockAheadMs = 6 * 60_000;
    await runAlarm(ledger);
    expect(await stalled.closed).toMatchObject({ code: 4429 });
    expect(other.socket.readyState).toBe(WebSocket.OPEN);
  });

  it("closes the sockets of a revoked token and of a deleted namespace", async () => {
    const ledger = await newLedger();
    const mine = await watch(ledger, { sub: "user:mallory" });
    const token = await watch(ledger, { jti: "t1" });
    const other = await watch(ledger, {});
    expect(await ledger.stub.revoke({ sub: "user:mallory" })).toEqual({ closed: 1 });
    expect(await ledger.stub.revoke({ jti: "t1" })).toEqual({ closed: 1 });
    expect(await mine.closed).toMatchObject({ code: 4401 });
    expect(await token.closed).toMatchObject({ code: 4401 });
    await ledger.stub.close();
    expect(await other.closed).toMatchObject({ code: 4404 });
    expect(await ledger.stub.head()).toMatchObject({ ok: false, error: { code: "NoNamespace" } });
  });
});

describe("the line forms of a session", () => {
  it("sends one Kubernetes event a message on a plain WebSocket, with the annotated bookmark behind the initial state", async () => {
    const ledger = await newLedger();
    await push(ledger, { files: many(0, 3) });
    const of = { apiVersion: "catalog.gitstore.dev/v1beta1", kind: "Product" };
    const watcher = await watch(ledger, {
      enc: "events",
      start: { from: "state" },
      kinds: [PRODUCT],
      of,
      bookmarks: true,
      initialEnd: true,
    });
    await watcher.until(() => watcher.texts.length === 4);
    const events = watcher.texts.map(
      (text) =>
        JSON.parse(text) as {
          type: string;
          object: { kind: string; metadata: { annotations?: Record<string, string> } };
        },
    );
    expect(events.map(({ type }) => type)).toEqual(["ADDED", "ADDED", "ADDED", "BOOKMARK"]);
    expect(events[3]?.object).toMatchObject({
      kind: "Product",
      metadata: { annotations: { "k8s.io/initial-events-end": "true" } },
    });
    await push(ledger, { files: many(3, 1) });
    await watcher.until(() => watcher.texts.length === 5);
  });

  it("closes a plain WebSocket with 4429 after 1 MiB unless its client sends text now and then", async () => {
    const ledger = await newLedger();
    const silent = await watch(ledger, { enc: "events", start: { from: "now" } });
    const talking = await watch(ledger, { enc: "events", start: { from: "now" } });
    for (let i = 0; i < 12; i++) {
      await push(ledger, { files: many(i * 50, 50, 2_000) });
      talking.socket.send("still here");
    }
    expect(await silent.closed).toMatchObject({ code: 4429 });
    await push(ledger, { files: { "last.md": productText("last", "last") } });
    await talking.until(() => talking.texts.some((text) => text.includes('"name":"last"')));
  });

  it("sends header lines and NDJSON on the bridge, with the error in the header", async () => {
    const ledger = await newLedger();
    await push(ledger, { files: many(0, 2) });
    const watcher = await watch(ledger, { enc: "lines", start: { from: "state" }, kinds: [PRODUCT] });
    await watcher.until(() => watcher.texts.length === 1);
    const [head, ...lines] = (watcher.texts[0] ?? "").split("\n");
    expect(JSON.parse(head ?? "")).toMatchObject({ snapshot: true, end: true });
    expect(lines.filter((line) => line !== "").map((line) => (JSON.parse(line) as { type: string }).type)).toEqual([
      "ADDED",
      "ADDED",
    ]);
  });
});
