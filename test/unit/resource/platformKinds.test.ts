import { describe, expect, it } from "vitest";
import { parseObject } from "../../../src/resource/parseObject.ts";
import { coreRegistry } from "../../../src/resource/registry.ts";
import type { Json } from "../../../src/resource/types.ts";
import { context, summary } from "./files.ts";

const GROUPS = {
  Namespace: "gitstore.dev/v1beta1",
  Repository: "gitstore.dev/v1beta1",
  Channel: "release.gitstore.dev/v1beta1",
  Lease: "coordination.k8s.io/v1",
};

function body(kind: keyof typeof GROUPS, spec?: Json, name = "acme") {
  return { apiVersion: GROUPS[kind], kind, metadata: { name }, ...(spec === undefined ? {} : { spec }) };
}

function errorsOf(kind: keyof typeof GROUPS, spec: Json, name?: string) {
  return summary(parseObject(body(kind, spec, name), context).errors);
}

function specOf(kind: keyof typeof GROUPS, spec?: Json) {
  const parsed = parseObject(body(kind, spec), context);
  expect(parsed.errors).toEqual([]);
  return parsed.candidate?.resource.spec;
}

describe("Namespace", () => {
  it("has its defaults, also without a spec", () => {
    expect(specOf("Namespace")).toEqual({ tier: "ORGANIZATION", storefront: { public: false } });
  });

  it("keeps what is given", () => {
    const spec = { title: "Acme", tier: "USER", storefront: { public: true }, controllers: { taxonomy: "external" } };
    expect(specOf("Namespace", spec)).toEqual(spec);
  });

  it("is in no namespace", () => {
    expect(parseObject(body("Namespace"), context).candidate?.resource.metadata).toEqual({ name: "acme" });
    const inside = { ...body("Namespace"), metadata: { name: "acme", namespace: "other" } };
    expect(summary(parseObject(inside, context).errors)).toEqual(["Forbidden metadata.namespace"]);
  });

  it.each([
    ["a.b", "Invalid"],
    ["Acme", "Invalid"],
    ["-acme", "Invalid"],
    ["x".repeat(64), "Invalid"],
  ])("refuses the name %s, which is no DNS label", (name, reason) => {
    expect(errorsOf("Namespace", {}, name)).toEqual([`${reason} metadata.name`]);
  });

  it("takes a name of 63 characters", () => {
    expect(errorsOf("Namespace", {}, "x".repeat(63))).toEqual([]);
  });

  it.each<[Json, string]>([
    [{ title: "x".repeat(201) }, "TooLong spec.title"],
    [{ tier: "TEAM" }, "NotSupported spec.tier"],
    [{ storefront: { public: "yes" } }, "TypeInvalid spec.storefront.public"],
    [{ controllers: { taxonomy: "off" } }, "NotSupported spec.controllers.taxonomy"],
    [{ repositoryDefaults: {} }, "UnknownField spec.repositoryDefaults"],
  ])("refuses %j", (spec, error) => {
    expect(errorsOf("Namespace", spec)).toEqual([error]);
  });
});

describe("Repository", () => {
  const good = { url: "https://git.example/acme/catalog.git", provider: "git" };

  it("has its defaults", () => {
    expect(specOf("Repository", good)).toEqual({
      ...good,
      branches: ["main", "draft"],
      releaseTags: ["release/**", "v[0-9]*"],
      poll: "5m",
      release: { danglingReferences: "Error", promote: "auto" },
    });
  });

  it("needs no remote", () => {
    expect(errorsOf("Repository", {})).toEqual([]);
  });

  it("keeps what is given", () => {
    const spec = {
      ...good,
      provider: "github",
      credentialsRef: "GIT_CREDENTIALS_ACME",
      branches: ["main", "!wip/**"],
      releaseTags: [],
      poll: "off",
      release: { channel: "live", danglingReferences: "Warn", promote: "manual" },
      releaseVerification: { allowedSigners: [{ publicKey: "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5 me@example" }] },
      pushers: ["alice"],
    };
    expect(specOf("Repository", spec)).toEqual(spec);
  });

  it.each<[Json, string]>([
    [{ url: "git@github.com:a/b.git", provider: "git" }, "Invalid spec.url"],
    [{ url: "ssh://git.example/a", provider: "git" }, "NotSupported spec.url"],
    [{ url: "file:///etc", provider: "git" }, "NotSupported spec.url"],
    [{ url: "https://user:secret@git.example/a", provider: "git" }, "Forbidden spec.url"],
    [{ url: "https://git.example/a?token=x", provider: "git" }, "Invalid spec.url"],
    [{ url: "https://git.example/a" }, "Required spec.provider"],
    [{ provider: "svn" }, "NotSupported spec.provider"],
    [{ provider: "gitlab" }, "NotSupported spec.provider"],
    [{ credentialsRef: "SEALING_KEY" }, "Forbidden spec.credentialsRef"],
    [{ credentialsRef: "GIT_CREDENTIALS_" }, "Forbidden spec.credentialsRef"],
    [{ branches: "main" }, "TypeInvalid spec.branches"],
    [{ branches: [""] }, "Required spec.branches[0]"],
    [{ branches: ["v[0-9"] }, "Invalid spec.branches[0]"],
    [{ releaseTags: ["!"] }, "Invalid spec.releaseTags[0]"],
    [{ branches: Array.from({ length: 65 }, () => "x") }, "TooMany spec.branches"],
    [{ poll: "5" }, "Invalid spec.poll"],
    [{ poll: "0m" }, "Invalid spec.poll"],
    [{ poll: 5 }, "TypeInvalid spec.poll"],
    [{ release: { danglingReferences: "Ignore" } }, "NotSupported spec.release.danglingReferences"],
    [{ release: { promote: "never" } }, "NotSupported spec.release.promote"],
    [{ release: { channel: "Live!" } }, "Invalid spec.release.channel"],
    [{ releaseVerification: {} }, "Required spec.releaseVerification.allowedSigners"],
    [{ releaseVerification: { allowedSigners: [] } }, "Required spec.releaseVerification.allowedSigners"],
    [
      { releaseVerification: { allowedSigners: [{ publicKey: "x" }] } },
      "Invalid spec.releaseVerification.allowedSigners[0].publicKey",
    ],
    [{ password: "secret" }, "UnknownField spec.password"],
  ])("refuses %j", (spec, error) => {
    expect(errorsOf("Repository", spec)).toEqual([error]);
  });

  it("refuses a signer whose validity ends before it begins", () => {
    const signer = {
      publicKey: "ssh-ed25519 AAAA",
      validAfter: "2026-02-01T00:00:00Z",
      validBefore: "2026-01-01T00:00:00Z",
    };
    expect(errorsOf("Repository", { releaseVerification: { allowedSigners: [signer] } })).toEqual([
      "Invalid spec.releaseVerification.allowedSigners[0].validBefore",
    ]);
  });

  it("refuses a body: it has none", () => {
    expect(summary(parseObject({ ...body("Repository", good), body: "x" }, context).errors)).toEqual([
      "UnknownField body",
    ]);
  });
});

