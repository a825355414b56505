import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { decodeJwt, decodeProtectedHeader } from "jose";
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { COMMANDS } from "../../../src/cli/run.ts";
import { ctl, FakeServer, type Reply, status } from "./support.ts";

const server = new FakeServer();
beforeAll(() => server.start());
afterAll(() => server.stop());
beforeEach(() => server.reset());

const KEY = `k1:${"a".repeat(43)}`;
const token = (...more: string[]) => ["--server", server.url, "--token", "t", ...more];
const REPOSITORIES = "/apis/gitstore.dev/v1beta1/namespaces/acme/repositories";
const NAMESPACES = "/apis/gitstore.dev/v1beta1/namespaces";

describe("the command line", () => {
  it.each([
    [[], "a command is missing"],
    [["frobnicate"], '"frobnicate" is no command'],
    [["repo"], "repo needs one of: add, list, show, sync, rotate-secret, remove"],
    [["repo", "add"], "repo add needs NS/NAME"],
    [["repo", "add", "acme"], '"acme" is not NAMESPACE/NAME'],
    [["repo", "add", "a/b/c", "--url", "u", "--provider", "git"], "is not NAMESPACE/NAME"],
    [["repo", "add", "acme/catalog"], "needs --url"],
    [["repo", "add", "acme/catalog", "--url", "https://g"], "needs --provider: one of github, git"],
    [["repo", "add", "acme/catalog", "--url", "https://g", "--provider", "svn"], '--provider is "svn"'],
    [["repo", "remove", "acme/catalog", "--policy", "burn"], '--policy is "burn": give one of retain, delete'],
    [["namespace", "create"], "namespace create needs NS"],
    [["namespace", "create", "a", "b"], 'does not take "b"'],
    [["get", "acme", "products", "--frob"], "Unknown option '--frob'"],
    [["get", "acme", "products", "-o", "xml"], '--output is "xml": give one of table, json, yaml'],
    [["get", "acme", "--server", "edge.example"], "give an http or https URL"],
    [["get", "products"], "get needs NS KIND [NAME]"],
    [["watch", "acme", "--rv", "soon"], '--rv is "soon"'],
    [["watch", "acme", "--rv", "7", "--now"], "exclude each other"],
    [["watch", "acme", "--count", "0"], '--count is "0"'],
    [["watch", "acme", "--timeout", "soon"], '--timeout is "soon"'],
    [["events", "acme", "--limit", "x"], '--limit is "x"'],
    [["drain", "--over", "soon"], '--over is "soon"'],
    [["drain", "acme", "--over", "11m"], '--over is "11m"'],
    [["token", "create"], "needs --role"],
    [["token", "create", "--role", "king"], '--role is "king"'],
    [["token", "create", "--role", "reader"], "needs --namespace"],
    [["token", "create", "--role", "admin", "--ttl", "0s"], '--ttl is "0s"'],
    [
      ["token", "create", "--role", "reader", "--namespace", "acme", "--status-of", "Product"],
      "--status-of is for --role controller",
    ],
  ])("%j is a mistake, told and explained", async (line, told) => {
    const { code, out, err } = await ctl(line, { env: { GITSTORE_TOKEN: "t", TOKEN_SIGNING_KEY: KEY } });
    expect(code).toBe(2);
    expect(out).toBe("");
    expect(err).toContain(told);
    expect(err).toContain("--help");
    expect(server.received).toEqual([]);
  });

  it.each(COMMANDS.map(({ name }) => name))(
    "%s --help has its usage and examples, and asks no server",
    async (name) => {
      const { code, out } = await ctl([...name.split(" "), "--help"]);
      expect(code).toBe(0);
      expect(out).toContain(`Usage: gitstorectl ${name}`);
      expect(out).toMatch(new RegExp(`Examples:\\n +gitstorectl ${name}`));
    },
  );

  it("--help lists every command and every exit code", async () => {
    const { code, out } = await ctl(["--help"]);
    expect(code).toBe(0);
    for (const { name } of COMMANDS) expect(out).toContain(name);
    expect(out).toContain("0 done, 1 failed, 2 usage, 3 conflict, 4 not found, 5 not allowed");
    expect((await ctl(["repo", "--help"])).out).toContain("repo rotate-secret");
  });
});

