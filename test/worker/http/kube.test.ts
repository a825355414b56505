import { beforeAll, describe, expect, it } from "vitest";
import { ask, NAMESPACES_PATH, newNamespace, tokenFor, unique } from "../support/http.ts";

let admin: string;
let namespace: string;
const CHANNELS = () => `/apis/release.gitstore.dev/v1beta1/namespaces/${namespace}/channels`;
const PRODUCTS = (ns = namespace) => `/apis/catalog.gitstore.dev/v1beta1/namespaces/${ns}/products`;
const channel = (name: string, more: object = {}) => ({
  apiVersion: "release.gitstore.dev/v1beta1",
  kind: "Channel",
  metadata: { name, ...more },
  spec: {},
});

beforeAll(async () => {
  admin = await tokenFor({ role: "admin" });
  namespace = await newNamespace(admin);
});

describe("who is answered", () => {
  it.each([
    "/apis/catalog.gitstore.dev/v1beta1/namespaces/nowhere/products",
    "/events/nowhere",
    "/metrics",
    "/admin/revocations",
    "/no/such/path",
    "/openapi.json",
  ])("an anonymous request for %s is 401 and learns nothing", async (path) => {
    const { status, body, headers } = await ask(undefined, path);
    expect(status).toBe(401);
    expect(body).toMatchObject({ kind: "Status", status: "Failure", reason: "Unauthorized", code: 401 });
    expect(headers.get("www-authenticate")).toContain("Bearer");
  });

  it("a namespace that does not exist reads exactly like one that does, to those who may not enter it", async () => {
    const reader = await tokenFor({ role: "reader", namespaces: ["elsewhere"] });
    const real = await ask(reader, PRODUCTS());
    const unreal = await ask(reader, PRODUCTS("nowhere"));
    expect(real.status).toBe(403);
    expect(real.body.message).toBe(
      `products.catalog.gitstore.dev is forbidden: User "user:test" cannot list resource "products" in API group "catalog.gitstore.dev" in the namespace "${namespace}"`,
    );
    expect(unreal.text.replaceAll("nowhere", namespace)).toBe(real.text);
  });

  it("to those who may, it is 404", async () => {
    const { status, body } = await ask(admin, PRODUCTS("nowhere"));
    expect(status).toBe(404);
    expect(body).toMatchObject({ reason: "NotFound", message: 'namespaces.gitstore.dev "nowhere" not found' });
  });

  it("an unknown kind is 404 to those who may ask for it, and 403 to the others", async () => {
    const path = `/apis/acme.example/v1/namespaces/${namespace}/widgets`;
    expect((await ask(admin, path)).status).toBe(404);
    expect((await ask(await tokenFor({ grants: [] }), path)).status).toBe(403);
  });

  it("every answer has a request id, the caller's own where it sent one", async () => {
    expect((await ask(undefined, "/healthz")).headers.get("x-request-id")).toMatch(/^[0-9a-f-]{36}$/);
    const given = await ask(undefined, "/metrics", { headers: { "x-request-id": "mine-12345678" } });
    expect(given.headers.get("x-request-id")).toBe("mine-12345678");
  });
});

