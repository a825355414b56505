/** `/clusters/{ns}`: the whole of what Kubernetes' clients use, for who has one namespace for a cluster. */
import { beforeAll, describe, expect, it } from "vitest";
import { type Ask, ask, tokenFor } from "../support/http.ts";
import { newLedger, productText, push, type TestLedger } from "../support/ledger.ts";
import { LineStream } from "../support/lines.ts";
import { WIDGETS } from "../support/widgets.ts";

const TABLE = "application/json;as=Table;v=v1;g=meta.k8s.io";
const V2 = "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList";
const MERGE = { "content-type": "application/merge-patch+json" };

let admin: string;
let ledger: TestLedger;
const root = () => `/clusters/${ledger.name}`;
const group = () => `/apis/catalog.gitstore.dev/v1beta1/namespaces/${ledger.name}`;
const leases = () => `/apis/coordination.k8s.io/v1/namespaces/${ledger.name}/leases`;

/** The same request at the root and under the namespace. */
async function both(path: string, init: Ask = {}) {
  return { plain: await ask(admin, path, init), rooted: await ask(admin, `${root()}${path}`, init) };
}

beforeAll(async () => {
  admin = await tokenFor({ role: "admin" });
  ledger = await newLedger("rooted");
  const files = { ".gitstore/widgets.yaml": WIDGETS, "hat.md": productText("hat", "A hat") };
  await push(ledger, { files });
});

describe("under /clusters/{ns}", () => {
  it.each<[string, () => string, Ask]>([
    ["an object", () => `${group()}/products/hat`, {}],
    ["its status", () => `${group()}/products/hat/status`, {}],
    ["a list", () => `${group()}/products?limit=1`, {}],
    ["a list by selectors", () => `${group()}/products?fieldSelector=status.phase%3Ddraft`, {}],
    ["a Table", () => `${group()}/products`, { headers: { accept: TABLE } }],
    ["a custom kind's list", () => `/apis/acme.example/v1/namespaces/${ledger.name}/widgets`, {}],
    ["leases", leases, {}],
    ["the version", () => "/version", {}],
    ["the core group, which is not there", () => "/api", {}],
    ["an object that is not there", () => `${group()}/products/none`, {}],
    ["a write of what Git owns", () => `${group()}/products/hat`, { method: "PATCH", headers: MERGE, body: {} }],
    ["a list too old", () => `${group()}/products?continue=nonsense`, {}],
  ])("%s is answered as at the root", async (_, path, init) => {
    const { plain, rooted } = await both(path(), init);
    // Ages are counted in seconds.
    const still = (text: string) => text.replace(/"[0-9]+s"/g, '"0s"');
    expect([rooted.status, still(rooted.text)]).toEqual([plain.status, still(plain.text)]);
  });

  it("a list or watch of all namespaces is of this one", async () => {
    const path = "/apis/catalog.gitstore.dev/v1beta1/products";
    const { plain, rooted } = await both(path);
    expect(plain.status).toBe(405);
    expect(rooted.body.items.map(({ metadata }: { metadata: { name: string } }) => metadata.name)).toEqual(["hat"]);
    const { resourceVersion } = rooted.body.metadata;
    const stream = await LineStream.open(admin, `${root()}${path}?watch=1&resourceVersion=${resourceVersion}`);
    await push(ledger, { files: { "mug.md": productText("mug", "A mug") } });
    expect((await stream.take(1))[0]).toMatchObject({ type: "ADDED", object: { metadata: { name: "mug" } } });
    await stream.close();
  });

  it("aggregated discovery and OpenAPI have ETags of their own, and the namespace's kinds", async () => {
    for (const [path, accept] of [
      ["/apis", V2],
      ["/openapi/v3", "application/json"],
    ] as const) {
      const headers = { accept };
      const { plain, rooted } = await both(path, { headers });
      expect(plain.text).not.toContain("acme.example");
      expect(rooted.text).toContain("acme.example");
      const etag = rooted.headers.get("etag") ?? "";
      expect(etag).not.toBe(plain.headers.get("etag"));
      const again = await ask(admin, `${root()}${path}`, { headers: { ...headers, "if-none-match": etag } });
      expect(again.status, path).toBe(304);
    }
    const { body } = await ask(admin, `${root()}/openapi/v3`);
    const document = await ask(admin, body.paths["apis/acme.example/v1"].serverRelativeURL);
    expect(document.text).toContain("The colour that buyers see.");
  });

  it("statuses are written, once, whichever way they are asked for", async () => {
    const path = `${group()}/products/hat/status`;
    const { resourceVersion } = (await ask(admin, path)).body.metadata;
    const status = { conditions: [{ type: "Ready", status: "True", reason: "Rooted", message: "" }] };
    const body = JSON.stringify({ metadata: { resourceVersion }, status });
    const { plain, rooted } = await both(path, { method: "PATCH", headers: MERGE, body });
    expect([plain.status, rooted.status, rooted.body.reason]).toEqual([200, 409, "Conflict"]);
  });

  it("leases are made, renewed by who read them last, watched and deleted", async () => {
    const path = `${root()}${leases()}`;
    const metadata = { name: "leader", namespace: ledger.name };
    const body = { apiVersion: "coordination.k8s.io/v1", kind: "Lease", metadata, spec: { holderIdentity: "a" } };
    const stream = await LineStream.open(admin, `${path}?watch=1`);
    const made = await ask(admin, path, { method: "POST", body });
    expect(made.status).toBe(201);
    const renewed = { ...made.body, spec: { holderIdentity: "b" } };
    const put = () => ask(admin, `${path}/leader`, { method: "PUT", body: renewed });
    expect([(await put()).status, (await put()).status]).toEqual([200, 409]);
    expect((await ask(admin, `${path}/leader`, { method: "DELETE" })).status).toBe(200);
    expect((await stream.take(3)).map(({ type }) => type)).toEqual(["ADDED", "MODIFIED", "DELETED"]);
    await stream.close();
  });

  it("access is reviewed for this namespace", async () => {
    const reader = await tokenFor({ role: "reader", namespaces: [ledger.name] });
    const path = "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews";
    const review = (verb: string) => ({
      method: "POST",
      body: { spec: { resourceAttributes: { verb, group: "catalog.gitstore.dev", resource: "products" } } },
    });
    expect((await ask(reader, `${root()}${path}`, review("list"))).body.status.allowed).toBe(true);
    expect((await ask(reader, `${root()}${path}`, review("delete"))).body.status.allowed).toBe(false);
    // At the root it asks for all namespaces.
    expect((await ask(reader, path, review("list"))).body.status.allowed).toBe(false);
  });

  it("another namespace is not there", async () => {
    const other = await newLedger("other");
    const path = `/apis/catalog.gitstore.dev/v1beta1/namespaces/${other.name}/products`;
    expect((await ask(admin, path)).status).toBe(200);
    expect((await ask(admin, `${root()}${path}`)).status).toBe(404);
  });
});
