import { describe, expect, it } from "vitest";
import { ApiError, Client } from "../../../src/client/http.ts";
import { conflictOf, type StatusChange, updateStatus } from "../../../src/client/status.ts";
import { statusOfConflict } from "../../../src/ledger/api.ts";
import type { Resource } from "../../../src/resource/types.ts";

const PATH = {
  group: "catalog.gitstore.dev",
  version: "v1beta1",
  plural: "products",
  namespace: "acme",
  name: "shirt",
};
const KIND = { group: "catalog.gitstore.dev", plural: "products", kind: "Product" };
const object = (resourceVersion: string): Resource => ({
  apiVersion: "catalog.gitstore.dev/v1beta1",
  kind: "Product",
  metadata: { name: "shirt", uid: "u1", resourceVersion, generation: 1, creationTimestamp: "2026-01-01T00:00:00Z" },
  spec: {},
});

type Reason = "STALE_RESOURCE_VERSION" | "FIELD_MANAGER_CONFLICT" | "RECREATED";
const conflict = (reason: Reason) => ({
  reason,
  currentResourceVersion: "8",
  currentGeneration: 2,
  current: { observedGeneration: 1, conditions: [] },
  expected: "7",
  retryable: reason === "STALE_RESOURCE_VERSION",
  hint: "decide again",
  message: "the object has been modified",
  ...(reason === "FIELD_MANAGER_CONFLICT" ? { owners: [{ field: "status.resolved", manager: "other" }] } : {}),
});
const refusal = (reason: Reason) =>
  Response.json(statusOfConflict(conflict(reason), { namespace: "acme", kind: KIND, name: "shirt" }), { status: 409 });

/** A server that answers each PUT with the next of these, and every GET with a newer object. */
function server(...answers: Response[]) {
  const puts: { url: string; body: Record<string, unknown> }[] = [];
  let rv = 6;
  const client = new Client({
    server: "https://edge.test",
    token: "t",
    fetch: async (input, init) => {
      if (init?.method !== "PUT") return Response.json(object(String(++rv)));
      puts.push({ url: String(input), body: JSON.parse(String(init.body)) as Record<string, unknown> });
      return answers.shift() ?? Response.json(object("9"));
    },
  });
  return { client, puts };
}

const sleeps: number[] = [];
const options = { sleep: async (ms: number) => void sleeps.push(ms) };
const READY: StatusChange = { observedGeneration: 1, conditions: [] };

describe("updateStatus", () => {
  it("writes what was decided on, with the RV and uid that were read, and nothing of the spec", async () => {
    const { client, puts } = server();
    const written = await updateStatus(client, PATH, () => READY, { ...options, fieldManager: "pricing", force: true });
    expect(written.metadata.resourceVersion).toBe("9");
    expect(puts).toEqual([
      {
        url: "https://edge.test/apis/catalog.gitstore.dev/v1beta1/namespaces/acme/products/shirt/status?fieldManager=pricing&force=true",
        body: {
          apiVersion: "catalog.gitstore.dev/v1beta1",
          kind: "Product",
          metadata: { name: "shirt", uid: "u1", resourceVersion: "7" },
          status: READY,
        },
      },
    ]);
  });

  it("decides again on the newer object after a stale write", async () => {
    const { client, puts } = server(refusal("STALE_RESOURCE_VERSION"));
    const seen: string[] = [];
    await updateStatus(
      client,
      PATH,
      ({ metadata }) => {
        seen.push(metadata.resourceVersion);
        return READY;
      },
      options,
    );
    expect(seen).toEqual(["7", "8"]);
    expect(puts.map(({ body }) => body.metadata)).toMatchObject([{ resourceVersion: "7" }, { resourceVersion: "8" }]);
    expect(sleeps.at(-1)).toBeGreaterThanOrEqual(10);
  });

  it("writes nothing where nothing is decided", async () => {
    const { client, puts } = server();
    expect((await updateStatus(client, PATH, () => undefined, options)).metadata.resourceVersion).toBe("7");
    expect(puts).toEqual([]);
  });

  it.each(["FIELD_MANAGER_CONFLICT", "RECREATED"] as const)("does not repeat a write refused as %s", async (reason) => {
    const { client, puts } = server(refusal(reason));
    const failed = await updateStatus(client, PATH, () => READY, options).catch((error: unknown) => error);
    expect(conflictOf(failed)).toMatchObject({ reason, retryable: false });
    expect(puts).toHaveLength(1);
  });

  it("gives up after five conflicts", async () => {
    const { client, puts } = server(...Array.from({ length: 9 }, () => refusal("STALE_RESOURCE_VERSION")));
    await expect(updateStatus(client, PATH, () => READY, options)).rejects.toThrow(ApiError);
    expect(puts).toHaveLength(5);
  });

  it("throws what is no conflict at once", async () => {
    const { client, puts } = server(Response.json({ code: 422, message: "no" }, { status: 422 }));
    await expect(updateStatus(client, PATH, () => READY, options)).rejects.toThrow("no");
    expect(puts).toHaveLength(1);
  });
});

describe("conflictOf", () => {
  it("reads the server's conflict out of the causes", () => {
    const status = statusOfConflict(conflict("STALE_RESOURCE_VERSION"), { namespace: "a", kind: KIND, name: "shirt" });
    const error = new ApiError(JSON.parse(JSON.stringify(status)));
    const { message: _, ...rest } = conflict("STALE_RESOURCE_VERSION");
    expect(conflictOf(error)).toEqual(rest);
  });

  it.each([
    new Error("no"),
    new ApiError({ code: 409, message: "already exists" }),
    new ApiError({ code: 404, message: "gone", details: { causes: [] } }),
    new ApiError({ code: 409, message: "other", details: { causes: [null, { reason: "reason", message: "OTHER" }] } }),
  ])("is undefined for other errors: %#", (error) => {
    expect(conflictOf(error)).toBeUndefined();
  });
});
