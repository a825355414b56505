import { beforeAll, describe, expect, it } from "vitest";
import { ledgerOf } from "../../../src/config.ts";
import { controlsOf } from "../support/controls.ts";
import { tokenFor, unique } from "../support/http.ts";
import { bindings, type TestLedger } from "../support/ledger.ts";
import { code, commit, data, gql, product, shop } from "./support.ts";

const DAY_MS = 24 * 3_600 * 1_000;

let admin: string;
beforeAll(async () => {
  admin = await tokenFor({ role: "admin" });
});

const CREATE = `mutation($input: CreateNamespaceInput!) { createNamespace(input: $input) {
  namespace { id metadata { name uid resourceVersion labels } spec { title storefront { public } } status { conditions { type status reason } } } } }`;
const DELETE = "mutation($input: DeleteNamespaceInput!) { deleteNamespace(input: $input) { deletedIdentifier } }";

describe("createNamespace", () => {
  it("makes it, admitted and open for its first repository", async () => {
    const name = unique("made");
    controlsOf(name).alone = true;
    const spec = { title: "Acme", storefront: { public: true } };
    const { createNamespace } = await data(admin, CREATE, { input: { metadata: { name, labels: { a: "b" } }, spec } });
    expect(createNamespace.namespace).toMatchObject({
      metadata: { name, labels: { a: "b" } },
      spec,
      status: { conditions: [{ type: "AdmissionAccepted", status: "TRUE", reason: "Admitted" }] },
    });
    const input = { namespace: name, name: "catalog" };
    const made = "mutation($input: CreateRepositoryInput!) { createRepository(input: $input) { repository { id } } }";
    expect((await data(admin, made, { input })).createRepository.repository.id).toBeTruthy();
  });

  it("refuses a name that is taken, and what no Namespace can be, naming every mistake", async () => {
    const { name } = await shop(admin, "taken");
    expect(await code(admin, CREATE, { input: { metadata: { name } } })).toBe("ALREADY_EXISTS");
    const { errors } = await gql(admin, CREATE, { input: { metadata: { name: "No Name", labels: { "": "x" } } } });
    expect(errors?.[0]?.extensions).toMatchObject({ code: "BAD_USER_INPUT", retryable: false });
    expect(errors?.[0]?.message).toContain("metadata.name");
    expect(errors?.[0]?.message).toContain("metadata.labels");
    for (const wrong of [{ apiVersion: "v1" }, { kind: "Product" }])
      expect(await code(admin, CREATE, { input: { metadata: { name: unique("x") }, ...wrong } })).toBe(
        "BAD_USER_INPUT",
      );
  });

  it("with an idempotencyKey is done once, and answered the same for 24 hours, for this caller and this input", async () => {
    const name = unique("once");
    controlsOf(name).alone = true;
    const input = { metadata: { name }, idempotencyKey: `key-${name}` };
    const first = await data(admin, CREATE, { input });
    expect(await data(admin, CREATE, { input })).toEqual(first);
    const { errors } = await gql(admin, CREATE, { input: { ...input, spec: { title: "Another" } } });
    expect(errors?.[0]?.extensions.code).toBe("BAD_USER_INPUT");
    expect(errors?.[0]?.message).toContain("idempotencyKey");
    const another = await tokenFor({ role: "admin" }, "user:another");
    expect(await code(another, CREATE, { input })).toBe("ALREADY_EXISTS");
    const long = { metadata: { name: unique("x") }, idempotencyKey: "k".repeat(1_000) };
    expect(await code(admin, CREATE, { input: long })).toBe("BAD_USER_INPUT");
  });
});

