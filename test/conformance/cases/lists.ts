/** Get and list: what resourceVersion and resourceVersionMatch mean together. */
import assert from "node:assert/strict";
import { queryText } from "../client/api.ts";
import { type KubeObject, rvOf } from "../client/types.ts";
import type { Case, Context } from "../types.ts";
import { assertNames, inTable, isTooLarge, makeMany, meanwhile, stateText } from "./support.ts";

interface History {
  namespace: string;
  /** Before any object. */
  empty: number;
  /** `a` as it was made. */
  first: KubeObject;
  /** And as it was edited, after `b` was made. */
  edited: KubeObject;
  b: KubeObject;
  head: number;
}

/** make a, make b, edit a, make c, delete c. */
async function history(t: Context): Promise<History> {
  const namespace = await t.namespace();
  const empty = await t.head(namespace);
  const first = await t.make(namespace, "a", { labels: { v: "1" } });
  const b = await t.make(namespace, "b");
  const edited = await t.writer.update(namespace, "a", { labels: { v: "2" } });
  await t.make(namespace, "c");
  await t.writer.remove(namespace, "c");
  return { namespace, empty, first, b, edited, head: await t.head(namespace) };
}

const row = (id: string, name: string, title: string, run: Case["run"]): Omit<Case, "table"> => ({
  id: `list/${id}`,
  promise: "Reliable",
  row: name,
  title,
  run,
});

const FUTURE = 1_000_000_000;

const gets = [
  row(
    "get/any",
    "get, RV unset / 0 / n",
    "a get without an RV, at 0 and not older than n gives the newest object",
    async (t) => {
      const { namespace, first, edited } = await history(t);
      for (const resourceVersion of [undefined, "", 0, rvOf(first), rvOf(edited)]) {
        const got = await t.api.must(`${t.path(namespace, "a")}${queryText({ resourceVersion })}`);
        assert.deepEqual(got, edited);
      }
    },
  ),
  row(
    "get/future",
    "get, RV unset / 0 / n",
    "a get not older than a future RV is 504 with the cause, within about 3 s",
    async (t) => {
      const { namespace } = await history(t);
      const { status, answer } = await t.api.refusal(`${t.path(namespace, "a")}?resourceVersion=${FUTURE}`);
      assert.equal(status.code, 504);
      assert.equal(status.reason, "Timeout");
      assert.ok(isTooLarge(status));
      assert.ok(Number(answer.headers.get("retry-after")) >= 1);
    },
  ),
  row("get/same", "get, RV unset / 0 / n", "get, list and watch give the same object", async (t) => {
    const { namespace, edited } = await history(t);
    const list = await t.api.list(t.path(namespace), { fieldSelector: "metadata.name=a" });
    const watch = await t.open(namespace, { transport: "http", query: { fieldSelector: "metadata.name=a" } });
    await watch.untilEvents(1);
    assert.deepEqual(list.items[0], edited);
    assert.deepEqual(watch.events[0]?.object, edited);
  }),
];

