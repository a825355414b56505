/** Atomic: what several changes in one transaction look like. */
import assert from "node:assert/strict";
import { rvOf, told } from "../client/types.ts";
import type { Case, Context } from "../types.ts";
import type { BatchWriter } from "../writers/writer.ts";
import { inTable, MiB, nameOf } from "./support.ts";

const NEEDS = ["batch"] as const;

async function prepared(t: Context): Promise<{ namespace: string; writer: BatchWriter; head: number }> {
  const namespace = await t.namespace();
  const writer = await t.batch(namespace);
  return { namespace, writer, head: await t.head(namespace) };
}

const changes = (count: number, bytes = 0) =>
  Array.from({ length: count }, (_, index) => ({ name: nameOf(index, "item"), title: `item ${index}`, bytes }));

export const transactions: Case[] = inTable("Frames", [
  {
    id: "atomic/one-frame",
    promise: "Atomic",
    row: "transactions",
    title: "a transaction of up to 1 MiB comes whole, in one frame whose rv is its end",
    needs: NEEDS,
    run: async (t) => {
      const { namespace, writer, head } = await prepared(t);
      const watch = await t.open(namespace, { kind: writer.kind, query: { resourceVersion: head } });
      await writer.apply(changes(120));
      await watch.untilEvents(120);
      const holding = watch.frames.filter((frame) => frame.events.length > 0);
      assert.equal(holding.length, 1, "one frame holds all of it");
      assert.ok(holding[0] && Number(holding[0].rv) >= rvOf(watch.events.at(-1)?.object ?? fail()));
    },
  },
  {
    id: "atomic/resumed",
    promise: "Atomic",
    row: "transactions",
    title: "read again from the log, a transaction is whole too",
    needs: NEEDS,
    run: async (t) => {
      const { namespace, writer, head } = await prepared(t);
      await writer.apply(changes(40));
      await writer.apply(changes(40).map((change) => ({ ...change, title: `${change.title} again` })));
      const watch = await t.open(namespace, { kind: writer.kind, query: { resourceVersion: head } });
      await watch.untilEvents(80);
      for (const frame of watch.frames) {
        assert.equal(frame.events.length % 40, 0, "no frame ends inside a transaction");
        assert.equal(frame.partial, undefined);
      }
    },
  },
  {
    id: "atomic/inside",
    promise: "Resumable",
    row: "transactions",
    title: "a watch that resumes inside a transaction gets the rest of it",
    needs: NEEDS,
    run: async (t) => {
      const { namespace, writer, head } = await prepared(t);
      await writer.apply(changes(10));
      const whole = await t.open(namespace, { kind: writer.kind, query: { resourceVersion: head } });
      await whole.untilEvents(10);
      const middle = rvOf(whole.events[4]?.object ?? fail());
      for (const transport of ["frames", "http", "plain"] as const) {
        const rest = await t.open(namespace, { transport, kind: writer.kind, query: { resourceVersion: middle } });
        await rest.untilEvents(5);
        assert.deepEqual(rest.events.map(told), whole.events.slice(5).map(told));
      }
    },
  },
  {
    id: "atomic/partial",
    promise: "Atomic",
    row: "transactions over 1 MiB",
    title: "of a transaction over 1 MiB all frames but the last are partial, with one prev and one rv",
    needs: NEEDS,
    run: async (t) => {
      const { namespace, writer, head } = await prepared(t);
      const watch = await t.open(namespace, {
        kind: writer.kind,
        query: { resourceVersion: head, window: MiB },
      });
      await writer.apply(changes(400, 4_000));
      await watch.untilEvents(400);
      const parts = watch.frames.filter((frame) => frame.events.length > 0);
      assert.ok(parts.length > 3, `1.6 MB comes in several frames, got ${parts.length}`);
      assert.deepEqual(
        parts.map(({ partial }) => partial === true),
        parts.map((_, index) => index < parts.length - 1),
      );
      assert.equal(new Set(parts.map(({ prev, rv }) => `${prev} ${rv}`)).size, 1);
    },
  },
  {
    id: "atomic/partial-cut",
    promise: "Resumable",
    row: "transactions over 1 MiB",
    title: "a partial frame is no resume point: a client that is cut behind one resumes before the transaction",
    needs: NEEDS,
    run: async (t) => {
      const { namespace, writer, head } = await prepared(t);
      const cut = await t.open(namespace, {
        kind: writer.kind,
        ack: false,
        query: { resourceVersion: head, window: 400_000 },
      });
      await writer.apply(changes(400, 4_000));
      await cut.until(() => cut.frames.some((frame) => frame.partial), "a partial frame");
      await cut.ping();
      assert.ok(cut.frames.at(-1)?.partial, "without credit the last of them does not come");
      assert.ok(Number(cut.resumePoint) <= head + 3, "what is before the transaction");
      cut.cut();
      const again = await t.open(namespace, { kind: writer.kind, query: { resourceVersion: cut.resumePoint } });
      await again.untilEvents(400);
      assert.equal(new Set(again.events.map(({ object }) => object.metadata.name)).size, 400);
    },
  },
  {
    id: "events/asked-for",
    promise: "Filterable",
    row: "GitEvents",
    title: "GitEvents come where they are asked for by kind, in their place in the order, and without kind they do not",
    needs: NEEDS,
    run: async (t) => {
      const { namespace, writer, head } = await prepared(t);
      const both = await t.open(namespace, {
        transport: "multi",
        query: { resourceVersion: head, kind: [writer.kind.kind, "GitEvent"] },
      });
      const without = await t.open(namespace, { transport: "multi", kind: null, query: { resourceVersion: head } });
      await writer.apply(changes(3));
      await writer.apply(changes(4));
      await without.until(
        () => without.events.some(({ object }) => object.metadata.name === "item-0003"),
        "the second change",
      );
      await both.until(
        () => both.events.some(({ object }) => object.metadata.name === "item-0003"),
        "the second change",
      );
      assert.ok(!without.events.some(({ object }) => object.kind === "GitEvent"));
      const events = both.events.filter(({ object }) => object.kind === "GitEvent");
      assert.ok(events.length > 0, "a push is told by GitEvents");
      assert.ok(events.every(({ type }) => type === "ADDED"));
    },
  },
]);

function fail(): never {
  throw new Error("there is no such event");
}