describe("deleteNamespace", () => {
  it("is FAILED_PRECONDITION while there are repositories, which it names, unless forced", async () => {
    const { name, stub } = await shop(admin, "full");
    const { errors } = await gql(admin, DELETE, { input: { identifier: name } });
    expect(errors?.[0]?.extensions).toMatchObject({ code: "FAILED_PRECONDITION", retryable: false });
    expect(errors?.[0]?.message).toContain("catalog");
    const forced = await data(admin, DELETE, { input: { identifier: name, force: true } });
    expect(forced).toEqual({ deleteNamespace: { deletedIdentifier: name } });
    expect(await stub.head()).toMatchObject({ ok: false, error: { code: "NoNamespace" } });
    expect(await code(admin, DELETE, { input: { identifier: name } })).toBe("NOT_FOUND");
  });

  it("with an idempotencyKey answers again, and leaves alone what was made under the name since", async () => {
    const { name } = await shop(admin, "again");
    const input = { identifier: name, force: true, idempotencyKey: `delete-${name}` };
    const first = await data(admin, DELETE, { input });
    expect(await data(admin, DELETE, { input })).toEqual(first);
    await data(admin, CREATE, { input: { metadata: { name } } });
    expect(await data(admin, DELETE, { input })).toEqual(first);
    expect((await ledgerOf(bindings, name).head()).ok).toBe(true);
    expect(await code(admin, DELETE, { input: { ...input, force: false } })).toBe("BAD_USER_INPUT");
  });
});

const REPOSITORY = `id metadata { name resourceVersion generation labels } spec { url provider branches poll defaultBranch release { channel promote } } status { conditions { type status reason } }`;
const CREATE_REPOSITORY = `mutation($input: CreateRepositoryInput!) { createRepository(input: $input) { repository { ${REPOSITORY} } } }`;
const REGISTER = `mutation($input: RegisterRepositoryInput!) { registerRepository(input: $input) { repository { ${REPOSITORY} } webhookUrl secret } }`;
const UPDATE = `mutation($input: UpdateRepositoryInput!) { updateRepository(input: $input) { repository { ${REPOSITORY} } conflict { reason currentResourceVersion expected retryable } } }`;
const REMOVE = "mutation($input: DeleteRepositoryInput!) { deleteRepository(input: $input) { deletedRepositoryId } }";

describe("createRepository", () => {
  let namespace: string;
  beforeAll(async () => {
    namespace = (await shop(admin)).name;
  });

  it("makes one without a remote, condition Bound=False, following the default branches", async () => {
    const { createRepository } = await data(admin, CREATE_REPOSITORY, { input: { namespace, name: "plain" } });
    expect(createRepository.repository).toMatchObject({
      metadata: { name: "plain", generation: 1 },
      spec: { url: null, branches: ["main", "draft"], defaultBranch: "main" },
      status: { conditions: [{ type: "Bound", status: "FALSE", reason: "NoRemote" }] },
    });
    const input = { namespace, name: "trunk", defaultBranch: "trunk" };
    const trunk = await data(admin, CREATE_REPOSITORY, { input });
    expect(trunk.createRepository.repository.spec).toMatchObject({
      branches: ["trunk", "draft"],
      defaultBranch: "trunk",
    });
  });

  it("of two at once makes one, and the other is ALREADY_EXISTS", async () => {
    const input = { namespace, name: "raced" };
    const both = await Promise.all([1, 2].map(() => gql(admin, CREATE_REPOSITORY, { input })));
    const codes = both.map(({ errors }) => errors?.[0]?.extensions.code ?? "made");
    expect(codes.sort()).toEqual(["ALREADY_EXISTS", "made"]);
  });

  it("with an idempotencyKey of two at once both are answered the one that was made", async () => {
    const input = { namespace, name: "keyed", idempotencyKey: "one" };
    const [a, b] = await Promise.all([1, 2].map(() => data(admin, CREATE_REPOSITORY, { input })));
    expect(a).toEqual(b);
  });

  it("is NOT_FOUND in a namespace that is not there, and refuses a name that no repository can have", async () => {
    expect(await code(admin, CREATE_REPOSITORY, { input: { namespace: "nowhere", name: "x" } })).toBe("NOT_FOUND");
    expect(await code(admin, CREATE_REPOSITORY, { input: { namespace, name: "No Name" } })).toBe("BAD_USER_INPUT");
  });
});

