import { describe, expect, it } from "vitest";
import type { Frame } from "../../../src/client/machine.ts";
import type { SocketLike, Timers } from "../../../src/client/socket.ts";
import { type WatchEvent, type WatchOptions, watch } from "../../../src/client/watch.ts";
import type { Resource } from "../../../src/resource/types.ts";

type Listener = (event: { data?: unknown; code?: number; reason?: string }) => void;

/** The far end of a socket, in the test's hands. */
class FakeSocket implements SocketLike {
  static all: FakeSocket[] = [];
  readyState = 1;
  readonly sent: string[] = [];
  readonly url: URL;
  readonly protocols: string[];
  readonly #listeners = new Map<string, Listener[]>();

  constructor(url: string, protocols: string[]) {
    this.url = new URL(url);
    this.protocols = protocols;
    FakeSocket.all.push(this);
  }
  addEventListener(type: string, listener: Listener): void {
    this.#listeners.set(type, [...(this.#listeners.get(type) ?? []), listener]);
  }
  send(data: string): void {
    this.sent.push(data);
  }
  close(): void {
    this.readyState = 3;
  }
  emit(type: string, event: Parameters<Listener>[0] = {}): void {
    for (const listener of this.#listeners.get(type) ?? []) listener(event);
  }
  frame(frame: Partial<Frame>): void {
    this.emit("message", { data: JSON.stringify({ sent: 1, ...frame }) });
  }
}

/** Time that moves when the test says so. */
class FakeTimers implements Timers {
  now = 0;
  #timers: { at: number; run: () => void }[] = [];
  set(callback: () => void, ms: number): unknown {
    const timer = { at: this.now + ms, run: callback };
    this.#timers.push(timer);
    return timer;
  }
  clear(timer: unknown): void {
    this.#timers = this.#timers.filter((one) => one !== timer);
  }
  advance(ms: number): void {
    this.now += ms;
    for (const timer of this.#timers.filter(({ at }) => at <= this.now)) {
      this.clear(timer);
      timer.run();
    }
  }
}

async function settle(): Promise<void> {
  for (let turn = 0; turn < 20; turn += 1) await Promise.resolve();
}

function start(options: Partial<WatchOptions> = {}) {
  FakeSocket.all = [];
  const timers = new FakeTimers();
  const abort = new AbortController();
  const cuts: { why: string; afterMs: number; resourceVersion: string | undefined }[] = [];
  const events: WatchEvent[] = [];
  const stream = watch({
    server: "https://edge.test/",
    token: "t0ken",
    namespace: "acme",
    kinds: ["Product", "Collection"],
    WebSocket: FakeSocket,
    timers,
    random: () => 0.5,
    signal: abort.signal,
    onReconnect: (cut) => cuts.push(cut),
    ...options,
  });
  const done = (async () => {
    for await (const event of stream) events.push(event);
  })();
  const outcome = done.then(
    () => "ended",
    (error: Error) => error.message,
  );
  const socket = (index = FakeSocket.all.length - 1) => FakeSocket.all[index] as FakeSocket;
  return { timers, abort, cuts, events, outcome, socket, sockets: () => FakeSocket.all.length };
}

const added = (rv: number) => ({
  type: "ADDED" as const,
  object: { metadata: { resourceVersion: String(rv) } } as Resource,
});

describe("watch()", () => {
  it("asks for its kinds in its namespace, with the token as a subprotocol", async () => {
    const { socket, abort, outcome } = start({ resourceVersion: "7", labelSelector: "a=b" });
    await settle();
    expect(socket().url.href).toBe(
      "wss://edge.test/watch/v1/namespaces/acme?kind=Product&kind=Collection&resourceVersion=7&labelSelector=a%3Db",
    );
    expect(socket().protocols).toEqual(["gitstore.watch.v1", "base64url.bearer.authorization.k8s.io.dDBrZW4"]);
    abort.abort();
    expect(await outcome).toBe("ended");
  });

  it("can watch one collection, under a server with a path, from now", async () => {
    const { socket, abort } = start({
      server: "http://127.0.0.1:8787/clusters/acme",
      path: "/apis/g/v1/products",
      kinds: [],
      sendInitialEvents: false,
    });
    await settle();
    expect(socket().url.href).toBe(
      "ws://127.0.0.1:8787/clusters/acme/apis/g/v1/products?watch=1&sendInitialEvents=false",
    );
    abort.abort();
  });

  it("yields what comes, and resumes after a cut from its last resume point", async () => {
    const { socket, events, cuts, abort, sockets } = start({ resourceVersion: "7" });
    await settle();
    socket().frame({ prev: "7", rv: "9", events: [added(8), added(9)] });
    await settle();
    socket().emit("close", { code: 1006 });
    await settle();
    expect(sockets()).toBe(2);
    expect(socket().url.searchParams.get("resourceVersion")).toBe("9");
    expect(cuts).toEqual([{ why: "closed with 1006", afterMs: 0, resourceVersion: "9" }]);
    socket().frame({ prev: "9", rv: "10", events: [added(10)] });
    await settle();
    expect(events.flatMap((event) => ("object" in event ? [event.resourceVersion] : []))).toEqual(["8", "9", "10"]);
    abort.abort();
  });

  it("closes at a broken chain, and resumes", async () => {
    const { socket, cuts, abort, sockets } = start({ resourceVersion: "7" });
    await settle();
    socket().frame({ prev: "8", rv: "9", events: [added(9)] });
    await settle();
    expect(socket(0).readyState).toBe(3);
    expect(sockets()).toBe(2);
    expect(cuts[0]?.why).toContain("prev is 8, not 7");
    abort.abort();
  });

  it("acknowledges when a quarter of its window has come", async () => {
    const { socket, abort } = start({ resourceVersion: "7", window: 65_536 });
    await settle();
    socket().frame({ sent: 16_383, prev: "7", rv: "8" });
    await settle();
    expect(socket().sent).toEqual([]);
    socket().frame({ sent: 16_384, prev: "8", rv: "9" });
    await settle();
    expect(socket().sent).toEqual(['{"ack":16384}']);
    abort.abort();
  });

  it("acknowledges ten seconds after a frame at the latest, and never the same twice", async () => {
    const { socket, abort, timers } = start({ resourceVersion: "7" });
    await settle();
    socket().frame({ sent: 100, prev: "7", rv: "8" });
    await settle();
    timers.advance(9_999);
    expect(socket().sent).toEqual([]);
    timers.advance(1);
    expect(socket().sent).toEqual(['{"ack":100}']);
    timers.advance(10_000);
    expect(socket().sent).toEqual(['{"ack":100}']);
    abort.abort();
  });

  it("does not acknowledge what its reader has not taken", async () => {
    FakeSocket.all = [];
    const timers = new FakeTimers();
    const stream = watch({
      server: "https://e",
      token: "t",
      namespace: "a",
      resourceVersion: "7",
      window: 65_536,
      WebSocket: FakeSocket,
      timers,
    });
    const first = stream.next();
    await settle();
    const socket = FakeSocket.all[0] as FakeSocket;
    socket.frame({ sent: 40_000, prev: "7", rv: "9", events: [added(8), added(9)] });
    await first;
    timers.advance(60_000);
    expect(socket.sent.filter((text) => text !== "ping")).toEqual([]);
    await stream.next();
    await stream.next();
    const last = stream.next();
    await settle();
    expect(socket.sent).toContain('{"ack":40000}');
    socket.emit("close", { code: 4403, reason: "enough" });
    await expect(last).rejects.toThrow("enough");
  });

  it("pings every thirty seconds, and resumes when no answer comes within ten", async () => {
    const { socket, abort, timers, sockets, cuts } = start({ resourceVersion: "7" });
    await settle();
    socket().emit("open");
    timers.advance(30_000);
    expect(socket().sent).toEqual(["ping"]);
    socket().emit("message", { data: "pong" });
    timers.advance(10_000);
    await settle();
    expect(sockets()).toBe(1);
    timers.advance(20_000);
    timers.advance(10_000);
    await settle();
    expect(sockets()).toBe(2);
    expect(cuts[0]?.why).toContain("no answer to a ping");
    abort.abort();
  });

  it("waits between failures with jitter, and can be ended meanwhile", async () => {
    const { socket, abort, timers, sockets, cuts, outcome } = start({ resourceVersion: "7" });
    await settle();
    socket().emit("close", { code: 1006 });
    await settle();
    socket().emit("close", { code: 1006 });
    await settle();
    expect(cuts.map(({ afterMs }) => afterMs)).toEqual([0, 50]);
    expect(sockets()).toBe(2);
    timers.advance(50);
    await settle();
    expect(sockets()).toBe(3);
    socket().emit("close", { code: 4404 });
    await settle();
    abort.abort();
    expect(await outcome).toBe("ended");
    expect(sockets()).toBe(3);
  });

  it("asks for another token when the server no longer takes the last", async () => {
    const tokens = ["old", "new"];
    const { socket, abort } = start({ resourceVersion: "7", token: () => tokens.shift() ?? "none" });
    await settle();
    expect(socket().protocols[1]).toMatch(/b2xk$/);
    socket().emit("close", { code: 4401, reason: "expired" });
    await settle();
    expect(socket().protocols[1]).toMatch(/bmV3$/);
    abort.abort();
  });

  it("throws what no reconnect heals, in the server's words", async () => {
    const { socket, outcome } = start({ resourceVersion: "7" });
    await settle();
    socket().frame({ error: { code: 410, reason: "Expired", message: "too old resource version: 7 (100)" } });
    socket().emit("close", { code: 4410, reason: "expired" });
    expect(await outcome).toBe("too old resource version: 7 (100)");
  });

  it("gives up after as many failures as it was allowed", async () => {
    const { socket, outcome } = start({ giveUpAfter: 1 });
    await settle();
    socket().emit("close", { code: 1006 });
    await settle();
    socket().emit("close", { code: 1006 });
    expect(await outcome).toContain("no connection");
  });

  it("treats a frame that is no JSON as a broken connection", async () => {
    const { socket, abort, sockets } = start({ resourceVersion: "7" });
    await settle();
    socket().emit("message", { data: "{" });
    await settle();
    expect(sockets()).toBe(2);
    abort.abort();
  });
});
