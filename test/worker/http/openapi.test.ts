import { beforeAll, describe, expect, it } from "vitest";
import { coreRegistry } from "../../../src/resource/registry.ts";
import { ask, tokenFor } from "../support/http.ts";
import { newLedger, push, type TestLedger } from "../support/ledger.ts";
import { WIDGETS } from "../support/widgets.ts";

let admin: string;
let ledger: TestLedger;
const CLUSTER = () => `/clusters/${ledger.name}`;

beforeAll(async () => {
  admin = await tokenFor({ role: "admin" });
  ledger = await newLedger("openapi");
  await push(ledger, { files: { ".gitstore/widgets.yaml": WIDGETS } });
});

type Json = Record<string, unknown>;
interface Document {
  paths: Record<string, Record<string, Json & { parameters?: { name: string }[] }>>;
  components: { schemas: Record<string, Json> };
}

/** Every `$ref` of a document leads somewhere in it. */
function danglingRefs(document: Document): string[] {
  const found = [...JSON.stringify(document).matchAll(/"\$ref":"([^"]+)"/g)].map(([, ref = ""]) => ref);
  return found.filter((ref) => document.components.schemas[ref.replace("#/components/schemas/", "")] === undefined);
}

describe("/openapi/v3", () => {
  it("has a document for each group and version, whose URL has its hash", async () => {
    const { status, body } = await ask(admin, "/openapi/v3");
    expect(status).toBe(200);
    const groupVersions = new Set(coreRegistry.all().map(({ group, version }) => `apis/${group}/${version}`));
    expect(new Set(Object.keys(body.paths))).toEqual(groupVersions);
    for (const [path, { serverRelativeURL }] of Object.entries<{ serverRelativeURL: string }>(body.paths)) {
      expect(serverRelativeURL).toMatch(new RegExp(`^/openapi/v3/${path}\\?hash=[0-9a-f]{64}$`));
      const document = await ask(admin, serverRelativeURL);
      expect(document.status).toBe(200);
      expect(document.body.openapi).toBe("3.0.0");
      expect(document.headers.get("cache-control")).toContain("immutable");
      expect(danglingRefs(document.body)).toEqual([]);
    }
  });

  it.each(coreRegistry.all().map((kind) => [kind.kind, kind] as const))(
    "lets clients explain a %s, and validate what they apply on the server",
    async (_, kind) => {
      const { body } = await ask(admin, `/openapi/v3/apis/${kind.group}/${kind.version}`);
      const { paths, components } = body as Document;
      const gvk = { group: kind.group, version: kind.version, kind: kind.kind };
      const schemas = Object.values(components.schemas).filter((schema) =>
        JSON.stringify(schema["x-kubernetes-group-version-kind"] ?? []).includes(JSON.stringify(gvk)),
      );
      expect(schemas).toHaveLength(1);
      const properties = schemas[0]?.properties as Record<string, Json>;
      expect(properties.spec).toEqual(JSON.parse(JSON.stringify(kind.spec)));
      expect(schemas[0]?.description).toBeTruthy();
      const base = `/apis/${kind.group}/${kind.version}`;
      const collection =
        kind.scope === "Cluster" ? `${base}/${kind.plural}` : `${base}/namespaces/{namespace}/${kind.plural}`;
      expect(paths[collection]?.get?.["x-kubernetes-group-version-kind"]).toEqual(gvk);
      const patch = paths[`${collection}/{name}`]?.patch;
      expect(patch?.["x-kubernetes-group-version-kind"]).toEqual(gvk);
      expect(patch?.parameters?.map(({ name }) => name)).toEqual(
        expect.arrayContaining(["fieldValidation", "fieldManager", "dryRun"]),
      );
    },
  );

  it("describes every field of a product's spec and status", async () => {
    const { body } = await ask(admin, "/openapi/v3/apis/catalog.gitstore.dev/v1beta1");
    const product = (body as Document).components.schemas["dev.gitstore.catalog.v1beta1.Product"];
    const { spec, status } = (product?.properties ?? {}) as Record<string, { properties: Record<string, Json> }>;
    expect(Object.keys(spec?.properties ?? {})).toContain("title");
    expect(Object.keys(status?.properties ?? {})).toEqual(
      expect.arrayContaining(["conditions", "phase", "published", "admissionFailure"]),
    );
    for (const field of Object.values({ ...spec?.properties, ...status?.properties }))
      expect(field.description ?? field.$ref).toBeTruthy();
  });

  it("under /clusters/{ns} has the namespace's own kinds, and URLs that lead back under it", async () => {
    const index = await ask(admin, `${CLUSTER()}/openapi/v3`);
    const { serverRelativeURL } = index.body.paths["apis/acme.example/v1"];
    expect(serverRelativeURL).toMatch(new RegExp(`^${CLUSTER()}/openapi/v3/apis/acme.example/v1\\?hash=`));
    const { body } = await ask(admin, serverRelativeURL);
    expect(body.components.schemas["example.acme.v1.Widget"].properties.spec.properties.color).toEqual({
      type: "string",
      description: "The colour that buyers see.",
    });
    // Paths are those of the API, without the prefix that the client has in its server's URL.
    expect(Object.keys(body.paths)).toContain("/apis/acme.example/v1/namespaces/{namespace}/widgets");
    expect((await ask(admin, "/openapi/v3/apis/acme.example/v1")).status).toBe(404);
    expect((await ask(admin, `${CLUSTER()}/openapi/v3/apis/acme.example/v2`)).status).toBe(404);
  });

  it("is not sent again to who has it, and a stale hash is not for keeping", async () => {
    const { headers } = await ask(admin, "/openapi/v3");
    const again = await ask(admin, "/openapi/v3", { headers: { "if-none-match": headers.get("etag") ?? "" } });
    expect(again.status).toBe(304);
    const stale = await ask(admin, "/openapi/v3/apis/gitstore.dev/v1beta1?hash=old");
    expect([stale.status, stale.headers.get("cache-control")]).toEqual([200, "private, no-cache"]);
  });

  it("is JSON, and v2 is not served", async () => {
    const accept = "application/com.github.proto-openapi.spec.v3@v1.0+protobuf";
    expect((await ask(admin, "/openapi/v3", { headers: { accept } })).status).toBe(406);
    expect((await ask(admin, "/openapi/v2")).status).toBe(404);
  });

  it("shows a caller only the kinds that its grants are about", async () => {
    const grants = [{ namespaces: [ledger.name], resources: ["products"], verbs: ["get" as const] }];
    const narrow = await tokenFor({ grants });
    expect(Object.keys((await ask(narrow, `${CLUSTER()}/openapi/v3`)).body.paths)).toEqual([
      "apis/catalog.gitstore.dev/v1beta1",
    ]);
    const document = await ask(narrow, `${CLUSTER()}/openapi/v3/apis/catalog.gitstore.dev/v1beta1`);
    expect(document.text).not.toContain("ProductVariant");
    expect((await ask(narrow, `${CLUSTER()}/openapi/v3/apis/acme.example/v1`)).status).toBe(404);
  });
});
