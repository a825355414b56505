import { evictDurableObject } from "cloudflare:test";
import { describe, expect, it } from "vitest";
import {
  bindings,
  controlsOfLedger,
  headOf,
  must,
  newLedger,
  productText,
  push,
  runAlarm,
  type TestLedger,
} from "../support/ledger.ts";
import { tokenOf } from "../support/token.ts";
import { type Watcher, type WatcherOptions, watch } from "../support/watcher.ts";

const PRODUCT = "Product.catalog.gitstore.dev";
const stubOf = (ledger: TestLedger): DurableObjectStub => bindings.LEDGER.get(bindings.LEDGER.idFromName(ledger.name));
const named = (ledger: TestLedger, options: WatcherOptions & { standby?: boolean } = {}): Promise<Watcher> =>
  watch(ledger, {
    start: { from: "state", asked: false },
    kinds: [PRODUCT],
    watcher: { name: "w", standby: options.standby ?? false },
    ...options,
  });
const done = (watcher: Watcher, rv: number | string): void => watcher.socket.send(JSON.stringify({ done: String(rv) }));
const epochOf = (watcher: Watcher): unknown => (JSON.parse(watcher.texts[0] ?? "{}") as { epoch?: number }).epoch;

describe("a named watcher", () => {
  it("begins with the initial state, and resumes strictly after its last `done` on any later connection", async () => {
    const ledger = await newLedger();
    await push(ledger, { files: { "a.md": productText("a", "A") } });
    const first = await named(ledger);
    await first.until(() => first.frames.length > 0);
    expect(first.frames[0]).toMatchObject({ snapshot: true, end: true });
    const position = first.frames[0]?.rv ?? "";
    done(first, position);
    await push(ledger, { files: { "b.md": productText("b", "B") } });
    await first.until(() => first.events.length === 2);
    first.close();
    await first.closed;
    await evictDurableObject(stubOf(ledger), { webSockets: "hibernate" });
    const second = await named(ledger);
    await second.until(() => second.events.length === 1);
    expect(second.frames[0]).toMatchObject({ prev: position, rv: position });
    expect(second.events[0]?.object.metadata.name).toBe("b");
  });

  it("makes `done` durable by itself, without the connection closing", async () => {
    const ledger = await newLedger();
    const watcher = await named(ledger, { start: { from: "rv", rv: 1 } });
    for (const name of ["a", "b", "c"]) {
      await push(ledger, { files: { [`${name}.md`]: productText(name, name) } });
      await watcher.untilRv(await headOf(ledger));
      done(watcher, await headOf(ledger));
    }
    const head = await headOf(ledger);
    watcher.socket.send("ping");
    await watcher.until(() => watcher.texts.includes("pong"));
    controlsOfLedger(ledger).clockAheadMs = 11_000;
    await runAlarm(ledger);
    await evictDurableObject(stubOf(ledger), { webSockets: "close" });
    expect(await must(ledger.stub.watchers())).toMatchObject([
      { name: "w", subject: "user:test", position: String(head), lagEvents: 0, connected: false },
    ]);
  });

  it("refuses a `done` that is no resume point of this connection with 4400", async () => {
    const ledger = await newLedger();
    await push(ledger, { files: { "a.md": productText("a", "A") } });
    const head = await headOf(ledger);
    for (const rv of [head - 1, head + 5]) {
      const watcher = await named(ledger, { start: { from: "rv", rv: 1 } });
      await watcher.untilRv(head);
      done(watcher, rv);
      expect(await watcher.closed, String(rv)).toMatchObject({ code: 4400 });
    }
  });

  it("takes as `done` the RV it began at, though that lies inside a transaction", async () => {
    const ledger = await newLedger();
    await push(ledger, { files: { "a.md": productText("a", "A"), "b.md": productText("b", "B") } });
    const inside = (await headOf(ledger)) - 1;
    const watcher = await named(ledger, { start: { from: "rv", rv: inside } });
    await watcher.untilRv(inside + 1);
    done(watcher, inside);
    done(watcher, inside + 1);
    await expect
      .poll(async () => (await must(ledger.stub.watchers()))[0])
      .toMatchObject({ position: String(inside + 1), connected: true });
  });

  it("is bound to its query at first use: another is WatcherMismatch, unless an RV binds it anew", async () => {
    const ledger = await newLedger();
    await named(ledger);
    const other = await named(ledger, { label: "a=b" });
    expect(await other.closed).toMatchObject({ code: 4400, reason: expect.stringContaining("WatcherMismatch") });
    const anew = await named(ledger, { label: "a=b", start: { from: "rv", rv: 1 } });
    await anew.until(() => anew.frames.length > 0);
    expect((await must(ledger.stub.watchers()))[0]).toMatchObject({ query: { labelSelector: "a=b" } });
  });

  it("closes the connection before it with 4408, and fences its late writes by epoch", async () => {
    const ledger = await newLedger();
    const first = await named(ledger);
    const second = await named(ledger);
    expect(await first.closed).toMatchObject({ code: 4408 });
    await second.until(() => second.texts.length > 0);
    expect([epochOf(first), epochOf(second)]).toEqual([1, 2]);
    const write = (epoch: number, name: string): ReturnType<typeof ledger.stub.write> =>
      ledger.stub.write({
        operation: "CREATE",
        kind: "Channel.release.gitstore.dev",
        name,
        resource: { apiVersion: "release.gitstore.dev/v1beta1", kind: "Channel", metadata: { name }, spec: {} },
        actor: "user:test",
        watcher: { subject: "user:test", name: "w", epoch },
      });
    expect(await write(1, "late")).toMatchObject({ ok: false, error: { code: "Fenced" } });
    expect(await write(2, "now")).toMatchObject({ ok: true });
    expect(await ledger.stub.get("Channel.release.gitstore.dev", "late")).toMatchObject({ ok: false });
  });

  it("lets a standby wait, and take over from the last `done` when the first closes", async () => {
    const ledger = await newLedger();
    const first = await named(ledger, { start: { from: "rv", rv: 1 } });
    const standby = await named(ledger, { standby: true });
    await standby.until(() => standby.texts.length === 1);
    expect(JSON.parse(standby.texts[0] ?? "")).toMatchObject({ standby: true });
    await push(ledger, { files: { "a.md": productText("a", "A") } });
    const position = await headOf(ledger);
    await first.untilRv(position);
    done(first, position);
    await push(ledger, { files: { "b.md": productText("b", "B") } });
    await first.untilRv(await headOf(ledger));
    expect(standby.events).toEqual([]);
    first.close();
    await standby.until(() => standby.events.length === 1);
    expect(standby.events[0]?.object.metadata.name).toBe("b");
    expect(JSON.parse(standby.texts[1] ?? "")).toMatchObject({
      epoch: 2,
      prev: String(position),
      rv: String(position),
    });
  });

  it("lets a standby take over from a connection that was silent for 30 s", async () => {
    const ledger = await newLedger();
    // Not even an acknowledgement, which might come once the clock has moved.
    const silent = await named(ledger, { ack: false });
    const standby = await named(ledger, { standby: true });
    await standby.until(() => standby.texts.length === 1);
    controlsOfLedger(ledger).clockAheadMs = 31_000;
    await runAlarm(ledger);
    expect(await silent.closed).toMatchObject({ code: 4408 });
    await standby.until(() => standby.texts.length > 1);
    expect((await must(ledger.stub.watchers()))[0]).toMatchObject({ connected: true, standby: 0, epoch: 2 });
  });

  it("is listed with its lag, belongs to its subject, and is forgotten when deleted or after 90 days", async () => {
    const ledger = await newLedger();
    const mine = await named(ledger, { start: { from: "rv", rv: 1 } });
    const other = await named(ledger, { sub: "user:other", start: { from: "rv", rv: 1 } });
    await push(ledger, { files: { "a.md": productText("a", "A") } });
    const head = await headOf(ledger);
    const listed = await must(ledger.stub.watchers());
    expect(listed.map(({ subject, lagEvents }) => [subject, lagEvents])).toEqual([
      ["user:other", head - 1],
      ["user:test", head - 1],
    ]);
    expect(await must(ledger.stub.removeWatcher("w", "user:other"))).toEqual({ removed: 1 });
    expect(await other.closed).toMatchObject({ code: 4404 });
    expect(mine.socket.readyState).toBe(WebSocket.OPEN);
    mine.close();
    await mine.closed;
    controlsOfLedger(ledger).clockAheadMs = 91 * 24 * 3_600_000;
    await runAlarm(ledger);
    expect(await must(ledger.stub.watchers())).toEqual([]);
  });
});