const lists = [
  row("newest", "list, RV unset", "a list without an RV is the newest state", async (t) => {
    const { namespace, edited, b, head } = await history(t);
    const list = await t.api.list(t.path(namespace));
    assert.deepEqual(list.items, [edited, b], "in the order of names");
    assert.equal(Number(list.metadata.resourceVersion), head);
    const { group, version, kind } = t.writer.kind;
    assert.deepEqual([list.kind, list.apiVersion], [`${kind}List`, `${group}/${version}`]);
  }),
  row("zero", "list, RV=0", "RV=0 is any state, also with NotOlderThan and with a limit", async (t) => {
    const { namespace, edited, b } = await history(t);
    for (const query of [{}, { resourceVersionMatch: "NotOlderThan" }, { limit: 10 }]) {
      const list = await t.api.list(t.path(namespace), { resourceVersion: 0, ...query });
      assert.ok(list.items.every((item) => [edited, b].some((one) => one.metadata.uid === item.metadata.uid)));
    }
  }),
  row("not-older", "list, RV=n, no match, no limit", "RV=n without a limit is not older than n", async (t) => {
    const { namespace, first, edited, b } = await history(t);
    for (const query of [
      {},
      { resourceVersionMatch: "NotOlderThan" },
      { resourceVersionMatch: "NotOlderThan", limit: 10 },
    ]) {
      const list = await t.api.list(t.path(namespace), { resourceVersion: rvOf(first), ...query });
      assert.ok(Number(list.metadata.resourceVersion) >= rvOf(first));
      assert.deepEqual(list.items, [edited, b]);
    }
  }),
  row("limit-exact", "list, RV=n, no match, limit", "RV=n with a limit is exactly n", async (t) => {
    const { namespace, first } = await history(t);
    const list = await t.api.list(t.path(namespace), { resourceVersion: rvOf(first), limit: 10 });
    assert.equal(list.metadata.resourceVersion, first.metadata.resourceVersion);
    assert.deepEqual(list.items, [first]);
  }),
  row(
    "exact",
    "list, match=Exact, RV=n",
    "match=Exact is the state at n, to the object: edits, deletions and later ones undone",
    async (t) => {
      const { namespace, empty, first, b, edited, head } = await history(t);
      const expected: [number, KubeObject[]][] = [
        [empty, []],
        [rvOf(first), [first]],
        [rvOf(b), [first, b]],
        [rvOf(edited), [edited, b]],
        [head, [edited, b]],
      ];
      for (const [resourceVersion, items] of expected) {
        const list = await t.api.list(t.path(namespace), { resourceVersion, resourceVersionMatch: "Exact" });
        assert.equal(Number(list.metadata.resourceVersion), resourceVersion, "the list's RV is the one asked for");
        assert.deepEqual(list.items, items, `the state at ${resourceVersion}`);
      }
      const between = await t.api.list(t.path(namespace), {
        resourceVersion: rvOf(edited) + 1,
        resourceVersionMatch: "Exact",
      });
      assert.deepEqual(
        between.items.map(({ metadata }) => metadata.name),
        ["a", "b", "c"],
        "what was deleted later is there",
      );
    },
  ),
  row("exact-selector", "list, match=Exact, RV=n", "selectors judge the objects as they were at n", async (t) => {
    const { namespace, first, edited } = await history(t);
    const query = { labelSelector: "v=1", resourceVersionMatch: "Exact" };
    assert.deepEqual((await t.api.list(t.path(namespace), { ...query, resourceVersion: rvOf(first) })).items, [first]);
    assert.deepEqual((await t.api.list(t.path(namespace), { ...query, resourceVersion: rvOf(edited) })).items, []);
  }),
  ...[
    ["", {}],
    [" with a limit", { limit: 10 }],
    [" with match=Exact", { resourceVersionMatch: "Exact" }],
    [" with match=NotOlderThan", { resourceVersionMatch: "NotOlderThan" }],
  ].map(([what, query]) =>
    row(
      `future/${Object.values(query as object).join() || "plain"}`,
      "list, future RV",
      `a future RV${what as string} is 504 with cause ResourceVersionTooLarge`,
      async (t) => {
        const { namespace } = await history(t);
        const began = Date.now();
        const { status, answer } = await t.api.refusal(
          `${t.path(namespace)}${queryText({ resourceVersion: FUTURE, ...(query as object) })}`,
        );
        assert.deepEqual([status.code, status.reason], [504, "Timeout"]);
        assert.ok(isTooLarge(status), JSON.stringify(status));
        assert.match(status.message, /^Timeout: Too large resource version: 1000000000, current: \d+$/);
        assert.ok((status.details?.retryAfterSeconds ?? 0) >= 1);
        assert.equal(answer.headers.get("retry-after"), String(status.details?.retryAfterSeconds));
        assert.ok(Date.now() - began < 10_000, "3 s, and what the machine takes");
      },
    ),
  ),
  row("future/comes", "list, future RV", "a future RV that comes within the wait is served", async (t) => {
    const { namespace, head } = await history(t);
    const listing = t.api.list(t.path(namespace), { resourceVersion: head + 1 });
    const made = await t.make(namespace, "d");
    const list = await listing;
    assert.ok(list.items.some(({ metadata }) => metadata.uid === made.metadata.uid));
  }),
  row(
    "then-watch",
    "list, then watch",
    "who lists and watches from the list's RV misses nothing and gets nothing twice",
    async (t) => {
      const namespace = await t.namespace();
      const writing = meanwhile(makeMany(t, namespace, 60));
      const state = new Map<string, KubeObject>();
      const list = await t.api.list(t.path(namespace));
      for (const item of list.items) state.set(item.metadata.name, item);
      const watch = await t.open(namespace, {
        transport: "http",
        query: { resourceVersion: list.metadata.resourceVersion },
      });
      await writing;
      const last = await t.make(namespace, "sentinel");
      await watch.untilRv(last.metadata.resourceVersion);
      for (const { object } of watch.events) {
        assert.ok(!state.has(object.metadata.name), `${object.metadata.name} came twice`);
        state.set(object.metadata.name, object);
      }
      const newest = await t.api.list(t.path(namespace));
      assert.deepEqual(stateText(state.values()), stateText(newest.items));
    },
  ),
];

