import { beforeAll, describe, expect, it } from "vitest";
import type { Env } from "../../../src/config.ts";
import { CATEGORY } from "../../conformance/status/kinds.ts";
import { ADMIN, ALICE, BOB, condition } from "../../conformance/status/support.ts";
import { type Asked, ask, NAMESPACES_PATH, newNamespace, tokenFor } from "../support/http.ts";
import { bindings, must } from "../support/ledger.ts";
import { rest } from "./rest.ts";
import { StatusSocket } from "./socket.ts";
import { WorkerWorld } from "./world.ts";

const MERGE = "application/merge-patch+json";
const READY = { conditions: [condition("Ready")] };
const QUALIFIED = "categorytaxonomies.catalog.gitstore.dev";
let world: WorkerWorld;
let alice: string;
let bob: string;

beforeAll(async () => {
  world = await WorkerWorld.open(CATEGORY, (made) => rest(made, "PUT"));
  alice = (await world.token(ALICE)) ?? "";
  bob = (await world.token(BOB)) ?? "";
});

let names = 0;
async function made(): Promise<{ name: string; resourceVersion: string }> {
  const name = `object-${++names}`;
  const { metadata } = await world.make(name);
  return { name, resourceVersion: metadata.resourceVersion };
}

interface Sent {
  method?: "PUT" | "PATCH" | "POST" | "DELETE";
  type?: string;
  query?: string;
  token?: string;
  env?: Env;
  headers?: Record<string, string>;
}

async function send(name: string, body: unknown, options: Sent = {}): Promise<Asked> {
  const { method = "PATCH", type = MERGE, query = "", token = alice, env = bindings, headers = {} } = options;
  return await ask(token, `${world.path(name)}/status${query}`, {
    method,
    env,
    headers: { "content-type": type, ...headers },
    body: typeof body === "string" ? body : JSON.stringify(body),
  });
}

const put = (name: string, resourceVersion: string | undefined, more: object = {}) => ({
  apiVersion: CATEGORY.apiVersion,
  kind: CATEGORY.kind,
  metadata: { name, ...(resourceVersion === undefined ? {} : { resourceVersion }) },
  ...more,
});

