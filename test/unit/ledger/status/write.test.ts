import { describe, expect, it } from "vitest";
import type { StatusInput } from "../../../../src/ledger/api.ts";
import { selectableText } from "../../../../src/ledger/kinds.ts";
import { differingLeaves } from "../../../../src/ledger/status/leaves.ts";
import type { Json, Resource } from "../../../../src/resource/types.ts";
import { CATEGORY } from "../../../conformance/status/kinds.ts";
import { ALICE, BOB, condition } from "../../../conformance/status/support.ts";
import { CoreWorld } from "./world.ts";

const KEY = "CategoryTaxonomy.catalog.gitstore.dev";

async function worldWith(name: string) {
  const world = new CoreWorld(CATEGORY, "update");
  const object = await world.make(name);
  const write = (input: StatusInput, writer = ALICE) => world.update(input, writer, { name });
  const fields = (more: object, writer = ALICE) =>
    world
      .read(name)
      .then(({ metadata }) =>
        write({ mode: "update", fields: { resourceVersion: metadata.resourceVersion, ...more } }, writer),
      );
  return { world, object, write, fields };
}

/** Replaces the stored object as only the system can. */
async function store(world: CoreWorld, name: string, change: (resource: Resource) => void): Promise<void> {
  const head = world.store.find(KEY, name);
  if (!head) throw new Error(`no ${name}`);
  const resource = JSON.parse(head.json) as Resource;
  change(resource);
  const sel = selectableText(world.kinds.get(KEY), resource);
  world.commit((tx) => tx.put({ kind: KEY, resource, sel, meta: head.meta, before: head }));
}