describe("Channel and Lease", () => {
  it("a Channel's spec is empty", () => {
    expect(specOf("Channel", {})).toEqual({});
    expect(errorsOf("Channel", { release: "x" })).toEqual(["UnknownField spec.release"]);
  });

  it("a Lease is one of Kubernetes", () => {
    const spec = {
      holderIdentity: "a",
      leaseDurationSeconds: 15,
      renewTime: "2026-01-01T00:00:00.000001Z",
      leaseTransitions: 0,
    };
    expect(specOf("Lease", spec)).toEqual(spec);
    expect(errorsOf("Lease", { leaseDurationSeconds: 0 })).toEqual(["Invalid spec.leaseDurationSeconds"]);
  });
});

describe("an API body", () => {
  const good = body("Repository", { provider: "git" });

  it("may carry system metadata, status and nulls, as clients of Kubernetes send whole objects back", () => {
    const whole = {
      ...good,
      metadata: {
        ...good.metadata,
        uid: "u",
        resourceVersion: "7",
        generation: 1,
        creationTimestamp: null,
        managedFields: [],
      },
      status: { conditions: [] },
    };
    const parsed = parseObject(whole, context);
    expect(parsed.errors).toEqual([]);
    expect(parsed.candidate).toEqual(parseObject(good, context).candidate);
    expect(parsed.candidate?.resource).not.toHaveProperty("status");
    expect(parsed.candidate?.resource.metadata).toEqual({ name: "acme", namespace: "acme" });
  });

  it("gets the errors of a file without places, all at once, with the identity where it could be read", () => {
    const parsed = parseObject({ ...body("Repository", { provider: "svn", x: 1 }), extra: 1 }, context);
    expect(parsed).toEqual({
      identity: { kind: "Repository.gitstore.dev", name: "acme" },
      errors: [
        expect.objectContaining({ field: "extra", reason: "UnknownField" }),
        expect.objectContaining({ field: "spec.provider", reason: "NotSupported" }),
        expect.objectContaining({ field: "spec.x", reason: "UnknownField" }),
      ],
    });
    for (const error of parsed.errors) expect(error).not.toHaveProperty("line");
  });

  it.each([[null], ["text"], [[]], [7]])("refuses %j, which is no object", (value) => {
    expect(parseObject(value, context).errors).toMatchObject([{ field: "", reason: "TypeInvalid" }]);
  });

  it("must agree with its URL", () => {
    const kind = coreRegistry.byKey("Namespace.gitstore.dev");
    if (kind === undefined) throw new Error("no Namespace");
    expect(summary(parseObject(good, { ...context, expected: { kind, name: "other" } }).errors)).toEqual([
      "Invalid kind",
      "Invalid metadata.name",
    ]);
  });

  it("takes numbers for numbers and text for text: nothing is converted", () => {
    expect(summary(parseObject({ ...good, metadata: { name: "a", labels: { a: 1 } } }, context).errors)).toEqual([
      "TypeInvalid metadata.labels.a",
    ]);
  });

  it("of a kind with a body carries it as text", () => {
    const product = { apiVersion: "catalog.gitstore.dev/v1beta1", kind: "Product", metadata: { name: "p" }, spec: {} };
    expect(parseObject({ ...product, body: "text" }, context).candidate?.resource.body).toBe("text");
    expect(parseObject(product, context).candidate?.resource.body).toBe("");
    expect(summary(parseObject({ ...product, body: 1 }, context).errors)).toEqual(["TypeInvalid body"]);
  });

  it("is refused over 960 KiB", () => {
    const product = { apiVersion: "catalog.gitstore.dev/v1beta1", kind: "Product", metadata: { name: "p" }, spec: {} };
    const parsed = parseObject({ ...product, body: "x".repeat(1_000_000) }, context);
    expect(summary(parsed.errors)).toEqual(["FileTooLarge"]);
    expect(parsed.identity).toEqual({ kind: "Product.catalog.gitstore.dev", name: "p" });
  });
});
