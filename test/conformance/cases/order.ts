/** Ordered, Unique, Reliable, Resumable, Durable, Monotonic: on every transport. */
import assert from "node:assert/strict";
import { type KubeObject, rvOf, told } from "../client/types.ts";
import { TRANSPORTS } from "../client/watch.ts";
import type { Case, Context } from "../types.ts";
import { inParallel, inTable, makeMany, meanwhile, nameOf, onEach, stateText, toldOf } from "./support.ts";

/** Creates, edits and deletes at random, several at a time. */
async function churn(t: Context, namespace: string, rounds: number): Promise<void> {
  await inParallel(rounds, async (index) => {
    const name = nameOf(index, "churn");
    await t.make(namespace, name, { labels: { round: "1" } });
    await t.writer.update(namespace, name, { labels: { round: "2" } });
    if (index % 3 === 0) await t.writer.remove(namespace, name);
  });
}

const rvs = (events: readonly { object: KubeObject }[]): number[] => events.map(({ object }) => rvOf(object));

const perTransport: Case[] = [
  ...onEach({
    id: "content/every-change",
    promise: "Reliable",
    table: "Order and content",
    row: "every change comes with its object",
    title: "a create, an edit and a deletion come as ADDED, MODIFIED and DELETED with the objects that the writes gave",
    run: async (t, transport) => {
      const namespace = await t.namespace();
      const watch = await t.open(namespace, { transport, query: { resourceVersion: await t.head(namespace) } });
      const added = await t.make(namespace, "a", { labels: { v: "1" } });
      const modified = await t.writer.update(namespace, "a", { labels: { v: "2" } });
      await t.writer.remove(namespace, "a");
      await watch.untilEvents(3);
      const [first, second, third] = watch.events;
      assert.deepEqual([first?.type, second?.type, third?.type], ["ADDED", "MODIFIED", "DELETED"]);
      assert.deepEqual(first?.object, added);
      assert.deepEqual(second?.object, modified);
      const deletion = rvOf(third?.object as KubeObject);
      assert.ok(deletion > rvOf(modified), "DELETED carries the RV of the deletion");
      const { metadata, ...rest } = modified;
      assert.deepEqual(
        third?.object,
        { ...rest, metadata: { ...metadata, resourceVersion: String(deletion) } },
        "DELETED carries the last object",
      );
      assert.ok((await t.head(namespace)) >= deletion);
    },
  }),
  ...onEach({
    id: "content/no-op",
    promise: "Unique",
    table: "Order and content",
    row: "the same content again is no change",
    title: "writing the same content again takes no RV and sends no event",
    run: async (t, transport) => {
      const namespace = await t.namespace();
      const made = await t.make(namespace, "a", { labels: { v: "1" } });
      const watch = await t.open(namespace, { transport, query: { resourceVersion: made.metadata.resourceVersion } });
      const patched = await t.writer.update(namespace, "a", { labels: { v: "1" } });
      const put = await t.api.must<KubeObject>(t.path(namespace, "a"), { method: "PUT", body: made });
      assert.equal(patched.metadata.resourceVersion, made.metadata.resourceVersion);
      assert.equal(put.metadata.resourceVersion, made.metadata.resourceVersion);
      const sentinel = await t.make(namespace, "sentinel");
      await watch.untilEvents(1);
      assert.deepEqual(toldOf(watch), [`ADDED sentinel@${sentinel.metadata.resourceVersion}`]);
    },
  }),
  ...onEach({
    id: "content/created-again",
    promise: "Reliable",
    table: "Order and content",
    row: "deleted and created again",
    title: "an object that is deleted and created again comes as DELETED and ADDED, with another uid",
    run: async (t, transport) => {
      const namespace = await t.namespace();
      const first = await t.make(namespace, "a");
      const watch = await t.open(namespace, { transport, query: { resourceVersion: first.metadata.resourceVersion } });
      await t.writer.remove(namespace, "a");
      const second = await t.make(namespace, "a");
      await watch.untilEvents(2);
      assert.deepEqual(
        watch.events.map(({ type, object }) => [type, object.metadata.uid]),
        [
          ["DELETED", first.metadata.uid],
          ["ADDED", second.metadata.uid],
        ],
      );
      assert.notEqual(first.metadata.uid, second.metadata.uid);
    },
  }),
  ...onEach({
    id: "ordered/concurrent-writes",
    promise: "Ordered",
    table: "Order and content",
    row: "RVs increase, for all watchers alike",
    title: "under concurrent writes RVs increase, and watchers that began at different moments saw the same order",
    run: async (t, transport) => {
      const namespace = await t.namespace();
      const query = { resourceVersion: await t.head(namespace) };
      const early = await t.open(namespace, { transport, query });
      const writing = meanwhile(churn(t, namespace, 24));
      await early.untilEvents(10);
      const during = await t.open(namespace, { transport, query });
      await writing;
      const late = await t.open(namespace, { transport, query });
      const last = await t.make(namespace, "sentinel");
      const watches = [early, during, late];
      for (const watch of watches) await watch.untilRv(last.metadata.resourceVersion);
      assert.deepEqual(
        rvs(early.events),
        rvs(early.events).toSorted((a, b) => a - b),
      );
      assert.equal(early.events.length, 24 * 2 + 8 + 1, "each change is one event");
      assert.deepEqual(toldOf(during), toldOf(early));
      assert.deepEqual(toldOf(late), toldOf(early));
    },
  }),
  ...onEach({
    id: "unique/once",
    promise: "Unique",
    table: "Order and content",
    row: "an event once per connection",
    title: "a watch that begins with the state while others write gets no RV twice, and ends in the list's state",
    run: async (t, transport) => {
      const namespace = await t.namespace();
      await makeMany(t, namespace, 10);
      const writing = meanwhile(churn(t, namespace, 24));
      const watch = await t.open(namespace, { transport });
      await writing;
      const last = await t.make(namespace, "sentinel");
      await watch.untilRv(last.metadata.resourceVersion);
      const seen = rvs(watch.events);
      assert.equal(new Set(seen).size, seen.length, `an RV came twice: ${seen.join(" ")}`);
      const list = await t.api.list(t.path(namespace));
      assert.deepEqual(stateText(watch.state().values()), stateText(list.items));
    },
  }),
  ...onEach({
    id: "resumable/every-rv",
    promise: "Resumable",
    table: "Order and content",
    row: "from any RV, strictly after it",
    title: "a watch from any RV of the log gets exactly what came after it",
    run: async (t, transport) => {
      const namespace = await t.namespace();
      const start = await t.head(namespace);
      await t.make(namespace, "a", { labels: { v: "1" } });
      await t.writer.update(namespace, "a", { labels: { v: "2" } });
      await t.make(namespace, "b");
      await t.writer.remove(namespace, "a");
      await t.make(namespace, "a");
      const head = await t.head(namespace);
      const whole = await t.open(namespace, { transport, query: { resourceVersion: start } });
      await whole.untilRv(head);
      for (let rv = start + 1; rv < head; rv++) {
        const watch = await t.open(namespace, { transport, query: { resourceVersion: rv } });
        await watch.untilRv(head);
        assert.deepEqual(
          watch.events.map(told),
          whole.events.filter(({ object }) => rvOf(object) > rv).map(told),
          `from ${rv}`,
        );
        watch.cut();
      }
    },
  }),
  ...onEach({
    id: "resumable/after-a-cut",
    promise: "Resumable",
    table: "Order and content",
    row: "nothing is lost over a cut",
    title: "a client that is cut again and again, and resumes from its last RV, has what one has that never was",
    run: async (t, transport) => {
      const namespace = await t.namespace();
      const start = String(await t.head(namespace));
      const witness = await t.open(namespace, { transport, query: { resourceVersion: start } });
      const seen: string[] = [];
      let from = start;
      let watch = await t.open(namespace, { transport, query: { resourceVersion: from } });
      const writing = meanwhile(churn(t, namespace, 30));
      for (let cut = 0; cut < 6; cut++) {
        await watch.untilEvents(3);
        watch.cut();
        from = watch.resumePoint;
        seen.push(...watch.events.filter(({ object }) => rvOf(object) <= Number(from)).map(told));
        watch = await t.open(namespace, { transport, query: { resourceVersion: from } });
      }
      await writing;
      const last = await t.make(namespace, "sentinel");
      await watch.untilRv(last.metadata.resourceVersion);
      await witness.untilRv(last.metadata.resourceVersion);
      assert.deepEqual([...seen, ...toldOf(watch)], toldOf(witness));
    },
  }),
  ...onEach({
    id: "durable/readable",
    promise: "Durable",
    table: "Order and content",
    row: "an event is sent once its write is there",
    title: "what an event tells can be read at once, by get and by list",
    run: async (t, transport) => {
      const namespace = await t.namespace();
      const watch = await t.open(namespace, { transport, query: { resourceVersion: await t.head(namespace) } });
      const writing = meanwhile(makeMany(t, namespace, 12));
      for (let index = 0; index < 12; index++) {
        await watch.untilEvents(index + 1);
        const object = watch.events[index]?.object as KubeObject;
        assert.deepEqual(await t.api.must(t.path(namespace, object.metadata.name)), object);
        assert.ok((await t.head(namespace)) >= rvOf(object), "no list is older than an event that was sent");
      }
      await writing;
    },
  }),
];

