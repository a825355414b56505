/** Where a watch begins: the 18 rows of Kubernetes' RunWatchSemantics (apiserver pkg/storage/testing/watcher_tests.go). */
import assert from "node:assert/strict";
import { INITIAL_EVENTS_END } from "../client/recording.ts";
import { rvOf } from "../client/types.ts";
import { hasFrames, type Transport, type Watch } from "../client/watch.ts";
import type { Case, Context } from "../types.ts";
import { makeMany, namesOf, onEach } from "./support.ts";

type Start = "unset" | "0" | "1" | "current";

interface Row {
  start: Start;
  /** Undefined: the legacy form, without `sendInitialEvents`. */
  initial: boolean | undefined;
  bookmarks: boolean;
}

const MODERN: readonly Pick<Row, "initial" | "bookmarks">[] = [
  { bookmarks: true, initial: true },
  { bookmarks: true, initial: false },
  { bookmarks: false, initial: false },
  { bookmarks: false, initial: true },
];

const ROWS: readonly Row[] = [
  ...(["unset", "0", "1", "current"] as const).flatMap((start) => MODERN.map((row) => ({ start, ...row }))),
  { start: "0", initial: undefined, bookmarks: false },
  { start: "unset", initial: undefined, bookmarks: false },
];

async function follow(t: Context, transport: Transport, row: Row): Promise<void> {
  const namespace = await t.namespace();
  await makeMany(t, namespace, 3);
  const before = await t.api.list(t.path(namespace));
  const current = before.metadata.resourceVersion;
  const watch = await t.open(namespace, {
    transport,
    query: {
      resourceVersion: row.start === "unset" ? undefined : row.start === "current" ? current : row.start,
      ...(row.initial === undefined
        ? {}
        : { sendInitialEvents: row.initial, resourceVersionMatch: "NotOlderThan", allowWatchBookmarks: row.bookmarks }),
    },
  });
  const withState = row.initial !== false;
  // RV 1 is before everything: without the state a watch from there is told how it came about.
  const first = withState || row.start === "1" ? before.items : [];
  await watch.untilEvents(first.length);
  await assertEndOfState(watch, row, withState, Number(current));
  const after = await makeMany(t, namespace, 2, undefined, "later");
  await watch.untilEvents(first.length + after.length);
  assert.deepEqual(
    new Set(watch.events.slice(0, first.length).map(({ object }) => object.metadata.name)),
    new Set(namesOf(first)),
  );
  const written = [...after].sort((a, b) => rvOf(a) - rvOf(b));
  assert.deepEqual(
    watch.events.slice(first.length).map(({ object }) => object),
    written,
    "behind the start come the changes, with their objects",
  );
  assert.ok(
    watch.events.every(({ type }) => type === "ADDED"),
    "all of it is ADDED",
  );
}

/** Line transports: the annotated bookmark where both were asked for, and nowhere else. Frames: the last page's `end`. */
async function assertEndOfState(watch: Watch, row: Row, withState: boolean, current: number): Promise<void> {
  if (hasFrames(watch.transport)) {
    await watch.until(() => watch.frames.length > 0, "the first frame");
    const pages = watch.frames.filter((frame) => frame.snapshot);
    assert.equal(pages.length > 0, withState, "a snapshot is sent exactly where the state is asked for");
    if (withState) {
      assert.equal(pages.at(-1)?.end, true, "the last page of the state says so");
      assert.ok(Number(pages.at(-1)?.rv) >= current, "the state is not older than what was written before");
    }
    return;
  }
  const marks = () =>
    watch.bookmarks.filter(({ object }) => object.metadata.annotations?.[INITIAL_EVENTS_END] === "true");
  if (row.initial === true && row.bookmarks) {
    await watch.until(() => marks().length === 1, "the annotated bookmark");
    const [mark] = marks();
    assert.ok(mark && rvOf(mark.object) >= current, "its RV is the state's");
  } else assert.equal(marks().length, 0, "no annotated bookmark was asked for");
}

export const watchRows: Case[] = ROWS.flatMap((row, index) => {
  const number = String(index + 1).padStart(2, "0");
  const kind =
    row.initial === undefined ? "legacy" : `sendInitialEvents=${row.initial}, allowWatchBookmarks=${row.bookmarks}`;
  return onEach({
    id: `watch-row/${number}`,
    promise: row.initial === false ? "Resumable" : "Reliable",
    table: "Watch rows",
    row: `${number} ${kind}, RV ${row.start}`,
    title: `a watch with ${kind} and RV ${row.start} begins where Kubernetes' does`,
    run: (t, transport) => follow(t, transport, row),
  });
});
