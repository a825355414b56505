import { beforeAll, describe, expect, it, vi } from "vitest";
import type { Env } from "../../../src/config.ts";
import { ask, NAMESPACES_PATH, newNamespace, tokenFor, unique } from "../support/http.ts";
import { bindings } from "../support/ledger.ts";

let admin: string;
beforeAll(async () => {
  admin = await tokenFor({ role: "admin" });
});

/** The environment with a D1 that fails, as it does in production now and then. */
function withoutD1(more: Partial<Env> = {}): Env {
  const prepare = () => {
    throw new Error("D1_ERROR: stalled");
  };
  return { ...bindings, REPLAY: { prepare, batch: async () => prepare() } as unknown as D1Database, ...more };
}

function nextFrames(socket: WebSocket, count: number): Promise<string[]> {
  const frames: string[] = [];
  return new Promise((resolve) => {
    socket.addEventListener("message", ({ data }) => {
      frames.push(String(data));
      if (frames.length === count) resolve(frames);
    });
  });
}

function closed(socket: WebSocket): Promise<{ code: number; reason: string }> {
  return new Promise((resolve) => socket.addEventListener("close", ({ code, reason }) => resolve({ code, reason })));
}

const UPGRADE = { upgrade: "websocket", "sec-websocket-protocol": "gitstore.watch.v1" };

describe("health", () => {
  it("says that the process answers, and what it is, to anyone", async () => {
    expect(await ask(undefined, "/healthz")).toMatchObject({ status: 200, text: "ok" });
    expect((await ask(undefined, "/version")).body).toMatchObject({
      major: "1",
      gitVersion: expect.stringContaining("gitstore-edge"),
    });
  });

  it("is ready while D1 answers, and says which part is not", async () => {
    expect(await ask(undefined, "/readyz")).toMatchObject({ status: 200, body: { status: "ready" } });
    const { status, body } = await ask(undefined, "/readyz", { env: withoutD1() });
    expect(status).toBe(503);
    expect(body.checks).toContainEqual({ name: "d1", ok: false });
  });

  it("tells figures and names only to those who may see metrics", async () => {
    const now = Date.now();
    const stats = { namespace: "late", outboxAgeMs: 999_000, alarmOverdueMs: 0 };
    await bindings.REPLAY.prepare("INSERT OR REPLACE INTO gauges VALUES (?, ?, ?)")
      .bind("late", now, JSON.stringify(stats))
      .run();
    const anonymous = await ask(undefined, "/readyz");
    expect(anonymous.status).toBe(503);
    expect(anonymous.text).not.toContain("late");
    const { body } = await ask(admin, "/readyz");
    expect(body.checks).toContainEqual({
      name: "outbox",
      ok: false,
      message: "late: oldest unflushed event 999 s old",
    });
    await bindings.REPLAY.prepare("DELETE FROM gauges").run();
  });

  it("takes no ledger for unready that said so long ago and sleeps", async () => {
    const stats = { namespace: "asleep", outboxAgeMs: 999_000, alarmOverdueMs: 999_000 };
    await bindings.REPLAY.prepare("INSERT OR REPLACE INTO gauges VALUES (?, ?, ?)")
      .bind("asleep", Date.now() - 3_600_000, JSON.stringify(stats))
      .run();
    expect((await ask(undefined, "/readyz")).status).toBe(200);
    await bindings.REPLAY.prepare("DELETE FROM gauges").run();
  });

  it("with a wrong configuration answers nothing but that, and names the variable only in its log", async () => {
    const logged = vi.spyOn(console, "error").mockImplementation(() => undefined);
    const env: Env = { ...bindings, TAIL_EVENTS: "ten" };
    const { status, body } = await ask(admin, NAMESPACES_PATH, { env });
    expect(status).toBe(503);
    expect(body.message).not.toContain("TAIL_EVENTS");
    expect(logged.mock.calls.flat().join()).toContain("TAIL_EVENTS: give a whole number");
    expect((await ask(undefined, "/healthz", { env })).status).toBe(200);
    expect((await ask(undefined, "/readyz", { env })).body.checks).toContainEqual({ name: "config", ok: false });
    logged.mockRestore();
  });
});

