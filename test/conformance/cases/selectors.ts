/** Filterable: what matches, and the transitions in and out; the same selectors on lists and on every transport. */
import assert from "node:assert/strict";
import type { KubeObject } from "../client/types.ts";
import type { Case } from "../types.ts";
import { inTable, onEach, stateText } from "./support.ts";

const OBJECTS: Readonly<Record<string, Record<string, string>>> = {
  a: { tier: "gold", "shop/section": "tools" },
  b: { tier: "silver" },
  c: { "shop/section": "toys", empty: "" },
  d: {},
};

/** Selector → the objects that it selects. */
const LABEL_SELECTORS: Readonly<Record<string, string>> = {
  "tier=gold": "a",
  "tier==gold": "a",
  "tier!=gold": "bcd",
  "tier in (gold,silver)": "ab",
  "tier notin (gold)": "bcd",
  tier: "ab",
  "!tier": "cd",
  "shop/section=tools,tier=gold": "a",
  "tier=gold,shop/section=toys": "",
  "empty=": "c",
  " tier = gold ": "a",
};

const FIELD_SELECTORS: Readonly<Record<string, string>> = {
  "metadata.name=b": "b",
  "metadata.name==b": "b",
  "metadata.name!=b": "acd",
  "metadata.name=b,metadata.name=c": "",
  "metadata.name=nothing": "",
};

const matrix: Case[] = [
  { parameter: "labelSelector", selectors: LABEL_SELECTORS },
  { parameter: "fieldSelector", selectors: FIELD_SELECTORS },
].map(({ parameter, selectors }) => ({
  id: `selector/${parameter}`,
  promise: "Filterable",
  table: "Selectors",
  row: parameter,
  title: `${parameter}: every operator selects the same in a list, in an initial state and among events`,
  run: async (t) => {
    const namespace = await t.namespace();
    const start = await t.head(namespace);
    const made: Record<string, KubeObject> = {};
    for (const [name, labels] of Object.entries(OBJECTS)) made[name] = await t.make(namespace, name, { labels });
    for (const [selector, names] of Object.entries(selectors)) {
      const expected = stateText([...names].map((name) => made[name] as KubeObject));
      const query = { [parameter]: selector };
      const list = await t.api.list(t.path(namespace), query);
      assert.deepEqual(stateText(list.items), expected, `a list with ${selector}`);
      const state = await t.open(namespace, { query });
      const events = await t.open(namespace, { query: { ...query, resourceVersion: start } });
      await state.until(() => state.frames.some((frame) => frame.end), "the end of the snapshot");
      await events.untilEvents(expected.length);
      assert.deepEqual(stateText(state.state().values()), expected, `the state with ${selector}`);
      assert.deepEqual(stateText(events.state().values()), expected, `the events with ${selector}`);
      state.cut();
      events.cut();
    }
  },
}));

const transitions: Case[] = onEach({
  id: "selector/transitions",
  promise: "Filterable",
  table: "Selectors",
  row: "transitions",
  title: "entering the selector is ADDED, leaving it is DELETED with the object as it matched and the change's RV",
  run: async (t, transport) => {
    const namespace = await t.namespace();
    const start = await t.head(namespace);
    const query = { resourceVersion: start, labelSelector: "color=red" };
    const live = await t.open(namespace, { transport, query });
    await t.make(namespace, "a", { labels: { color: "blue" } });
    const entered = await t.writer.update(namespace, "a", { labels: { color: "red" } });
    const stayed = await t.writer.update(namespace, "a", { labels: { color: "red", size: "l" } });
    const left = await t.writer.update(namespace, "a", { labels: { color: "blue" } });
    await t.writer.update(namespace, "a", { labels: { color: "green" } });
    const back = await t.writer.update(namespace, "a", { labels: { color: "red" } });
    await t.writer.update(namespace, "a", { labels: {} });
    await t.writer.remove(namespace, "a");
    await t.make(namespace, "sentinel", { labels: { color: "red" } });
    await live.untilEvents(6);
    const leaving: KubeObject = {
      ...stayed,
      metadata: { ...stayed.metadata, resourceVersion: left.metadata.resourceVersion },
    };
    assert.deepEqual(live.events.slice(0, 4), [
      { type: "ADDED", object: entered },
      { type: "MODIFIED", object: stayed },
      { type: "DELETED", object: leaving },
      { type: "ADDED", object: back },
    ]);
    assert.deepEqual(
      live.events.slice(4).map(({ type, object }) => `${type} ${object.metadata.name}`),
      ["DELETED a", "ADDED sentinel"],
    );
    const resumed = await t.open(namespace, { transport, query });
    await resumed.untilEvents(6);
    assert.deepEqual(resumed.events, live.events, "read again from the log it is the same");
  },
});

