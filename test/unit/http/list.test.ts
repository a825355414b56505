import { describe, expect, it, vi } from "vitest";
import { listResponse } from "../../../src/http/list.ts";
import { decodeContinue, type ListOptions } from "../../../src/http/list-options.ts";
import { StatusError } from "../../../src/http/status.ts";
import type { LedgerError, LedgerStub, ListPage, ListRequest, Result } from "../../../src/ledger/api.ts";
import { coreRegistry } from "../../../src/resource/registry.ts";

const kind = coreRegistry.resolve("products");
if (!kind) throw new Error("there are no products");

const item = (name: string) => JSON.stringify({ metadata: { name } });
const page = (rv: string, items: string[], next?: string): Result<ListPage> => ({
  ok: true,
  value: { rv, items: items.map(item), ...(next === undefined ? {} : { next, remaining: 7 }) },
});
const refusal = (error: LedgerError): Result<ListPage> => ({ ok: false, error });

/** A ledger that gives these answers, one a call, and remembers what it was asked. */
function ledgerOf(...answers: Result<ListPage>[]) {
  const asked: ListRequest[] = [];
  const reached: number[] = [];
  const stub = {
    list: async (request: ListRequest) => {
      asked.push(request);
      return answers.shift() ?? refusal({ code: "BadRequest", message: "asked too often" });
    },
    reached: async (rv: number) => {
      reached.push(rv);
      return { ok: true, value: { namespace: "acme", uid: "u", rv: String(rv), floor: "0" } };
    },
  } as unknown as LedgerStub;
  return { stub, asked, reached };
}

const newest: ListOptions = { state: { at: "newest" }, limit: 0, continued: false };
const list = (stub: LedgerStub, options: Partial<ListOptions> = {}) =>
  listResponse({ kind, namespace: "acme", ledger: stub, requestId: "r-1" }, { ...newest, ...options });

async function statusOf(work: Promise<Response>) {
  const error: unknown = await work.catch((thrown: unknown) => thrown);
  if (!(error instanceof StatusError)) throw new Error("the list was not refused");
  return error.status;
}

describe("a list without a limit", () => {
  it("is streamed page by page at the first page's resourceVersion", async () => {
    const { stub, asked } = ledgerOf(page("9", ["a", "b"], "b"), page("9", [], "c"), page("9", ["d"]));
    const response = await list(stub, { labelSelector: "x=y" });
    expect(await response.json()).toEqual({
      kind: "ProductList",
      apiVersion: "catalog.gitstore.dev/v1beta1",
      metadata: { resourceVersion: "9" },
      items: [{ metadata: { name: "a" } }, { metadata: { name: "b" } }, { metadata: { name: "d" } }],
    });
    expect(asked.map(({ at, after, labelSelector }) => ({ at, after, labelSelector }))).toEqual([
      { at: undefined, after: undefined, labelSelector: "x=y" },
      { at: 9, after: "b", labelSelector: "x=y" },
      { at: 9, after: "c", labelSelector: "x=y" },
    ]);
  });

  it("asks for the next page only when the reader is ready for it", async () => {
    const { stub, asked } = ledgerOf(page("9", ["a"], "a"), page("9", ["b"], "b"), page("9", ["c"]));
    const reader = (await list(stub)).body?.getReader();
    await reader?.read();
    expect(asked.length).toBeLessThan(3);
    await reader?.cancel();
  });

  it("that cannot go on is cut, and never looks whole", async () => {
    const warned = vi.spyOn(console, "warn").mockImplementation(() => undefined);
    const { stub } = ledgerOf(page("9", ["a"], "a"), refusal({ code: "Expired", message: "pruned" }));
    const response = await list(stub);
    await expect(response.text()).rejects.toThrow("the list was cut");
    expect(warned.mock.calls[0]?.[0]).toContain("r-1");
    warned.mockRestore();
  });
});

describe("a page", () => {
  it("tells where the next begins, at which state, and how many are left", async () => {
    const { stub } = ledgerOf(page("9", ["a", "b"], "b"));
    const { metadata } = (await (await list(stub, { limit: 2 })).json()) as { metadata: { continue: string } };
    expect(metadata).toMatchObject({ resourceVersion: "9", remainingItemCount: 7 });
    expect(decodeContinue(metadata.continue)).toEqual({ rv: 9, after: "b" });
  });

  it("of a selection does not tell how many are left", async () => {
    const { stub } = ledgerOf(page("9", ["a"], "a"));
    const { metadata } = (await (await list(stub, { limit: 1, fieldSelector: "status.phase=draft" })).json()) as {
      metadata: object;
    };
    expect(metadata).not.toHaveProperty("remainingItemCount");
  });
});

describe("a state", () => {
  it("not older than an RV is waited for, and then the newest", async () => {
    const { stub, asked, reached } = ledgerOf(page("12", []));
    await list(stub, { state: { at: "notOlderThan", rv: 11 } });
    expect(reached).toEqual([11]);
    expect(asked[0]?.at).toBeUndefined();
  });

  it("at an exact RV that is still to come is waited for too", async () => {
    const { stub, asked, reached } = ledgerOf(
      refusal({ code: "FutureVersion", requested: "11", current: "10" }),
      page("11", []),
    );
    expect((await list(stub, { state: { at: "exact", rv: 11 } })).status).toBe(200);
    expect(reached).toEqual([11]);
    expect(asked.map(({ at }) => at)).toEqual([11, 11]);
  });

  it("that is no longer kept is 410, in the words of a list", async () => {
    const { stub } = ledgerOf(refusal({ code: "Expired", message: "x" }));
    expect(await statusOf(list(stub, { state: { at: "exact", rv: 3 } }))).toMatchObject({
      code: 410,
      reason: "Expired",
      message: "The resourceVersion for the provided list is too old.",
      metadata: {},
    });
  });

  it("of a continue token that is no longer kept is 410 with a token that goes on, inconsistent, at the newest", async () => {
    const { stub } = ledgerOf(refusal({ code: "Expired", message: "x" }));
    const status = await statusOf(list(stub, { state: { at: "exact", rv: 3 }, after: "m", limit: 5, continued: true }));
    expect(status.message).toContain("The provided continue parameter is too old to display a consistent list result.");
    expect(decodeContinue(status.metadata.continue ?? "")).toEqual({ rv: -1, after: "m" });
  });

  it("of a namespace that is not there is 404", async () => {
    const { stub } = ledgerOf(refusal({ code: "NoNamespace" }));
    expect(await statusOf(list(stub))).toMatchObject({
      code: 404,
      message: 'namespaces.gitstore.dev "acme" not found',
    });
  });
});
