import { beforeAll, describe, expect, it } from "vitest";
import { type Ask, ask, tokenFor } from "../support/http.ts";
import { newLedger, push, type TestLedger } from "../support/ledger.ts";
import { WIDGETS } from "../support/widgets.ts";

let admin: string;
let ledger: TestLedger;
const V2 = "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList";
/** What kubectl 1.33 sends. */
const KUBECTL = `${V2},application/json;g=apidiscovery.k8s.io;v=v2beta1;as=APIGroupDiscoveryList,application/json`;
const CLUSTER = () => `/clusters/${ledger.name}`;
const accept = (text: string, more: Record<string, string> = {}): Ask => ({ headers: { accept: text, ...more } });
const groupsOf = (body: { groups: { name: string }[] }) => body.groups.map(({ name }) => name);
const READ = ["get", "list", "watch"];
const WRITE = ["create", "delete", "get", "list", "patch", "update", "watch"];

beforeAll(async () => {
  admin = await tokenFor({ role: "admin" });
  ledger = await newLedger("disco");
  await push(ledger, { files: { ".gitstore/widgets.yaml": WIDGETS } });
});

describe("/api", () => {
  it.each(["/api", "/api/v1"])(
    "%s is 404, at the root and under /clusters/{ns}: there is no core group",
    async (path) => {
      for (const root of ["", CLUSTER()]) {
        const { status, body } = await ask(admin, `${root}${path}`);
        expect([status, body.kind, body.reason]).toEqual([404, "Status", "NotFound"]);
      }
    },
  );

  it("a core namespace is 404 in words that fit what kubectl shows them for: an object that is not there", async () => {
    for (const root of ["", CLUSTER()]) {
      const { status, body } = await ask(admin, `${root}/api/v1/namespaces/acme`);
      expect([status, body.reason]).toEqual([404, "NotFound"]);
      expect(body.message).toMatch(/^not found: neither what was asked for, nor a core v1 namespace/);
    }
  });
});

describe("/apis", () => {
  it("lists the groups of the core kinds, each with its preferred version", async () => {
    const { status, body } = await ask(admin, "/apis");
    expect(status).toBe(200);
    expect(body).toMatchObject({ kind: "APIGroupList", apiVersion: "v1" });
    expect(groupsOf(body)).toEqual([
      "catalog.gitstore.dev",
      "gitstore.dev",
      "storage.gitstore.dev",
      "events.gitstore.dev",
      "release.gitstore.dev",
      "apiextensions.gitstore.dev",
      "coordination.k8s.io",
      "authorization.k8s.io",
      "authentication.k8s.io",
    ]);
    const named = { groupVersion: "catalog.gitstore.dev/v1beta1", version: "v1beta1" };
    expect(body.groups[0]).toEqual({ name: "catalog.gitstore.dev", versions: [named], preferredVersion: named });
    expect((await ask(admin, "/apis/")).text).toBe(JSON.stringify(body));
  });

  it("shows one group, and one version of it", async () => {
    expect((await ask(admin, "/apis/gitstore.dev")).body).toMatchObject({
      kind: "APIGroup",
      apiVersion: "v1",
      name: "gitstore.dev",
      preferredVersion: { groupVersion: "gitstore.dev/v1beta1" },
    });
    const { body } = await ask(admin, "/apis/gitstore.dev/v1beta1");
    expect(body).toMatchObject({ kind: "APIResourceList", apiVersion: "v1", groupVersion: "gitstore.dev/v1beta1" });
    expect(body.resources).toEqual([
      {
        name: "namespaces",
        singularName: "namespace",
        namespaced: false,
        kind: "Namespace",
        verbs: WRITE,
        shortNames: ["ns"],
        categories: ["all", "gitstore"],
      },
      {
        name: "namespaces/status",
        singularName: "",
        namespaced: false,
        kind: "Namespace",
        verbs: ["get", "patch", "update"],
      },
      {
        name: "repositories",
        singularName: "repository",
        namespaced: true,
        kind: "Repository",
        verbs: WRITE,
        shortNames: ["repo"],
        categories: ["all", "gitstore"],
      },
      {
        name: "repositories/status",
        singularName: "",
        namespaced: true,
        kind: "Repository",
        verbs: ["get", "patch", "update"],
      },
    ]);
  });

  it("promises verbs that are served: none to write what Git owns, no status of what has none", async () => {
    const resources = async (groupVersion: string) => {
      const { body } = await ask(admin, `/apis/${groupVersion}`);
      return Object.fromEntries(body.resources.map((one: { name: string; verbs: string[] }) => [one.name, one.verbs]));
    };
    const catalog = await resources("catalog.gitstore.dev/v1beta1");
    expect(Object.keys(catalog)).toEqual(
      ["products", "productvariants", "categorytaxonomies", "collections"].flatMap((plural) => [
        plural,
        `${plural}/status`,
      ]),
    );
    expect(catalog.products).toEqual(READ);
    expect(await resources("events.gitstore.dev/v1beta1")).toEqual({ gitevents: READ });
    expect(await resources("coordination.k8s.io/v1")).toEqual({ leases: WRITE });
    expect(await resources("authorization.k8s.io/v1")).toEqual({
      selfsubjectaccessreviews: ["create"],
      selfsubjectrulesreviews: ["create"],
    });
  });

  it.each(["/apis/acme.example", "/apis/catalog.gitstore.dev/v9", "/apis/acme.example/v1"])(
    "%s is 404 at the root: custom kinds belong to a namespace",
    async (path) => {
      expect((await ask(admin, path)).status).toBe(404);
    },
  );

  it("is read only", async () => {
    expect((await ask(admin, "/apis", { method: "POST", body: {} })).status).toBe(404);
  });
});

