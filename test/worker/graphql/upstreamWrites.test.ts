/** The writes of upstream's controller manager: items 29 to 39. */
import { afterEach, beforeAll, describe, expect, it } from "vitest";
import { grantsOf } from "../../../src/auth/roles.ts";
import { ledgerOf } from "../../../src/config.ts";
import { controlsOf } from "../support/controls.ts";
import { tokenFor, unique } from "../support/http.ts";
import { bindings, headOf, type TestLedger } from "../support/ledger.ts";
import { category, commit, data, product, shop } from "./support.ts";
import { categoryOf, closeAll, condition, must, send, subscribe, writeCategory } from "./upstream.ts";

let admin: string;
let manager: string;
let acme: TestLedger;
beforeAll(async () => {
  admin = await tokenFor({ role: "admin" });
  manager = await tokenFor({ role: "upstream-manager" }, "serviceaccount:upstream:manager");
  acme = await shop(admin, "acme");
  await commit(acme, { tops: category("tops"), shirt: product("shirt") });
});
afterEach(closeAll);

const ns = () => ({ namespace: acme.name });

describe("mutations", () => {
  let made = 0;
  async function fresh() {
    made += 1;
    const name = `fresh-${made}`;
    await commit(acme, { [name]: category(name) });
    return { name, resourceVersion: (await categoryOf(manager, acme.name, name)).metadata.resourceVersion as string };
  }
  const typesOf = async (name: string): Promise<string[]> =>
    (await categoryOf(manager, acme.name, name)).status.conditions.map(({ type }: { type: string }) => type);

  it("29. updateCategoryStatus writes conditions and resolved, and answers the new RV", async () => {
    const { name, resourceVersion } = await fresh();
    const resolved = { depth: 0, path: [name], childCount: 1, productCount: 2 };
    const written = await writeCategory(manager, {
      ...ns(),
      name,
      resourceVersion,
      observedGeneration: 1,
      conditions: [condition("Ready")],
      resolved,
    });
    expect(written).toEqual({ category: { metadata: { resourceVersion: expect.any(String) } }, conflict: null });
    const { metadata, status } = await categoryOf(manager, acme.name, name);
    expect(metadata.resourceVersion).toBe(written.category?.metadata.resourceVersion);
    expect(status).toMatchObject({ observedGeneration: 1, resolved });
  });

  it("30. takes its conditions with empty reason and message and observedGeneration 0, and removes the one it leaves out", async () => {
    const { name, resourceVersion } = await fresh();
    const empty = { reason: "", message: "", observedGeneration: 0 };
    const all = ["ParentResolved", "Acyclic", "FileRefConfirmed", "Ready"];
    const first = await writeCategory(manager, {
      ...ns(),
      name,
      resourceVersion,
      conditions: all.map((type) => condition(type, "TRUE", empty)),
    });
    expect(await typesOf(name)).toEqual(expect.arrayContaining(all));
    const without = all.filter((type) => type !== "FileRefConfirmed").map((type) => condition(type, "TRUE", empty));
    await writeCategory(manager, {
      ...ns(),
      name,
      resourceVersion: first.category?.metadata.resourceVersion,
      conditions: without,
    });
    expect(await typesOf(name)).not.toContain("FileRefConfirmed");
    expect(await typesOf(name)).toEqual(expect.arrayContaining(["ParentResolved", "Acyclic", "Ready"]));
  });

  it('32. updateResourceStatus takes namespace "" for a Namespace, and foreign conditions sent back equal', async () => {
    const read = async () =>
      (await must(manager, "namespaces", { first: 100 })).namespaces.edges
        .map(({ node }: { node: unknown }) => node)
        // biome-ignore lint/suspicious/noExplicitAny: as above.
        .find((node: any) => node.metadata.name === acme.name);
    const { metadata, status } = await read();
    const input = {
      kind: "Namespace",
      name: acme.name,
      namespace: "",
      resourceVersion: metadata.resourceVersion,
      observedGeneration: metadata.generation,
      conditions: [...status.conditions, condition("SystemRepoReady"), condition("Ready")],
    };
    const { updateResourceStatus: written } = await must(manager, "updateNamespaceStatus", { input });
    expect(written.conflict).toBeNull();
    expect(written.object.status.conditions.map(({ type }: { type: string }) => type)).toEqual(
      expect.arrayContaining(["AdmissionAccepted", "SystemRepoReady", "Ready"]),
    );
    expect((await read()).metadata.resourceVersion).toBe(written.object.metadata.resourceVersion);
  });

  it("33. says stale in the payload, NOT_FOUND and FORBIDDEN as codes, and equal content in other words as no change", async () => {
    const { name, resourceVersion } = await fresh();
    const conditions = [condition("ParentResolved"), condition("Acyclic"), condition("Ready", "FALSE")];
    const first = await writeCategory(manager, { ...ns(), name, resourceVersion, conditions });
    const now = first.category?.metadata.resourceVersion as string;
    const head = await headOf(acme);
    expect(await writeCategory(manager, { ...ns(), name, resourceVersion, conditions })).toEqual({
      category: null,
      conflict: { currentResourceVersion: now },
    });
    const spelled = [...conditions].reverse().map((one) => ({
      ...one,
      status: one.status === "TRUE" ? "True" : "false",
      lastTransitionTime: "2026-09-09T09:09:09Z",
    }));
    expect(await writeCategory(manager, { ...ns(), name, resourceVersion: now, conditions: spelled })).toEqual(first);
    expect(await headOf(acme)).toBe(head);
    const missing = await send(manager, "updateCategoryStatus", {
      input: { ...ns(), name: "nothing", resourceVersion },
    });
    expect([missing.status, missing.errors?.[0]?.extensions.code]).toEqual([200, "NOT_FOUND"]);
    const stranger = await tokenFor({ role: "upstream-manager", namespaces: ["elsewhere"] });
    const refused = await send(stranger, "updateCategoryStatus", { input: { ...ns(), name, resourceVersion } });
    expect([refused.status, refused.errors?.[0]?.extensions.code]).toEqual([200, "FORBIDDEN"]);
  });

  it("34. createRepository makes it once: a second one errs, and is then found; of two at once one is made", async () => {
    const input = { ...ns(), name: "gitstore-system", defaultBranch: "main" };
    const both = await Promise.all([
      send(manager, "createRepository", { input }),
      send(manager, "createRepository", { input }),
    ]);
    expect(both.filter(({ errors }) => errors === undefined).map(({ data: told }) => told)).toEqual([
      { createRepository: { repository: { metadata: { name: "gitstore-system" } } } },
    ]);
    expect((await send(manager, "createRepository", { input })).errors).toHaveLength(1);
    const found = await must(manager, "repository", { ...ns(), name: "gitstore-system" });
    expect(found.repository).toEqual({ metadata: { name: "gitstore-system" } });
  });
});

