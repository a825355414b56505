import { describe, expect, it } from "vitest";
import { type Access, allows, VERBS, type Verb } from "../../../src/auth/grants.ts";
import { grantsOf, type Role } from "../../../src/auth/roles.ts";

function holder(role: Role, statusOf: string[] = []) {
  return { grants: grantsOf({ role, namespaces: ["acme"], statusOf }) };
}

/** Each of the verbs on one resource, in its namespace unless told otherwise. */
function allowed(identity: ReturnType<typeof holder>, resource: string, namespace = "acme"): Verb[] {
  return VERBS.filter((verb) => allows(identity, { namespace, resource, verb }));
}

const READ = ["get", "list", "watch"];
const SPECIAL = [
  "storefront",
  "releases/promote",
  "repositories/sync",
  "rejected",
  "gitevents",
  "watchers",
  "controllers/requeue",
];

describe("admin", () => {
  it.each(["products", "products/status", "widgets", "leases", ...SPECIAL])(
    "does everything with %s in its namespaces",
    (resource) => {
      expect(allowed(holder("admin"), resource)).toEqual([...VERBS]);
    },
  );

  it.each(["namespaces", "metrics", "revocations"])("has the cluster scope: %s", (resource) => {
    expect(allowed(holder("admin"), resource, "*")).toEqual([...VERBS]);
  });

  it.each(["products", "rejected", "repositories"])("reaches no %s of another namespace", (resource) => {
    expect(allowed(holder("admin"), resource, "other")).toEqual([]);
  });
});

describe("operator", () => {
  const operator = holder("operator");

  it.each([
    ["products", READ],
    ["widgets", READ],
    ["releases", READ],
    ["repositories", ["get", "list", "watch", "update", "create", "delete"]],
    ["channels", ["get", "list", "watch", "update", "create", "delete"]],
    ["repositories/sync", ["update", "create"]],
    ["rejected", READ],
    ["gitevents", READ],
    ["watchers", ["get", "list", "watch", "delete"]],
    ["releases/promote", ["promote"]],
    ["controllers/requeue", ["update", "create"]],
    ["storefront", []],
    ["metrics", []],
  ])("has on %s: %j", (resource, verbs) => {
    expect(allowed(operator, resource)).toEqual(verbs);
  });

  it("writes no status, no namespace, and has no cluster scope", () => {
    expect(allows(operator, { namespace: "acme", resource: "products/status", verb: "update" })).toBe(false);
    for (const resource of ["namespaces", "metrics", "revocations"])
      expect(allowed(operator, resource, "*")).toEqual([]);
    expect(allows(operator, { namespace: "acme", resource: "namespaces", verb: "delete", name: "acme" })).toBe(false);
  });
});

describe("controller", () => {
  const controller = holder("controller", ["products", "categorytaxonomies"]);

  it.each([
    ["products", READ],
    ["widgets", READ],
    ["gitevents", READ],
    ["leases", ["get", "list", "watch", "update", "create", "delete"]],
    ["rejected", []],
    ["repositories/sync", []],
    ["releases/promote", []],
    ["metrics", []],
  ])("has on %s: %j", (resource, verbs) => {
    expect(allowed(controller, resource)).toEqual(verbs);
  });

  it("writes the status of the named kinds, and of no other", () => {
    const may = (resource: string) => allows(controller, { namespace: "acme", resource, verb: "update" });
    expect(["products/status", "categorytaxonomies/status", "collections/status"].map(may)).toEqual([
      true,
      true,
      false,
    ]);
    expect(may("products")).toBe(false);
  });

  it("without --status-of writes none", () => {
    expect(allows(holder("controller"), { namespace: "acme", resource: "products/status", verb: "update" })).toBe(
      false,
    );
  });
});

describe("reader", () => {
  const reader = holder("reader");

  it.each(["products", "collections", "widgets", "releases"])("reads %s, and does nothing else with it", (resource) => {
    expect(allowed(reader, resource)).toEqual(READ);
  });

  it.each([...SPECIAL, "metrics"])("sees nothing of %s", (resource) => {
    expect(allowed(reader, resource)).toEqual([]);
  });
});

describe("storefront", () => {
  it("reads the storefront and nothing else", () => {
    const storefront = holder("storefront");
    expect(allowed(storefront, "storefront")).toEqual(["get", "list"]);
    expect(
      ["products", "gitevents", "rejected", "metrics"].flatMap((resource) => allowed(storefront, resource)),
    ).toEqual([]);
  });
});

describe("grants", () => {
  const access: Access = { namespace: "acme", resource: "products", verb: "get", name: "shirt" };

  it("allow nothing by default", () => {
    expect(allows({ grants: [] }, access)).toBe(false);
    expect(allows({ grants: [{ namespaces: [], resources: ["*"], verbs: ["get"] }] }, access)).toBe(false);
  });

  it("must cover namespace, resource and verb in one grant, not in several together", () => {
    const grants = [
      { namespaces: ["acme"], resources: ["collections"], verbs: ["get" as const] },
      { namespaces: ["other"], resources: ["products"], verbs: ["get" as const] },
      { namespaces: ["acme"], resources: ["products"], verbs: ["list" as const] },
    ];
    expect(allows({ grants }, access)).toBe(false);
  });

  it("with names cover only these objects, and no list of all", () => {
    const grants = [
      { namespaces: ["acme"], resources: ["products"], verbs: ["get" as const, "list" as const], names: ["shirt"] },
    ];
    expect(allows({ grants }, access)).toBe(true);
    expect(allows({ grants }, { ...access, name: "shoe" })).toBe(false);
    expect(allows({ grants }, { namespace: "acme", resource: "products", verb: "list" })).toBe(false);
  });

  it("for every namespace cover what lies outside any; others do not", () => {
    const at = (namespaces: string[]) => ({
      grants: [{ namespaces, resources: ["metrics"], verbs: ["get" as const] }],
    });
    expect(allows(at(["*"]), { namespace: "*", resource: "metrics", verb: "get" })).toBe(true);
    expect(allows(at(["acme"]), { namespace: "*", resource: "metrics", verb: "get" })).toBe(false);
  });
});

describe("upstream-manager", () => {
  it.each([
    ["namespaces", ["get", "list", "watch", "delete"]],
    ["namespaces/status", ["update"]],
    ["repositories", ["get", "list", "create"]],
    ["categorytaxonomies", READ],
    ["categorytaxonomies/status", ["update"]],
    ["products", READ],
    ["products/status", []],
    ["repositories/status", []],
    ["collections", []],
    ["leases", []],
    ...SPECIAL.map((resource): [string, string[]] => [resource, []]),
  ])("has on %s: %j", (resource, verbs) => {
    expect(allowed(holder("upstream-manager"), resource)).toEqual(verbs);
  });
});
