import { beforeAll, describe, expect, it } from "vitest";
import { ask, NAMESPACES_PATH, newNamespace, tokenFor } from "../support/http.ts";
import { headOf, must, newLedger, productText, push, type TestLedger } from "../support/ledger.ts";
import { LineStream } from "../support/lines.ts";
import { type Watcher, watch } from "../support/watcher.ts";

const PRODUCT = "Product.catalog.gitstore.dev";
const SPREAD_MS = 60_000;
const drain = (ledger: TestLedger): Promise<{ closed: number }> => must(ledger.stub.drain(SPREAD_MS));
const file = (name: string): Record<string, string> => ({ [`${name}.md`]: productText(name, name) });
const retryAfter = ({ reason }: { reason: string }): number => Number(/^retryAfterMs=(\d+)$/.exec(reason)?.[1]);

describe("a drain", () => {
  it("closes 4503 with a bookmark before, and what follows is there for whoever resumes", async () => {
    const ledger = await newLedger();
    const all = await watch(ledger, { kinds: [PRODUCT] });
    const none = await watch(ledger, { kinds: [PRODUCT], label: "no=such" });
    await push(ledger, { files: { ...file("a"), ...file("b") } });
    const head = await headOf(ledger);
    expect(await drain(ledger)).toEqual({ closed: 2 });
    for (const watcher of [all, none]) {
      const close = await watcher.closed;
      expect(close.code).toBe(4503);
      expect(retryAfter(close)).toBeLessThan(SPREAD_MS);
      expect(watcher.error).toMatchObject({ code: 503, reason: "ServiceUnavailable" });
      expect(watcher.frames.at(-1), "a resume from here reads nothing again").toMatchObject({ rv: String(head) });
    }
    await push(ledger, { files: file("c") });
    const again = await watch(ledger, { kinds: [PRODUCT], start: { from: "rv", rv: head } });
    await again.untilRv(await headOf(ledger));
    expect(again.events.map(({ object }) => object.metadata.name)).toEqual(["c"]);
  });

  it("spreads the return: each has a time of its own, within what was asked", async () => {
    const ledger = await newLedger();
    const watchers: Watcher[] = [];
    for (let i = 0; i < 40; i++) watchers.push(await watch(ledger, { start: { from: "now" } }));
    expect(await drain(ledger)).toEqual({ closed: 40 });
    const times = (await Promise.all(watchers.map(({ closed }) => closed))).map(retryAfter);
    expect(Math.max(...times)).toBeLessThan(SPREAD_MS);
    // 40 drawn from a minute all lie in one half of it once in 2^39 runs.
    expect(times.some((ms) => ms < SPREAD_MS / 2)).toBe(true);
    expect(times.some((ms) => ms >= SPREAD_MS / 2)).toBe(true);
  });

  it("gives a parked watcher no bookmark over what it has not been sent", async () => {
    const ledger = await newLedger();
    const parked = await watch(ledger, { kinds: [PRODUCT], ack: false, window: 64 * 1024 });
    for (let i = 0; i < 6; i++)
      await push(ledger, { files: { [`p${i}.md`]: productText(`p${i}`, "x".repeat(190)) + "y".repeat(20_000) } });
    await drain(ledger);
    expect((await parked.closed).code).toBe(4503);
    const seen = parked.events.length;
    expect(seen).toBeLessThan(6);
    const again = await watch(ledger, { kinds: [PRODUCT], start: { from: "rv", rv: Number(parked.lastRv) } });
    await again.untilRv(await headOf(ledger));
    expect(seen + again.events.length).toBe(6);
  });

  it("closes who stands by too, without making it take over first", async () => {
    const ledger = await newLedger();
    const options = { start: { from: "state", asked: false }, kinds: [PRODUCT] } as const;
    const working = await watch(ledger, { ...options, kinds: [PRODUCT], watcher: { name: "w", standby: false } });
    await working.until(() => working.frames.length > 0);
    const waiting = await watch(ledger, { ...options, kinds: [PRODUCT], watcher: { name: "w", standby: true } });
    await waiting.until(() => waiting.texts.length > 0);
    expect(await drain(ledger)).toEqual({ closed: 2 });
    expect((await waiting.closed).code).toBe(4503);
    expect((await working.closed).code).toBe(4503);
    expect(waiting.texts.filter((text) => text.includes('"snapshot"'))).toEqual([]);
    const [watcher] = await must(ledger.stub.watchers());
    expect(watcher).toMatchObject({ epoch: 1, connected: false, standby: 0 });
  });

  it("ends plain WebSockets and leases' watches without an ERROR event, after which clients would list again", async () => {
    const ledger = await newLedger();
    const of = { apiVersion: "catalog.gitstore.dev/v1beta1", kind: "Product" };
    const plain = await watch(ledger, { enc: "events", kinds: [PRODUCT], bookmarks: true, of, label: "no=such" });
    const leases = await watch(ledger, { enc: "events", kinds: ["Lease.coordination.k8s.io"], start: { from: "now" } });
    await push(ledger, { files: file("a") });
    const head = await headOf(ledger);
    expect(await drain(ledger)).toEqual({ closed: 2 });
    expect((await plain.closed).code).toBe(4503);
    expect((await leases.closed).code).toBe(4503);
    expect(JSON.parse(plain.texts.at(-1) ?? "")).toMatchObject({
      type: "BOOKMARK",
      object: { metadata: { resourceVersion: String(head) } },
    });
    expect(plain.texts.filter((text) => text.includes("ERROR"))).toEqual([]);
    expect(leases.texts).toEqual([]);
  });

  it("leaves a namespace that serves: the next watch is opened as before", async () => {
    const ledger = await newLedger();
    expect(await drain(ledger)).toEqual({ closed: 0 });
    const watcher = await watch(ledger, { start: { from: "now" } });
    await push(ledger, { files: file("a") });
    await watcher.untilRv(await headOf(ledger));
  });
});

