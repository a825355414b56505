/** `gitstore.watch.v1`, frame by frame. The chain of `prev` and the arithmetic of `sent` are checked on every watch. */
import assert from "node:assert/strict";
import { rvOf } from "../client/types.ts";
import { PROTOCOL } from "../client/watch.ts";
import type { Case } from "../types.ts";
import {
  assertCloses,
  filler,
  inTable,
  makeMany,
  meanwhile,
  namesOf,
  onEach,
  stateAt,
  stateText,
  toldOf,
} from "./support.ts";

const FRAMES = ["frames", "multi"] as const;

/** What is no client frame, and why. */
const BAD_FRAMES: Readonly<Record<string, string>> = {
  "no JSON": "{",
  "an array": "[]",
  "a string": '"ack"',
  "an unknown key": '{"akc":1}',
  "an empty object": "{}",
  "ack as a string": '{"ack":"1"}',
  "a negative ack": '{"ack":-1}',
  "an ack that is no integer": '{"ack":1.5}',
  "an ack of what was never sent": '{"ack":99999999}',
  "done as a number": '{"done":1}',
  "done of a watch without a name": '{"done":"1"}',
  "a token that is no string": '{"token":1}',
  "a ping in capitals": "PING",
};

const starts: Case[] = [
  ...onEach(
    {
      id: "frames/first-from-rv",
      promise: "Resumable",
      table: "Frames",
      row: "the first frame",
      title: "a watch from an RV gets an empty frame at once, which fixes the start",
      run: async (t, transport) => {
        const namespace = await t.namespace();
        const [a] = await makeMany(t, namespace, 2);
        const rv = a?.metadata.resourceVersion;
        const watch = await t.open(namespace, { transport, query: { resourceVersion: rv } });
        await watch.until(() => watch.frames.length > 0, "the first frame");
        const [first] = watch.frames;
        assert.deepEqual([first?.prev, first?.rv, first?.events], [rv, rv, []]);
        assert.equal(watch.protocol, PROTOCOL);
      },
    },
    FRAMES,
  ),
  ...onEach(
    {
      id: "frames/first-from-now",
      promise: "Resumable",
      table: "Frames",
      row: "the first frame",
      title: "sendInitialEvents=false without an RV begins now: an empty frame at the head",
      run: async (t, transport) => {
        const namespace = await t.namespace();
        await makeMany(t, namespace, 2);
        const head = String(await t.head(namespace));
        const watch = await t.open(namespace, { transport, query: { sendInitialEvents: false } });
        await watch.until(() => watch.frames.length > 0, "the first frame");
        const [first] = watch.frames;
        assert.deepEqual([first?.prev, first?.rv, first?.head, first?.events], [head, head, head, []]);
      },
    },
    FRAMES,
  ),
  ...onEach(
    {
      id: "frames/empty-snapshot",
      promise: "Reliable",
      table: "Frames",
      row: "snapshots",
      title: "the snapshot of nothing is one page without events, and has its end",
      run: async (t, transport) => {
        const namespace = await t.namespace();
        const watch = await t.open(namespace, { transport, query: { labelSelector: "no=such" } });
        await watch.until(() => watch.frames.length > 0, "the first frame");
        const [first] = watch.frames;
        assert.deepEqual([first?.snapshot, first?.end, first?.events], [true, true, []]);
        await t.make(namespace, "a", { labels: { no: "such" } });
        await watch.untilEvents(1);
        assert.equal(watch.frames[1]?.prev, first?.rv, "behind a snapshot, prev is the snapshot's rv");
      },
    },
    FRAMES,
  ),
  ...onEach(
    {
      id: "frames/snapshot-pages",
      promise: "Reliable",
      table: "Frames",
      row: "snapshots",
      title: "a large state comes in pages of one RV, of which the last alone has end, while others write",
      run: async (t, transport) => {
        const namespace = await t.namespace();
        await makeMany(t, namespace, 10, () => ({ annotations: filler(100_000) }));
        const writing = meanwhile(makeMany(t, namespace, 20, undefined, "a-meanwhile"));
        const watch = await t.open(namespace, { transport });
        await writing;
        await watch.until(() => watch.frames.some((frame) => frame.end), "the end of the snapshot");
        const pages = watch.frames.filter((frame) => frame.snapshot);
        assert.ok(pages.length > 2, `1 MB comes in several pages of about 256 KiB, got ${pages.length}`);
        assert.deepEqual(
          pages.map(({ end }) => end === true),
          pages.map((_, index) => index === pages.length - 1),
        );
        const [rv] = new Set(pages.map((page) => page.rv));
        const objects = pages.flatMap((page) => page.events.map(({ object }) => object));
        assert.deepEqual(stateText(objects), stateText(await stateAt(t, namespace, Number(rv))));
      },
    },
    FRAMES,
  ),
  ...onEach(
    {
      id: "frames/snapshot-again",
      promise: "Resumable",
      table: "Frames",
      row: "snapshots",
      title: "a snapshot that is cut starts again, and what was deleted meanwhile is in none of its pages",
      run: async (t, transport) => {
        const namespace = await t.namespace();
        await makeMany(t, namespace, 8, () => ({ annotations: filler(100_000) }));
        const first = await t.open(namespace, { transport, ack: false, query: { window: 65_536 } });
        await first.until(() => first.frames.length > 0, "the first page");
        assert.equal(first.frames[0]?.end, undefined, "more than the window is left");
        assert.equal(first.resumePoint, "", "a page is no resume point");
        first.cut();
        await t.writer.remove(namespace, "object-0000");
        const second = await t.open(namespace, { transport });
        await second.until(() => second.frames.some((frame) => frame.end), "the end of the snapshot");
        const list = await t.api.list(t.path(namespace));
        assert.deepEqual(second.events.map(({ object }) => object.metadata.name).sort(), namesOf(list.items));
      },
    },
    FRAMES,
  ),
];