describe("a status over HTTP", () => {
  it("is read as the whole object", async () => {
    const { name } = await made();
    const { status, body } = await ask(alice, `${world.path(name)}/status`);
    expect(status).toBe(403);
    expect(body.message).toContain("categorytaxonomies/status");
    const admin = await ask(await world.token(ADMIN), `${world.path(name)}/status`);
    expect(admin.body).toEqual(await world.read(name));
  });

  it("answers a stale writer with Kubernetes' own words, and everything else in the causes", async () => {
    const { name, resourceVersion } = await made();
    const first = await send(name, { metadata: { resourceVersion }, status: READY });
    expect(first.status).toBe(200);
    const { status, body } = await send(name, { metadata: { resourceVersion }, status: {} }, { token: bob });
    const current = first.body.metadata.resourceVersion;
    const hint = `it is at resourceVersion ${current}, not ${resourceVersion}: decide again on the current object, then write with ${current}`;
    expect(status).toBe(409);
    expect(body).toEqual({
      kind: "Status",
      apiVersion: "v1",
      metadata: {},
      status: "Failure",
      message: `Operation cannot be fulfilled on ${QUALIFIED} "${name}": the object has been modified; please apply your changes to the latest version and try again`,
      reason: "Conflict",
      details: {
        name,
        group: "catalog.gitstore.dev",
        kind: "categorytaxonomies",
        causes: [
          { reason: "STALE_RESOURCE_VERSION", message: hint, field: "metadata.resourceVersion" },
          { reason: "reason", message: "STALE_RESOURCE_VERSION", field: "reason" },
          { reason: "currentResourceVersion", message: current, field: "currentResourceVersion" },
          { reason: "currentGeneration", message: "1", field: "currentGeneration" },
          { reason: "expected", message: resourceVersion, field: "expected" },
          { reason: "retryable", message: "true", field: "retryable" },
          { reason: "hint", message: hint, field: "hint" },
          { reason: "current", message: JSON.stringify(first.body.status), field: "current" },
        ],
      },
      code: 409,
    });
  });

  it("answers another manager's condition as server-side apply does, so that kubectl prints it", async () => {
    const { name, resourceVersion } = await made();
    const { body: now } = await send(name, { metadata: { resourceVersion }, status: READY });
    const applied = put(name, now.metadata.resourceVersion, { status: { conditions: [condition("Ready", "False")] } });
    const apply = { type: "application/apply-patch+yaml", token: bob };
    const { status, body } = await send(name, applied, apply);
    expect(status).toBe(409);
    expect(body.message).toBe(
      `Apply failed with 1 conflict: conflict with "${ALICE.sub}": .status.conditions[type="Ready"]`,
    );
    expect(body.details.causes[0]).toEqual({
      reason: "FieldManagerConflict",
      message: `conflict with "${ALICE.sub}"`,
      field: '.status.conditions[type="Ready"]',
    });
    const forced = await send(name, applied, { ...apply, query: "?force=true&fieldManager=pricing" });
    expect(forced.status).toBe(200);
  });

  it("asks for a missing resourceVersion with cause Required", async () => {
    const { name } = await made();
    for (const method of ["PUT", "PATCH"] as const) {
      const type = method === "PUT" ? "application/json" : MERGE;
      const { status, body } = await send(name, put(name, undefined, { status: READY }), { method, type });
      expect(status).toBe(422);
      expect(body).toMatchObject({
        reason: "Invalid",
        details: { name, causes: [{ reason: "FieldValueRequired", field: "metadata.resourceVersion" }] },
      });
      expect(body.message).toContain(
        `CategoryTaxonomy.catalog.gitstore.dev "${name}" is invalid: metadata.resourceVersion: Required value: must be specified for an update`,
      );
    }
  });

  it("takes a PATCH without one where STATUS_PATCH_UNCONDITIONAL is set, and a PUT never", async () => {
    const { name } = await made();
    const env = { ...bindings, STATUS_PATCH_UNCONDITIONAL: "true" };
    const patches: [string, unknown][] = [
      [MERGE, { status: READY }],
      ["application/json-patch+json", [{ op: "add", path: "/status/lastAppliedRevision", value: "main@sha1:01" }]],
      ["application/apply-patch+yaml", put(name, undefined, { status: { ...READY, observedGeneration: 1 } })],
    ];
    for (const [type, body] of patches) expect((await send(name, body, { type, env })).status, type).toBe(200);
    const whole = { method: "PUT", type: "application/json", env } as const;
    expect((await send(name, put(name, undefined), whole)).status).toBe(422);
    // One that is given still holds.
    expect((await send(name, { metadata: { resourceVersion: "1" } }, { env })).status).toBe(409);
  });

  it("refuses another object than the one whose uid is given", async () => {
    const { name, resourceVersion } = await made();
    const uid = "018f0000-0000-7000-8000-000000000000";
    const { status, text } = await send(name, { metadata: { resourceVersion, uid }, status: READY });
    expect(status).toBe(409);
    expect(text).toContain("RECREATED");
  });

  it("names a field that differs as SPEC_IMMUTABLE", async () => {
    const { name, resourceVersion } = await made();
    const { status, body } = await send(name, { metadata: { resourceVersion }, spec: { title: "Hacked" } });
    expect(status).toBe(422);
    expect(body.reason).toBe("Invalid");
    expect(body.details.causes).toEqual([
      { reason: "SPEC_IMMUTABLE", field: "spec.title", message: expect.stringContaining("cannot change spec.title") },
    ]);
  });

  it("refuses strategic merge patches with 415, naming what it takes", async () => {
    const { name } = await made();
    for (const type of ["application/strategic-merge-patch+json", "application/json", "text/plain"]) {
      const { status, body } = await send(name, {}, { type });
      expect(status).toBe(415);
      expect(body.message).toBe(
        "the body of the request was in an unknown format - accepted media types include: application/json-patch+json, application/merge-patch+json, application/apply-patch+yaml",
      );
    }
  });

  it.each([
    [{ metadata: { name: "another" } }, "the name of the object (another) does not match the name on the URL"],
    [{ kind: "Product" }, "the kind in the data (Product) does not match the expected kind (CategoryTaxonomy)"],
    [{ apiVersion: "v1" }, "the API version in the data (v1) does not match the expected API version"],
    [{ metadata: { namespace: "other" } }, "the namespace of the provided object does not match"],
  ])("refuses a body about something else: %j", async (body, message) => {
    const { name } = await made();
    for (const [method, type] of [
      ["PUT", "application/json"],
      ["PATCH", MERGE],
    ] as const) {
      const answer = await send(name, body, { method, type });
      expect(answer.status).toBe(400);
      expect(answer.body.message).toContain(message);
    }
  });

  it.each([
    ["{", "JSON"],
    ["[]", "object"],
    ['"text"', "object"],
    [`{"status":{"resolved":${"[".repeat(5_000)}${"]".repeat(5_000)}}}`, "nests deeper"],
  ])("refuses a body that is no object: %#", async (body, word) => {
    const { name } = await made();
    const { status, body: told } = await send(name, body);
    expect(status).toBe(400);
    expect(told.message).toContain(word);
  });

  it("refuses a JSON patch that cannot be applied, naming the operation", async () => {
    const { name, resourceVersion } = await made();
    const patch = [
      { op: "test", path: "/metadata/resourceVersion", value: resourceVersion },
      { op: "remove", path: "/status/nothing" },
    ];
    const { status, body } = await send(name, patch, { type: "application/json-patch+json" });
    expect(status).toBe(422);
    expect(body.message).toContain('operation 1 (remove "/status/nothing")');
  });

  it("takes a resourceVersion that a JSON patch sets as the precondition too, as Kubernetes does", async () => {
    const { name } = await made();
    const patch = [
      { op: "replace", path: "/metadata/resourceVersion", value: "2" },
      { op: "add", path: "/status/lastAppliedRevision", value: "x" },
    ];
    expect((await send(name, patch, { type: "application/json-patch+json" })).status).toBe(409);
  });

  it("refuses a JSON patch that removes another manager's condition", async () => {
    const { name, resourceVersion } = await made();
    const { body: now } = await send(name, { metadata: { resourceVersion }, status: READY });
    const version = { op: "test", path: "/metadata/resourceVersion", value: now.metadata.resourceVersion };
    const type = "application/json-patch+json";
    const patch = [version, { op: "remove", path: "/status/conditions" }];
    expect((await send(name, patch, { type, token: bob })).status).toBe(409);
    const index = now.status.conditions.findIndex((one: { type: string }) => one.type === "Ready");
    const own = [version, { op: "remove", path: `/status/conditions/${index}` }];
    const { status, body } = await send(name, own, { type });
    expect(status).toBe(200);
    expect(body.status.conditions).toHaveLength(now.status.conditions.length - 1);
  });

  it("takes part of a condition in a merge patch, and what is null away", async () => {
    const { name, resourceVersion } = await made();
    const first = await send(name, {
      metadata: { resourceVersion },
      status: { ...READY, lastAppliedRevision: "x", resolved: { depth: 1, childCount: 2 } },
    });
    const { body } = await send(name, {
      metadata: { resourceVersion: first.body.metadata.resourceVersion },
      status: {
        conditions: [{ type: "Ready", message: "another" }],
        lastAppliedRevision: null,
        resolved: { childCount: null },
      },
    });
    const ready = body.status.conditions.find((one: { type: string }) => one.type === "Ready");
    expect(ready).toMatchObject({ status: "True", reason: "Tested", message: "another" });
    expect(body.status).not.toHaveProperty("lastAppliedRevision");
    expect(body.status.resolved).toEqual({ depth: 1 });
    const fresh = await send(name, {
      metadata: { resourceVersion: body.metadata.resourceVersion },
      status: { conditions: [{ type: "Fresh", message: "no status" }] },
    });
    expect(fresh.status).toBe(422);
    expect(fresh.body.message).toContain("status.conditions[0].status: Required value");
  });

  it("takes YAML in a PUT", async () => {
    const { name, resourceVersion } = await made();
    const yaml = `metadata:\n  name: ${name}\n  resourceVersion: "${resourceVersion}"\nstatus:\n  observedGeneration: 1\n`;
    const { status, body } = await send(name, yaml, { method: "PUT", type: "application/yaml" });
    expect(status).toBe(200);
    expect(body.status.observedGeneration).toBe(1);
  });

  it("answers 413 where the status is too large", async () => {
    const { name, resourceVersion } = await made();
    const conditions = ["A", "B", "C"].map((type) => condition(type, "True", { message: "x".repeat(30_000) }));
    const { status, body } = await send(name, { metadata: { resourceVersion }, status: { conditions } });
    expect(status).toBe(413);
    expect(body).toMatchObject({ reason: "RequestEntityTooLarge", message: expect.stringContaining("65536 bytes") });
  });

  it.each([
    ["?force=maybe", 400, "force"],
    ["?dryRun=Some", 422, "dryRun"],
    [`?fieldManager=${"m".repeat(129)}`, 422, "fieldManager"],
  ])("refuses the parameter %s", async (query, code, word) => {
    const { name, resourceVersion } = await made();
    const { status, text } = await send(name, { metadata: { resourceVersion }, status: READY }, { query });
    expect(status).toBe(code);
    expect(text).toContain(word);
  });

  it("is neither created nor deleted", async () => {
    const { name } = await made();
    const token = (await world.token(ADMIN)) ?? "";
    for (const method of ["POST", "DELETE"] as const) {
      const { status, body } = await send(name, {}, { method, token, type: "application/json" });
      expect(status).toBe(405);
      expect(body).toMatchObject({ reason: "MethodNotAllowed", message: expect.stringContaining("PUT or PATCH") });
    }
  });

  it("is written under /clusters/{ns} too", async () => {
    const { name, resourceVersion } = await made();
    const path = `/clusters/${world.namespace}${world.path(name)}/status`;
    const { status } = await ask(alice, path, {
      method: "PATCH",
      headers: { "content-type": MERGE },
      body: JSON.stringify({ metadata: { resourceVersion }, status: READY }),
    });
    expect(status).toBe(200);
  });

  it("is 404 for events, which are not stored as objects", async () => {
    const token = await world.token(ADMIN);
    const listed = await ask(token, `/apis/events.gitstore.dev/v1beta1/namespaces/${world.namespace}/gitevents`);
    const [event] = listed.body.items;
    const { status } = await ask(token, `${eventPath()}/${event.metadata.name}/status`, {
      method: "PATCH",
      headers: { "content-type": MERGE },
      body: JSON.stringify({ metadata: { resourceVersion: event.metadata.resourceVersion }, status: READY }),
    });
    expect(status).toBe(404);
  });

  const eventPath = () => `/apis/events.gitstore.dev/v1beta1/namespaces/${world.namespace}/gitevents`;

  it("is fenced where the writer's watcher was taken over", async () => {
    const { name, resourceVersion } = await made();
    const first = await StatusSocket.open(world, ALICE, "&watcher=fenced");
    await first.ask({ kind: "CategoryTaxonomy", name, resourceVersion: "1" });
    const second = await StatusSocket.open(world, ALICE, "&watcher=fenced");
    expect((await first.closed).code).toBe(4408);
    const body = { metadata: { resourceVersion }, status: READY };
    const late = await send(name, body, { headers: { "gitstore-watcher": "fenced/1" } });
    expect(late.status).toBe(409);
    expect(late.body.reason).toBe("Fenced");
    expect((await send(name, body, { headers: { "gitstore-watcher": "fenced/2" } })).status).toBe(200);
    second.close();
  });
});

