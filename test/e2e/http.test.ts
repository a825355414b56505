import { type ChildProcess, spawn } from "node:child_process";
import { type ClientRequest, get, type IncomingMessage, request } from "node:http";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import WebSocket from "ws";
import { product } from "./support/badFiles.ts";
import { Sender, waitFor } from "./support/deliveries.ts";
import type { Repository } from "./support/gitServer.ts";
import { Stage } from "./support/stage.ts";
import type { WatchedEvent, WatchedObject } from "./support/watcher.ts";

const NS = "shop";
const LEFT = "leavers";
const PRODUCTS = `/apis/catalog.gitstore.dev/v1beta1/namespaces/${NS}/products`;
const PROTOCOL = "gitstore.watch.v1";

let stage: Stage;
let remote: Repository;
let pushed = 0;
beforeAll(async () => {
  stage = await Stage.set();
  remote = await stage.shop(NS);
  await push("first");
});
afterAll(() => stage.strike());

const leftovers: (() => void)[] = [];
afterEach(() => {
  for (const end of leftovers.splice(0)) end();
});

/** A new product, admitted. */
async function push(name: string): Promise<void> {
  pushed += 1;
  await remote.commit(
    [{ path: `${name}.md`, text: product(name, { spec: `  title: Push ${pushed}\n` }) }],
    `Add ${name}`,
  );
  await stage.sync(NS);
}

interface List {
  kind: string;
  metadata: { resourceVersion: string };
  items: WatchedObject[];
}
const list = (): Promise<List> => stage.must<List>(PRODUCTS);

/** Watchers of the namespace that readers leave. */
async function connected(): Promise<number> {
  const response = await stage.server.fetch(`/metrics?namespace=${LEFT}`);
  const line = new RegExp(`^gitstore_watchers\\{namespace="${LEFT}",state="connected"\\} (\\d+)$`, "m");
  return Number(line.exec(await response.text())?.[1]);
}

/** Complete lines of a stream as they come; blank ones are skipped, as every client does. */
class Lines {
  readonly events: WatchedEvent[] = [];
  blanks = 0;
  #rest = "";

