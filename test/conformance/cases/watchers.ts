/** Named watchers: durable positions, take-over, standby and fencing; and resuming with expired=compact. */
import assert from "node:assert/strict";
import type { Status } from "../client/types.ts";
import type { OpenOptions, Watch } from "../client/watch.ts";
import type { Case, Context } from "../types.ts";
import { assertCloses, inTable, makeMany, toldOf } from "./support.ts";

interface WatcherRow {
  name: string;
  connected: boolean;
  [field: string]: unknown;
}

async function named(t: Context, namespace: string, query: OpenOptions["query"] = {}): Promise<Watch> {
  const watch = await t.open(namespace, { query: { watcher: "inventory", ...query } });
  await watch.until(() => watch.frames.length > 0, "the first frame");
  return watch;
}

async function rows(t: Context, namespace: string): Promise<WatcherRow[]> {
  const body = await t.api.must<{ items: WatcherRow[] }>(`/watchers/${namespace}`);
  return body.items;
}

/** Reads until the position is known to the server as durable: its promise is 10 s, or the close. */
async function leave(watch: Watch): Promise<void> {
  watch.close();
  await watch.untilEnd();
}

const watcher = (id: string, row: string, title: string, run: Case["run"], slow?: number): Omit<Case, "table"> => ({
  id: `watcher/${id}`,
  promise: "Resumable",
  row,
  title,
  run,
  ...(slow === undefined ? {} : { slow }),
});

export const watchers: Case[] = inTable("Named watchers", [
  watcher("first-time", "positions", "a named watcher without a position begins with the initial state", async (t) => {
    const namespace = await t.namespace();
    await makeMany(t, namespace, 2);
    const watch = await named(t, namespace);
    assert.equal(watch.frames[0]?.snapshot, true);
    await watch.untilEvents(2);
  }),
  watcher(
    "after-done",
    "positions",
    "without an RV a named watcher goes on strictly after its last done",
    async (t) => {
      const namespace = await t.namespace();
      await makeMany(t, namespace, 2);
      const first = await named(t, namespace);
      await first.until(() => first.resumePoint !== "", "the end of the snapshot");
      first.send(JSON.stringify({ done: first.resumePoint }));
      await t.make(namespace, "seen-and-not-done");
      await first.untilEvents(3);
      await leave(first);
      const second = await named(t, namespace);
      await second.untilEvents(1);
      assert.ok(!second.frames.some((frame) => frame.snapshot), "no initial state");
      assert.deepEqual(toldOf(second), toldOf(first).slice(2));
    },
  ),
  watcher("given-rv", "positions", "a given RV goes before the position", async (t) => {
    const namespace = await t.namespace();
    const start = await t.head(namespace);
    await makeMany(t, namespace, 2);
    const first = await named(t, namespace);
    await first.until(() => first.resumePoint !== "", "the end of the snapshot");
    first.send(JSON.stringify({ done: first.resumePoint }));
    await leave(first);
    const second = await named(t, namespace, { resourceVersion: start });
    await second.untilEvents(2);
  }),
  watcher(
    "done-no-resume-point",
    "positions",
    "done of what is no resume point of this connection closes 4400",
    async (t) => {
      const namespace = await t.namespace();
      const watch = await named(t, namespace);
      watch.send(JSON.stringify({ done: "999999" }));
      await assertCloses(watch, 4400, [400]);
    },
  ),
  watcher(
    "mismatch",
    "bound at first use",
    "another query under the same name closes 4400 WatcherMismatch, unless an RV is given",
    async (t) => {
      const namespace = await t.namespace();
      await leave(await named(t, namespace));
      const other = await t.open(namespace, { query: { watcher: "inventory", labelSelector: "a=b" } });
      const status: Status = await assertCloses(other, 4400, [400, 409, 422]);
      assert.match(JSON.stringify(status), /WatcherMismatch/);
      await named(t, namespace, { labelSelector: "a=b", resourceVersion: await t.head(namespace) });
    },
  ),
  watcher(
    "take-over",
    "one connection works",
    "a second connection closes the first with 4408, and has a higher epoch",
    async (t) => {
      const namespace = await t.namespace();
      const first = await named(t, namespace);
      const second = await named(t, namespace);
      const ended = await first.untilEnd();
      assert.equal(ended.code, 4408);
      assert.ok(Number(second.frames[0]?.epoch) > Number(first.frames[0]?.epoch), "each take-over has an epoch");
      await t.make(namespace, "a");
      await second.untilEvents(1);
    },
  ),
  watcher(
    "standby",
    "one connection works",
    "with standby=1 a second connection waits, and takes over when the first closes",
    async (t) => {
      const namespace = await t.namespace();
      const first = await named(t, namespace);
      const second = await named(t, namespace, { standby: 1 });
      assert.equal(second.frames[0]?.standby, true);
      await t.make(namespace, "a");
      await first.untilEvents(1);
      await second.ping();
      assert.equal(second.events.length, 0, "it waits");
      await leave(first);
      await second.untilEvents(1);
    },
  ),
  watcher("fenced", "fencing", "a write in the name of an epoch that is over is 409 Fenced", async (t) => {
    const namespace = await t.namespace();
    const first = await named(t, namespace);
    const old = first.frames[0]?.epoch;
    const second = await named(t, namespace);
    const now = second.frames[0]?.epoch;
    const headers = (epoch: number | undefined) => ({ "gitstore-watcher": `inventory/${epoch}` });
    const { status } = await t.api.refusal(t.path(namespace), { body: t.writer.object("a"), headers: headers(old) });
    assert.equal(status.code, 409);
    assert.match(JSON.stringify(status), /Fenced/);
    await t.api.must(t.path(namespace), { body: t.writer.object("a"), headers: headers(now) });
  }),
  watcher(
    "listed",
    "operations",
    "GET /watchers/{ns} shows who is connected, and DELETE forgets a watcher",
    async (t) => {
      const namespace = await t.namespace();
      await makeMany(t, namespace, 1);
      const watch = await named(t, namespace);
      assert.deepEqual(
        (await rows(t, namespace)).map(({ name, connected }) => [name, connected]),
        [["inventory", true]],
      );
      await watch.until(() => watch.resumePoint !== "", "the end of the snapshot");
      watch.send(JSON.stringify({ done: watch.resumePoint }));
      await leave(watch);
      assert.deepEqual(
        (await rows(t, namespace)).map(({ name, connected }) => [name, connected]),
        [["inventory", false]],
      );
      await t.api.must(`/watchers/${namespace}/inventory`, { method: "DELETE" });
      assert.deepEqual(await rows(t, namespace), []);
      const again = await named(t, namespace);
      assert.equal(again.frames[0]?.snapshot, true, "it begins anew");
    },
  ),
  {
    ...watcher(
      "compact-in-window",
      "expired=compact",
      "within the window expired=compact changes nothing: every event, none made up",
      async (t) => {
        const namespace = await t.namespace();
        const start = await t.head(namespace);
        await makeMany(t, namespace, 3);
        await t.writer.remove(namespace, "object-0001");
        const compact = await t.open(namespace, { query: { resourceVersion: start, expired: "compact" } });
        const plain = await t.open(namespace, { query: { resourceVersion: start, expired: "fail" } });
        await compact.untilEvents(4);
        await plain.untilEvents(4);
        assert.deepEqual(compact.events, plain.events);
        assert.ok(!compact.frames.some((frame) => frame.compacted));
      },
    ),
  },
]);
