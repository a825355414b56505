import { beforeAll, describe, expect, it } from "vitest";
import { type Asked, ask, tokenFor } from "../support/http.ts";
import { newLedger, newOid, productText, push, type TestLedger } from "../support/ledger.ts";

let admin: string;
let ledger: TestLedger;
const PRODUCTS = () => `/apis/catalog.gitstore.dev/v1beta1/namespaces/${ledger.name}/products`;
const list = (query = "") => ask(admin, `${PRODUCTS()}${query}`);
const names = ({ body }: Asked) => body.items.map((item: { metadata: { name: string } }) => item.metadata.name);
const files = (prefix: string, count: number, title = "A thing") =>
  Object.fromEntries(
    Array.from({ length: count }, (_, index) => {
      const name = `${prefix}-${String(index).padStart(4, "0")}`;
      return [`${name}.md`, productText(name, `${title}${index % 2 === 0 ? "" : "."}`)];
    }),
  );

beforeAll(async () => {
  admin = await tokenFor({ role: "admin" });
  ledger = await newLedger("lists");
  await push(ledger, { files: files("p", 1_203) });
});

describe("a list", () => {
  it("without limit is whole, at one resourceVersion, in name order", async () => {
    const whole = await list();
    expect(whole.body.kind).toBe("ProductList");
    expect(whole.body.metadata).toEqual({ resourceVersion: expect.stringMatching(/^[1-9][0-9]*$/) });
    expect(names(whole)).toHaveLength(1_203);
    expect(names(whole)).toEqual([...names(whole)].sort());
  });

  it("with limit comes in pages of one state, whatever is written meanwhile", async () => {
    const first = await list("?limit=500");
    expect(first.body.items).toHaveLength(500);
    expect(first.body.metadata.remainingItemCount).toBe(703);
    await push(ledger, {
      files: { "a-new.md": productText("a-new", "New"), "p-1200.md": productText("p-1200", "Edited!") },
    });
    const second = await list(`?limit=500&continue=${first.body.metadata.continue}`);
    const third = await list(`?limit=500&continue=${second.body.metadata.continue}`);
    expect([second, third].map(({ body }) => body.metadata.resourceVersion)).toEqual(
      Array(2).fill(first.body.metadata.resourceVersion),
    );
    expect(third.body.metadata.continue).toBeUndefined();
    const all = [first, second, third].flatMap(names);
    expect(all).toHaveLength(1_203);
    expect(all).not.toContain("a-new");
    expect(third.text).not.toContain("Edited!");
    expect(names(await list())).toContain("a-new");
  });

  it("Exact is the state as it was", async () => {
    const before = (await list("?limit=1")).body.metadata.resourceVersion;
    await push(ledger, { files: { "b-later.md": productText("b-later", "Later") } });
    const exact = await list(`?resourceVersion=${before}&resourceVersionMatch=Exact`);
    expect(exact.body.metadata.resourceVersion).toBe(before);
    expect(names(exact)).not.toContain("b-later");
    expect(names(await list(`?resourceVersion=${before}&resourceVersionMatch=NotOlderThan`))).toContain("b-later");
    expect(names(await list(`?resourceVersion=${before}`))).toContain("b-later");
    expect(names(await list(`?resourceVersion=${before}&limit=5`))).not.toContain("b-later");
  });

  it("is filtered by label and by field, and counts nothing it cannot know", async () => {
    const even = await list("?labelSelector=shop/section%3Deven&limit=5");
    expect(even.body.items).toHaveLength(5);
    expect(even.body.metadata.continue).toBeDefined();
    expect(even.body.metadata.remainingItemCount).toBeUndefined();
    expect(names(await list("?fieldSelector=metadata.name%3Dp-0007"))).toEqual(["p-0007"]);
    expect(names(await list(`?fieldSelector=metadata.namespace%3D${ledger.name}&limit=1`))).toHaveLength(1);
  });

  it.each([
    ["?labelSelector=%3D%3D", 400, "labelSelector"],
    ["?fieldSelector=spec.secret%3D1", 400, "spec.secret"],
    ["?fieldSelector=nonsense", 400, "fieldSelector"],
    ["?limit=x", 400, "limit"],
    ["?continue=x", 400, "continue"],
    ["?resourceVersion=x", 400, "resourceVersion"],
    ["?resourceVersionMatch=Exact", 422, "resourceVersionMatch"],
    ["?view=everything", 400, "view"],
    ["?watch=maybe", 400, "watch"],
  ])("%s is refused with %i, naming %s", async (query, code, named) => {
    const { status, body } = await list(query);
    expect(status).toBe(code);
    expect(body.message).toContain(named);
  });

  it("at a resourceVersion that does not exist yet waits, then is 504 with the cause that client-go knows", async () => {
    const { status, body, headers } = await list("?resourceVersion=99999999");
    expect(status).toBe(504);
    expect(body.message).toMatch(/^Timeout: Too large resource version: 99999999, current: [0-9]+$/);
    expect(body.details.causes[0].reason).toBe("ResourceVersionTooLarge");
    expect(headers.get("retry-after")).toBe("1");
  });

  it("takes what asks for a Table first and JSON last, and refuses what takes no JSON", async () => {
    const accept = "application/json;as=Table;v=v1;g=meta.k8s.io,application/json";
    expect((await ask(admin, `${PRODUCTS()}?limit=1`, { headers: { accept } })).status).toBe(200);
    const refused = await ask(admin, `${PRODUCTS()}?limit=1`, {
      headers: { accept: "application/vnd.kubernetes.protobuf" },
    });
    expect(refused.status).toBe(406);
    expect(refused.body.reason).toBe("NotAcceptable");
  });
});