describe("registerRepository", () => {
  let namespace: string;
  const spec = { url: "https://git.example/acme/catalog.git", provider: "github", poll: "5m" };
  beforeAll(async () => {
    namespace = (await shop(admin)).name;
  });

  it("makes one that follows a remote, with where its webhooks go and their secret, shown this once", async () => {
    const input = { namespace, name: "remote", labels: { a: "b" }, spec, idempotencyKey: "register" };
    const { registerRepository: first } = await data(admin, REGISTER, { input });
    expect(first).toMatchObject({
      webhookUrl: `https://edge.test/webhooks/${namespace}/remote`,
      secret: expect.stringMatching(/^.{20,}$/),
      repository: {
        metadata: { labels: { a: "b" } },
        spec,
        status: { conditions: expect.arrayContaining([expect.objectContaining({ type: "Bound", status: "TRUE" })]) },
      },
    });
    const { registerRepository: again } = await data(admin, REGISTER, { input });
    expect(again).toEqual({ ...first, secret: null });
  });

  it("takes a secret that is given", async () => {
    const secret = "a-secret-of-their-own-which-is-long-enough";
    const { registerRepository } = await data(admin, REGISTER, { input: { namespace, name: "given", spec, secret } });
    expect(registerRepository.secret).toBe(secret);
  });

  it("refuses a spec without a URL, or with a field that is wrong, by name, and makes nothing", async () => {
    const { provider } = spec;
    for (const [wrong, field] of [
      [{ provider }, "spec.url"],
      [{ ...spec, url: "ftp://git.example/x" }, "spec.url"],
      [{ ...spec, provider: "nobody" }, "spec.provider"],
      [{ ...spec, release: { promote: "sometimes" } }, "spec.release.promote"],
    ] as const) {
      const { errors } = await gql(admin, REGISTER, { input: { namespace, name: "wrong", spec: wrong } });
      expect(errors?.[0]?.extensions.code).toBe("BAD_USER_INPUT");
      expect(errors?.[0]?.message).toContain(field);
    }
    const query = `{ repository(by: { namespacePath: { namespace: "${namespace}", name: "wrong" } }) { id } }`;
    expect((await data(admin, query)).repository).toBeNull();
  });
});