describe("/clusters/{ns}/apis", () => {
  it("adds the namespace's own kinds, stable versions before others", async () => {
    const { body } = await ask(admin, `${CLUSTER()}/apis`);
    const custom = body.groups.find(({ name }: { name: string }) => name === "acme.example");
    expect(custom.preferredVersion).toEqual({ groupVersion: "acme.example/v1", version: "v1" });
    expect(custom.versions.map(({ version }: { version: string }) => version)).toEqual(["v1", "v1beta1"]);
    const { body: list } = await ask(admin, `${CLUSTER()}/apis/acme.example/v1`);
    expect(list.resources).toEqual([
      {
        name: "widgets",
        singularName: "widget",
        namespaced: true,
        kind: "Widget",
        verbs: READ,
        shortNames: ["wg"],
        categories: ["all", "gitstore", "shop"],
      },
      { name: "widgets/status", singularName: "", namespaced: true, kind: "Widget", verbs: ["get", "patch", "update"] },
    ]);
    expect(groupsOf((await ask(admin, `${CLUSTER()}/apis`)).body)).toEqual(expect.arrayContaining(["gitstore.dev"]));
  });

  it("is 404 for a namespace that does not exist", async () => {
    const { status, body } = await ask(admin, "/clusters/nowhere/apis");
    expect([status, body.message]).toEqual([404, 'namespaces.gitstore.dev "nowhere" not found']);
  });
});