describe("the exit code", () => {
  it.each([
    [400, 1],
    [401, 5],
    [403, 5],
    [404, 4],
    [409, 3],
    [410, 1],
    [422, 1],
    [500, 1],
    [503, 1],
  ])("of an answer %i is %i, with the server's own words", async (answered, expected) => {
    server.answers[`GET ${NAMESPACES}/acme`] = {
      status: answered,
      body: status(answered, "Reason", "in the server's words"),
    };
    const { code, err, out } = await ctl(["get", "namespaces", "acme", ...token()]);
    expect(code).toBe(expected);
    expect(err).toContain("error: in the server's words");
    expect(out).toBe("");
  });

  it("without a server is 1, and says how to name another", async () => {
    const { code, err } = await ctl(["get", "namespaces", "--server", "http://127.0.0.1:9", "--token", "t"]);
    expect(code).toBe(1);
    expect(err).toContain("http://127.0.0.1:9 cannot be reached");
    expect(err).toContain("GITSTORE_SERVER");
  });

  it("of an answer that is no JSON is 1, with what it says", async () => {
    server.answers[`GET ${NAMESPACES}/acme`] = { status: 502, body: "bad gateway" };
    const { code, err } = await ctl(["get", "namespaces", "acme", ...token()]);
    expect(code).toBe(1);
    expect(err).toContain("bad gateway");
  });

  it("names the request in the server's log when the fault is there", async () => {
    server.answers[`GET ${NAMESPACES}/acme`] = {
      status: 500,
      body: status(500, "InternalError", "x"),
      headers: { "x-request-id": "r-17" },
    };
    expect((await ctl(["get", "namespaces", "acme", ...token()])).err).toContain("r-17");
  });
});

describe("server and token", () => {
  const list: Reply = { body: { metadata: { resourceVersion: "7" }, items: [] } };
  const get = (args: string[], given: Parameters<typeof ctl>[1] = {}) => {
    server.answers[`GET ${NAMESPACES}`] = list;
    return ctl(["get", "namespaces", ...args], given);
  };
  const sent = () => server.received[0]?.headers.authorization;
  let dir: string;
  beforeAll(() => {
    dir = mkdtempSync(join(tmpdir(), "ctl-"));
    mkdirSync(join(dir, "deep/er"), { recursive: true });
    writeFileSync(join(dir, ".dev.vars"), `TOKEN_SIGNING_KEY=${KEY}\n`);
  });
  afterAll(() => rmSync(dir, { recursive: true }));

  it("come from the options before the environment", async () => {
    await get(["--server", server.url, "--token", "option"], {
      env: { GITSTORE_SERVER: "http://127.0.0.1:9", GITSTORE_TOKEN: "env" },
    });
    expect(sent()).toBe("Bearer option");
  });

  it("come from the environment before .dev.vars", async () => {
    await get([], { env: { GITSTORE_SERVER: server.url, GITSTORE_TOKEN: "env" }, cwd: dir });
    expect(sent()).toBe("Bearer env");
  });

  it("for a local server are made from the .dev.vars of this directory, or of one above", async () => {
    await get(["--server", server.url], { cwd: join(dir, "deep/er") });
    const made = sent()?.replace("Bearer ", "") ?? "";
    expect(decodeProtectedHeader(made)).toMatchObject({ alg: "HS256", kid: "k1" });
    expect(decodeJwt(made)).toMatchObject({ aud: "gitstore-edge", sub: "user:local-admin" });
  });

  it("never come from .dev.vars for a server elsewhere", async () => {
    const { code, err } = await get(["--server", "https://edge.example"], { cwd: dir });
    expect(code).toBe(1);
    expect(err).toContain("there is no token for https://edge.example");
    expect(err).toContain("GITSTORE_TOKEN");
  });
});