describe("get", () => {
  it("gives one object, not older than asked", async () => {
    const { body } = await ask(admin, `${PRODUCTS()}/p-0001`);
    expect(body).toMatchObject({ kind: "Product", metadata: { name: "p-0001" } });
    expect((await ask(admin, `${PRODUCTS()}/p-0001?resourceVersion=1`)).status).toBe(200);
    expect((await ask(admin, `${PRODUCTS()}/p-0001?resourceVersion=99999999`)).status).toBe(504);
    expect((await ask(admin, `${PRODUCTS()}/p-0001?resourceVersion=x`)).status).toBe(400);
  });

  it("of the status gives the object, with the permission to read the status", async () => {
    expect((await ask(admin, `${PRODUCTS()}/p-0001/status`)).body.kind).toBe("Product");
    expect((await ask(admin, `${PRODUCTS()}/p-0001/scale`)).status).toBe(404);
  });

  it("of what is not there names it", async () => {
    expect((await ask(admin, `${PRODUCTS()}/nope`)).body).toMatchObject({
      reason: "NotFound",
      message: 'products.catalog.gitstore.dev "nope" not found',
      details: { name: "nope", group: "catalog.gitstore.dev", kind: "products" },
    });
  });
});

describe("Git events", () => {
  const EVENTS = (query = "") => `/events/${ledger.name}${query}`;

  it("are served as batches of CloudEvents, oldest first, page by page", async () => {
    const { body, headers } = await ask(admin, EVENTS("?limit=2"));
    expect(headers.get("content-type")).toBe("application/cloudevents-batch+json");
    expect(body).toHaveLength(2);
    expect(body[0]).toMatchObject({ specversion: "1.0", source: `/namespaces/${ledger.name}/repositories/catalog` });
    const next = /<([^>]+)>; rel="next"/.exec(headers.get("link") ?? "")?.[1] ?? "";
    const following = await ask(admin, next);
    expect(Number(following.body[0].sequence)).toBeGreaterThan(Number(body[1].sequence));
  });

  it("are chosen by short name or by type, after an RV", async () => {
    const created = await ask(admin, EVENTS("?type=branch-created"));
    expect(created.body.map(({ type }: { type: string }) => type)).toEqual(["dev.gitstore.git.branch.created.v1"]);
    const same = await ask(admin, EVENTS("?type=dev.gitstore.git.branch.created.v1"));
    expect(same.text).toBe(created.text);
    const rv = Number(created.body[0].sequence);
    expect((await ask(admin, EVENTS(`?type=branch-created&after=${rv}`))).body).toEqual([]);
    expect((await ask(admin, EVENTS("?type=branches"))).body.message).toContain("branch-created");
  });

  it("are for those who may see them, which readers may not", async () => {
    const reader = await tokenFor({ role: "reader", namespaces: [ledger.name] });
    expect((await ask(reader, EVENTS())).status).toBe(403);
    expect((await ask(reader, `/apis/events.gitstore.dev/v1beta1/namespaces/${ledger.name}/gitevents`)).status).toBe(
      403,
    );
    const operator = await tokenFor({ role: "operator", namespaces: [ledger.name] });
    expect((await ask(operator, EVENTS("?limit=1"))).status).toBe(200);
  });

  it("are a kind too: listed, and found by name", async () => {
    const path = `/apis/events.gitstore.dev/v1beta1/namespaces/${ledger.name}/gitevents`;
    const { body } = await ask(admin, `${path}?limit=1`);
    const { name } = body.items[0].metadata;
    expect((await ask(admin, `${path}/${name}`)).body.metadata.name).toBe(name);
    expect((await ask(admin, `${path}/${"0".repeat(19)}1`)).status).toBe(404);
    expect((await ask(admin, `${path}/nope`)).status).toBe(404);
  });
});