it("36. a namespace that is made is ADDED admitted, gets its repository and its status, and then a write that is a no-op", async () => {
  const name = unique("lifecycle");
  controlsOf(name).alone = true;
  const watched = await subscribe(manager, "watchNamespaces", "__namespace_watch_bootstrap__");
  await watched.untilTold(1);
  await data(admin, `mutation { createNamespace(input: { metadata: { name: "${name}" } }) { namespace { id } } }`);
  await watched.untilTold(2);
  const added = watched.events[1];
  expect(added).toMatchObject({
    type: "ADDED",
    name,
    object: { metadata: { generation: 1 }, status: { conditions: [{ type: "AdmissionAccepted", status: "True" }] } },
  });
  const repository = { namespace: name, name: "gitstore-system" };
  expect(await must(manager, "repository", repository)).toEqual({ repository: null });
  await must(manager, "createRepository", { input: { ...repository, defaultBranch: "main" } });
  const input = {
    kind: "Namespace",
    name,
    namespace: "",
    resourceVersion: added?.object.metadata.resourceVersion,
    observedGeneration: 1,
    conditions: [
      condition("SystemRepoReady", "TRUE", { reason: "RepositoryReady" }),
      condition("Ready", "TRUE", { reason: "NamespaceReady" }),
    ],
  };
  const { updateResourceStatus: first } = await must(manager, "updateNamespaceStatus", { input });
  await watched.untilTold(3);
  expect(watched.events[2]).toMatchObject({ type: "MODIFIED", name, object: first.object });
  // It reads the status with its admission condition, and writes it back whole, with times of its own.
  const again = {
    ...input,
    resourceVersion: first.object.metadata.resourceVersion,
    conditions: first.object.status.conditions.map((one: object) => ({
      ...one,
      lastTransitionTime: "2026-09-09T09:09:09Z",
    })),
  };
  const { updateResourceStatus: second } = await must(manager, "updateNamespaceStatus", { input: again });
  expect(second.object.metadata.resourceVersion).toBe(first.object.metadata.resourceVersion);
  expect((await ledgerOf(bindings, name).head()).ok).toBe(true);
});

it("39. one token of role upstream-manager is enough for all of it, and for nothing else", async () => {
  const granted = grantsOf({ role: "upstream-manager", namespaces: ["*"] }).flatMap(({ resources, verbs }) =>
    resources.flatMap((resource) => verbs.map((verb) => `${resource} ${verb}`)),
  );
  expect(granted.sort()).toEqual(
    [
      ...["get", "list", "watch", "delete"].map((verb) => `namespaces ${verb}`),
      "namespaces/status update",
      ...["get", "list", "create"].map((verb) => `repositories ${verb}`),
      ...["categorytaxonomies", "products"].flatMap((kind) =>
        ["get", "list", "watch"].map((verb) => `${kind} ${verb}`),
      ),
      "categorytaxonomies/status update",
    ].sort(),
  );
  const query = `mutation { updateProductStatus(input: { namespace: "${acme.name}", name: "shirt", resourceVersion: "1" }) { conflict { reason } } }`;
  expect((await send(manager, { query })).errors?.[0]?.extensions.code).toBe("FORBIDDEN");
});
