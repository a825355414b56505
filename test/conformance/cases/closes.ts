/** How a watch is refused and how it ends: every close code, and the same over HTTP. */
import assert from "node:assert/strict";
import { assertStatus } from "../client/api.ts";
import type { Status } from "../client/types.ts";
import { hasFrames, type Transport, type Watch } from "../client/watch.ts";
import type { Case, Context } from "../types.ts";
import { assertCloses, assertNames, inTable, isTooLarge, onEach, UNKNOWN_KIND } from "./support.ts";

const SOCKETS = ["frames", "multi", "plain"] as const;

/** Over HTTP a refusal before the stream is a Status with its HTTP status; over a socket a frame and a close code. */
async function assertRefused(watch: Watch, close: number, codes: readonly number[]): Promise<Status> {
  if (watch.transport !== "http") return await assertCloses(watch, close, codes);
  assert.ok(codes.includes(watch.status), `HTTP ${codes.join(" or ")}, got ${watch.status} ${watch.body}`);
  const status = JSON.parse(watch.body) as Status;
  assertStatus(status);
  assert.equal(status.code, watch.status);
  return status;
}

/** Parameters that cannot be read, or that are not allowed together, by the name that the refusal has to say. */
const MALFORMED: readonly { parameter: string; query: Record<string, string>; transports?: readonly Transport[] }[] = [
  { parameter: "resourceVersion", query: { resourceVersion: "abc" } },
  { parameter: "resourceVersion", query: { resourceVersion: "-1" } },
  { parameter: "resourceVersion", query: { resourceVersion: "1.5" } },
  { parameter: "resourceVersion", query: { resourceVersion: "0x10" } },
  { parameter: "labelSelector", query: { labelSelector: "a in (b" } },
  { parameter: "labelSelector", query: { labelSelector: "a=b=c" } },
  { parameter: "labelSelector", query: { labelSelector: "not a key=b" } },
  { parameter: "fieldSelector", query: { fieldSelector: "spec.nothing=1" } },
  { parameter: "fieldSelector", query: { fieldSelector: "metadata.name" } },
  { parameter: "sendInitialEvents", query: { sendInitialEvents: "maybe", resourceVersionMatch: "NotOlderThan" } },
  { parameter: "allowWatchBookmarks", query: { allowWatchBookmarks: "maybe" } },
  { parameter: "timeoutSeconds", query: { timeoutSeconds: "soon" } },
  { parameter: "resourceVersionMatch", query: { sendInitialEvents: "true", resourceVersionMatch: "Exact" } },
  { parameter: "resourceVersionMatch", query: { resourceVersionMatch: "NotOlderThan" } },
  { parameter: "resourceVersionMatch", query: { sendInitialEvents: "true" }, transports: ["http", "plain"] },
  { parameter: "expired", query: { expired: "never" } },
];