describe("what was rejected", () => {
  const rejection = {
    op: "fail" as const,
    path: "broken.md",
    blob: newOid(),
    stage: "schema" as const,
    errors: [{ field: "spec.titel", reason: "UnknownField" as const, message: "unknown field", line: 6, column: 3 }],
  };

  beforeAll(async () => {
    const identity = { kind: "Product.catalog.gitstore.dev", name: "broken" };
    await push(ledger, {
      fails: [
        { ...rejection, identity },
        { ...rejection, path: "unreadable.md", blob: newOid() },
      ],
    });
  });

  it("is listed for operators, by kind, with what could not even be read", async () => {
    const operator = await tokenFor({ role: "operator", namespaces: [ledger.name] });
    const { body, status } = await ask(operator, `${PRODUCTS()}?view=rejected`);
    expect(status).toBe(200);
    expect(body.items.map(({ path }: { path: string }) => path).sort()).toEqual(["broken.md", "unreadable.md"]);
    expect(body.items[0].errors[0]).toMatchObject({ line: 6, column: 3, field: "spec.titel" });
    const all = await ask(operator, `/rejected/${ledger.name}?repository=catalog`);
    expect(all.body.items).toHaveLength(2);
    expect((await ask(operator, `/rejected/${ledger.name}?repository=other`)).body.items).toEqual([]);
  });

  it("comes in pages", async () => {
    const first = await ask(admin, `/rejected/${ledger.name}?limit=1`);
    expect(first.body.items).toHaveLength(1);
    const second = await ask(
      admin,
      `/rejected/${ledger.name}?limit=1&continue=${encodeURIComponent(first.body.metadata.continue)}`,
    );
    expect(second.body.items[0].path).not.toBe(first.body.items[0].path);
    expect((await ask(admin, `/rejected/${ledger.name}?limit=x`)).status).toBe(400);
  });

  it("is hidden from readers, and from every other list", async () => {
    const reader = await tokenFor({ role: "reader", namespaces: [ledger.name] });
    expect((await ask(reader, `${PRODUCTS()}?view=rejected`)).status).toBe(403);
    expect((await ask(reader, `/rejected/${ledger.name}`)).status).toBe(403);
    expect(names(await list())).not.toContain("broken");
  });
});