describe("POST /admin/drain", () => {
  let admin: string;
  beforeAll(async () => {
    admin = await tokenFor({ role: "admin" });
  });

  it("ends an HTTP watch with a bookmark and no ERROR", async () => {
    const namespace = await newNamespace(admin);
    const path = `/apis/catalog.gitstore.dev/v1beta1/namespaces/${namespace}/products`;
    const { body } = await ask(admin, path);
    const rv: string = body.metadata.resourceVersion;
    const lines = await LineStream.open(admin, `${path}?watch=1&resourceVersion=${rv}&allowWatchBookmarks=true`);
    const drained = await ask(admin, `/admin/drain/${namespace}`, { method: "POST", body: { overSeconds: 5 } });
    expect(drained).toMatchObject({ status: 200, body: { namespace, closed: 1 } });
    expect(await lines.next()).toMatchObject({ type: "BOOKMARK", object: { metadata: { resourceVersion: rv } } });
    expect(await lines.next()).toBeUndefined();
  });

  it("without a namespace closes the watches of the cluster scope", async () => {
    const { body } = await ask(admin, NAMESPACES_PATH);
    const from = `resourceVersion=${body.metadata.resourceVersion}`;
    const lines = await LineStream.open(admin, `${NAMESPACES_PATH}?watch=1&${from}`);
    expect(await ask(admin, "/admin/drain", { method: "POST" })).toMatchObject({ status: 200, body: { closed: 1 } });
    expect(await lines.next()).toBeUndefined();
  });

  it("is for a namespace's admin; refuses what is malformed and what is not there", async () => {
    const namespace = await newNamespace(admin);
    const path = `/admin/drain/${namespace}`;
    const own = await tokenFor({ role: "admin", namespaces: [namespace] });
    const other = await tokenFor({ role: "admin", namespaces: ["another"] });
    const operator = await tokenFor({ role: "operator", namespaces: ["*"] });
    const status = async (token: string | undefined, at: string, body?: unknown): Promise<number> =>
      (await ask(token, at, { method: "POST", ...(body === undefined ? {} : { body }) })).status;
    expect(await status(undefined, path)).toBe(401);
    expect(await status(operator, path)).toBe(403);
    expect(await status(operator, path, { overSeconds: "soon" })).toBe(403);
    expect(await status(own, path)).toBe(200);
    expect(await status(other, "/admin/drain/no-such")).toBe(403);
    expect(await status(admin, "/admin/drain/no-such")).toBe(404);
    for (const body of [{ overSeconds: -1 }, { overSeconds: 601 }, { overSeconds: 1.5 }, { spread: 3 }])
      expect(await status(admin, path, body), JSON.stringify(body)).toBe(400);
  });
});
