/** Bookmarks of the line transports, planned ends, and WatchList. */
import assert from "node:assert/strict";
import { INITIAL_EVENTS_END } from "../client/recording.ts";
import { type KubeObject, rvOf } from "../client/types.ts";
import type { Watch } from "../client/watch.ts";
import type { Case, Context } from "../types.ts";
import {
  filler,
  inParallel,
  inTable,
  makeMany,
  meanwhile,
  nameOf,
  onEach,
  stateAt,
  stateText,
  toldOf,
} from "./support.ts";

const LINES = ["http", "plain"] as const;
const WATCH_LIST = { sendInitialEvents: true, resourceVersionMatch: "NotOlderThan", allowWatchBookmarks: true };

/** The collection's own kind, an RV, and nothing of an object. */
function assertBookmark(t: Context, object: KubeObject | undefined): void {
  const { group, version, kind } = t.writer.kind;
  assert.equal(object?.kind, kind, "client-go drops an event whose kind differs before it looks at the type");
  assert.equal(object?.apiVersion, `${group}/${version}`);
  assert.match(object?.metadata.resourceVersion ?? "", /^[1-9][0-9]*$/);
  assert.equal(object?.spec, undefined);
  assert.equal(object?.metadata.name ?? "", "");
}

const annotated = (watch: Watch): KubeObject[] =>
  watch.bookmarks
    .map(({ object }) => object)
    .filter(({ metadata }) => metadata.annotations?.[INITIAL_EVENTS_END] === "true");

const http: Case[] = inTable("Bookmarks and WatchList", [
  {
    id: "http/stream",
    promise: null,
    row: "the stream",
    title: "a watch is 200 with JSON, one compact document a line, and its headers come before the first event",
    run: async (t) => {
      const namespace = await t.namespace();
      const watch = await t.open(namespace, {
        transport: "http",
        query: { sendInitialEvents: false, resourceVersionMatch: "NotOlderThan" },
      });
      assert.equal(watch.status, 200);
      assert.match(watch.headers.get("content-type") ?? "", /^application\/json(;|$)/);
      assert.equal(watch.texts.length, 0, "nothing has happened yet");
      await t.make(namespace, "a", { annotations: { text: "two\nlines, and \u00e4\u2028\u{1f600}" } });
      await watch.untilEvents(1);
      assert.equal(watch.events[0]?.object.metadata.annotations?.text, "two\nlines, and \u00e4\u2028\u{1f600}");
    },
  },
  {
    id: "bookmark/planned-end",
    promise: "Bookmarkable",
    row: "one before a planned end",
    title: "a watch that asked for bookmarks gets one before its planned end, at the head although nothing matched",
    run: async (t) => {
      const namespace = await t.namespace();
      const watch = await t.open(namespace, {
        transport: "http",
        query: {
          resourceVersion: await t.head(namespace),
          labelSelector: "no=such",
          allowWatchBookmarks: true,
          timeoutSeconds: 3,
        },
      });
      await makeMany(t, namespace, 5);
      const head = await t.head(namespace);
      const ended = await watch.untilEnd();
      assert.equal(ended.reason, "");
      const last = watch.bookmarks.at(-1)?.object;
      assertBookmark(t, last);
      assert.deepEqual(annotated(watch), []);
      assert.ok(last && rvOf(last) >= head, `the bookmark is at ${watch.resumePoint}, the head at ${head}`);
      const again = await t.open(namespace, { transport: "http", query: { resourceVersion: watch.resumePoint } });
      const next = await t.make(namespace, "next");
      await again.untilEvents(1);
      assert.deepEqual(toldOf(again), [`ADDED next@${next.metadata.resourceVersion}`]);
    },
  },
  {
    id: "bookmark/not-asked-for",
    promise: "Bookmarkable",
    row: "to those who asked",
    title: "a watch that asked for none gets none",
    run: async (t) => {
      const namespace = await t.namespace();
      await t.make(namespace, "a");
      const watch = await t.open(namespace, { transport: "http", query: { timeoutSeconds: 2 } });
      await watch.untilEnd();
      assert.deepEqual(watch.bookmarks, []);
      assert.equal(watch.events.length, 1);
    },
  },
  {
    id: "bookmark/concurrent-writes",
    promise: "Bookmarkable",
    row: "never ahead of what was sent",
    title: "under concurrent writes nothing at or below a bookmark is missing before it, or comes after it",
    run: async (t) => {
      const namespace = await t.namespace();
      const start = await t.head(namespace);
      const watches: Watch[] = [];
      const query = { resourceVersion: start, allowWatchBookmarks: true };
      for (const timeoutSeconds of [1, 1, 2, 2, 3])
        watches.push(await t.open(namespace, { transport: "http", query: { ...query, timeoutSeconds } }));
      const writing = meanwhile(inParallel(120, (index) => t.make(namespace, nameOf(index))));
      for (const watch of watches) await watch.untilEnd();
      await writing;
      const last = await t.make(namespace, "sentinel");
      const witness = await t.open(namespace, { query: { resourceVersion: start } });
      await witness.untilRv(last.metadata.resourceVersion);
      for (const watch of watches) {
        const mark = Number(watch.bookmarks.at(-1)?.object.metadata.resourceVersion);
        assert.deepEqual(
          toldOf(watch),
          witness.events
            .filter(({ object }) => rvOf(object) <= mark)
            .map(({ type, object }) => `${type} ${object.metadata.name}@${rvOf(object)}`),
          `up to the bookmark at ${mark}`,
        );
      }
    },
  },
  {
    id: "bookmark/every-60s",
    promise: "Bookmarkable",
    row: "every 60 s, moved or not",
    title: "a watch that asked for bookmarks gets one a minute, also when nothing has happened",
    slow: 75,
    run: async (t) => {
      const namespace = await t.namespace();
      const head = await t.head(namespace);
      const watch = await t.open(namespace, {
        transport: "http",
        query: { resourceVersion: head, allowWatchBookmarks: true },
      });
      const began = Date.now();
      await watch.until(() => watch.bookmarks.length > 0, "a bookmark");
      assert.ok(Date.now() - began < 70_000);
      assertBookmark(t, watch.bookmarks[0]?.object);
      assert.equal(watch.resumePoint, String(head));
    },
  },
  {
    id: "http/blank-line",
    promise: null,
    row: "a blank line after 15 s of silence",
    title: "an HTTP stream gets a blank line after 15 s of silence",
    slow: 25,
    run: async (t) => {
      const watch = await t.open(await t.namespace(), { transport: "http" });
      const began = Date.now();
      await watch.until(() => watch.texts.includes(""), "a blank line");
      const waited = Date.now() - began;
      assert.ok(waited > 10_000 && waited < 25_000, `it came after ${waited} ms`);
    },
  },
]);