const byField: Case[] = onEach({
  id: "selector/one-name",
  promise: "Filterable",
  table: "Selectors",
  row: "metadata.name",
  title: "a watch for one name gets its create, edit and deletion, and nothing of others",
  run: async (t, transport) => {
    const namespace = await t.namespace();
    const watch = await t.open(namespace, {
      transport,
      query: { resourceVersion: await t.head(namespace), fieldSelector: "metadata.name=a" },
    });
    for (const name of ["b", "a", "c"]) await t.make(namespace, name);
    for (const name of ["c", "a", "b"]) await t.writer.update(namespace, name, { labels: { v: "2" } });
    for (const name of ["a", "b", "c"]) await t.writer.remove(namespace, name);
    await t.make(namespace, "a");
    await watch.untilEvents(4);
    assert.deepEqual(
      watch.events.map(({ type, object }) => `${type} ${object.metadata.name}`),
      ["ADDED a", "MODIFIED a", "DELETED a", "ADDED a"],
    );
  },
});

const several: Case[] = inTable("Selectors", [
  {
    id: "selector/both",
    promise: "Filterable",
    row: "labelSelector with fieldSelector",
    title: "label and field selectors both have to hold",
    run: async (t) => {
      const namespace = await t.namespace();
      await t.make(namespace, "a", { labels: { v: "1" } });
      await t.make(namespace, "b", { labels: { v: "1" } });
      const list = await t.api.list(t.path(namespace), { labelSelector: "v=1", fieldSelector: "metadata.name!=a" });
      assert.deepEqual(
        list.items.map(({ metadata }) => metadata.name),
        ["b"],
      );
    },
  },
  {
    id: "selector/kinds",
    promise: "Filterable",
    row: "kind of /watch/v1",
    title: "kind is repeatable, and is a Kind, a plural or plural.group, in any case",
    run: async (t) => {
      const namespace = await t.namespace();
      const resourceVersion = await t.head(namespace);
      const { kind, other } = t.writer;
      const words = [kind.kind, kind.plural, `${kind.plural}.${kind.group}`, kind.kind.toUpperCase()];
      const watches = [];
      for (const word of words)
        watches.push(await t.open(namespace, { transport: "multi", query: { resourceVersion, kind: word } }));
      const all = await t.open(namespace, { transport: "multi", kind: null, query: { resourceVersion } });
      const both = await t.open(namespace, {
        transport: "multi",
        query: { resourceVersion, kind: [kind.kind, other.plural] },
      });
      await t.writer.createOther(namespace, "other");
      const made = await t.make(namespace, "a");
      for (const watch of watches) {
        await watch.untilEvents(1);
        assert.deepEqual(
          watch.events.map(({ object }) => object),
          [made],
        );
      }
      for (const watch of [all, both]) {
        await watch.untilRv(made.metadata.resourceVersion);
        const added = watch.events.filter(({ type }) => type === "ADDED").map(({ object }) => object.metadata.name);
        assert.deepEqual(added, ["other", "a"]);
      }
    },
  },
]);

export const selectors: Case[] = [...matrix, ...transitions, ...byField, ...several];