describe("objects that the API owns", () => {
  it("are created, read, replaced, patched and deleted", async () => {
    const name = unique("c");
    const created = await ask(admin, CHANNELS(), { method: "POST", body: channel(name) });
    expect(created.status).toBe(201);
    expect(created.body.metadata).toMatchObject({ name, namespace, generation: 1 });

    const read = await ask(admin, `${CHANNELS()}/${name}`);
    expect(read.body).toEqual(created.body);

    const labelled = { ...read.body, metadata: { ...read.body.metadata, labels: { a: "1" } } };
    const replaced = await ask(admin, `${CHANNELS()}/${name}`, { method: "PUT", body: labelled });
    expect(replaced.status).toBe(200);
    expect(replaced.body.metadata.labels).toEqual({ a: "1" });
    expect(Number(replaced.body.metadata.resourceVersion)).toBeGreaterThan(Number(read.body.metadata.resourceVersion));

    const merged = await ask(admin, `${CHANNELS()}/${name}`, {
      method: "PATCH",
      headers: { "content-type": "application/merge-patch+json" },
      body: JSON.stringify({ metadata: { labels: { a: null, b: "2" } } }),
    });
    expect(merged.body.metadata.labels).toEqual({ b: "2" });

    const patched = await ask(admin, `${CHANNELS()}/${name}`, {
      method: "PATCH",
      headers: { "content-type": "application/json-patch+json" },
      body: JSON.stringify([{ op: "add", path: "/metadata/labels/c", value: "3" }]),
    });
    expect(patched.body.metadata.labels).toEqual({ b: "2", c: "3" });

    const deleted = await ask(admin, `${CHANNELS()}/${name}`, { method: "DELETE" });
    expect(deleted.body).toMatchObject({ kind: "Status", status: "Success", details: { name, kind: "channels" } });
    expect((await ask(admin, `${CHANNELS()}/${name}`)).body.message).toBe(
      `channels.release.gitstore.dev "${name}" not found`,
    );
  });

  it("that exist are not created again", async () => {
    const name = unique("c");
    await ask(admin, CHANNELS(), { method: "POST", body: channel(name) });
    const again = await ask(admin, CHANNELS(), { method: "POST", body: channel(name) });
    expect(again.status).toBe(409);
    expect(again.body).toMatchObject({
      reason: "AlreadyExists",
      message: `channels.release.gitstore.dev "${name}" already exists`,
    });
  });

  it("written from a stale read are a conflict, with the message clients know", async () => {
    const name = unique("c");
    const { body } = await ask(admin, CHANNELS(), { method: "POST", body: channel(name) });
    const put = (labels: object) =>
      ask(admin, `${CHANNELS()}/${name}`, { method: "PUT", body: { ...body, metadata: { ...body.metadata, labels } } });
    expect((await put({ a: "1" })).status).toBe(200);
    const stale = await put({ a: "2" });
    expect(stale.status).toBe(409);
    expect(stale.body).toMatchObject({
      reason: "Conflict",
      message: `Operation cannot be fulfilled on channels.release.gitstore.dev "${name}": the object has been modified; please apply your changes to the latest version and try again`,
    });
  });

  it("are not replaced without a resourceVersion", async () => {
    const name = unique("c");
    await ask(admin, CHANNELS(), { method: "POST", body: channel(name) });
    const { status, body } = await ask(admin, `${CHANNELS()}/${name}`, { method: "PUT", body: channel(name) });
    expect(status).toBe(422);
    expect(body.details.causes[0]).toMatchObject({ field: "metadata.resourceVersion", reason: "FieldValueInvalid" });
  });

  it("with several mistakes are refused with all of them", async () => {
    const { status, body } = await ask(admin, CHANNELS(), {
      method: "POST",
      body: { ...channel("Not A Name"), spec: { surprise: true } },
    });
    expect(status).toBe(422);
    expect(body.reason).toBe("Invalid");
    expect(body.details.kind).toBe("Channel");
    expect(body.details.causes.map((cause: { field: string }) => cause.field).sort()).toEqual([
      "metadata.name",
      "spec.surprise",
    ]);
  });

  it.each([
    ["a body that is not JSON", { body: "{", headers: { "content-type": "application/json" } }, 400],
    ["an empty body", { body: "", headers: { "content-type": "application/json" } }, 400],
    ["another media type", { body: "a", headers: { "content-type": "text/plain" } }, 415],
    [
      "a body over 3 MiB",
      { body: `"${"x".repeat(3 * 1024 * 1024)}"`, headers: { "content-type": "application/json" } },
      413,
    ],
  ])("sent as %s are refused", async (_, options, status) => {
    const answer = await ask(admin, CHANNELS(), { method: "POST", ...options });
    expect(answer.status).toBe(status);
    expect(answer.body.kind).toBe("Status");
  });

  it("take no strategic merge patch", async () => {
    const { status, body } = await ask(admin, `${CHANNELS()}/x`, {
      method: "PATCH",
      headers: { "content-type": "application/strategic-merge-patch+json" },
      body: "{}",
    });
    expect(status).toBe(415);
    expect(body.message).toBe(
      "the body of the request was in an unknown format - accepted media types include: application/json-patch+json, application/merge-patch+json",
    );
  });

  it("of a dry run leave nothing behind", async () => {
    const name = unique("c");
    expect((await ask(admin, `${CHANNELS()}?dryRun=All`, { method: "POST", body: channel(name) })).status).toBe(201);
    expect((await ask(admin, `${CHANNELS()}/${name}`)).status).toBe(404);
  });

  it("with a name or namespace that is not the URL's are refused", async () => {
    const name = unique("c");
    await ask(admin, CHANNELS(), { method: "POST", body: channel(name) });
    expect(
      (await ask(admin, `${CHANNELS()}/${name}`, { method: "PUT", body: channel("other") })).body.message,
    ).toContain("does not match the name on the URL");
    expect((await ask(admin, CHANNELS(), { method: "POST", body: channel("x", { namespace: "other" }) })).status).toBe(
      400,
    );
  });

  it("changed by a precondition of delete that does not hold stay", async () => {
    const name = unique("c");
    await ask(admin, CHANNELS(), { method: "POST", body: channel(name) });
    const refused = await ask(admin, `${CHANNELS()}/${name}`, {
      method: "DELETE",
      body: { preconditions: { uid: "another" } },
    });
    expect(refused.status).toBe(409);
    expect((await ask(admin, `${CHANNELS()}/${name}`)).status).toBe(200);
  });
});