const refusals: Case[] = [
  ...MALFORMED.flatMap(({ parameter, query, transports }) =>
    onEach(
      {
        id: `close/4400/${new URLSearchParams(query)}`,
        promise: null,
        table: "Close codes",
        row: "4400 bad frame or parameter",
        title: `${new URLSearchParams(query)} is refused, naming ${parameter}`,
        run: async (t, transport) => {
          const watch = await t.open(await t.namespace(), { transport, query });
          assertNames(await assertRefused(watch, 4400, [400, 422]), parameter);
        },
      },
      transports,
    ),
  ),
  ...onEach({
    id: "close/4401/no-token",
    promise: null,
    table: "Close codes",
    row: "4401 no valid token",
    title: "without a token a watch is refused 401, whether or not the namespace exists",
    run: async (t, transport) => {
      const messages: string[] = [];
      for (const namespace of [await t.namespace(), t.unusedName()]) {
        const watch = await t.open(namespace, { transport, token: null });
        const { reason, message } = await assertRefused(watch, 4401, [401]);
        assert.equal(reason, "Unauthorized");
        messages.push(message);
      }
      assert.equal(messages[0], messages[1], "nothing about the namespace is revealed");
    },
  }),
  ...onEach({
    id: "close/4401/bad-token",
    promise: null,
    table: "Close codes",
    row: "4401 no valid token",
    title: "a token that is none, or signed by nobody, is refused 401",
    run: async (t, transport) => {
      const namespace = await t.namespace();
      const [head = "", claims = ""] = t.api.token.split(".");
      for (const token of ["nobody's", `${head}.${claims}.AAAA`]) {
        const watch = await t.open(namespace, { transport, token });
        await assertRefused(watch, 4401, [401]);
      }
    },
  }),
  ...onEach({
    id: "close/4403",
    promise: null,
    table: "Close codes",
    row: "4403 not allowed",
    title: "a token without a grant is refused 403 alike for a namespace that exists and one that does not",
    needs: ["mint"],
    run: async (t, transport) => {
      const messages: string[] = [];
      const token = await t.mint({ role: "reader", namespaces: ["conformance-elsewhere"] });
      for (const namespace of [await t.namespace(), t.unusedName()]) {
        const watch = await t.open(namespace, { transport, token });
        const { reason, message } = await assertRefused(watch, 4403, [403]);
        assert.equal(reason, "Forbidden");
        messages.push(message.replaceAll(namespace, "NS"));
      }
      assert.equal(messages[0], messages[1], "nothing about the namespace is revealed");
    },
  }),
  ...onEach({
    id: "close/4404/namespace",
    promise: null,
    table: "Close codes",
    row: "4404 no such namespace or kind, or gone",
    title: "a namespace that does not exist is refused 404, and not made by its name in a URL",
    run: async (t, transport) => {
      const namespace = t.unusedName();
      const watch = await t.open(namespace, { transport });
      const { reason } = await assertRefused(watch, 4404, [404]);
      assert.equal(reason, "NotFound");
      const { status } = await t.api.refusal(t.path(namespace));
      assert.equal(status.code, 404);
    },
  }),
  ...onEach({
    id: "close/4404/kind",
    promise: null,
    table: "Close codes",
    row: "4404 no such namespace or kind, or gone",
    title: "a kind that does not exist is refused 404",
    run: async (t, transport) => {
      const watch = await t.open(await t.namespace(), { transport, kind: UNKNOWN_KIND });
      const { reason } = await assertRefused(watch, 4404, [404]);
      assert.equal(reason, "NotFound");
    },
  }),
  ...onEach({
    id: "close/4404/gone",
    promise: null,
    table: "Close codes",
    row: "4404 no such namespace or kind, or gone",
    title: "a watch of a namespace that is deleted is closed 4404; over HTTP, ERROR 404 and the end",
    run: async (t, transport) => {
      const namespace = await t.namespace();
      const watch = await t.open(namespace, { transport });
      await t.make(namespace, "a");
      await watch.untilEvents(1);
      await t.api.must(`/apis/gitstore.dev/v1beta1/namespaces/${namespace}`, { method: "DELETE" });
      if (transport === "http") {
        assert.equal((await watch.untilEnd()).reason, "");
        assert.equal(watch.error?.code, 404);
      } else await assertCloses(watch, 4404, [404]);
    },
  }),
  ...onEach({
    id: "close/4410/future",
    promise: "Reliable",
    table: "Close codes",
    row: "4410 expired",
    title: "a future RV ends within about 3 s with ERROR 410 Expired and the cause ResourceVersionTooLarge",
    run: async (t, transport) => {
      const namespace = await t.namespace();
      const began = Date.now();
      const watch = await t.open(namespace, {
        transport,
        query: { resourceVersion: (await t.head(namespace)) + 1_000 },
      });
      const ended = await watch.untilEnd();
      assert.ok(Date.now() - began < 10_000, "3 s, and what the machine takes");
      assert.equal(watch.error?.code, 410);
      assert.equal(watch.error?.reason, "Expired");
      assert.ok(isTooLarge(watch.error), JSON.stringify(watch.error));
      assert.deepEqual(watch.events, []);
      if (transport === "http")
        assert.deepEqual([watch.status, ended.reason], [200, ""], "HTTP 200, one ERROR, a clean end");
      else assert.equal(ended.code, 4410);
    },
  }),
  ...onEach({
    id: "close/4410/future-comes",
    promise: "Resumable",
    table: "Close codes",
    row: "4410 expired",
    title: "a future RV that comes within the wait is a watch like any other: strictly after it",
    run: async (t, transport) => {
      const namespace = await t.namespace();
      const head = await t.head(namespace);
      const opening = t.open(namespace, { transport, query: { resourceVersion: head + 2 } });
      await t.make(namespace, "a");
      await t.make(namespace, "b");
      const watch = await opening;
      const c = await t.make(namespace, "c");
      await watch.untilEvents(1);
      assert.deepEqual(
        watch.events.map(({ object }) => object),
        [c],
      );
    },
  }),
];