describe("aggregated discovery", () => {
  it("has everything in one document, with the content type that names it", async () => {
    const { status, headers, body } = await ask(admin, `${CLUSTER()}/apis`, accept(KUBECTL));
    expect(status).toBe(200);
    expect(headers.get("content-type")).toBe(V2);
    expect(headers.get("vary")).toContain("Accept");
    expect(body).toMatchObject({ kind: "APIGroupDiscoveryList", apiVersion: "apidiscovery.k8s.io/v2" });
    const group = (name: string) =>
      body.items.find((item: { metadata: { name: string } }) => item.metadata.name === name);
    const [catalog] = group("catalog.gitstore.dev").versions;
    expect(catalog).toMatchObject({ version: "v1beta1", freshness: "Current" });
    expect(catalog.resources[0]).toEqual({
      resource: "products",
      responseKind: { group: "catalog.gitstore.dev", version: "v1beta1", kind: "Product" },
      scope: "Namespaced",
      singularResource: "product",
      verbs: READ,
      shortNames: ["prod"],
      categories: ["all", "gitstore"],
      subresources: [
        {
          subresource: "status",
          responseKind: { group: "catalog.gitstore.dev", version: "v1beta1", kind: "Product" },
          verbs: ["get", "patch", "update"],
        },
      ],
    });
    expect(group("gitstore.dev").versions[0].resources[0]).toMatchObject({ resource: "namespaces", scope: "Cluster" });
    expect(group("acme.example").versions.map(({ version }: { version: string }) => version)).toEqual([
      "v1",
      "v1beta1",
    ]);
    for (const { versions } of body.items) {
      for (const { resources } of versions)
        for (const { responseKind } of resources) expect(responseKind.kind).toBeTruthy();
    }
  });

  it("is not sent again to who has it", async () => {
    const first = await ask(admin, "/apis", accept(KUBECTL));
    const etag = first.headers.get("etag") ?? "";
    expect(etag).toMatch(/^"[0-9a-f]{64}"$/);
    for (const header of [etag, `W/${etag}`, `"other", ${etag}`, "*"]) {
      const again = await ask(admin, "/apis", accept(KUBECTL, { "if-none-match": header }));
      expect([again.status, again.text, again.headers.get("etag")]).toEqual([304, "", etag]);
    }
    expect((await ask(admin, "/apis", accept(KUBECTL, { "if-none-match": '"other"' }))).status).toBe(200);
    // Its ETag is its own: the list of groups is another document.
    expect((await ask(admin, "/apis")).headers.get("etag")).not.toBe(etag);
  });

  it("changes with the namespace's kinds", async () => {
    const own = await newLedger("growing");
    const etag = async () => (await ask(admin, `/clusters/${own.name}/apis`, accept(V2))).headers.get("etag");
    const before = await etag();
    expect(await etag()).toBe(before);
    await push(own, { files: { ".gitstore/widgets.yaml": WIDGETS } });
    expect(await etag()).not.toBe(before);
  });

  it("is v2beta1 for older clients, the list of groups for plain JSON, and 406 for what is neither", async () => {
    const beta = await ask(admin, "/apis", accept(KUBECTL.split(",").slice(1).join(",")));
    expect(beta.headers.get("content-type")).toBe(V2.replace("v=v2", "v=v2beta1"));
    expect(beta.body.apiVersion).toBe("apidiscovery.k8s.io/v2beta1");
    expect((await ask(admin, "/apis", accept("application/json, */*"))).body.kind).toBe("APIGroupList");
    expect((await ask(admin, "/apis", accept(V2.replace("v=v2", "v=v3")))).status).toBe(406);
    expect((await ask(admin, "/apis", accept("application/yaml"))).status).toBe(406);
    expect((await ask(admin, "/apis/gitstore.dev", accept("application/yaml"))).status).toBe(406);
  });
});

describe("who sees what", () => {
  const seen = async (token: string, path: string) => {
    const { body } = await ask(token, path, accept(V2));
    type Version = { resources: { resource: string }[] };
    return body.items.flatMap(({ versions }: { versions: Version[] }) =>
      versions.flatMap(({ resources }) => resources.map(({ resource }) => resource)),
    ) as string[];
  };

  it("an anonymous caller sees nothing", async () => {
    for (const path of ["/api", "/apis", "/apis/gitstore.dev", `${CLUSTER()}/apis`, "/openapi/v3"])
      expect((await ask(undefined, path)).status).toBe(401);
  });

  it("a caller sees the kinds that its grants are about", async () => {
    const reader = await tokenFor({ role: "reader", namespaces: [ledger.name] });
    expect(await seen(reader, `${CLUSTER()}/apis`)).toContain("widgets");
    expect(await seen(reader, `${CLUSTER()}/apis`)).not.toContain("gitevents");
    const narrow = await tokenFor({
      grants: [
        { namespaces: [ledger.name], resources: ["products", "collections/status"], verbs: ["get"] },
        { namespaces: ["elsewhere"], resources: ["widgets"], verbs: ["get"] },
      ],
    });
    const own = ["selfsubjectaccessreviews", "selfsubjectrulesreviews", "selfsubjectreviews"];
    expect(await seen(narrow, `${CLUSTER()}/apis`)).toEqual(["products", "collections", ...own]);
    expect(await seen(narrow, "/apis")).toEqual(["products", "collections", ...own]);
    expect((await ask(narrow, `${CLUSTER()}/apis/acme.example/v1`)).status).toBe(404);
    expect(await seen(await tokenFor({ grants: [] }), "/apis")).toEqual(own);
  });

  it("a namespace that does not exist reads exactly like one that does, to those with nothing to do there", async () => {
    for (const role of ["reader", "storefront"] as const) {
      const stranger = await tokenFor({ role, namespaces: role === "storefront" ? [ledger.name] : ["elsewhere"] });
      for (const path of ["/apis", "/apis/acme.example/v1", "/openapi/v3", "/openapi/v3/apis/acme.example/v1"]) {
        const real = await ask(stranger, `${CLUSTER()}${path}`, accept(KUBECTL));
        const unreal = await ask(stranger, `/clusters/nowhere${path}`, accept(KUBECTL));
        expect(real.status).toBe(403);
        expect(unreal.text.replaceAll("nowhere", ledger.name)).toBe(real.text);
      }
    }
  });
});