describe("metrics", () => {
  it("are what ledgers published, and of one namespace what it says now", async () => {
    const namespace = await newNamespace(admin);
    const now = await ask(admin, `/metrics?namespace=${namespace}`);
    expect(now.headers.get("content-type")).toContain("version=0.0.4");
    expect(now.text).toMatch(new RegExp(`^gitstore_resource_version_head\\{namespace="${namespace}"\\} [1-9]`, "m"));
    const stats = {
      namespace: "shop",
      rv: 42,
      tailEvents: 1,
      tailBytes: 1,
      outboxDepth: 0,
      outboxAgeMs: 0,
      windowFloor: 0,
      watchers: { connected: 0, parked: 0 },
      counters: { eventsSent: 5 },
      alarmOverdueMs: 0,
    };
    await bindings.REPLAY.prepare("INSERT OR REPLACE INTO gauges VALUES (?, ?, ?)")
      .bind("shop", Date.now(), JSON.stringify(stats))
      .run();
    const all = await ask(admin, "/metrics");
    expect(all.text).toContain('gitstore_resource_version_head{namespace="shop"} 42');
    expect(all.text).toContain('gitstore_events_sent_total{namespace="shop"} 5');
    expect(all.text).toContain("gitstore_http_requests_total");
    await bindings.REPLAY.prepare("DELETE FROM gauges").run();
  });

  it("are for admins, and 503 while D1 does not answer", async () => {
    expect((await ask(await tokenFor({ role: "operator", namespaces: ["*"] }), "/metrics")).status).toBe(403);
    const { status, body } = await ask(admin, "/metrics", { env: withoutD1() });
    expect(status).toBe(503);
    expect(body.message).toContain("?namespace=NS");
  });
});