describe("token create", () => {
  const env = { TOKEN_SIGNING_KEY: KEY };
  const create = (...args: string[]) => ctl(["token", "create", ...args], { env });

  it("prints the token and nothing else", async () => {
    const { code, out, err } = await create("--role", "admin");
    expect({ code, err }).toEqual({ code: 0, err: "" });
    expect(out).toMatch(/^[\w-]+\.[\w-]+\.[\w-]+\n$/);
    expect(decodeJwt(out.trim())).toMatchObject({ sub: "user:admin", grants: [{ namespaces: ["*"] }, {}] });
  });

  it("puts role, namespaces, subject and life into it", async () => {
    const { out } = await create(
      "--role",
      "reader",
      "--namespace",
      "acme",
      "-n",
      "other",
      "--sub",
      "user:alice",
      "--ttl",
      "90d",
    );
    const { sub, grants, exp = 0, iat = 0, jti } = decodeJwt(out.trim());
    expect({ sub, grants, life: exp - iat }).toEqual({
      sub: "user:alice",
      grants: [{ namespaces: ["acme", "other"], resources: ["*"], verbs: ["get", "list", "watch"] }],
      life: 90 * 86_400,
    });
    expect(jti).toMatch(/.{8,}/);
  });

  it.each([
    ["Product", "products/status"],
    ["categorytaxonomies", "categorytaxonomies/status"],
    ["prod", "products/status"],
    ["widgets.acme.example", "widgets/status"],
    ["Berry", "berries/status"],
    ["Box", "boxes/status"],
  ])("--status-of %s grants %s", async (kind, resource) => {
    const { out } = await create("--role", "controller", "--namespace", "acme", "--status-of", kind);
    const { grants } = decodeJwt(out.trim()) as { grants: { resources: string[]; verbs: string[] }[] };
    expect(grants.find(({ resources }) => resources.includes(resource))?.verbs).toEqual(["update"]);
  });

  it("says where to get the key when there is none", async () => {
    const { code, err } = await ctl(["token", "create", "--role", "admin", "--server", "https://edge.example"]);
    expect(code).toBe(1);
    expect(err).toContain("TOKEN_SIGNING_KEY");
  });
});

describe("repo add", () => {
  const add = (...more: string[]) =>
    ctl(["repo", "add", "acme/catalog", "--url", "https://git.test/c.git", "--provider", "git", ...token(...more)]);
  const looked = (conditions: object[]): Reply => ({
    body: { metadata: { name: "catalog" }, spec: {}, status: { conditions } },
  });

  beforeEach(() => {
    server.answers[`POST ${REPOSITORIES}`] = { status: 201 };
    server.answers[`POST ${REPOSITORIES}/catalog/rotate-secret`] = {
      status: 201,
      body: { id: "s1", secret: "whsec_x" },
    };
    server.answers[`GET ${REPOSITORIES}/catalog`] = looked([
      { type: "BranchMatched", status: "True", reason: "Matched", message: "" },
    ]);
  });

  it("-o json prints namespace, name, webhookUrl and secret", async () => {
    const { code, out, err } = await add("-o", "json");
    expect({ code, err }).toEqual({ code: 0, err: "" });
    expect(JSON.parse(out)).toEqual({
      namespace: "acme",
      name: "catalog",
      webhookUrl: `${server.url}/webhooks/acme/catalog`,
      secret: "whsec_x",
    });
  });

  it("sends what was given, and leaves the defaults to the server", async () => {
    await add(
      "--poll",
      "off",
      "--credentials-ref",
      "GIT_CREDENTIALS_ACME",
      "--secret",
      "mine",
      "--branch",
      "main",
      "--branch",
      "next",
    );
    expect(server.received[0]?.body).toEqual({
      apiVersion: "gitstore.dev/v1beta1",
      kind: "Repository",
      metadata: { name: "catalog" },
      spec: {
        url: "https://git.test/c.git",
        provider: "git",
        poll: "off",
        credentialsRef: "GIT_CREDENTIALS_ACME",
        branches: ["main", "next"],
      },
    });
    expect(server.received[1]?.body).toEqual({ secret: "mine" });
    server.received.length = 0;
    await add();
    expect(server.received[0]?.body).toHaveProperty("spec", { url: "https://git.test/c.git", provider: "git" });
  });

  it("waits for the first look, and warns on stderr when no pattern matches the remote's HEAD", async () => {
    const condition = { type: "BranchMatched", status: "False", reason: "NoMatch", message: "HEAD is trunk" };
    server.answers[`GET ${REPOSITORIES}/catalog`] = [looked([]), looked([]), looked([condition])];
    const { code, err, out, slept } = await add("-o", "json");
    expect(code).toBe(0);
    expect(err).toContain("warning: BranchMatched=False (NoMatch): HEAD is trunk");
    expect(JSON.parse(out)).toHaveProperty("secret");
    expect(slept).toHaveLength(2);
  });

  it("does not wait for ever", async () => {
    server.answers[`GET ${REPOSITORIES}/catalog`] = looked([]);
    const { code, slept } = await add();
    expect(code).toBe(0);
    expect(slept.reduce((sum, ms) => sum + ms, 0)).toBe(10_000);
  });

  it("that got no secret says that the repository is there, and how to go on", async () => {
    server.answers[`POST ${REPOSITORIES}/catalog/rotate-secret`] = {
      status: 503,
      body: status(503, "ServiceUnavailable", "later"),
    };
    const { code, err } = await add();
    expect(code).toBe(1);
    expect(err).toContain("acme/catalog is added, but has no secret yet: later");
    expect(err).toContain("gitstorectl repo rotate-secret acme/catalog");
  });

  it("of one that exists is a conflict", async () => {
    server.answers[`POST ${REPOSITORIES}`] = { status: 409, body: status(409, "AlreadyExists", "already exists") };
    expect((await add()).code).toBe(3);
  });
});