const MALFORMED: readonly {
  query: Record<string, string>;
  codes: readonly number[];
  parameter: string;
  row: string;
}[] = [
  {
    query: { resourceVersion: "0", resourceVersionMatch: "Exact" },
    codes: [422],
    parameter: "resourceVersionMatch",
    row: "list, RV=0 + Exact, or match without RV",
  },
  {
    query: { resourceVersionMatch: "Exact" },
    codes: [422],
    parameter: "resourceVersionMatch",
    row: "list, RV=0 + Exact, or match without RV",
  },
  {
    query: { resourceVersionMatch: "NotOlderThan" },
    codes: [422],
    parameter: "resourceVersionMatch",
    row: "list, RV=0 + Exact, or match without RV",
  },
  {
    query: { resourceVersion: "1", resourceVersionMatch: "Newer" },
    codes: [422],
    parameter: "resourceVersionMatch",
    row: "list, malformed",
  },
  { query: { sendInitialEvents: "true" }, codes: [422], parameter: "sendInitialEvents", row: "list, malformed" },
  { query: { resourceVersion: "abc" }, codes: [400, 422], parameter: "resourceVersion", row: "list, malformed" },
  { query: { resourceVersion: "-1" }, codes: [400, 422], parameter: "resourceVersion", row: "list, malformed" },
  { query: { limit: "-1" }, codes: [400, 422], parameter: "limit", row: "list, malformed" },
  { query: { limit: "ten" }, codes: [400, 422], parameter: "limit", row: "list, malformed" },
  { query: { watch: "perhaps" }, codes: [400], parameter: "watch", row: "list, malformed" },
  { query: { labelSelector: "a in (b" }, codes: [400], parameter: "labelSelector", row: "list, malformed" },
  { query: { fieldSelector: "spec.nothing=1" }, codes: [400], parameter: "fieldSelector", row: "list, malformed" },
];

const malformed = MALFORMED.map(({ query, codes, parameter, row: name }) =>
  row(
    `refused/${new URLSearchParams(query)}`,
    name,
    `${new URLSearchParams(query)} is ${codes.join(" or ")}, naming ${parameter}`,
    async (t) => {
      const { status } = await t.api.refusal(`${t.path(await t.namespace())}${queryText(query)}`);
      assert.ok(codes.includes(status.code), `${status.code} ${status.message}`);
      if (status.code === 422) assert.equal(status.reason, "Invalid");
      assertNames(status, parameter);
    },
  ),
);

export const listRows: Case[] = inTable("List and get rows", [
  ...gets,
  ...lists,
  ...malformed.map((one) => ({ ...one, promise: null })),
]);
