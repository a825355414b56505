import { describe, expect, it } from "vitest";
import {
  conflict,
  forbidden,
  internalError,
  invalid,
  notFound,
  StatusError,
  statusOfLedgerError,
  statusOfThrown,
  statusResponse,
  unauthorized,
} from "../../../src/http/status.ts";
import type { LedgerError } from "../../../src/ledger/api.ts";

const PRODUCTS = { group: "catalog.gitstore.dev", plural: "products", kind: "Product" };
const about = { namespace: "acme", kind: PRODUCTS };
const KEY = "Product.catalog.gitstore.dev";

describe("a ledger's refusal", () => {
  it.each<[LedgerError, number, string, string]>([
    [{ code: "NoNamespace" }, 404, "NotFound", 'namespaces.gitstore.dev "acme" not found'],
    [
      { code: "NotFound", kind: KEY, name: "shirt" },
      404,
      "NotFound",
      'products.catalog.gitstore.dev "shirt" not found',
    ],
    [
      { code: "AlreadyExists", kind: KEY, name: "shirt" },
      409,
      "AlreadyExists",
      'products.catalog.gitstore.dev "shirt" already exists',
    ],
    [
      { code: "Conflict", kind: KEY, name: "shirt", message: "" },
      409,
      "Conflict",
      'Operation cannot be fulfilled on products.catalog.gitstore.dev "shirt": the object has been modified; please apply your changes to the latest version and try again',
    ],
    [{ code: "MethodNotAllowed", kind: KEY, message: "no" }, 405, "MethodNotAllowed", "no"],
    [{ code: "Expired", message: "too old" }, 410, "Expired", "too old"],
    [
      { code: "FutureVersion", requested: "105", current: "100" },
      504,
      "Timeout",
      "Timeout: Too large resource version: 105, current: 100",
    ],
    [{ code: "TooLarge", message: "big" }, 413, "RequestEntityTooLarge", "big"],
    [{ code: "BadRequest", message: "bad" }, 400, "BadRequest", "bad"],
    [{ code: "Unavailable", message: "later", retryAfterSeconds: 5 }, 503, "ServiceUnavailable", "later"],
    [
      {
        code: "Invalid",
        kind: KEY,
        name: "shirt",
        errors: [{ field: "spec.title", reason: "Required", message: "must be set" }],
      },
      422,
      "Invalid",
      'Product.catalog.gitstore.dev "shirt" is invalid: spec.title: Required value: must be set',
    ],
  ])("%j is %i %s", (error, code, reason, message) => {
    expect(statusOfLedgerError(error, about)).toMatchObject({
      kind: "Status",
      apiVersion: "v1",
      metadata: {},
      status: "Failure",
      code,
      reason,
      message,
    });
  });

  it("of a future resourceVersion has the cause that client-go looks for", () => {
    expect(statusOfLedgerError({ code: "FutureVersion", requested: "105", current: "100" }, about).details).toEqual({
      retryAfterSeconds: 1,
      causes: [{ reason: "ResourceVersionTooLarge", message: "Too large resource version" }],
    });
  });

  it("of an old one carries why", () => {
    const status = statusOfLedgerError({ code: "Expired", message: "restored", cause: "EPOCH_MISMATCH" }, about);
    expect(status.details?.causes?.[0]?.reason).toBe("EPOCH_MISMATCH");
  });
});

describe("details", () => {
  it("hold the plural as kind, but for Invalid, where it is the kind", () => {
    expect(notFound(PRODUCTS, "shirt").details).toEqual({
      name: "shirt",
      group: "catalog.gitstore.dev",
      kind: "products",
    });
    expect(conflict(PRODUCTS, "shirt").details?.kind).toBe("products");
    expect(invalid(PRODUCTS, "shirt", []).details?.kind).toBe("Product");
  });

  it("of an invalid object name every field, with Kubernetes' reasons and our hints", () => {
    const status = invalid(PRODUCTS, "shirt", [
      { field: "spec.titel", reason: "UnknownField", message: 'unknown field "titel"', hint: "did you mean title?" },
      { field: "spec.options", reason: "TooMany", message: "at most 3" },
      { field: "spec.x", reason: "MalformedYAML", message: "odd" },
    ]);
    expect(status.details?.causes).toEqual([
      {
        field: "spec.titel",
        reason: "FieldValueForbidden",
        message: 'Forbidden: unknown field "titel" (did you mean title?)',
      },
      { field: "spec.options", reason: "FieldValueTooMany", message: "Too many: at most 3" },
      { field: "spec.x", reason: "FieldValueInvalid", message: "Invalid value: odd" },
    ]);
    expect(status.message).toMatch(
      /^Product\.catalog\.gitstore\.dev "shirt" is invalid: \[spec\.titel: Forbidden: .*, spec\.x: .*\]$/,
    );
  });

  it("of a refusal name who, what and where, as kube-apiserver does", () => {
    const access = { sub: "user:alice", verb: "update", namespace: "acme", name: "shirt", subresource: "status" };
    expect(forbidden(PRODUCTS, access).message).toBe(
      'products.catalog.gitstore.dev "shirt" is forbidden: User "user:alice" cannot update resource "products/status" in API group "catalog.gitstore.dev" in the namespace "acme"',
    );
    expect(forbidden(PRODUCTS, { sub: "user:alice", verb: "list" }).message).toContain("at the cluster scope");
  });
});

describe("what is thrown", () => {
  it("by us is what it says", () => {
    const status = notFound(PRODUCTS, "shirt");
    expect(statusOfThrown(new StatusError(status), "r-1")).toBe(status);
  });

  it("unexpectedly is 500 with the request id and nothing of the cause", () => {
    const status = statusOfThrown(new Error("SQLITE_ERROR at /srv/secret: hunter2"), "r-1");
    expect(status).toEqual(internalError("r-1"));
    expect(JSON.stringify(status)).toContain("r-1");
    expect(JSON.stringify(status)).not.toMatch(/SQLITE|hunter2|secret/);
  });

  it("by an object that is overloaded, or was just restarted, asks to come again", () => {
    expect(statusOfThrown(Object.assign(new Error("x"), { overloaded: true }), "r")).toMatchObject({
      code: 429,
      reason: "TooManyRequests",
    });
    expect(statusOfThrown(Object.assign(new Error("x"), { retryable: true }), "r")).toMatchObject({ code: 503 });
  });
});

describe("a response", () => {
  it("says when to come again", () => {
    const status = statusOfLedgerError({ code: "Unavailable", message: "later", retryAfterSeconds: 5 }, about);
    expect(statusResponse(status).headers.get("retry-after")).toBe("5");
    expect(statusResponse(notFound(PRODUCTS, "x")).headers.get("retry-after")).toBeNull();
  });

  it("without a token says which scheme is wanted", () => {
    const response = statusResponse(unauthorized("no token"));
    expect(response.status).toBe(401);
    expect(response.headers.get("www-authenticate")).toBe('Bearer realm="gitstore-edge"');
    expect(response.headers.get("content-type")).toBe("application/json");
  });
});
