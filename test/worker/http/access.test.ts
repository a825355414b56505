import { beforeAll, describe, expect, it } from "vitest";
import type { Role } from "../../../src/auth/roles.ts";
import { ask, tokenFor } from "../support/http.ts";

const PATH = "/apis/authorization.k8s.io/v1";
const access = (token: string, spec: object, root = "") =>
  ask(token, `${root}${PATH}/selfsubjectaccessreviews`, {
    method: "POST",
    body: { kind: "SelfSubjectAccessReview", apiVersion: "authorization.k8s.io/v1", spec },
  });
const CATALOG = "catalog.gitstore.dev";

async function can(token: string, verb: string, resource: string, more: object = {}, root = ""): Promise<boolean> {
  const [plural, subresource] = resource.split("/");
  const resourceAttributes = { verb, group: CATALOG, resource: plural, subresource, namespace: "acme", ...more };
  const { status, body } = await access(token, { resourceAttributes }, root);
  expect(status).toBe(201);
  return body.status.allowed;
}

let tokens: Record<Role, string>;
beforeAll(async () => {
  const made = (["admin", "operator", "controller", "reader", "storefront"] as const).map(
    async (role) => [role, await tokenFor({ role, namespaces: ["acme"] })] as const,
  );
  tokens = Object.fromEntries(await Promise.all(made)) as Record<Role, string>;
});

describe("a SelfSubjectAccessReview", () => {
  it("is answered with what was asked, and whether the grants allow it", async () => {
    const spec = { resourceAttributes: { namespace: "acme", verb: "list", group: CATALOG, resource: "products" } };
    expect((await access(tokens.reader, spec)).body).toEqual({
      kind: "SelfSubjectAccessReview",
      apiVersion: "authorization.k8s.io/v1",
      metadata: {},
      spec,
      status: { allowed: true, reason: "by the token's grants" },
    });
  });

  it.each<[Role, string, string, object, boolean]>([
    ["reader", "get", "products", {}, true],
    ["reader", "get", "products", { namespace: "other" }, false],
    ["reader", "list", "products", { namespace: "" }, false],
    ["reader", "update", "products", {}, false],
    ["reader", "patch", "products/status", {}, false],
    ["reader", "list", "gitevents", {}, false],
    ["reader", "*", "products", {}, false],
    ["reader", "get", "namespaces", { group: "gitstore.dev", namespace: "", name: "acme" }, true],
    ["reader", "get", "namespaces", { group: "gitstore.dev", namespace: "", name: "other" }, false],
    ["reader", "list", "namespaces", { group: "gitstore.dev", namespace: "" }, false],
    ["operator", "list", "gitevents", {}, true],
    ["operator", "patch", "repositories", { group: "gitstore.dev" }, true],
    ["operator", "deletecollection", "repositories", { group: "gitstore.dev" }, false],
    ["controller", "create", "leases", { group: "coordination.k8s.io" }, true],
    ["admin", "*", "*", { group: "*" }, true],
    ["admin", "delete", "namespaces", { group: "gitstore.dev", namespace: "", name: "other" }, true],
    ["storefront", "get", "products", {}, false],
  ])("says of a %s: %s %s %o: %s", async (role, verb, resource, more, allowed) => {
    expect(await can(tokens[role], verb, resource, more)).toBe(allowed);
  });

  it("says what the request itself would say", async () => {
    const controller = await tokenFor({
      grants: [{ namespaces: ["acme"], resources: ["products/status"], verbs: ["update"], names: ["hat"] }],
    });
    expect(await can(controller, "patch", "products/status", { name: "hat" })).toBe(true);
    expect(await can(controller, "patch", "products/status", { name: "mug" })).toBe(false);
    expect(await can(controller, "patch", "products/status")).toBe(false);
  });

  it("under /clusters/{ns} takes all namespaces for that one, and knows no other", async () => {
    const root = "/clusters/acme";
    expect(await can(tokens.reader, "list", "products", { namespace: "" }, root)).toBe(true);
    expect(await can(tokens.reader, "list", "products", {}, root)).toBe(true);
    expect(await can(tokens.admin, "list", "products", { namespace: "other" }, root)).toBe(false);
    expect(await can(tokens.reader, "list", "products", { namespace: "" }, "/clusters/other")).toBe(false);
  });

  it("is about paths too", async () => {
    const path = async (nonResourceAttributes: object) =>
      (await access(tokens.reader, { nonResourceAttributes })).body.status.allowed;
    expect(await path({ path: "/version", verb: "get" })).toBe(true);
    expect(await path({ path: "/openapi/v3", verb: "get" })).toBe(true);
    expect(await path({ path: "/metrics", verb: "get" })).toBe(false);
    expect(await path({ path: "/version", verb: "post" })).toBe(false);
  });

  it("that asks for nothing, or is malformed, is refused", async () => {
    for (const spec of [
      {},
      { resourceAttributes: {}, nonResourceAttributes: {} },
      { resourceAttributes: { verb: 1 } },
    ]) {
      const { status, body } = await access(tokens.admin, spec);
      expect([status, body.reason]).toEqual([422, "Invalid"]);
    }
    const noObject = await ask(tokens.admin, `${PATH}/selfsubjectaccessreviews`, { method: "POST", body: [] });
    expect(noObject.status).toBe(400);
  });

  it("needs a token, and there are no reviews of others", async () => {
    const path = `${PATH}/selfsubjectaccessreviews`;
    expect((await ask(undefined, path, { method: "POST", body: {} })).status).toBe(401);
    expect((await ask(tokens.admin, `${PATH}/subjectaccessreviews`, { method: "POST", body: {} })).status).toBe(404);
    expect((await ask(tokens.admin, path)).status).toBe(405);
  });
});