describe("the documents about the API", () => {
  it("describe every event, to anyone with a token", async () => {
    const { body } = await ask(await tokenFor({ grants: [] }), "/asyncapi.json");
    expect(body.asyncapi).toMatch(/^3\./);
    expect(JSON.stringify(body)).toContain("dev.gitstore.git.branch.created.v1");
    expect((await ask(undefined, "/asyncapi.json")).status).toBe(401);
  });

  it("describe every core kind with PATCH and fieldValidation, so that kubectl apply reaches our 405", async () => {
    const { body, status } = await ask(await tokenFor({ grants: [] }), "/openapi.json");
    expect(status).toBe(200);
    expect(body.openapi).toMatch(/^3\./);
    const products = body.paths["/apis/catalog.gitstore.dev/v1beta1/namespaces/{namespace}/products/{name}"];
    expect(products.patch.parameters.map(({ name }: { name: string }) => name)).toContain("fieldValidation");
    expect(products.patch.responses).toHaveProperty("405");
    for (const [, name] of JSON.stringify(body).matchAll(/#\/components\/schemas\/([\w.]+)/g)) {
      expect(body.components.schemas).toHaveProperty([name ?? ""]);
    }
  });
});

describe("deliveries", () => {
  const hook = (path: string, options: Parameters<typeof ask>[2] = {}) =>
    ask(undefined, path, { method: "POST", body: "{}", ...options });
  let namespace: string;
  beforeAll(async () => {
    namespace = await newNamespace(admin);
    await ask(admin, `${NAMESPACES_PATH}/${namespace}/repositories`, {
      method: "POST",
      body: {
        apiVersion: "gitstore.dev/v1beta1",
        kind: "Repository",
        metadata: { name: "catalog" },
        spec: { provider: "github", url: "https://git.invalid/x", poll: "off" },
      },
    });
  });

  it.each(["/webhooks/nowhere/catalog", "/webhooks/NOT_A_NAME/catalog", "/hooks/nowhere/catalog/pre-receive"])(
    "to %s are 404, all with one body",
    async (path) => {
      const { status, body } = await hook(path);
      expect(status).toBe(404);
      expect(body).toEqual({ message: "there is no such repository" });
    },
  );

  it("to an unknown repository of a known namespace read the same", async () => {
    const known = await hook(`/webhooks/${namespace}/nothing`);
    const unknown = await hook("/webhooks/nowhere/nothing");
    expect([known.status, known.text]).toEqual([unknown.status, unknown.text]);
  });

  it("without a signature are 401", async () => {
    expect((await hook(`/webhooks/${namespace}/catalog`)).status).toBe(401);
  });

  it("over 25 MiB are 413, whether they say so or not", async () => {
    const big = "x".repeat(25 * 1024 * 1024 + 1);
    expect((await hook(`/webhooks/${namespace}/catalog`, { body: big })).status).toBe(413);
    expect(
      (await hook(`/webhooks/${namespace}/catalog`, { headers: { "content-length": String(26 * 1024 * 1024) } }))
        .status,
    ).toBe(413);
  });
});

describe("repositories", () => {
  let base: string;
  beforeAll(async () => {
    const namespace = await newNamespace(admin);
    base = `${NAMESPACES_PATH}/${namespace}/repositories`;
    await ask(admin, base, {
      method: "POST",
      body: {
        apiVersion: "gitstore.dev/v1beta1",
        kind: "Repository",
        metadata: { name: "catalog" },
        spec: { provider: "git", url: "https://git.invalid/x", poll: "off" },
      },
    });
  });

  it("show a secret once, never to be cached", async () => {
    const { status, body, headers } = await ask(admin, `${base}/catalog/rotate-secret`, { method: "POST" });
    expect(status).toBe(201);
    expect(body.secret).toMatch(/.{20,}/);
    expect(headers.get("cache-control")).toBe("no-store");
    const info = await ask(admin, `${base}/catalog/info`);
    expect(info.status).toBe(200);
    expect(info.text).not.toContain(body.secret);
    expect((await ask(admin, `${base}/catalog`)).text).not.toContain(body.secret);
  });

  it.each([
    ["POST", "/nothing/sync", 404],
    ["GET", "/catalog/syncs/nothing", 404],
    ["GET", "/catalog/syncs", 404],
    ["GET", "/catalog/sync", 405],
    ["POST", "/catalog/info", 405],
    ["DELETE", "/catalog/rotate-secret", 405],
  ])("%s %s is %i", async (method, path, status) => {
    expect((await ask(admin, base + path, { method })).status).toBe(status);
  });

  it("without a remote say that they have none", async () => {
    await ask(admin, base, {
      method: "POST",
      body: { apiVersion: "gitstore.dev/v1beta1", kind: "Repository", metadata: { name: "empty" }, spec: {} },
    });
    const { status, body } = await ask(admin, `${base}/empty/rotate-secret`, { method: "POST" });
    expect(status).toBe(409);
    expect(body.message).toContain("it has no remote");
  });

  it("refuse an overlap that is no duration", async () => {
    const { status, body } = await ask(admin, `${base}/catalog/rotate-secret`, {
      method: "POST",
      body: { overlap: "a while" },
    });
    expect(status).toBe(400);
    expect(body.message).toContain("overlap");
  });

  it("are not touched anonymously, nor by readers", async () => {
    const reader = await tokenFor({ role: "reader" });
    for (const path of ["/catalog/sync", "/catalog/rotate-secret"]) {
      expect((await ask(undefined, base + path, { method: "POST" })).status).toBe(401);
      expect((await ask(reader, base + path, { method: "POST" })).status).toBe(403);
    }
  });

  it("are removed with a policy that there is", async () => {
    expect((await ask(admin, `${base}/catalog?policy=burn`, { method: "DELETE" })).status).toBe(422);
    expect(
      (await ask(admin, `${base}/catalog`, { method: "DELETE", body: { preconditions: { uid: "another" } } })).status,
    ).toBe(409);
    expect((await ask(admin, `${base}/catalog?policy=retain`, { method: "DELETE" })).status).toBe(200);
    expect((await ask(admin, `${base}/catalog`)).status).toBe(404);
  });
});

describe("revocations", () => {
  it("refuse a token at once, and close its sockets", async () => {
    const namespace = await newNamespace(admin);
    const sub = `user:${unique("mallory")}`;
    const token = await tokenFor({ role: "reader", namespaces: [namespace] }, sub);
    const watching = await ask(token, `/watch/v1/namespaces/${namespace}?kind=Product`, { headers: UPGRADE });
    expect(watching.status).toBe(101);
    watching.webSocket?.accept();
    const over = closed(watching.webSocket as WebSocket);
    await vi.waitFor(async () => {
      const row = await bindings.REPLAY.prepare("SELECT ns FROM sessions WHERE sub = ?").bind(sub).first();
      expect(row).toEqual({ ns: namespace });
    });
    const revoked = await ask(admin, "/admin/revocations", { method: "POST", body: { sub, reason: "left" } });
    expect(revoked.status).toBe(201);
    expect(revoked.body).toMatchObject({ sub, closed: 1 });
    expect((await over).code).toBe(4401);
    const refused = await ask(token, `/apis/catalog.gitstore.dev/v1beta1/namespaces/${namespace}/products`);
    expect(refused.status).toBe(401);
    expect(refused.body.message).toContain("revoked");
  });

  it("are listed, and lifted", async () => {
    const sub = `user:${unique("carol")}`;
    const token = await tokenFor({ role: "admin" }, sub);
    await ask(admin, "/admin/revocations", { method: "POST", body: { sub } });
    expect((await ask(token, NAMESPACES_PATH)).status).toBe(401);
    expect((await ask(admin, "/admin/revocations")).body.items).toContainEqual({ sub, until: expect.any(String) });
    expect((await ask(admin, `/admin/revocations/sub/${encodeURIComponent(sub)}`, { method: "DELETE" })).body).toEqual({
      sub,
      lifted: true,
    });
    expect((await ask(token, NAMESPACES_PATH)).status).toBe(200);
  });

  it("are for admins; malformed ones are 400; what D1 did not take is 503", async () => {
    const operator = await tokenFor({ role: "operator", namespaces: ["*"] });
    expect((await ask(operator, "/admin/revocations", { method: "POST", body: { sub: "x" } })).status).toBe(403);
    expect((await ask(admin, "/admin/revocations", { method: "POST", body: {} })).status).toBe(400);
    const silent = vi.spyOn(console, "error").mockImplementation(() => undefined);
    expect(
      (await ask(admin, "/admin/revocations", { method: "POST", body: { sub: "x" }, env: withoutD1() })).status,
    ).toBe(503);
    silent.mockRestore();
  });

  it("that cannot be read stop nobody: D1 is not on the way of a request", async () => {
    const silent = vi.spyOn(console, "error").mockImplementation(() => undefined);
    const namespace = await newNamespace(admin);
    const path = `/apis/catalog.gitstore.dev/v1beta1/namespaces/${namespace}/products`;
    expect((await ask(admin, path, { env: withoutD1() })).status).toBe(200);
    silent.mockRestore();
  });
});

describe("a watch that is refused", () => {
  it.each([
    ["without a token", undefined, "/watch/v1/namespaces/anywhere", 401, 4401],
    ["by a token that may not", "stranger", "/watch/v1/namespaces/anywhere", 403, 4403],
    ["for a parameter", "admin", "/watch/v1/namespaces/NS?resourceVersion=x", 422, 4400],
    ["for a kind there is not", "admin", "/watch/v1/namespaces/NS?kind=gadgets", 404, 4404],
    ["for a cluster-scoped kind", "admin", "/watch/v1/namespaces/NS?kind=Namespace", 400, 4400],
    ["for a path that is nothing", "admin", "/apis/acme.example/v1/namespaces/NS/gadgets?watch=1", 404, 4404],
  ])(
    "%s is told so over the socket: it is accepted, given the error, and closed",
    async (_, who, path, code, close) => {
      const namespace = await newNamespace(admin);
      const token = who === "admin" ? admin : who === undefined ? undefined : await tokenFor({ grants: [] });
      const { status, webSocket } = await ask(token, path.replace("NS", namespace), { headers: UPGRADE });
      expect(status).toBe(101);
      const socket = webSocket as WebSocket;
      const frames = nextFrames(socket, 1);
      const over = closed(socket);
      socket.accept();
      expect(JSON.parse((await frames)[0] ?? "")).toMatchObject({ error: { kind: "Status", code } });
      expect((await over).code).toBe(close);
    },
  );

  it("over HTTP is a Status", async () => {
    const namespace = await newNamespace(admin);
    const { status, body } = await ask(
      admin,
      `/apis/catalog.gitstore.dev/v1beta1/namespaces/${namespace}/products?watch=true&resourceVersion=x`,
    );
    expect(status).toBe(422);
    expect(body).toMatchObject({ kind: "Status", reason: "Invalid" });
  });

  it("of several kinds needs the permission for each", async () => {
    const token = await tokenFor({ grants: [{ namespaces: ["*"], resources: ["products"], verbs: ["watch"] }] });
    const { status, webSocket } = await ask(token, "/watch/v1/namespaces/anywhere?kind=Product&kind=Collection", {
      headers: UPGRADE,
    });
    expect(status).toBe(101);
    const frames = nextFrames(webSocket as WebSocket, 1);
    webSocket?.accept();
    expect(JSON.parse((await frames)[0] ?? "").error).toMatchObject({ code: 403, details: { kind: "collections" } });
  });
});

describe("a watch", () => {
  it("takes its token from the subprotocol, and says what it speaks", async () => {
    const namespace = await newNamespace(admin);
    const bearer = btoa(admin).replace(/\+/g, "-").replace(/\//g, "_").replace(/=+$/, "");
    const { status, headers, webSocket } = await ask(
      undefined,
      `/watch/v1/namespaces/${namespace}?kind=products&kind=Collection`,
      {
        headers: {
          upgrade: "websocket",
          "sec-websocket-protocol": `gitstore.watch.v1, base64url.bearer.authorization.k8s.io.${bearer}`,
        },
      },
    );
    expect(status).toBe(101);
    expect(headers.get("sec-websocket-protocol")).toBe("gitstore.watch.v1");
    expect(headers.get("x-request-id")).toMatch(/^[0-9a-f-]{36}$/);
    const frames = nextFrames(webSocket as WebSocket, 1);
    webSocket?.accept();
    expect(JSON.parse((await frames)[0] ?? "")).toMatchObject({ sent: expect.any(Number), head: expect.any(String) });
    webSocket?.close(1000);
  });
});
