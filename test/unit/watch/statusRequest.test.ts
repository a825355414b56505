import { describe, expect, it } from "vitest";
import type { Grant } from "../../../src/auth/grants.ts";
import { CLUSTER_LEDGER, type StatusOutcome, type StatusWrite } from "../../../src/ledger/api.ts";
import { coreRegistry } from "../../../src/resource/registry.ts";
import type { SessionState } from "../../../src/watch/session.ts";
import { answerStatus, statusGrants } from "../../../src/watch/statusRequest.ts";

const UPDATE: Grant = { namespaces: ["acme"], resources: ["products/status"], verbs: ["update"] };
const NOW = 1_000_000;

interface Asked {
  answer: {
    result?: unknown;
    conflict?: { reason: string; message: string };
    refused?: { code: number; reason: string; message: string };
  };
  write: StatusWrite | undefined;
}

async function ask(
  input: unknown,
  {
    writes = [UPDATE],
    namespace = "acme",
    outcome = { outcome: "noop", rv: "7", object: '{"kind":"Product"}' },
    ...state
  }: Partial<SessionState> & { namespace?: string; outcome?: StatusOutcome | Error } = {},
): Promise<Asked> {
  let write: StatusWrite | undefined;
  const text = await answerStatus(
    {
      namespace,
      registry: coreRegistry,
      now: NOW,
      async updateStatus(asked) {
        write = asked;
        if (outcome instanceof Error) throw outcome;
        return outcome;
      },
    },
    { writes, sub: "user:a", exp: 0, named: null, ...state } as SessionState,
    input,
  );
  return { answer: JSON.parse(`{${text}}`), write };
}

const INPUT = { kind: "Product", name: "shirt", namespace: "acme", resourceVersion: "7", conditions: [] };