describe("a SelfSubjectReview", () => {
  it.each([
    ["authentication.k8s.io", "selfsubjectreviews", true],
    ["authorization.k8s.io", "selfsubjectaccessreviews", true],
    ["authorization.k8s.io", "subjectaccessreviews", false],
  ])("and its like are for everyone, as an access review says: %s %s", async (group, resource, allowed) => {
    const path = "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews";
    const body = { spec: { resourceAttributes: { verb: "create", group, resource } } };
    const { status } = (await ask(await tokenFor({ grants: [] }), path, { method: "POST", body })).body;
    expect(status.allowed).toBe(allowed);
  });

  it("says who asks", async () => {
    const path = "/apis/authentication.k8s.io/v1/selfsubjectreviews";
    for (const root of ["", "/clusters/acme"]) {
      const { status, body } = await ask(await tokenFor({ grants: [] }, "user:alice"), `${root}${path}`, {
        method: "POST",
        body: { kind: "SelfSubjectReview", apiVersion: "authentication.k8s.io/v1" },
      });
      expect([status, body]).toEqual([
        201,
        {
          kind: "SelfSubjectReview",
          apiVersion: "authentication.k8s.io/v1",
          metadata: {},
          status: { userInfo: { username: "user:alice" } },
        },
      ]);
    }
    expect((await ask(undefined, path, { method: "POST", body: {} })).status).toBe(401);
  });
});

describe("a SelfSubjectRulesReview", () => {
  const rules = async (token: string, spec: object, root = "") =>
    (await ask(token, `${root}${PATH}/selfsubjectrulesreviews`, { method: "POST", body: { spec } })).body.status;

  it("lists the grants that are in force in the namespace, as rules", async () => {
    const token = await tokenFor({
      grants: [
        { namespaces: ["acme"], resources: ["products/status"], verbs: ["update"], names: ["hat"] },
        { namespaces: ["*"], resources: ["collections"], verbs: ["admin"] },
        { namespaces: ["other"], resources: ["files"], verbs: ["get"] },
      ],
    });
    const own = [
      {
        verbs: ["create"],
        apiGroups: ["authorization.k8s.io"],
        resources: ["selfsubjectaccessreviews", "selfsubjectrulesreviews"],
      },
      { verbs: ["create"], apiGroups: ["authentication.k8s.io"], resources: ["selfsubjectreviews"] },
    ];
    const expected = {
      resourceRules: [
        { verbs: ["update", "patch"], apiGroups: ["*"], resources: ["products/status"], resourceNames: ["hat"] },
        { verbs: ["*"], apiGroups: ["*"], resources: ["collections"] },
        ...own,
      ],
      nonResourceRules: [{ verbs: ["get"], nonResourceURLs: expect.arrayContaining(["/apis*", "/version"]) }],
      incomplete: false,
    };
    expect(await rules(token, { namespace: "acme" })).toEqual(expected);
    expect(await rules(token, {}, "/clusters/acme")).toEqual(expected);
    expect((await rules(await tokenFor({ grants: [] }), { namespace: "acme" })).resourceRules).toEqual(own);
  });
});