describe("updateRepository", () => {
  let namespace: string;
  let made = 0;
  beforeAll(async () => {
    namespace = (await shop(admin)).name;
  });
  const one = async (): Promise<{ id: string; metadata: { name: string; resourceVersion: string } }> => {
    made += 1;
    const input = { namespace, name: `r${made}` };
    return (await data(admin, CREATE_REPOSITORY, { input })).createRepository.repository;
  };
  const update = async (input: Record<string, unknown>) => (await data(admin, UPDATE, { input })).updateRepository;

  it("changes what is given, leaves what is not, and takes away what is null; a URL binds it", async () => {
    const { id } = await one();
    const spec = { url: "https://git.example/x.git", provider: "git", release: { channel: "live", promote: "manual" } };
    const bound = await update({ repositoryId: id, spec, labels: { a: "b" } });
    expect(bound).toMatchObject({
      conflict: null,
      repository: {
        metadata: { generation: 2, labels: { a: "b" } },
        spec,
        status: { conditions: expect.arrayContaining([expect.objectContaining({ type: "Bound", status: "TRUE" })]) },
      },
    });
    const changed = await update({ repositoryId: id, spec: { poll: "10m", release: { channel: null } }, labels: null });
    expect(changed.repository).toMatchObject({
      metadata: { generation: 3, labels: null },
      spec: { url: spec.url, poll: "10m", release: { channel: null, promote: "manual" } },
    });
  });

  it("for a resourceVersion that is not the newest is a conflict, and changes nothing", async () => {
    const { id, metadata } = await one();
    const first = await update({ repositoryId: id, resourceVersion: metadata.resourceVersion, labels: { a: "1" } });
    const stale = await update({ repositoryId: id, resourceVersion: metadata.resourceVersion, labels: { a: "2" } });
    expect(stale).toEqual({
      repository: null,
      conflict: {
        reason: "STALE_RESOURCE_VERSION",
        currentResourceVersion: first.repository.metadata.resourceVersion,
        expected: metadata.resourceVersion,
        retryable: true,
      },
    });
  });

  it("without one is done on the newest, however many write at once", async () => {
    const { id } = await one();
    const spec = { url: "https://git.example/x.git", provider: "git" };
    const fields = [{ labels: { a: "1" } }, { annotations: { b: "1" } }, { spec }];
    const results = await Promise.all(fields.map((given) => update({ repositoryId: id, ...given })));
    expect(results.map(({ conflict }) => conflict)).toEqual([null, null, null]);
    const { repository } = await update({ repositoryId: id });
    expect(repository).toMatchObject({ metadata: { labels: { a: "1" } }, spec });
  });

  it("to the same again is no change, and one under its key again is answered as before", async () => {
    const { id } = await one();
    const input = { repositoryId: id, labels: { a: "b" }, idempotencyKey: `update-${id}` };
    const first = await update(input);
    expect(await update({ repositoryId: id, labels: { a: "b" } })).toEqual(first);
    await update({ repositoryId: id, labels: { a: "c" } });
    expect(await update(input)).toEqual(first);
    const now = await update({ repositoryId: id });
    expect(now.repository.metadata.labels).toEqual({ a: "c" });
  });

  it("refuses what no repository can be, and is NOT_FOUND for an id of none", async () => {
    const { id } = await one();
    expect(await code(admin, UPDATE, { input: { repositoryId: id, spec: { url: "ftp://x" } } })).toBe("BAD_USER_INPUT");
    for (const repositoryId of ["nonsense", btoa(`gid://GitStore/Repository/nobody?ns=${namespace}`)])
      expect(await code(admin, UPDATE, { input: { repositoryId } })).toBe("NOT_FOUND");
    const { id: ofNamespace } = (await data(admin, `{ namespace(by: { name: "${namespace}" }) { id } }`)).namespace;
    expect(await code(admin, UPDATE, { input: { repositoryId: ofNamespace } })).toBe("NOT_FOUND");
  });
});

describe("deleteRepository", () => {
  const idOf = async ({ name }: TestLedger): Promise<string> => {
    const query = `{ repository(by: { namespacePath: { namespace: "${name}", name: "catalog" } }) { id } }`;
    return (await data(admin, query)).repository.id;
  };
  const products = async ({ name }: TestLedger): Promise<number> =>
    (await data(admin, `{ products(namespace: "${name}") { totalCount } }`)).products.totalCount;

  it.each([
    [undefined, 1],
    ["RETAIN", 1],
    ["DELETE", 0],
  ])("with policy %s leaves %i of its one resource", async (policy, left) => {
    const ledger = await shop(admin);
    await commit(ledger, { shirt: product("shirt") });
    const repositoryId = await idOf(ledger);
    const input = { repositoryId, ...(policy ? { policy } : {}) };
    expect(await data(admin, REMOVE, { input })).toEqual({ deleteRepository: { deletedRepositoryId: repositoryId } });
    expect(await products(ledger)).toBe(left);
    expect(await code(admin, REMOVE, { input })).toBe("NOT_FOUND");
  });

  it("with an idempotencyKey answers again, and leaves alone what was made under the name since", async () => {
    const ledger = await shop(admin);
    const repositoryId = await idOf(ledger);
    const input = { repositoryId, idempotencyKey: "delete" };
    const first = await data(admin, REMOVE, { input });
    await data(admin, CREATE_REPOSITORY, { input: { namespace: ledger.name, name: "catalog" } });
    expect(await data(admin, REMOVE, { input })).toEqual(first);
    expect(await idOf(ledger)).not.toBe(repositoryId);
    // After a day the key is forgotten, and the id is of nothing any more.
    controlsOf(ledger.name).clockAheadMs = DAY_MS + 1_000;
    expect(await code(admin, REMOVE, { input })).toBe("NOT_FOUND");
  });
});