const once: Case[] = inTable("Order and content", [
  {
    id: "ordered/transports-agree",
    promise: "Ordered",
    row: "RVs increase, for all watchers alike",
    title: "every transport tells the same events in the same order",
    run: async (t) => {
      const namespace = await t.namespace();
      const query = { resourceVersion: await t.head(namespace) };
      const watches = await Promise.all(TRANSPORTS.map((transport) => t.open(namespace, { transport, query })));
      await churn(t, namespace, 20);
      const last = await t.make(namespace, "sentinel");
      for (const watch of watches) await watch.untilRv(last.metadata.resourceVersion);
      const [first, ...others] = watches.map(({ events }) => events);
      for (const events of others) assert.deepEqual(events, first);
    },
  },
  {
    id: "ordered/kinds-share-a-counter",
    promise: "Ordered",
    row: "all kinds of a namespace share the counter",
    title: "writes of two kinds take RVs of one counter, and one stream of both keeps their order",
    run: async (t) => {
      const namespace = await t.namespace();
      const { kind, other } = t.writer;
      const watch = await t.open(namespace, {
        transport: "multi",
        query: { resourceVersion: await t.head(namespace), kind: [kind.kind, other.kind] },
      });
      const written: KubeObject[] = [];
      for (let round = 0; round < 3; round++) {
        written.push(await t.make(namespace, `a-${round}`));
        written.push(await t.writer.createOther(namespace, `b-${round}`));
      }
      const numbers = written.map(rvOf);
      assert.deepEqual(
        numbers,
        numbers.toSorted((a, b) => a - b),
      );
      assert.equal(new Set(numbers).size, numbers.length);
      const added = () => watch.events.filter(({ type }) => type === "ADDED");
      await watch.until(() => added().length >= 6, "six ADDED");
      assert.deepEqual(
        added().map(({ object }) => `${object.kind}/${object.metadata.name}`),
        written.map((object) => `${object.kind}/${object.metadata.name}`),
      );
    },
  },
  {
    id: "ordered/dense",
    promise: "Ordered",
    row: "RVs are dense",
    title: "every RV above the creation's is one event, of a kind or a GitEvent",
    run: async (t) => {
      const namespace = await t.namespace();
      await churn(t, namespace, 6);
      await t.writer.createOther(namespace, "other");
      const last = rvOf(await t.make(namespace, "sentinel"));
      const { kind, other } = t.writer;
      const watch = await t.open(namespace, {
        transport: "multi",
        query: { resourceVersion: 1, kind: [kind.kind, other.kind, "Release", "GitEvent"] },
      });
      await watch.untilRv(last);
      const seen = rvs(watch.events).filter((rv) => rv <= last);
      assert.deepEqual(
        seen,
        Array.from({ length: last - 1 }, (_, index) => index + 2),
      );
    },
  },
  {
    id: "monotonic/from-one",
    promise: "Monotonic",
    row: "RVs are positive decimal integers",
    title: "a new namespace's lists never say 0, and RVs are decimal integers without a leading zero, below 2^53",
    run: async (t) => {
      const namespace = await t.namespace();
      const empty = await t.api.list(t.path(namespace));
      const made = await t.make(namespace, "a");
      for (const rv of [empty.metadata.resourceVersion, made.metadata.resourceVersion]) {
        assert.match(rv, /^[1-9][0-9]*$/);
        assert.ok(Number.isSafeInteger(Number(rv)));
      }
      assert.ok(
        Number(empty.metadata.resourceVersion) < rvOf(made),
        "KEP 5504: what is written later compares greater",
      );
    },
  },
  {
    id: "monotonic/namespace-again",
    promise: "Monotonic",
    row: "a namespace never counts backwards",
    title: "a namespace that is deleted and created again under its name goes on counting",
    run: async (t) => {
      const name = t.unusedName();
      const namespaces = "/apis/gitstore.dev/v1beta1/namespaces";
      const body = { apiVersion: "gitstore.dev/v1beta1", kind: "Namespace", metadata: { name }, spec: {} };
      await t.api.must(namespaces, { body });
      await makeMany(t, name, 5);
      const before = await t.head(name);
      await t.api.must(`${namespaces}/${name}`, { method: "DELETE" });
      await t.api.must(namespaces, { body });
      assert.ok((await t.head(name)) > before, `the RV went from ${before} to ${await t.head(name)}`);
      assert.deepEqual((await t.api.list(t.path(name))).items, [], "the old objects are gone");
      const made = await t.make(name, "a");
      assert.ok(rvOf(made) > before);
    },
  },
  {
    id: "monotonic/cursor-of-the-first-life",
    promise: "Reliable",
    row: "a namespace never counts backwards",
    title:
      "a cursor from before a namespace was deleted does not resume in the one made again: its client would keep what is gone",
    run: async (t) => {
      const name = t.unusedName();
      const namespaces = "/apis/gitstore.dev/v1beta1/namespaces";
      const body = { apiVersion: "gitstore.dev/v1beta1", kind: "Namespace", metadata: { name }, spec: {} };
      await t.api.must(namespaces, { body });
      await makeMany(t, name, 3);
      const cursor = await t.head(name);
      await t.api.must(`${namespaces}/${name}`, { method: "DELETE" });
      await t.api.must(namespaces, { body });
      await t.make(name, "later");
      for (const transport of ["frames", "http"] as const) {
        const watch = await t.open(name, { transport, query: { resourceVersion: cursor } });
        // Either it is expired, or it is told of every deletion.
        await watch
          .until(() => watch.error !== undefined || watch.state().has(`${t.writer.kind.kind}/later`), "410, or events")
          .catch(() => undefined);
        if (watch.error) assert.deepEqual([watch.error.code, watch.error.reason], [410, "Expired"]);
        else assert.equal(watch.events.filter(({ type }) => type === "DELETED").length, 3);
      }
    },
  },
]);

export const order: Case[] = [...perTransport, ...once];