describe("repo sync", () => {
  const sync = (...more: string[]) => ctl(["repo", "sync", "acme/catalog", ...token(...more)]);
  const state = (name: string, more: object = {}): Reply => ({
    body: { id: "7", state: name, refs: [], admitted: 3, rejected: 0, ...more },
  });
  beforeEach(() => {
    server.answers[`POST ${REPOSITORIES}/catalog/sync`] = { status: 202, body: { sync: "7" } };
  });

  it("returns when the refs seen at its start are applied", async () => {
    server.answers[`GET ${REPOSITORIES}/catalog/syncs/7`] = [state("running"), state("running"), state("done")];
    const { code, out, slept } = await sync();
    expect(code).toBe(0);
    expect(out).toContain("acme/catalog is in sync: 0 refs, 3 files admitted, 0 rejected");
    expect(slept).toHaveLength(2);
  });

  it("fails as the sync does, in its words", async () => {
    server.answers[`GET ${REPOSITORIES}/catalog/syncs/7`] = state("failed", { message: "FetchTooLarge: 3 GB" });
    const { code, err, out } = await sync("-o", "json");
    expect(code).toBe(1);
    expect(err).toContain("FetchTooLarge: 3 GB");
    expect(JSON.parse(out)).toMatchObject({ state: "failed" });
  });

  it("is not failed by rejected files, and says where they are listed", async () => {
    server.answers[`GET ${REPOSITORIES}/catalog/syncs/7`] = state("done", { rejected: 2 });
    const { code, err } = await sync();
    expect(code).toBe(0);
    expect(err).toContain("gitstorectl rejected acme");
  });

  it("passes --allow-mass-delete on", async () => {
    server.answers[`GET ${REPOSITORIES}/catalog/syncs/7`] = state("done");
    await sync("--allow-mass-delete");
    expect(server.received[0]?.body).toEqual({ allowMassDelete: true });
  });
});