describe("a token on an open socket", () => {
  it("is renewed by a frame of the same subject that may still watch, else the socket closes 4401", async () => {
    const ledger = await newLedger();
    const soon = Math.floor(Date.now() / 1000) + 60;
    const renewed = await watch(ledger, { sub: "user:a", exp: soon });
    renewed.socket.send(
      JSON.stringify({ token: await tokenOf({ role: "reader", namespaces: [ledger.name] }, { sub: "user:a" }) }),
    );
    renewed.socket.send("ping");
    await renewed.until(() => renewed.texts.includes("pong"));
    for (const [why, token] of [
      ["another subject", await tokenOf({ role: "reader", namespaces: [ledger.name] }, { sub: "user:b" })],
      ["another namespace", await tokenOf({ role: "reader", namespaces: ["elsewhere"] }, { sub: "user:a" })],
      ["no token", "x.y.z"],
    ] as const) {
      const refused = await watch(ledger, { sub: "user:a", exp: soon });
      refused.socket.send(JSON.stringify({ token }));
      expect(await refused.closed, why).toMatchObject({ code: 4401 });
    }
    controlsOfLedger(ledger).clockAheadMs = 62_000;
    await runAlarm(ledger);
    await push(ledger, { files: { "a.md": productText("a", "A") } });
    await renewed.until(() => renewed.events.length > 0);
  });

  it("closes 4400 where not even its id fits beside long selectors", async () => {
    const ledger = await newLedger();
    const selectors = { label: `a in (${"x,".repeat(2_000)}x)`, field: `metadata.name=${"日".repeat(4_000)}` };
    const watcher = await watch(ledger, { sub: "user:a", ...selectors });
    const claims = { sub: "user:a", jti: "j".repeat(10_000) };
    const token = await tokenOf({ role: "reader", namespaces: [ledger.name] }, claims);
    watcher.socket.send(JSON.stringify({ token }));
    expect(await watcher.closed).toMatchObject({ code: 4400 });
    expect(watcher.error).toMatchObject({ code: 400, message: expect.stringContaining("token's id") });
  });
});