const endings: Case[] = inTable("Close codes", [
  ...SOCKETS.map((transport) => ({
    id: `close/1000/asked/${transport}`,
    promise: null,
    row: "1000 ended as asked, or planned",
    title: `a client that closes with 1000 is answered 1000 (${transport})`,
    run: async (t: Context) => {
      const watch = await t.open(await t.namespace(), { transport });
      if (hasFrames(transport)) await watch.until(() => watch.frames.length > 0, "the first frame");
      watch.close();
      assert.equal((await watch.untilEnd()).code, 1000);
    },
  })),
  {
    id: "close/1000/http",
    promise: null,
    row: "1000 ended as asked, or planned",
    title: "timeoutSeconds ends an HTTP watch cleanly, without an error",
    run: async (t) => {
      const watch = await t.open(await t.namespace(), { transport: "http", query: { timeoutSeconds: 1 } });
      const ended = await watch.untilEnd();
      assert.equal(ended.reason, "");
      assert.equal(watch.error, undefined);
    },
  },
  ...SOCKETS.map((transport) => ({
    id: `close/1000/planned/${transport}`,
    promise: "Bookmarkable" as const,
    row: "1000 ended as asked, or planned",
    title: `timeoutSeconds ends a socket with 1000, and a bookmark before it where there is a way to send one (${transport})`,
    slow: 45,
    run: async (t: Context) => {
      const namespace = await t.namespace();
      const watch = await t.open(namespace, {
        transport,
        query: {
          resourceVersion: await t.head(namespace),
          labelSelector: "no=such",
          allowWatchBookmarks: true,
          timeoutSeconds: 5,
        },
      });
      await t.make(namespace, "a");
      const head = await t.head(namespace);
      assert.equal((await watch.untilEnd()).code, 1000);
      assert.equal(watch.error, undefined);
      assert.ok(Number(watch.resumePoint) >= head, `the bookmark is at ${watch.resumePoint}, the head at ${head}`);
    },
  })),
  ...SOCKETS.map((transport) => ({
    id: `close/4401/expiry/${transport}`,
    promise: "Bookmarkable" as const,
    row: "4401 no valid token",
    title: `a token that expires closes the socket 4401 within 60 s, with a bookmark first (${transport})`,
    needs: ["mint"] as const,
    slow: 75,
    run: async (t: Context) => {
      const namespace = await t.namespace();
      const token = await t.mint({ role: "reader", namespaces: [namespace], ttlSeconds: 5 });
      const watch = await t.open(namespace, {
        transport,
        token,
        query: { resourceVersion: await t.head(namespace), labelSelector: "no=such", allowWatchBookmarks: true },
      });
      await t.make(namespace, "a");
      const head = await t.head(namespace);
      await assertCloses(watch, 4401, [401]);
      assert.ok(Number(watch.resumePoint) >= head, `the bookmark is at ${watch.resumePoint}, the head at ${head}`);
    },
  })),
  ...SOCKETS.map((transport) => ({
    id: `close/4401/revoked/${transport}`,
    promise: null,
    row: "4401 no valid token",
    title: `a revocation closes the sockets of its subject 4401 (${transport})`,
    needs: ["mint"] as const,
    slow: 40,
    run: async (t: Context) => {
      const namespace = await t.namespace();
      const sub = `user:${namespace}`;
      const token = await t.mint({ role: "reader", namespaces: [namespace], sub });
      const watch = await t.open(namespace, { transport, token });
      await t.make(namespace, "a");
      await watch.untilEvents(1);
      const until = new Date(Date.now() + 120_000).toISOString();
      await t.api.must("/admin/revocations", { body: { sub, until, reason: "conformance" } });
      await assertCloses(watch, 4401, [401]);
    },
  })),
]);

export const closes: Case[] = [...refusals, ...endings];
