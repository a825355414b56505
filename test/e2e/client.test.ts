import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type Watch, type WatchEvent, watch } from "../../src/client/watch.ts";
import { productFile, products } from "./support/catalog.ts";
import { Stage } from "./support/stage.ts";

let stage: Stage;
beforeAll(async () => {
  stage = await Stage.set();
});
afterAll(() => stage.strike());

const open = (namespace: string, options: Partial<Parameters<typeof watch>[0]> = {}): Watch =>
  watch({
    server: stage.server.url,
    token: stage.admin,
    namespace,
    kinds: ["Product"],
    watcher: "inventory",
    ...options,
  });

/** Reads until `until` holds of what came; the rest is left to the next reader. */
async function read(watching: Watch, until: (events: WatchEvent[]) => boolean): Promise<WatchEvent[]> {
  const events: WatchEvent[] = [];
  while (!until(events)) {
    const { value, done } = await watching.next();
    if (done) throw new Error(`the watch ended after ${JSON.stringify(events)}`);
    events.push(value);
  }
  return events;
}

const last = (events: WatchEvent[]): WatchEvent | undefined => events.at(-1);
const names = (events: WatchEvent[]): string[] =>
  events.flatMap((event) => ("object" in event ? [event.object.metadata.name] : []));

describe("the typed client with a named watcher", () => {
  it("goes on in a later process strictly after what it reported as done, also across a kill -9 of the server", async () => {
    const remote = await stage.shop("named");
    const [a, b, c] = products(3);
    if (!a || !b || !c) throw new Error("three products are needed");
    await remote.commit([productFile(a)], "one");
    await stage.sync("named");
    const first = open("named");
    const began = await read(first, (events) => last(events)?.type === "SYNCED");
    expect(began.map(({ type }) => type)).toEqual(["ACTIVE", "SYNCING", "ADDED", "SYNCED"]);
    const synced = last(began);
    if (synced?.type !== "SYNCED") throw new Error("no state");
    first.done(synced.resourceVersion);
    await expect
      .poll(async () => (await stage.must<{ items: { position: string }[] }>("/watchers/named")).items[0]?.position)
      .toBe(synced.resourceVersion);
    await stage.server.kill();
    await stage.server.restart();
    await remote.commit([productFile(b), productFile(c)], "two more");
    await stage.sync("named");
    await read(first, (events) => names(events).length === 2);
    await first.return();
    const second = open("named");
    const resumed = await read(second, (events) => names(events).length === 2);
    expect(resumed[0]).toEqual({ type: "ACTIVE", epoch: expect.any(Number) });
    expect(names(resumed)).toEqual([b.name, c.name].sort());
    expect(second.lag).toBeGreaterThanOrEqual(0);
    await second.return();
  });

  it("stands by while another instance works, takes over when that is gone, and is fenced by epoch", async () => {
    const remote = await stage.shop("standby");
    const working = open("standby");
    await read(working, (events) => last(events)?.type === "SYNCED");
    const waiting = open("standby", { standby: true });
    expect(last(await read(waiting, (events) => events.length === 1))).toEqual({ type: "STANDBY" });
    const [row] = products(1);
    if (!row) throw new Error("a product is needed");
    await remote.commit([productFile(row)], "one");
    await stage.sync("standby");
    const seen = await read(working, (events) => last(events)?.type === "BOOKMARK" && names(events).length === 1);
    const bookmark = last(seen);
    if (bookmark?.type !== "BOOKMARK") throw new Error("no resume point");
    working.done(bookmark.resourceVersion);
    await working.return();
    const active = await read(waiting, (events) => last(events)?.type === "BOOKMARK");
    expect(active[0]).toEqual({ type: "ACTIVE", epoch: 2 });
    expect(names(active), "what was done is not told again").toEqual([]);
    const write = (epoch: number) =>
      stage.call("/apis/release.gitstore.dev/v1beta1/namespaces/standby/channels", {
        headers: { "GitStore-Watcher": `inventory/${epoch}` },
        body: {
          apiVersion: "release.gitstore.dev/v1beta1",
          kind: "Channel",
          metadata: { name: `c${epoch}` },
          spec: {},
        },
      });
    expect((await write(1)).status).toBe(409);
    expect((await write(2)).status).toBe(201);
    await waiting.return();
  });
});
