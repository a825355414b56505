import { beforeAll, describe, expect, it } from "vitest";
import { ask, tokenFor } from "../support/http.ts";
import { newLedger, productText, push, type TestLedger } from "../support/ledger.ts";
import { LineStream } from "../support/lines.ts";

let admin: string;
let ledger: TestLedger;
const TABLE = "application/json;as=Table;v=v1;g=meta.k8s.io";
/** What kubectl sends. */
const KUBECTL = `${TABLE},application/json;as=Table;v=v1beta1;g=meta.k8s.io,application/json`;
const METADATA = "application/json;as=PartialObjectMetadata;v=v1;g=meta.k8s.io";
const METADATA_LIST = "application/json;as=PartialObjectMetadataList;v=v1;g=meta.k8s.io";
const PRODUCTS = () => `/apis/catalog.gitstore.dev/v1beta1/namespaces/${ledger.name}/products`;
const get = (path: string, accept: string) => ask(admin, `${PRODUCTS()}${path}`, { headers: { accept } });
const edit = (title: string) => push(ledger, { files: { "hat.md": productText("hat", title) } });

beforeAll(async () => {
  admin = await tokenFor({ role: "admin" });
  ledger = await newLedger("tables");
  await push(ledger, { files: { "hat.md": productText("hat", "A hat"), "mug.md": productText("mug", "A mug") } });
});

describe("a Table", () => {
  it("of a list has the kind's columns, a row for each object, and the list's resourceVersion", async () => {
    const { status, body, headers } = await get("", KUBECTL);
    expect(status).toBe(200);
    expect(headers.get("content-type")).toBe("application/json");
    expect(body).toMatchObject({ kind: "Table", apiVersion: "meta.k8s.io/v1" });
    expect(body.metadata.resourceVersion).toBe((await get("", "application/json")).body.metadata.resourceVersion);
    const columns = body.columnDefinitions as { name: string; type: string; priority: number }[];
    expect(columns.map(({ name, type, priority }) => [name, type, priority])).toEqual([
      ["Name", "string", 0],
      ["Title", "string", 0],
      ["Category", "string", 0],
      ["Phase", "string", 0],
      ["Ready", "string", 0],
      ["Age", "date", 0],
      ["Revision", "string", 1],
    ]);
    expect(body.columnDefinitions[0].format).toBe("name");
    const [hat, mug] = body.rows;
    expect(hat.cells.slice(0, 5)).toEqual(["hat", "A hat", null, "draft", null]);
    expect(hat.cells[5]).toMatch(/^[0-9]+s$/);
    expect(hat.cells[6]).toMatch(/^main@sha1:[0-9a-f]{40}$/);
    expect(mug.cells[0]).toBe("mug");
  });

  it("has the metadata of each object beside its cells, and with includeObject nothing or the whole of it", async () => {
    const object = (await get("/hat", "application/json")).body;
    const included = async (query: string) => (await get(`/hat${query}`, TABLE)).body.rows[0].object;
    const partial = {
      kind: "PartialObjectMetadata",
      apiVersion: "meta.k8s.io/v1",
      metadata: object.metadata,
    };
    expect(await included("")).toEqual(partial);
    expect(await included("?includeObject=Metadata")).toEqual(partial);
    expect(await included("?includeObject=None")).toBeNull();
    expect(await included("?includeObject=Object")).toEqual(object);
    const refused = await get("/hat?includeObject=Spec", TABLE);
    expect(refused.status).toBe(400);
    expect(refused.body.message).toContain('includeObject: Invalid value: "Spec"');
  });

  it("of one object has its resourceVersion", async () => {
    const { body } = await get("/hat", TABLE);
    expect(body.rows).toHaveLength(1);
    expect(body.metadata).toEqual({ resourceVersion: body.rows[0].object.metadata.resourceVersion });
  });

  it("comes in pages like any list, and is streamed whole without a limit", async () => {
    const first = await get("?limit=1", TABLE);
    expect(first.body.metadata).toMatchObject({ continue: expect.any(String), remainingItemCount: 1 });
    const second = await get(`?limit=1&continue=${first.body.metadata.continue}`, TABLE);
    expect([first, second].map(({ body }) => body.rows[0].cells[0])).toEqual(["hat", "mug"]);
    const large = await newLedger("large");
    const files = Array.from({ length: 600 }, (_, i) => [`p${i}.md`, productText(`p${i}`, `No. ${i}`)]);
    await push(large, { files: Object.fromEntries(files) as Record<string, string> });
    const path = `/apis/catalog.gitstore.dev/v1beta1/namespaces/${large.name}/products`;
    const whole = await ask(admin, path, { headers: { accept: TABLE } });
    expect(whole.body.rows).toHaveLength(600);
  });

  it("of v1beta1 is one, of another version is none", async () => {
    const beta = await get("", "application/json;as=Table;v=v1beta1;g=meta.k8s.io");
    expect(beta.body.apiVersion).toBe("meta.k8s.io/v1beta1");
    expect(beta.body.rows[0].object.apiVersion).toBe("meta.k8s.io/v1beta1");
    expect((await get("", "application/json;as=Table;v=v2;g=meta.k8s.io")).status).toBe(406);
    expect((await get("", "application/json;as=Table;v=v1;g=other")).status).toBe(406);
    expect((await get("", "application/json;as=Chart;v=v1;g=meta.k8s.io,application/json")).body.kind).toBe(
      "ProductList",
    );
  });

  it("is made of what the client likes most", async () => {
    expect((await get("", `${TABLE};q=0.4,application/json`)).body.kind).toBe("ProductList");
    expect((await get("", `${TABLE};q=0,application/json;q=0.1`)).body.kind).toBe("ProductList");
    expect((await get("", `application/vnd.kubernetes.protobuf,${TABLE}`)).body.kind).toBe("Table");
    expect((await get("", "application/yaml")).status).toBe(406);
  });

  it("is no answer to a write", async () => {
    const refused = await ask(admin, PRODUCTS(), { method: "POST", headers: { accept: TABLE }, body: {} });
    expect(refused.status).toBe(406);
  });
});