const inside: Case[] = inTable("Frames", [
  {
    id: "frames/head-and-at",
    promise: null,
    row: "sent, head and at",
    title: "every frame has sent, head and at, and head is the newest RV",
    run: async (t) => {
      const namespace = await t.namespace();
      const watch = await t.open(namespace, { query: { resourceVersion: await t.head(namespace) } });
      const made = await t.make(namespace, "a");
      await watch.untilEvents(1);
      for (const frame of watch.frames) {
        assert.ok(Number.isInteger(frame.sent) && frame.sent > 0);
        assert.ok(Number.isInteger(frame.at));
        assert.match(frame.head, /^[1-9][0-9]*$/);
      }
      assert.ok(Number(watch.frames.at(-1)?.head) >= rvOf(made));
    },
  },
  {
    id: "frames/bookmark-behind",
    promise: "Bookmarkable",
    row: "empty frames",
    title:
      "a watch that its selector leaves 1,000 RVs behind gets an empty frame, and nothing at or below it comes later",
    run: async (t) => {
      const namespace = await t.namespace();
      const start = await t.head(namespace);
      const watch = await t.open(namespace, { query: { resourceVersion: start, labelSelector: "wanted=yes" } });
      await makeMany(t, namespace, 1_020);
      const head = await t.head(namespace);
      await watch.until(() => head - Number(watch.resumePoint) < 1_000, "an empty frame");
      assert.ok(watch.frames.every(({ events }) => events.length === 0));
      const wanted = await t.make(namespace, "wanted", { labels: { wanted: "yes" } });
      await watch.untilEvents(1);
      assert.deepEqual(toldOf(watch), [`ADDED wanted@${wanted.metadata.resourceVersion}`]);
    },
  },
  {
    id: "frames/bookmark-30s",
    promise: "Bookmarkable",
    row: "empty frames",
    title: "the last of a burst that the selector let nothing through of is covered within 30 s",
    slow: 40,
    run: async (t) => {
      const namespace = await t.namespace();
      const watch = await t.open(namespace, {
        query: { resourceVersion: await t.head(namespace), labelSelector: "wanted=yes" },
      });
      await makeMany(t, namespace, 3);
      const head = await t.head(namespace);
      const began = Date.now();
      await watch.untilRv(head);
      assert.ok(Date.now() - began < 36_000, `it took ${Date.now() - began} ms`);
      assert.deepEqual(watch.events, []);
    },
  },
  {
    id: "frames/ping",
    promise: null,
    row: "client frames",
    title: "the bare text ping is answered pong, as often as it is sent",
    run: async (t) => {
      const watch = await t.open(await t.namespace());
      for (let index = 0; index < 3; index++) await watch.ping();
      assert.equal(watch.texts.filter((text) => text === "pong").length, 3);
    },
  },
  {
    id: "frames/ack-is-credit-only",
    promise: null,
    row: "client frames",
    title: "an acknowledgement of less than the last one, or of the same again, is taken and changes nothing",
    run: async (t) => {
      const namespace = await t.namespace();
      const watch = await t.open(namespace, { query: { resourceVersion: await t.head(namespace) } });
      await t.make(namespace, "a");
      await watch.untilEvents(1);
      watch.acknowledge(watch.frames[0]?.sent);
      watch.acknowledge(0);
      await t.make(namespace, "b");
      await watch.untilEvents(2);
    },
  },
  {
    id: "frames/token",
    promise: null,
    row: "client frames",
    title: "a token frame renews the token, and the watch goes on",
    run: async (t) => {
      const namespace = await t.namespace();
      const watch = await t.open(namespace, { query: { resourceVersion: await t.head(namespace) } });
      await watch.until(() => watch.frames.length > 0, "the first frame");
      watch.send(JSON.stringify({ token: t.api.token }));
      await watch.ping();
      await t.make(namespace, "a");
      await watch.untilEvents(1);
    },
  },
  {
    id: "frames/token-bad",
    promise: null,
    row: "client frames",
    title: "a token frame with no valid token closes 4401",
    run: async (t) => {
      const watch = await t.open(await t.namespace());
      await watch.until(() => watch.frames.length > 0, "the first frame");
      watch.send(JSON.stringify({ token: "nobody's" }));
      await assertCloses(watch, 4401, [401]);
    },
  },
  ...Object.entries(BAD_FRAMES).map(([what, text]) => ({
    id: `frames/bad/${what.replaceAll(" ", "-")}`,
    promise: null,
    row: "client frames that are none",
    title: `${what} closes 4400`,
    run: async (t: Parameters<Case["run"]>[0]) => {
      const watch = await t.open(await t.namespace());
      await watch.until(() => watch.frames.length > 0, "the first frame");
      watch.send(text);
      await assertCloses(watch, 4400, [400, 422]);
    },
  })),
  {
    id: "frames/bad/binary",
    promise: null,
    row: "client frames that are none",
    title: "a binary message closes 4400",
    run: async (t) => {
      const watch = await t.open(await t.namespace());
      await watch.until(() => watch.frames.length > 0, "the first frame");
      watch.send(new TextEncoder().encode('{"ack":0}'));
      await assertCloses(watch, 4400, [400]);
    },
  },
]);

export const frames: Case[] = [...starts, ...inside];