describe("kinds that Git owns", () => {
  it.each(["POST", "PUT", "PATCH", "DELETE"])("answer %s with 405 and where to commit instead", async (method) => {
    const path = method === "POST" ? PRODUCTS() : `${PRODUCTS()}/shirt`;
    const { status, body } = await ask(admin, path, { method, body: { metadata: { name: "shirt" } } });
    expect(status).toBe(405);
    expect(body.reason).toBe("MethodNotAllowed");
    expect(body.message).toContain('products.catalog.gitstore.dev "shirt" is owned by Git: commit it to');
  });

  it("tell who may only read them the same, instead of 403", async () => {
    const reader = await tokenFor({ role: "reader", namespaces: [namespace] });
    expect((await ask(reader, `${PRODUCTS()}/shirt`, { method: "PATCH", body: "{}" })).status).toBe(405);
    const stranger = await tokenFor({ role: "reader", namespaces: ["elsewhere"] });
    expect((await ask(stranger, `${PRODUCTS()}/shirt`, { method: "PATCH", body: "{}" })).status).toBe(403);
  });

  it("name the repository's URL and branch", async () => {
    const home = await newNamespace(admin);
    await ask(admin, `/apis/gitstore.dev/v1beta1/namespaces/${home}/repositories`, {
      method: "POST",
      body: {
        apiVersion: "gitstore.dev/v1beta1",
        kind: "Repository",
        metadata: { name: "catalog" },
        spec: { url: "https://git.test/acme/catalog.git", provider: "git" },
      },
    });
    const { body } = await ask(admin, `${PRODUCTS(home)}/shirt`, { method: "DELETE" });
    expect(body.message).toContain("commit it to https://git.test/acme/catalog.git, main, ");
  });

  it("that the system writes say so", async () => {
    const { status, body } = await ask(
      admin,
      `/apis/release.gitstore.dev/v1beta1/namespaces/${namespace}/releases/r1`,
      { method: "DELETE" },
    );
    expect(status).toBe(405);
    expect(body.message).toBe(
      'releases.release.gitstore.dev "r1" is written by the system: it cannot be changed through the API',
    );
  });
});