describe("a watch of Tables", () => {
  it("has column definitions in its first event only", async () => {
    const stream = await LineStream.open(admin, `${PRODUCTS()}?watch=1`, { accept: KUBECTL });
    const [hat, mug] = await stream.take(2);
    expect(hat).toMatchObject({ type: "ADDED", object: { kind: "Table", apiVersion: "meta.k8s.io/v1" } });
    expect(hat?.object.columnDefinitions).toHaveLength(7);
    expect(hat?.object.rows).toHaveLength(1);
    expect(hat?.object.metadata.resourceVersion).toBe(hat?.object.rows[0].object.metadata.resourceVersion);
    expect(mug?.object.columnDefinitions).toBeNull();
    await edit("A better hat");
    const [changed] = await stream.take(1);
    expect(changed).toMatchObject({ type: "MODIFIED" });
    expect(changed?.object.rows[0].cells.slice(0, 2)).toEqual(["hat", "A better hat"]);
    await stream.close();
  });

  it("takes includeObject", async () => {
    const stream = await LineStream.open(admin, `${PRODUCTS()}?watch=1&includeObject=Object`, { accept: TABLE });
    const [first] = await stream.take(1);
    expect(first?.object.rows[0].object).toMatchObject({ kind: "Product", spec: { title: expect.any(String) } });
    await stream.close();
  });

  it("tells an ERROR as a Status", async () => {
    const stream = await LineStream.open(admin, `${PRODUCTS()}?watch=1&resourceVersion=99999999`, { accept: TABLE });
    const [error] = await stream.take(1);
    expect(error).toMatchObject({ type: "ERROR", object: { kind: "Status", code: 410, reason: "Expired" } });
    expect(await stream.next()).toBeUndefined();
  });

  it("does not begin with sendInitialEvents: 406, or objects where the client takes them", async () => {
    const query = "?watch=1&sendInitialEvents=true&resourceVersionMatch=NotOlderThan&allowWatchBookmarks=true";
    await expect(LineStream.open(admin, `${PRODUCTS()}${query}`, { accept: TABLE })).rejects.toThrow("406");
    const stream = await LineStream.open(admin, `${PRODUCTS()}${query}`, { accept: KUBECTL });
    expect((await stream.take(1))[0]?.object.kind).toBe("Product");
    await stream.close();
  });
});

describe("metadata alone", () => {
  it("is given of an object, of a list and of a stream, its bookmarks included", async () => {
    const object = (await get("/hat", "application/json")).body;
    const partial = { kind: "PartialObjectMetadata", apiVersion: "meta.k8s.io/v1", metadata: object.metadata };
    expect((await get("/hat", METADATA)).body).toEqual(partial);
    const list = (await get("", `application/vnd.kubernetes.protobuf;as=x,${METADATA_LIST},application/json`)).body;
    expect(list).toMatchObject({ kind: "PartialObjectMetadataList", apiVersion: "meta.k8s.io/v1" });
    expect(list.metadata.resourceVersion).toMatch(/^[0-9]+$/);
    expect(list.items[0]).toEqual(partial);
    const query = "?watch=1&sendInitialEvents=true&resourceVersionMatch=NotOlderThan&allowWatchBookmarks=true";
    const stream = await LineStream.open(admin, `${PRODUCTS()}${query}`, { accept: METADATA });
    const [hat, , end] = await stream.take(3);
    expect(hat).toEqual({ type: "ADDED", object: partial });
    expect(end).toMatchObject({
      type: "BOOKMARK",
      object: { kind: "PartialObjectMetadata", metadata: { annotations: { "k8s.io/initial-events-end": "true" } } },
    });
    await stream.close();
  });

  it("of a list is asked for as a list, and of an object as an object", async () => {
    const list = await get("", METADATA);
    expect([list.status, list.body.message]).toEqual([
      406,
      "you requested PartialObjectMetadata, but the requested object is a list",
    ]);
    const one = await get("/hat", METADATA_LIST);
    expect([one.status, one.body.message]).toEqual([
      406,
      "you requested PartialObjectMetadataList, but the requested object is not a list",
    ]);
  });
});