describe("statuses of kinds that the API owns", () => {
  it("of a Namespace are written in its own path, by who may write in it", async () => {
    const admin = await tokenFor({ role: "admin" });
    const name = await newNamespace(admin);
    const path = `${NAMESPACES_PATH}/${name}`;
    const grants = [{ namespaces: [name], resources: ["namespaces/status"], verbs: ["update" as const] }];
    const controller = await tokenFor({ grants }, "serviceaccount:system:namespaces");
    const { body } = await ask(admin, path);
    const write = (token: string, at: string) =>
      ask(token, `${at}/status`, {
        method: "PUT",
        body: { ...body, status: { ...body.status, observedGeneration: 1, conditions: [condition("Ready")] } },
      });
    expect((await write(controller, `${NAMESPACES_PATH}/another`)).status).toBe(403);
    const written = await write(controller, path);
    expect(written.status).toBe(200);
    expect(written.body.status.conditions.map(({ type }: { type: string }) => type)).toContain("Ready");
    expect((await ask(admin, path)).body).toEqual(written.body);
  });

  it("of a Repository keep what the system says of it: applied refs, and its own conditions", async () => {
    const { ledger } = world;
    const observed = { type: "Reachable", status: "True", reason: "Fetched", message: "" } as const;
    await must(ledger.stub.setRepositoryStatus("catalog", { conditions: [observed] }));
    const token = await world.token(ADMIN);
    const path = `/apis/gitstore.dev/v1beta1/namespaces/${world.namespace}/repositories/catalog`;
    const grants = [{ namespaces: [world.namespace], resources: ["repositories/status"], verbs: ["update" as const] }];
    const controller = await tokenFor({ grants }, "serviceaccount:acme:c");
    const { body } = await ask(token, path);
    expect(body.status.applied).toBeDefined();
    const write = (status: object) => ask(controller, `${path}/status`, { method: "PUT", body: { ...body, status } });
    const forged = await write({ ...body.status, applied: { "refs/heads/main": "0".repeat(40) } });
    expect(forged.status).toBe(422);
    expect(forged.body.details.causes[0].field).toContain("status.applied");
    const taken = await write({ conditions: [{ ...observed, status: "False" }] });
    expect(taken.status).toBe(409);
    expect(taken.text).toContain("system:repository");
    const fine = await write({ ...body.status, conditions: [...body.status.conditions, condition("Ready")] });
    expect(fine.status).toBe(200);
    expect(fine.body.status.applied).toEqual(body.status.applied);
    await must(ledger.stub.setRepositoryStatus("catalog", { removeConditions: ["Ready", "Reachable"] }));
    const after = (await ask(token, path)).body.status.conditions.map(({ type }: { type: string }) => type);
    expect(after).toContain("Ready");
    expect(after).not.toContain("Reachable");
  });
});