const watchList: Case[] = [
  ...onEach(
    {
      id: "watch-list/annotated",
      promise: "Bookmarkable",
      table: "Bookmarks and WatchList",
      row: "the annotated bookmark",
      title:
        "WatchList: the state as ADDED, one bookmark annotated k8s.io/initial-events-end, then what comes after it",
      run: async (t, transport) => {
        const namespace = await t.namespace();
        const made = await makeMany(t, namespace, 4);
        const watch = await t.open(namespace, { transport, query: WATCH_LIST });
        await watch.until(() => annotated(watch).length > 0, "the annotated bookmark");
        assert.deepEqual(stateText(watch.events.map(({ object }) => object)), stateText(made));
        const [mark] = annotated(watch);
        assertBookmark(t, mark);
        assert.ok(mark && rvOf(mark) >= Math.max(...made.map(rvOf)));
        await t.make(namespace, "later");
        await watch.untilEvents(5);
        assert.equal(annotated(watch).length, 1, "exactly one");
      },
    },
    LINES,
  ),
  ...onEach(
    {
      id: "watch-list/empty",
      promise: "Bookmarkable",
      table: "Bookmarks and WatchList",
      row: "the annotated bookmark",
      title: "WatchList of nothing, and of nothing that matches, has its annotated bookmark too",
      run: async (t, transport) => {
        const namespace = await t.namespace();
        for (const labelSelector of [undefined, "no=such"]) {
          const watch = await t.open(namespace, { transport, query: { ...WATCH_LIST, labelSelector } });
          await watch.until(() => annotated(watch).length > 0, "the annotated bookmark");
          assert.deepEqual(watch.events, []);
          await t.make(namespace, `a${labelSelector ?? ""}`.replace(/[= ]/g, "-"));
        }
      },
    },
    LINES,
  ),
  ...onEach(
    {
      id: "watch-list/concurrent-writes",
      promise: "Bookmarkable",
      table: "Bookmarks and WatchList",
      row: "the annotated bookmark",
      title: "while others write, the state before the annotated bookmark is that of its RV, complete",
      run: async (t, transport) => {
        const namespace = await t.namespace();
        await makeMany(t, namespace, 20, () => ({ annotations: filler(10_000) }));
        const writing = meanwhile(
          inParallel(60, async (index) => {
            if (index % 2 === 0) await t.make(namespace, nameOf(index, "a-meanwhile"));
            else await t.writer.update(namespace, nameOf(index % 20), { labels: { round: String(index) } });
          }),
        );
        const watch = await t.open(namespace, { transport, query: WATCH_LIST });
        await watch.until(() => annotated(watch).length > 0, "the annotated bookmark");
        const mark = Number(annotated(watch)[0]?.metadata.resourceVersion);
        const state = watch.events.filter(({ object }) => rvOf(object) <= mark).map(({ object }) => object);
        await writing;
        assert.deepEqual(stateText(state), stateText(await stateAt(t, namespace, mark)));
      },
    },
    LINES,
  ),
  ...onEach(
    {
      id: "watch-list/selector",
      promise: "Filterable",
      table: "Bookmarks and WatchList",
      row: "the annotated bookmark",
      title: "WatchList with selectors gives what matches, and the transitions afterwards",
      run: async (t, transport) => {
        const namespace = await t.namespace();
        await makeMany(t, namespace, 6, (index) => ({ labels: { parity: index % 2 === 0 ? "even" : "odd" } }));
        const watch = await t.open(namespace, { transport, query: { ...WATCH_LIST, labelSelector: "parity=even" } });
        await watch.until(() => annotated(watch).length > 0, "the annotated bookmark");
        assert.equal(watch.events.length, 3);
        await t.writer.update(namespace, "object-0000", { labels: { parity: "odd" } });
        await t.writer.update(namespace, "object-0001", { labels: { parity: "even" } });
        await watch.untilEvents(5);
        assert.deepEqual(
          watch.events.slice(3).map(({ type, object }) => `${type} ${object.metadata.name}`),
          ["DELETED object-0000", "ADDED object-0001"],
        );
      },
    },
    LINES,
  ),
];

export const bookmarks: Case[] = [...http, ...watchList];