describe("a status frame", () => {
  it("becomes the ledger's one request, by Kind, plural or plural.group", async () => {
    for (const kind of ["Product", "products", "products.catalog.gitstore.dev"]) {
      const { answer, write } = await ask({ ...INPUT, kind, force: true, fieldManager: "m", idempotencyKey: "k" });
      expect(answer).toEqual({ result: { kind: "Product" } });
      expect(write).toEqual({
        kind: "Product.catalog.gitstore.dev",
        name: "shirt",
        namespace: "acme",
        input: { mode: "update", fields: { resourceVersion: "7", conditions: [] } },
        sub: "user:a",
        admin: false,
        force: true,
        fieldManager: "m",
        idempotencyKey: "k",
      });
    }
  });

  it("carries the connection's own epoch, so that a watcher that was taken over is fenced", async () => {
    const named = { name: "main", epoch: 3, done: 0, saved: 0, savedAt: 0, told: true };
    const { write } = await ask(INPUT, { named });
    expect(write?.watcher).toEqual({ subject: "user:a", name: "main", epoch: 3 });
  });

  it("is refused with 401 once the token has expired, before anything else", async () => {
    const { answer, write } = await ask({ kind: "Nothing" }, { exp: NOW / 1000 });
    expect(answer.refused).toMatchObject({ code: 401, reason: "Unauthorized" });
    expect(write).toBeUndefined();
  });

  it.each([
    ["no grant", []],
    ["a grant for another kind", [{ ...UPDATE, resources: ["files/status"] }]],
    ["a grant for the spec alone", [{ ...UPDATE, resources: ["products"] }]],
    ["a grant for other names", [{ ...UPDATE, names: ["trousers"] }]],
    ["a grant in another namespace", [{ ...UPDATE, namespaces: ["other"] }]],
  ])("is refused with 403 with %s", async (_, writes) => {
    const { answer, write } = await ask(INPUT, { writes });
    expect(answer.refused).toMatchObject({
      code: 403,
      message:
        'products.catalog.gitstore.dev "shirt" is forbidden: User "user:a" cannot update resource "products/status" in API group "catalog.gitstore.dev" in the namespace "acme"',
    });
    expect(write).toBeUndefined();
  });

  it("tells of an unknown kind only to those who may write it", async () => {
    expect((await ask({ ...INPUT, kind: "Gizmo" })).answer.refused?.code).toBe(403);
    const writes: Grant[] = [{ namespaces: ["acme"], resources: ["*"], verbs: ["update"] }];
    const { answer } = await ask({ ...INPUT, kind: "Gizmo" }, { writes });
    expect(answer.refused).toMatchObject({ code: 404, reason: "NotFound" });
    expect(answer.refused?.message).toContain('"Gizmo" is no kind');
  });

  it("says that the writer is an admin where the grant has that verb", async () => {
    const writes: Grant[] = [{ namespaces: ["acme"], resources: ["*"], verbs: ["admin"] }];
    expect((await ask(INPUT, { writes })).write?.admin).toBe(true);
  });

  it("asks, in the cluster's ledger, for the grant in the namespace that the object is", async () => {
    const input = { kind: "Namespace", name: "acme", resourceVersion: "7" };
    const writes: Grant[] = [{ namespaces: ["acme"], resources: ["namespaces/status"], verbs: ["update"] }];
    const options = { writes, namespace: CLUSTER_LEDGER };
    expect((await ask(input, options)).answer).toHaveProperty("result");
    expect((await ask({ ...input, name: "other" }, options)).answer.refused?.code).toBe(403);
  });

  it.each([
    [{ ...INPUT, phase: "published" }, "phase"],
    [{ ...INPUT, force: "yes" }, "force"],
    [{ ...INPUT, fieldManager: 7 }, "fieldManager"],
    [{ ...INPUT, namespace: 7 }, "namespace"],
    [{ ...INPUT, kind: undefined }, "kind"],
    [{ ...INPUT, name: "" }, "name"],
    ["well", "object"],
    [null, "object"],
  ])("is refused where the input is none: %#", async (input, word) => {
    const { answer, write } = await ask(input);
    expect([400, 422]).toContain(answer.refused?.code);
    expect(answer.refused?.message).toContain(word);
    expect(write).toBeUndefined();
  });

  it("is answered also where the ledger fails", async () => {
    const { answer } = await ask(INPUT, { outcome: new Error("disk") });
    expect(answer.refused).toMatchObject({ code: 503, reason: "ServiceUnavailable" });
    expect(answer.refused?.message).not.toContain("disk");
  });
});

describe("the grants that a session keeps", () => {
  it("are those on statuses, in its ledger's namespace", () => {
    const grants: Grant[] = [
      { namespaces: ["acme", "other"], resources: ["products", "products/status"], verbs: ["get", "update"] },
      { namespaces: ["*"], resources: ["*"], verbs: ["admin"], names: ["shirt"] },
      { namespaces: ["other"], resources: ["*/status"], verbs: ["update"] },
      { namespaces: ["acme"], resources: ["files"], verbs: ["update"] },
    ];
    expect(statusGrants(grants, "acme")).toEqual([
      { namespaces: ["acme"], resources: ["products/status"], verbs: ["update"] },
      { namespaces: ["acme"], resources: ["*"], verbs: ["admin"], names: ["shirt"] },
    ]);
  });

  it("keep their namespaces in the cluster's ledger, whose objects are namespaces", () => {
    const grant: Grant = { namespaces: ["acme"], resources: ["namespaces/status"], verbs: ["update"] };
    expect(statusGrants([grant], CLUSTER_LEDGER)).toEqual([grant]);
  });

  it("are none where they are more than an attachment holds; then a frame says so", async () => {
    const names = Array.from({ length: 400 }, (_, index) => `product-${index}`);
    const writes = statusGrants([{ ...UPDATE, names }], "acme");
    expect(writes).toBeNull();
    const { answer } = await ask(INPUT, { writes });
    expect(answer.refused).toMatchObject({ code: 403 });
    expect(answer.refused?.message).toContain("over HTTP");
  });
});