  add(text: string): void {
    const lines = (this.#rest + text).split("\n");
    this.#rest = lines.pop() ?? "";
    for (const line of lines) {
      if (line === "") this.blanks += 1;
      else this.events.push(JSON.parse(line) as WatchedEvent);
    }
  }

  names(): string[] {
    return this.events.map(({ type, object }) => `${type} ${object.metadata.name}`);
  }
}

describe("a watch over HTTP", () => {
  it("with plain fetch goes on where the list ended, one JSON document a line", async () => {
    const { kind, metadata, items } = await list();
    expect(kind).toBe("ProductList");
    expect(items.map(({ metadata: { name } }) => name)).toEqual(["first"]);
    const cut = new AbortController();
    leftovers.push(() => cut.abort());
    const response = await fetch(`${stage.server.url}${PRODUCTS}?watch=1&resourceVersion=${metadata.resourceVersion}`, {
      headers: { Authorization: `Bearer ${stage.admin}` },
      signal: cut.signal,
    });
    expect([response.status, response.headers.get("content-type")]).toEqual([200, "application/json"]);
    await push("by-fetch");
    const lines = new Lines();
    const decoder = new TextDecoder();
    for await (const chunk of response.body ?? []) {
      lines.add(decoder.decode(chunk as Uint8Array, { stream: true }));
      if (lines.events.length > 0) break;
    }
    expect(lines.names()).toEqual(["ADDED by-fetch"]);
    expect(lines.events[0]?.object).toEqual(await stage.get(NS, "products", "by-fetch"));
  });

  it("with curl gives the state and then each change, as kubectl would ask for it", async () => {
    const query = "watch=true&allowWatchBookmarks=true&timeoutSeconds=300";
    const { child, lines } = curl(`${PRODUCTS}?${query}`);
    const known = (await list()).items.map(({ metadata }) => `ADDED ${metadata.name}`);
    await waitFor(
      async () => lines.names(),
      (names) => names.length >= known.length,
    );
    expect(lines.names().toSorted()).toEqual(known.toSorted());
    await push("by-curl");
    await waitFor(
      async () => lines.names(),
      (names) => names.includes("ADDED by-curl"),
    );
    expect(lines.events.at(-1)?.type).toBe("ADDED");
    child.kill();
  });

  it("with curl ends by itself after timeoutSeconds, with a bookmark for where to go on", async () => {
    const { metadata } = await list();
    const { child, lines, ended } = curl(
      `${PRODUCTS}?watch=true&allowWatchBookmarks=true&timeoutSeconds=1&resourceVersion=${metadata.resourceVersion}`,
    );
    expect(await ended).toBe(0);
    expect(child.killed).toBe(false);
    expect(lines.events).toMatchObject([{ type: "BOOKMARK", object: { kind: "Product" } }]);
  });

  it("that its reader has left frees its session, though nothing is written meanwhile", async () => {
    // A namespace of its own: what other tests have left may be noticed meanwhile.
    const leaving = await stage.shop(LEFT);
    const at = await stage.head(LEFT);
    const readers = await Promise.all([1, 2, 3].map(() => open(at)));
    await waitFor(connected, (count) => count === 3);
    const [stays, ...leave] = readers;
    for (const { cable } of leave) cable();
    await waitFor(connected, (count) => count === 1);
    // The one that stayed was told nothing but blank lines, and gets the next change.
    expect(stays?.lines.events).toEqual([]);
    expect(stays?.lines.blanks).toBeGreaterThan(0);
    await leaving.commit([{ path: "after-all.md", text: product("after-all") }], "Add");
    await stage.sync(LEFT);
    await waitFor(
      async () => stays?.lines.names(),
      (names) => names?.length === 1,
    );
    expect(stays?.lines.names()).toEqual(["ADDED after-all"]);
  }, 90_000);

  function curl(path: string): { child: ChildProcess; lines: Lines; ended: Promise<number | null> } {
    const lines = new Lines();
    const args = ["-sSN", "-H", `Authorization: Bearer ${stage.admin}`, `${stage.server.url}${path}`];
    const child = spawn("curl", args, { stdio: ["ignore", "pipe", "inherit"] });
    leftovers.push(() => child.kill());
    child.stdout.on("data", (chunk: Buffer) => lines.add(chunk.toString()));
    const ended = new Promise<number | null>((resolve) => child.once("close", resolve));
    return { child, lines, ended };
  }

  /** A reader on a connection of its own, which `cable` pulls out. */
  function open(rv: string): Promise<{ lines: Lines; cable: () => void }> {
    return new Promise((resolve, reject) => {
      const lines = new Lines();
      const asked: ClientRequest = get(
        `${stage.server.url}${PRODUCTS.replace(NS, LEFT)}?watch=1&resourceVersion=${rv}`,
        { agent: false, headers: { Authorization: `Bearer ${stage.admin}` } },
        (response: IncomingMessage) => {
          response.on("data", (chunk: Buffer) => lines.add(chunk.toString()));
          response.on("error", () => undefined);
          resolve({ lines, cable: () => asked.destroy() });
        },
      );
      asked.on("error", reject);
      leftovers.push(() => asked.destroy());
    });
  }
});

describe("who may not", () => {
  const PATHS = [
    PRODUCTS,
    `${PRODUCTS}/first`,
    `${PRODUCTS}?watch=1`,
    `${PRODUCTS}?view=rejected`,
    `/events/${NS}`,
    `/rejected/${NS}`,
    `/watch/v1/namespaces/${NS}`,
    "/metrics",
    "/admin/revocations",
    "/no/such/path",
  ];

  it.each([
    ["without a token", async () => null],
    ["with a token that is none", async () => "not-a-token"],
    ["with a token of another server's key", async () => (await stage.server.admin()).replace(/.{6}$/, "AAAAAA")],
    ["with a token that has expired", () => stage.server.token({ role: "admin", namespaces: ["*"], ttlSeconds: 0 })],
  ])("is answered 401 everywhere over HTTP: %s", async (_, token) => {
    const given = await token();
    for (const path of PATHS) {
      const response = await stage.server.fetch(path, { token: given });
      expect([path, response.status]).toEqual([path, 401]);
      expect(await response.json()).toMatchObject({
        kind: "Status",
        status: "Failure",
        reason: "Unauthorized",
        code: 401,
      });
      expect(response.headers.get("www-authenticate")).toMatch(/^Bearer/);
    }
  });

  it("is answered 403 over HTTP, alike for a namespace that exists and one that does not", async () => {
    const token = await stage.server.token({ role: "reader", namespaces: ["elsewhere"] });
    for (const path of PATHS.slice(0, 7)) {
      const real = await stage.call(path, { token });
      const unreal = await stage.call(path.replaceAll(NS, "nowhere"), { token });
      expect([path, real.status]).toEqual([path, 403]);
      expect(real.body).toMatchObject({ kind: "Status", reason: "Forbidden", code: 403 });
      expect(JSON.stringify(unreal).replaceAll("nowhere", NS)).toBe(JSON.stringify(real));
    }
  });

  it("may not write what may be read: 403, and of what Git owns 405, with where to commit it", async () => {
    const reader = await stage.server.token({ role: "reader", namespaces: [NS] });
    const stranger = await stage.server.token({ role: "reader", namespaces: ["elsewhere"] });
    const remove = (path: string, token: string) => stage.call<{ message: string }>(path, { method: "DELETE", token });
    const repository = `/apis/gitstore.dev/v1beta1/namespaces/${NS}/repositories/catalog`;
    expect((await stage.call(repository, { token: reader })).status).toBe(200);
    expect((await remove(repository, reader)).status).toBe(403);
    const { status, body } = await remove(`${PRODUCTS}/first`, reader);
    expect(status).toBe(405);
    expect(body.message).toContain(`is owned by Git: commit it to ${stage.git.url(`${NS}-catalog`)}, main, first.md`);
    expect((await remove(`${PRODUCTS}/first`, stranger)).status).toBe(403);
    expect((await stage.call(`${PRODUCTS}/first`, { token: reader })).status).toBe(200);
  });

  interface Ended {
    opened: boolean;
    protocol: string;
    messages: unknown[];
    code: number;
    reason: string;
  }

  /** Opens a WebSocket and waits for its end. */
  function socket(
    path: string,
    protocols: string[],
    headers: Record<string, string>,
    onMessage: () => void = () => undefined,
  ): Promise<Ended> {
    return new Promise((resolve) => {
      const url = `${stage.server.url.replace(/^http/, "ws")}${path}`;
      // workerd ends the connection of a socket that an alarm or a call closed only when its object is evicted.
      const options = { headers, perMessageDeflate: false, closeTimeout: 500 };
      const ws = new WebSocket(url, protocols, options);
      const ended: Ended = { opened: false, protocol: "", messages: [], code: 0, reason: "" };
      ws.on("error", () => undefined);
      ws.on("open", () => {
        ended.opened = true;
        ended.protocol = ws.protocol;
      });
      ws.on("message", (data) => {
        ended.messages.push(JSON.parse(data.toString()));
        onMessage();
      });
      ws.on("close", (code, reason) => resolve({ ...ended, code, reason: reason.toString() }));
    });
  }

  it.each([
    ["without a token", 4401, "Unauthorized", async () => ({})],
    ["with a token that is none", 4401, "Unauthorized", async () => ({ Authorization: "Bearer not-a-token" })],
    [
      "with a token of another namespace",
      4403,
      "Forbidden",
      async () => ({
        Authorization: `Bearer ${await stage.server.token({ role: "reader", namespaces: ["elsewhere"] })}`,
      }),
    ],
  ])(
    "is let into a WebSocket, told the Status in a frame, and closed: %s with %i",
    async (_, code, reason, headers) => {
      for (const path of [`/watch/v1/namespaces/${NS}`, `${PRODUCTS}?watch=1`, "/watch/v1/namespaces/nowhere"]) {
        const ended = await socket(path, [PROTOCOL], await headers());
        expect(ended).toMatchObject({ opened: true, protocol: PROTOCOL, code });
        expect(ended.messages).toMatchObject([
          { error: { kind: "Status", status: "Failure", reason, code: code - 4000 } },
        ]);
        expect(Buffer.byteLength(ended.reason)).toBeLessThanOrEqual(123);
      }
    },
  );

  it("is told as kube-apiserver would, in an ERROR event, where the subprotocol is not spoken", async () => {
    const ended = await socket(`${PRODUCTS}?watch=1`, [], {});
    expect(ended).toMatchObject({ opened: true, protocol: "", code: 4401 });
    expect(ended.messages).toMatchObject([{ type: "ERROR", object: { kind: "Status", code: 401 } }]);
  });

  it("may show a token in the subprotocol too, and is closed with 4401 where it is none", async () => {
    const bearer = (token: string) =>
      `base64url.bearer.authorization.k8s.io.${Buffer.from(token).toString("base64url")}`;
    const bad = await socket(`${PRODUCTS}?watch=1`, [PROTOCOL, bearer("not-a-token")], {});
    expect(bad).toMatchObject({ opened: true, code: 4401 });
    const good = await socket(`${PRODUCTS}?watch=1&timeoutSeconds=1`, [PROTOCOL, bearer(stage.admin)], {});
    expect(good).toMatchObject({ opened: true, protocol: PROTOCOL, code: 1000 });
    expect(good.messages.length).toBeGreaterThan(0);
  });

  it("has the sockets of a revoked token closed with 4401", async () => {
    const token = await stage.server.token({ role: "reader", namespaces: [NS] });
    const { jti } = JSON.parse(Buffer.from(token.split(".")[1] ?? "", "base64url").toString()) as { jti: string };
    let closed: Promise<Ended> | undefined;
    await new Promise<void>((begun) => {
      closed = socket(`/watch/v1/namespaces/${NS}`, [PROTOCOL], { Authorization: `Bearer ${token}` }, begun);
    });
    await stage.must("/admin/revocations", { body: { jti } });
    expect(await closed).toMatchObject({ code: 4401 });
    expect((await stage.call(PRODUCTS, { token })).status).toBe(401);
  });
});

describe("a webhook over HTTP", () => {
  it("of more than 25 MiB in chunks is 413 before it is all sent, and leaves the endpoint working", async () => {
    const sender = await Sender.of(stage, NS);
    const url = new URL(`${stage.server.url}/webhooks/${NS}/catalog`);
    const status = await new Promise<number>((resolve, reject) => {
      const sending = request(url, { method: "POST", agent: false, headers: { "Transfer-Encoding": "chunked" } });
      let isOver = false;
      sending.on("response", (response) => {
        isOver = true;
        resolve(response.statusCode ?? 0);
        response.destroy();
      });
      // The server may well hang up on a body that it does not want.
      sending.on("error", (error) => (isOver ? undefined : reject(error)));
      const chunk = Buffer.alloc(1024 * 1024, " ");
      const write = (left: number): void => {
        if (isOver || left === 0) sending.end();
        else if (sending.write(chunk)) setImmediate(write, left - 1);
        else sending.once("drain", () => write(left - 1));
      };
      write(64);
    });
    expect(status).toBe(413);
    expect(await sender.hook([])).toMatchObject({ status: 200, body: { reason: "ping" } });
  });
});