describe("namespaces", () => {
  it("are ready as soon as they are made, at a resourceVersion above 0", async () => {
    const name = await newNamespace(admin);
    const list = await ask(admin, PRODUCTS(name));
    expect(list.status).toBe(200);
    expect(list.body).toMatchObject({ kind: "ProductList", apiVersion: "catalog.gitstore.dev/v1beta1", items: [] });
    expect(Number(list.body.metadata.resourceVersion)).toBeGreaterThan(0);
  });

  it("are no DNS label: refused", async () => {
    const { status } = await ask(admin, NAMESPACES_PATH, {
      method: "POST",
      body: { apiVersion: "gitstore.dev/v1beta1", kind: "Namespace", metadata: { name: "a.b" }, spec: {} },
    });
    expect(status).toBe(422);
  });

  it("with repositories are deleted only with force, and are gone at once", async () => {
    const name = await newNamespace(admin);
    const repositories = `/apis/gitstore.dev/v1beta1/namespaces/${name}/repositories`;
    await ask(admin, repositories, {
      method: "POST",
      body: { apiVersion: "gitstore.dev/v1beta1", kind: "Repository", metadata: { name: "catalog" }, spec: {} },
    });
    const refused = await ask(admin, `${NAMESPACES_PATH}/${name}`, { method: "DELETE" });
    expect(refused.status).toBe(409);
    expect(refused.body.message).toContain("it has repositories (catalog): remove them first");
    expect((await ask(admin, `${NAMESPACES_PATH}/${name}?force=true`, { method: "DELETE" })).status).toBe(200);
    expect((await ask(admin, `${NAMESPACES_PATH}/${name}`)).status).toBe(404);
    expect((await ask(admin, PRODUCTS(name))).status).toBe(404);
  });

  it("may be read by those who work in them, and made by admins only", async () => {
    const operator = await tokenFor({ role: "operator", namespaces: [namespace] });
    expect((await ask(operator, `${NAMESPACES_PATH}/${namespace}`)).status).toBe(200);
    expect((await ask(operator, NAMESPACES_PATH)).status).toBe(403);
    const body = { apiVersion: "gitstore.dev/v1beta1", kind: "Namespace", metadata: { name: "mine" }, spec: {} };
    expect((await ask(operator, NAMESPACES_PATH, { method: "POST", body })).status).toBe(403);
    expect((await ask(operator, `${NAMESPACES_PATH}/${namespace}`, { method: "DELETE" })).status).toBe(403);
  });

  it("do not reach a resource across each other at the root, and the answer names both ways", async () => {
    const { status, body } = await ask(admin, "/apis/catalog.gitstore.dev/v1beta1/products");
    expect(status).toBe(405);
    expect(body.message).toContain("fieldSelector=metadata.namespace=NS");
    expect(body.message).toContain("/clusters/NS");
    const selected = await ask(
      admin,
      `/apis/catalog.gitstore.dev/v1beta1/products?fieldSelector=metadata.namespace%3D${namespace}`,
    );
    expect(selected.status).toBe(200);
  });
});

describe("a namespace as the whole cluster", () => {
  it("serves paths across namespaces as its own", async () => {
    const { status, body } = await ask(admin, `/clusters/${namespace}/apis/release.gitstore.dev/v1beta1/channels`);
    expect(status).toBe(200);
    expect(body.kind).toBe("ChannelList");
  });

  it("shows itself as the only namespace", async () => {
    await newNamespace(admin);
    const list = await ask(admin, `/clusters/${namespace}${NAMESPACES_PATH}`);
    expect(list.body.items.map((item: { metadata: { name: string } }) => item.metadata.name)).toEqual([namespace]);
  });

  it("knows no other namespace", async () => {
    const other = await newNamespace(admin);
    expect((await ask(admin, `/clusters/${namespace}${PRODUCTS(other)}`)).status).toBe(404);
    expect((await ask(admin, `/clusters/${namespace}${NAMESPACES_PATH}/${other}`)).status).toBe(404);
  });
});