describe("writeStatus", () => {
  it("refuses an object that would be over 1 MiB with its status", async () => {
    const { world, fields } = await worldWith("large");
    // What Git gives is at most 960 KiB: only a long admission failure brings an object so near.
    const errors = Array.from({ length: 975 }, () => ({
      field: "spec",
      reason: "Invalid" as const,
      message: "x".repeat(1_000),
    }));
    const failure = { revision: "main@sha1:01", path: "x.md", at: "2026-01-01T00:00:00Z", errors };
    await store(world, "large", (resource) => {
      resource.status = { ...resource.status, admissionFailure: failure };
    });
    expect((await fields({ conditions: [condition("Ready")] })).outcome).toBe("written");
    const long = { conditions: [condition("Ready", "True", { message: "y".repeat(30_000) })] };
    expect(await fields(long)).toMatchObject({ outcome: "refused", refusal: { code: "TooLarge" } });
  });

  it("does not count the system's part of a status against its 64 KiB", async () => {
    const { world, fields } = await worldWith("failed");
    const errors = [{ field: "spec", reason: "Invalid" as const, message: "x".repeat(100_000) }];
    await store(world, "failed", (resource) => {
      const failure = { revision: "main@sha1:01", path: "x.md", at: "2026-01-01T00:00:00Z", errors };
      resource.status = { ...resource.status, admissionFailure: failure };
    });
    expect((await fields({ conditions: [condition("Ready")] })).outcome).toBe("written");
  });

  it("keeps what admission and Git know of the object: digests, holders, phase", async () => {
    const { world, fields } = await worldWith("kept");
    const before = world.store.find(KEY, "kept")?.meta;
    await fields({ conditions: [condition("Ready")] });
    const after = world.store.find(KEY, "kept")?.meta;
    expect(after).toEqual({ ...before, owners: { ReferencesResolved: "system:admission", Ready: ALICE.sub } });
    expect((await world.read("kept")).status.phase).toBe("draft");
  });

  it("leaves admission's conditions to admission", async () => {
    const { fields } = await worldWith("admitted");
    const taken = await fields({ conditions: [condition("ReferencesResolved", "False")] });
    expect(taken).toMatchObject({
      outcome: "conflict",
      conflict: { owners: [{ field: 'status.conditions[type="ReferencesResolved"]', manager: "system:admission" }] },
    });
  });

  it("lets a controller report what admission says of references, and holds it from then on", async () => {
    const { world, fields } = await worldWith("referring");
    const head = world.store.find(KEY, "referring");
    if (!head) throw new Error("no referring");
    const told = { type: "ParentResolved", status: "True", reason: "ParentFound", message: "" } as const;
    const resource = JSON.parse(head.json) as Resource;
    resource.status = { ...resource.status, conditions: [...(resource.status?.conditions ?? []), told] };
    const meta = { ...head.meta, owners: { ...head.meta.owners, ParentResolved: "system:admission" } };
    const sel = selectableText(world.kinds.get(KEY), resource);
    world.commit((tx) => tx.put({ kind: KEY, resource, sel, meta, before: head }));
    const mine = { conditions: [condition("ParentResolved", "True", { reason: "" })] };
    expect((await fields(mine)).outcome).toBe("written");
    expect(await fields({ conditions: [condition("ParentResolved", "False")] }, BOB)).toMatchObject({
      conflict: { owners: [{ field: 'status.conditions[type="ParentResolved"]', manager: ALICE.sub }] },
    });
  });

  it("names every field and owner that a write meets", async () => {
    const { fields } = await worldWith("several");
    await fields({ conditions: [condition("Ready"), condition("Synced")], resolved: CATEGORY.resolved(1) });
    const conditions = [condition("Ready", "False"), condition("Synced", "False"), condition("Priced")];
    const conflict = await fields({ conditions, resolved: CATEGORY.resolved(2) }, BOB);
    expect(conflict).toMatchObject({
      conflict: {
        reason: "FIELD_MANAGER_CONFLICT",
        owners: [
          { field: 'status.conditions[type="Ready"]', manager: ALICE.sub },
          { field: 'status.conditions[type="Synced"]', manager: ALICE.sub },
          { field: "status.resolved", manager: ALICE.sub },
        ],
      },
    });
  });

  it("removes the caller's own types by removeConditions, and no other's", async () => {
    const { world, fields } = await worldWith("removed");
    await fields({ conditions: [condition("Ready"), condition("Synced")] });
    await fields({ conditions: [condition("Priced")] }, BOB);
    expect(await fields({ removeConditions: ["Ready"] }, BOB)).toMatchObject({ outcome: "conflict" });
    expect(await fields({ removeConditions: ["Nothing"] }, BOB)).toMatchObject({ outcome: "noop" });
    expect(await fields({ removeConditions: ["Ready"] })).toMatchObject({ outcome: "written" });
    const types = (await world.read("removed")).status.conditions.map(({ type }) => type);
    expect(types).toEqual(["ReferencesResolved", "Synced", "Priced"]);
    expect(await fields({ conditions: [condition("Synced")], removeConditions: ["Synced"] })).toMatchObject({
      refusal: { code: "Invalid", errors: [{ field: "removeConditions[0]" }] },
    });
  });

  it("merges by type in updateProductStatus, and removes there too", async () => {
    const { world, write } = await worldWith("merged");
    const product = async (more: object) => {
      const { resourceVersion } = (await world.read("merged")).metadata;
      return write({ mode: "product", fields: { resourceVersion, ...more } });
    };
    await product({ conditions: [condition("Ready"), condition("Synced")] });
    await product({ conditions: [condition("Ready", "False")], removeConditions: ["Synced"] });
    const { conditions } = (await world.read("merged")).status;
    expect(conditions.map(({ type, status }) => `${type} ${status}`)).toEqual([
      "ReferencesResolved True",
      "Ready False",
    ]);
  });

  it("takes a condition of a client without absence for the same: generation 0, message empty", async () => {
    const { world, fields } = await worldWith("zero");
    await fields({ conditions: [{ type: "Ready", status: "True" }] });
    const [, ready] = (await world.read("zero")).status.conditions;
    expect(ready).toMatchObject({ reason: "", message: "" });
    const same = { conditions: [{ type: "Ready", status: "TRUE", observedGeneration: 0, reason: "", message: "" }] };
    expect(await fields(same)).toMatchObject({ outcome: "noop" });
  });

  it("refuses a namespace that is not the ledger's, and takes none", async () => {
    const { world, object } = await worldWith("placed");
    const fields = { resourceVersion: object.metadata.resourceVersion };
    const write = (namespace: string) =>
      world.commit((tx) =>
        world.writeAs(tx, { kind: KEY, name: "placed", namespace, input: { mode: "update", fields }, sub: "a" }),
      );
    expect(write("other")).toMatchObject({ refusal: { code: "BadRequest" } });
    expect(write("")).toMatchObject({ outcome: "noop" });
    expect(write("acme")).toMatchObject({ outcome: "noop" });
  });

  it("takes an empty name in the body for none, as Kubernetes does, and refuses another in a mutation's metadata", async () => {
    const { object, write, fields } = await worldWith("named");
    const { resourceVersion } = object.metadata;
    expect(write({ mode: "put", object: { metadata: { name: "", namespace: "", resourceVersion } } })).toMatchObject({
      outcome: "noop",
    });
    expect(await fields({ metadata: { name: "other" } })).toMatchObject({
      refusal: { code: "SpecImmutable", errors: [{ field: "metadata.name" }] },
    });
  });

  it.each([
    [{ conditions: "well" }, "conditions"],
    [{ conditions: [null] }, "conditions[0]"],
    [{ conditions: [{ type: "Ready", status: "True", severity: "high" }] }, "conditions[0].severity"],
    [{ conditions: [{ type: "not a type", status: "True" }] }, "conditions[0].type"],
    [{ conditions: [{ type: "Ready" }] }, "conditions[0].status"],
    [{ conditions: [{ type: "Ready", status: "True", reason: 7 }] }, "conditions[0].reason"],
    [{ conditions: [{ type: "Ready", status: "True", reason: "r".repeat(1_025) }] }, "conditions[0].reason"],
    [{ conditions: [{ type: "Ready", status: "True", observedGeneration: -1 }] }, "conditions[0].observedGeneration"],
    [{ observedGeneration: 1.5 }, "observedGeneration"],
    [{ lastAppliedRevision: 7 }, "lastAppliedRevision"],
    [{ metadata: "mine" }, "metadata"],
    [{ removeConditions: "Ready" }, "removeConditions"],
  ])("refuses a field of another shape, naming it: %#", async (given, field) => {
    const { fields } = await worldWith("shaped");
    expect(await fields(given)).toMatchObject({ refusal: { code: "Invalid", errors: [{ field }] } });
  });

  it.each([
    [{ mode: "put", object: { metadata: {}, data: {} } } as const, "data"],
    [{ mode: "put", object: { metadata: "x" } } as const, "metadata"],
    [{ mode: "merge", patch: { status: null } } as const, "status"],
  ])("refuses an object of another shape, naming the field: %j", async (input, field) => {
    const { write } = await worldWith("shaped");
    expect(write(input)).toMatchObject({ refusal: { code: "Invalid", errors: [{ field }] } });
  });

  it("refuses what nests so deep that looking at it would overflow the stack", async () => {
    const { write } = await worldWith("deep");
    let deep: Json = 1;
    for (let level = 0; level < 10_000; level++) deep = [deep];
    expect(write({ mode: "merge", patch: { status: { resolved: deep } } })).toMatchObject({
      refusal: { code: "BadRequest" },
    });
  });

  it("keeps a field named __proto__ as data, and refuses it as unknown", async () => {
    const { object, write } = await worldWith("proto");
    const { resourceVersion } = object.metadata;
    const patch = JSON.parse(`{"metadata":{"resourceVersion":"${resourceVersion}"},"status":{"__proto__":{"a":1}}}`);
    expect(write({ mode: "merge", patch })).toMatchObject({ refusal: { code: "Invalid" } });
    expect(({} as Record<string, unknown>).a).toBeUndefined();
  });

  it("forgets idempotency keys after 24 hours, so that their table does not grow for ever", async () => {
    const { world, object } = await worldWith("keyed");
    const count = () =>
      world.store.storage.sql.exec<{ n: number }>("SELECT count(*) AS n FROM idempotency").toArray()[0]?.n;
    const write = (key: string, resourceVersion: string) => {
      const fields = { resourceVersion, lastAppliedRevision: key };
      return world.commit((tx) =>
        world.writeAs(tx, {
          kind: KEY,
          name: "keyed",
          input: { mode: "update", fields },
          sub: "a",
          idempotencyKey: key,
        }),
      );
    };
    write("one", object.metadata.resourceVersion);
    write("two", (await world.read("keyed")).metadata.resourceVersion);
    expect(count()).toBe(2);
    world.advance(24 * 3_600_000);
    write("three", (await world.read("keyed")).metadata.resourceVersion);
    expect(count()).toBe(1);
  });
});

describe("equality by leaf", () => {
  it.each<[Json | undefined, Json | undefined, string[]]>([
    [{ a: 1 }, { a: 1 }, []],
    [{ a: 1, b: null }, { a: 1 }, []],
    [{ a: 1, b: { c: [], d: "" } }, { a: 1 }, []],
    [{ a: 1 }, { a: 1, b: { c: "" } }, []],
    [undefined, {}, []],
    [{ a: 2 }, { a: 1 }, ["a"]],
    [{ a: "1" }, { a: 1 }, ["a"]],
    [{}, { a: 1 }, ["a"]],
    [null, { a: { b: 1 } }, ["a.b"]],
    [{ a: { b: 1 } }, undefined, ["a.b"]],
    [{ a: false }, {}, ["a"]],
    [{ a: 0 }, {}, ["a"]],
    [{ a: [1, 2] }, { a: [1, 3] }, ["a.1"]],
    [{ a: [1] }, { a: [1, 2] }, ["a"]],
    [{ a: { b: 1 } }, { a: [1] }, ["a"]],
  ])("%j against %j differs at %j", (given, stored, paths) => {
    expect(differingLeaves(given, stored, []).map((path) => path.join("."))).toEqual(paths);
  });
});