describe("get", () => {
  const PRODUCTS = "/apis/catalog.gitstore.dev/v1beta1/namespaces/acme/products";
  const product = (name: string) => ({
    kind: "Product",
    metadata: { name, resourceVersion: "7", creationTimestamp: "2026-11-21T08:00:00Z" },
    spec: { title: `The ${name}` },
    status: {},
  });

  it("shows a table with the kind's own columns", async () => {
    server.answers[`GET ${PRODUCTS}`] = {
      body: { metadata: { resourceVersion: "7" }, items: [product("shirt"), product("a-long-name")] },
    };
    const { code, out } = await ctl(["get", "acme", "products", ...token()]);
    expect(code).toBe(0);
    const lines = out.trimEnd().split("\n");
    expect(lines).toHaveLength(3);
    expect(lines[0]).toMatch(/^NAME +TITLE/);
    expect(lines[0]?.match(/AGE/g)).toHaveLength(1);
    expect(lines[1]).toMatch(/^shirt +The shirt.* 60m$/);
  });

  it("follows the pages of a list at one resourceVersion", async () => {
    server.answers[`GET ${PRODUCTS}`] = [
      { body: { kind: "ProductList", metadata: { resourceVersion: "7", continue: "next" }, items: [product("a")] } },
      { body: { kind: "ProductList", metadata: { resourceVersion: "7" }, items: [product("b")] } },
    ];
    const { out } = await ctl(["get", "acme", "prod", "-l", "season=summer", "-o", "json", ...token()]);
    const list = JSON.parse(out) as { metadata: object; items: { metadata: { name: string } }[] };
    expect(list.items.map(({ metadata }) => metadata.name)).toEqual(["a", "b"]);
    expect(list.metadata).toEqual({ resourceVersion: "7" });
    expect(server.received[1]?.query.get("continue")).toBe("next");
    expect(server.received.map(({ query }) => query.get("labelSelector"))).toEqual(["season=summer", "season=summer"]);
  });

  it("shows one object as YAML", async () => {
    server.answers[`GET ${PRODUCTS}/shirt`] = { body: product("shirt") };
    const { out } = await ctl(["get", "acme", "Product", "shirt", "-o", "yaml", ...token()]);
    expect(out).toContain("title: The shirt\n");
  });

  it("knows the namespace's own kinds", async () => {
    const definition = {
      spec: {
        group: "acme.example",
        scope: "Namespaced",
        names: { kind: "Widget", plural: "widgets", singular: "widget", shortNames: [] },
        versions: [
          {
            name: "v1",
            served: true,
            storage: true,
            schema: {
              openAPIV3Schema: {
                type: "object",
                properties: { spec: { type: "object", properties: { size: { type: "integer" } } } },
              },
            },
            additionalPrinterColumns: [{ name: "Size", type: "integer", jsonPath: ".spec.size" }],
          },
        ],
      },
    };
    server.answers["GET /apis/apiextensions.gitstore.dev/v1beta1/namespaces/acme/customresourcedefinitions"] = {
      body: { metadata: {}, items: [definition] },
    };
    server.answers["GET /apis/acme.example/v1/namespaces/acme/widgets"] = {
      body: { metadata: {}, items: [{ metadata: { name: "w" }, spec: { size: 3 } }] },
    };
    const { out, err } = await ctl(["get", "acme", "widgets", ...token()]);
    expect(err).toBe("");
    expect(out).toMatch(/^NAME +SIZE/);
    expect(out).toMatch(/\nw +3/);
    const unknown = await ctl(["get", "acme", "gadgets", ...token()]);
    expect(unknown.code).toBe(2);
    expect(unknown.err).toContain('"gadgets" is no kind of acme');
  });

  it("says on stderr when there is nothing, and prints nothing", async () => {
    server.answers[`GET ${PRODUCTS}`] = { body: { metadata: {}, items: [] } };
    expect(await ctl(["get", "acme", "products", ...token()])).toMatchObject({
      code: 0,
      out: "",
      err: "no products in acme\n",
    });
  });

  it("does not let what a server says move the cursor", async () => {
    server.answers[`GET ${PRODUCTS}`] = {
      body: { metadata: {}, items: [{ ...product("x"), spec: { title: "\u001b[2Jgone\u009b" } }] },
    };
    const { out } = await ctl(["get", "acme", "products", ...token()], { terminal: true });
    expect(out).not.toContain("\u001b[2J");
    expect(out).not.toContain("\u009b");
  });

  it("colours on a terminal only, and not where NO_COLOR is set", async () => {
    server.answers[`GET ${PRODUCTS}`] = { body: { metadata: {}, items: [product("x")] } };
    const get = (given: Parameters<typeof ctl>[1]) => ctl(["get", "acme", "products", ...token()], given);
    expect((await get({ terminal: true })).out).toContain("\u001b[1m");
    expect((await get({})).out).not.toContain("\u001b[");
    expect((await get({ terminal: true, env: { NO_COLOR: "1" } })).out).not.toContain("\u001b[");
  });
});

describe("events", () => {
  it("are fetched page by page, and -o json is one document", async () => {
    const event = (rv: number) => ({
      id: `e${rv}`,
      type: "dev.gitstore.git.branch.created.v1",
      subject: "refs/heads/main",
      time: "t",
      sequence: String(rv).padStart(20, "0"),
    });
    server.answers["GET /events/acme"] = ({ query }) => ({
      body:
        query.get("after") === null ? Array.from({ length: 1_000 }, (_, index) => event(index + 1)) : [event(1_001)],
    });
    const { out } = await ctl(["events", "acme", "--type", "branch-created", "-o", "json", ...token()]);
    expect(JSON.parse(out)).toHaveLength(1_001);
    expect(server.received.map(({ query }) => [query.get("after"), query.get("type")])).toEqual([
      [null, "branch-created"],
      ["1000", "branch-created"],
    ]);
    const table = await ctl(["events", "acme", "--limit", "1", ...token()]);
    expect(table.out).toMatch(/1 +t +git.branch.created +refs\/heads\/main/);
  });
});

