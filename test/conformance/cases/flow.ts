/** Flow control: credit, parking, and what becomes of those who never read. */
import assert from "node:assert/strict";
import type { Case } from "../types.ts";
import {
  assertCloses,
  assertNames,
  filler,
  inTable,
  MiB,
  makeMany,
  nameOf,
  onEach,
  stateText,
  toldOf,
} from "./support.ts";

const FRAMES = ["frames", "multi"] as const;
const KIB = 1024;
const MIN_WINDOW = 64 * KIB;

const bytesOf = (texts: readonly string[]): number =>
  texts.filter((text) => text !== "pong").reduce((sum, text) => sum + Buffer.byteLength(text), 0);

export const flow: Case[] = [
  ...onEach(
    {
      id: "flow/parked",
      promise: "Reliable",
      table: "Flow control",
      row: "at most window is unacknowledged",
      title: "a client with window=65536 that never acknowledges gets at most that, and all of the rest once it does",
      run: async (t, transport) => {
        const namespace = await t.namespace();
        const resourceVersion = await t.head(namespace);
        const stalled = await t.open(namespace, {
          transport,
          ack: false,
          query: { resourceVersion, window: MIN_WINDOW },
        });
        const healthy = await t.open(namespace, { transport, query: { resourceVersion } });
        // One after the other: what is written at once may be one transaction, and that a frame larger than the window.
        for (let index = 0; index < 40; index++) {
          await t.make(namespace, nameOf(index), { annotations: filler(8 * KIB) });
        }
        await healthy.untilEvents(40);
        await stalled.ping();
        assert.ok(stalled.events.length > 0, "what fits is sent");
        assert.ok(bytesOf(stalled.texts) <= MIN_WINDOW, `${bytesOf(stalled.texts)} bytes are unacknowledged`);
        // Again and again as much as the window, and never more.
        for (let round = 0; round < 4; round++) {
          const acknowledged = stalled.frames.at(-1)?.sent ?? 0;
          const before = stalled.frames.length;
          stalled.acknowledge(acknowledged);
          await stalled.until(() => stalled.frames.length > before, "what comes behind an acknowledgement");
          await stalled.ping();
          assert.ok((stalled.frames.at(-1)?.sent ?? 0) - acknowledged <= MIN_WINDOW);
        }
        stalled.ack = true;
        stalled.acknowledge();
        await stalled.untilEvents(40);
        assert.deepEqual(toldOf(stalled), toldOf(healthy));
      },
    },
    FRAMES,
  ),
  ...onEach(
    {
      id: "flow/snapshot-credit",
      promise: "Reliable",
      table: "Flow control",
      row: "at most window is unacknowledged",
      title: "pages of the state count as frames do: they wait for acknowledgements too",
      run: async (t, transport) => {
        const namespace = await t.namespace();
        await makeMany(t, namespace, 8, () => ({ annotations: filler(100_000) }));
        const watch = await t.open(namespace, { transport, ack: false, query: { window: MIN_WINDOW } });
        await watch.until(() => watch.frames.length > 0, "the first page");
        await watch.ping();
        assert.equal(watch.frames.length, 1, "a page larger than the window comes alone");
        watch.ack = true;
        watch.acknowledge();
        await watch.until(() => watch.frames.some((frame) => frame.end), "the end of the snapshot");
        const list = await t.api.list(t.path(namespace));
        assert.deepEqual(stateText(watch.state().values()), stateText(list.items));
      },
    },
    FRAMES,
  ),
  ...inTable("Flow control", [
    {
      id: "flow/one-always",
      promise: "Reliable",
      row: "with nothing outstanding one frame is always sent",
      title:
        "a frame larger than the window is sent when nothing is outstanding, and nothing behind it before it is acknowledged",
      run: async (t) => {
        const namespace = await t.namespace();
        const watch = await t.open(namespace, {
          ack: false,
          query: { resourceVersion: await t.head(namespace), window: MIN_WINDOW },
        });
        await watch.until(() => watch.frames.length === 1, "the first frame");
        watch.acknowledge();
        await watch.ping();
        await t.make(namespace, "large", { annotations: filler(200 * KIB) });
        await watch.untilEvents(1);
        await t.make(namespace, "small");
        await t.head(namespace);
        await watch.ping();
        assert.equal(watch.events.length, 1, "the small one waits");
        watch.acknowledge();
        await watch.untilEvents(2);
      },
    },
    {
      id: "flow/delays-no-one",
      promise: "Reliable",
      row: "a slow watcher delays no one",
      title: "ten watchers that never read delay neither writes nor a healthy watcher",
      run: async (t) => {
        const namespace = await t.namespace();
        const query = { resourceVersion: await t.head(namespace) };
        for (let index = 0; index < 10; index++)
          await t.open(namespace, { ack: false, query: { ...query, window: MIN_WINDOW } });
        const healthy = await t.open(namespace, { query });
        await makeMany(t, namespace, 30, () => ({ annotations: filler(20 * KIB) }));
        await healthy.untilEvents(30);
      },
    },
    ...[MIN_WINDOW, MiB].map((window) => ({
      id: `flow/window/${window}`,
      promise: null,
      row: "window is 64 KiB to 1 MiB",
      title: `window=${window} is taken`,
      run: async (t: Parameters<Case["run"]>[0]) => {
        const watch = await t.open(await t.namespace(), { query: { window } });
        await watch.until(() => watch.frames.length > 0, "the first frame");
      },
    })),
    ...[MIN_WINDOW - 1, MiB + 1, 0, "many"].map((window) => ({
      id: `flow/window/${window}`,
      promise: null,
      row: "window is 64 KiB to 1 MiB",
      title: `window=${window} is refused, and named`,
      run: async (t: Parameters<Case["run"]>[0]) => {
        const watch = await t.open(await t.namespace(), { query: { window } });
        assertNames(await assertCloses(watch, 4400, [400, 422]), "window");
      },
    })),
    {
      id: "flow/plain-silent",
      promise: "Reliable",
      row: "without the subprotocol",
      title: "a plain WebSocket is closed 4429 after 1 MiB without a word from its client, and one that talks goes on",
      run: async (t) => {
        const namespace = await t.namespace();
        const query = { resourceVersion: await t.head(namespace) };
        const silent = await t.open(namespace, { transport: "plain", query });
        const talking = await t.open(namespace, { transport: "plain", query });
        for (let index = 0; index < 8; index++) {
          await t.make(namespace, `large-${index}`, { annotations: filler(200 * KIB) });
          await talking.untilEvents(index + 1);
          talking.send("still here");
          await t.head(namespace);
        }
        await assertCloses(silent, 4429, [429]);
        assert.ok(bytesOf(silent.texts) <= MiB + 10 * KIB, `${bytesOf(silent.texts)} bytes came before`);
        const last = await t.make(namespace, "last");
        await talking.untilRv(last.metadata.resourceVersion);
        const again = await t.open(namespace, { transport: "plain", query: { resourceVersion: silent.resumePoint } });
        await again.untilRv(last.metadata.resourceVersion);
        assert.deepEqual([...toldOf(silent), ...toldOf(again)], toldOf(talking), "it resumes from its last RV");
      },
    },
    {
      id: "flow/plain-large-state",
      promise: "Reliable",
      row: "without the subprotocol",
      title:
        "where the initial state alone is more than 1 MiB the request is answered 200 over HTTP instead of upgraded",
      run: async (t) => {
        const namespace = await t.namespace();
        await makeMany(t, namespace, 7, () => ({ annotations: filler(200 * KIB) }));
        const watch = await t.open(namespace, { transport: "plain" });
        assert.equal(watch.status, 200);
        await watch.untilEvents(7);
        await t.make(namespace, "later");
        await watch.untilEvents(8);
      },
    },
    {
      id: "flow/parked-5-minutes",
      promise: null,
      row: "parked for about 5 minutes",
      title: "a watch that is parked for about 5 minutes without an acknowledgement is closed 4429",
      slow: 400,
      run: async (t) => {
        const namespace = await t.namespace();
        const watch = await t.open(namespace, {
          ack: false,
          query: { resourceVersion: await t.head(namespace), window: MIN_WINDOW },
        });
        await makeMany(t, namespace, 12, () => ({ annotations: filler(8 * KIB) }));
        await assertCloses(watch, 4429, [429]);
      },
    },
  ]),
];
