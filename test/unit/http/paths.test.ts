import { describe, expect, it } from "vitest";
import manifest from "../../../package.json" with { type: "json" };
import { durationMs } from "../../../src/auth/duration.ts";
import { parseRevocation } from "../../../src/http/admin.ts";
import { eventsQuery } from "../../../src/http/events.ts";
import { acceptsJson } from "../../../src/http/negotiate.ts";
import { parseKubePath } from "../../../src/http/target.ts";
import { VERSION, versionInfo } from "../../../src/http/version.ts";

describe("a Kubernetes path", () => {
  it.each([
    [
      "/apis/catalog.gitstore.dev/v1beta1/namespaces/acme/products",
      { group: "catalog.gitstore.dev", version: "v1beta1", namespace: "acme", plural: "products" },
    ],
    [
      "/apis/g/v1/namespaces/acme/products/shirt",
      { group: "g", version: "v1", namespace: "acme", plural: "products", name: "shirt" },
    ],
    [
      "/apis/g/v1/namespaces/acme/products/shirt/status",
      { group: "g", version: "v1", namespace: "acme", plural: "products", name: "shirt", subresource: "status" },
    ],
    [
      "/apis/g/v1/namespaces/acme/repositories/r/syncs/7",
      {
        group: "g",
        version: "v1",
        namespace: "acme",
        plural: "repositories",
        name: "r",
        subresource: "syncs",
        rest: "7",
      },
    ],
    ["/apis/g/v1/products", { group: "g", version: "v1", plural: "products" }],
    ["/apis/gitstore.dev/v1beta1/namespaces", { group: "gitstore.dev", version: "v1beta1", plural: "namespaces" }],
    [
      "/apis/gitstore.dev/v1beta1/namespaces/acme",
      { group: "gitstore.dev", version: "v1beta1", plural: "namespaces", name: "acme" },
    ],
    [
      "/apis/gitstore.dev/v1beta1/namespaces/acme/status",
      { group: "gitstore.dev", version: "v1beta1", plural: "namespaces", name: "acme", subresource: "status" },
    ],
    [
      "/apis/gitstore.dev/v1beta1/namespaces/acme/repositories",
      { group: "gitstore.dev", version: "v1beta1", namespace: "acme", plural: "repositories" },
    ],
    ["/clusters/acme/apis/g/v1/products", { cluster: "acme", group: "g", version: "v1", plural: "products" }],
    [
      "/clusters/acme/apis/g/v1/namespaces/other/products",
      { cluster: "acme", group: "g", version: "v1", namespace: "other", plural: "products" },
    ],
  ])("%s", (path, expected) => {
    expect(parseKubePath(path)).toEqual(expected);
  });

  it.each([
    "/apis",
    "/apis/g",
    "/apis/g/v1",
    "/apis/g/v1/namespaces/acme",
    "/apis/g/v1//products",
    "/apis/g/v1/namespaces/a%2Fb/products",
    "/apis/g/v1/a/b/c/d/e",
    "/apis/%zz/v1/products",
    "/api/v1/pods",
  ])("%s is none", (path) => {
    expect(parseKubePath(path)).toBeUndefined();
  });
});

describe("what a client accepts", () => {
  it.each([
    [null, true],
    ["", true],
    ["*/*", true],
    ["application/json", true],
    ["application/json; charset=utf-8", true],
    ["application/json;as=Table;v=v1;g=meta.k8s.io,application/json", true],
    ["application/json;as=Table;v=v1;g=meta.k8s.io", false],
    ["application/vnd.kubernetes.protobuf", false],
    ["application/vnd.kubernetes.protobuf,application/json", true],
    ["application/json;q=0", false],
    ["text/html", false],
  ])("%s: JSON is %s", (accept, expected) => {
    expect(acceptsJson(accept)).toBe(expected);
  });
});

describe("the query of events", () => {
  const query = (text: string) => eventsQuery(new URLSearchParams(text));

  it("takes short names and full types alike", () => {
    const types = ["dev.gitstore.git.branch.created.v1", "dev.gitstore.git.tag.created.v1"];
    expect(query("after=7&limit=5&type=branch-created&type=dev.gitstore.git.tag.created.v1")).toEqual({
      after: 7,
      limit: 5,
      types,
    });
    expect(query("type=branch-created,tag-created").types).toEqual(types);
    expect(query("")).toEqual({ after: 0, limit: 100 });
    expect(query("limit=5000").limit).toBe(1_000);
  });

  it.each([
    ["type=branch", "type"],
    ["after=x", "after"],
    ["limit=0", "limit"],
    ["limit=x", "limit"],
  ])("names the parameter that is wrong: ?%s", (text, named) => {
    expect(() => query(text)).toThrow(named);
  });
});

describe("a revocation", () => {
  const NOW = Date.parse("2026-11-21T09:00:00Z");

  it("is of a token or of a subject, and lasts until no token of today can be alive", () => {
    expect(parseRevocation({ jti: "t-1" }, NOW, 400).revocation).toEqual({
      kind: "jti",
      value: "t-1",
      until: NOW + 400 * 86_400_000,
    });
    expect(parseRevocation({ sub: "user:a", until: "2026-11-22T00:00:00Z", reason: "left" }, NOW, 400)).toEqual({
      revocation: { kind: "sub", value: "user:a", until: Date.parse("2026-11-22T00:00:00Z") },
      reason: "left",
    });
  });

  it.each([
    {},
    { jti: "a", sub: "b" },
    { jti: "" },
    { sub: 7 },
    { jti: "a", until: "2020-01-01T00:00:00Z" },
    { jti: "a", until: "soon" },
    { jti: "a", all: true },
  ])("that says something else is refused: %j", (body) => {
    expect(() => parseRevocation(body, NOW, 400)).toThrow();
  });
});

describe("a duration", () => {
  it.each([
    ["90s", 90_000],
    ["24h", 86_400_000],
    ["1h30m", 5_400_000],
    ["7d", 604_800_000],
    ["500ms", 500],
  ])("%s is %i ms", (text, expected) => {
    expect(durationMs(text)).toBe(expected);
  });
  it.each(["", "5", "h", "-1h", "1.5h", "1 h", 5, null])("%j is none", (text) => {
    expect(durationMs(text)).toBeUndefined();
  });
});

describe("the version", () => {
  it("is the package's, in the form that kubectl parses", () => {
    expect(VERSION).toBe(manifest.version);
    expect(versionInfo().gitVersion).toMatch(/^v\d+\.\d+\.\d+\+[0-9A-Za-z.-]+$/);
    for (const field of [
      "major",
      "minor",
      "gitVersion",
      "gitCommit",
      "gitTreeState",
      "buildDate",
      "goVersion",
      "compiler",
      "platform",
    ]) {
      expect(typeof versionInfo()[field]).toBe("string");
    }
  });
});