describe("rejected", () => {
  const record = {
    repository: "catalog",
    branch: "main",
    path: "products/shirt.md",
    kind: "Product.catalog.gitstore.dev",
    name: "shirt",
    commit: "a".repeat(40),
    at: "t",
    stage: "schema",
    errors: [
      {
        line: 6,
        column: 3,
        field: "spec.titel",
        reason: "UnknownField",
        message: "unknown field",
        hint: "did you mean title?",
      },
    ],
  };

  it("prints each error with its place, as the hook does", async () => {
    server.answers["GET /rejected/acme"] = { body: { metadata: {}, items: [record] } };
    const { out } = await ctl(["rejected", "acme", ...token()]);
    expect(out).toBe(
      "catalog main products/shirt.md (Product shirt) at aaaaaaaaaa\n" +
        "  products/shirt.md:6:3: spec.titel: unknown field [UnknownField] (did you mean title?)\n",
    );
  });

  it("of one kind leaves the others out, and of none says so", async () => {
    server.answers["GET /rejected/acme"] = { body: { metadata: {}, items: [record] } };
    const one = await ctl(["rejected", "acme", "--kind", "products", "-o", "json", ...token()]);
    expect((JSON.parse(one.out) as { items: unknown[] }).items).toHaveLength(1);
    const other = await ctl(["rejected", "acme", "--kind", "Collection", ...token()]);
    expect(other).toMatchObject({ code: 0, out: "", err: "nothing is rejected in acme\n" });
  });
});

describe("namespace", () => {
  it("create and delete say what they did", async () => {
    server.answers[`POST ${NAMESPACES}`] = { status: 201, body: { metadata: { name: "acme" } } };
    server.answers[`DELETE ${NAMESPACES}/acme`] = {};
    expect(await ctl(["namespace", "create", "acme", "--title", "Acme", ...token()])).toMatchObject({
      code: 0,
      out: "namespace acme created\n",
    });
    expect(server.received[0]?.body).toHaveProperty("spec", { title: "Acme" });
    expect((await ctl(["namespace", "delete", "acme", "--force", ...token()])).out).toBe("namespace acme deleted\n");
    expect(server.received[1]?.query.get("force")).toBe("true");
  });

  it("delete without --force is the server's conflict", async () => {
    server.answers[`DELETE ${NAMESPACES}/acme`] = {
      status: 409,
      body: status(409, "Conflict", "it has repositories (catalog)"),
    };
    const { code, err } = await ctl(["namespace", "delete", "acme", ...token()]);
    expect(code).toBe(3);
    expect(err).toContain("it has repositories");
    expect(server.received[0]?.query.get("force")).toBeNull();
  });
});

describe("drain", () => {
  it("closes the watches of the namespaces that are named, or of each and the cluster scope", async () => {
    server.answers["POST /admin/drain/acme"] = { body: { namespace: "acme", closed: 3 } };
    server.answers["POST /admin/drain/other"] = { body: { namespace: "other", closed: 0 } };
    server.answers["POST /admin/drain"] = { body: { closed: 1 } };
    const items = ["acme", "other"].map((name) => ({ metadata: { name } }));
    server.answers[`GET ${NAMESPACES}`] = { body: { metadata: { resourceVersion: "9" }, items } };
    expect(await ctl(["drain", "acme", "--over", "90s", ...token()])).toMatchObject({
      code: 0,
      out: "acme 3 closed\n",
    });
    expect(server.received.map(({ path, body }) => [path, body])).toEqual([["/admin/drain/acme", { overSeconds: 90 }]]);
    const all = await ctl(["drain", ...token("-o", "json")]);
    expect(JSON.parse(all.out)).toEqual({
      items: [{ namespace: "acme", closed: 3 }, { namespace: "other", closed: 0 }, { closed: 1 }],
    });
    expect(server.received.at(-1)).toMatchObject({ path: "/admin/drain", body: { overSeconds: 30 } });
  });
});
