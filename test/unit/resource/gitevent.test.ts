import { Ajv2020 } from "ajv/dist/2020.js";
import addFormats from "ajv-formats";
import { CloudEvent } from "cloudevents";
import { describe, expect, test } from "vitest";
import {
  buildGitEvent,
  EVENT_TYPES,
  type EventIdParts,
  type EventName,
  type EventType,
  eventId,
  eventType,
  type GitEventInput,
  labelValueOfRef,
  labelValueOfRepository,
  nameOf,
  typeOf,
} from "../../../src/resource/gitevent.ts";

const LABEL_VALUE = /^(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])?$/;
const A = "a".repeat(40);
const B = "b".repeat(40);

describe("the taxonomy", () => {
  // Copied from the contract by hand: the table is what others rely on, so a change of it has to be made twice.
  const contract: [string, string, string][] = [
    ["branch-created", "dev.gitstore.git.branch.created.v1", "durable"],
    ["branch-updated", "dev.gitstore.git.branch.updated.v1", "durable"],
    ["branch-force-pushed", "dev.gitstore.git.branch.force-pushed.v1", "durable"],
    ["branch-deleted", "dev.gitstore.git.branch.deleted.v1", "durable"],
    ["tag-created", "dev.gitstore.git.tag.created.v1", "durable"],
    ["tag-updated", "dev.gitstore.git.tag.updated.v1", "durable"],
    ["tag-deleted", "dev.gitstore.git.tag.deleted.v1", "durable"],
    ["push-rejected", "dev.gitstore.git.push.rejected.v1", "durable"],
    ["catalog-namespace-target", "dev.gitstore.catalog.namespace.target.v1", "fire-and-forget"],
    ["catalog-resource-parsed", "dev.gitstore.catalog.resource.parsed.v1", "fire-and-forget"],
    ["catalog-resource-validation-failed", "dev.gitstore.catalog.resource.validation-failed.v1", "durable"],
    ["catalog-admission-evaluated", "dev.gitstore.catalog.admission.evaluated.v1", "fire-and-forget"],
    ["release-created", "dev.gitstore.release.created.v1", "must-be-acknowledged"],
    ["release-rejected", "dev.gitstore.release.rejected.v1", "durable"],
    ["release-promoted", "dev.gitstore.release.promoted.v1", "durable"],
    ["release-rolled-back", "dev.gitstore.release.rolled-back.v1", "durable"],
    ["draft-published", "dev.gitstore.catalog.draft.published.v1", "durable"],
  ];

  test("holds every event of the contract and no other", () => {
    expect(EVENT_TYPES.map((row) => [row.name, row.type, row.class])).toEqual(contract);
  });

  test("only the answer to a refused push blocks someone", () => {
    expect(EVENT_TYPES.filter((row: EventType) => row.answer === "blocking").map((row) => row.name)).toEqual([
      "push-rejected",
    ]);
  });

  test("release, rejection and promotion events are kept for the audit", () => {
    expect(EVENT_TYPES.filter((row) => row.audit).map((row) => row.name)).toEqual([
      "push-rejected",
      "release-created",
      "release-rejected",
      "release-promoted",
      "release-rolled-back",
      "draft-published",
    ]);
  });

  test("names and types map both ways", () => {
    for (const row of EVENT_TYPES) {
      expect(typeOf(row.name)).toBe(row.type);
      expect(nameOf(row.type)).toBe(row.name);
      expect(eventType(row.name)).toBe(row);
      expect(eventType(row.type)).toBe(row);
    }
    expect(nameOf("dev.gitstore.git.branch.renamed.v1")).toBeUndefined();
    expect(eventType("branch-renamed")).toBeUndefined();
    expect(() => typeOf("branch-renamed" as EventName)).toThrow(/branch-renamed/);
  });

  test("every name is a label value", () => {
    for (const row of EVENT_TYPES) {
      expect(row.name).toMatch(LABEL_VALUE);
      expect(row.name.length).toBeLessThanOrEqual(63);
    }
  });

  test("every data schema is a JSON Schema 2020-12 and refuses an empty object", () => {
    const ajv = new Ajv2020({ strict: true, allowUnionTypes: true });
    addFormats.default(ajv);
    for (const row of EVENT_TYPES) expect(ajv.compile(row.dataSchema)({}), row.name).toBe(false);
  });

  test("a deleted branch and an annotated tag satisfy the schema of ref events", () => {
    const ajv = new Ajv2020({ allowUnionTypes: true });
    addFormats.default(ajv);
    const valid = ajv.compile(eventType("tag-created")?.dataSchema ?? {});
    const common = {
      forced: false,
      actor: { name: null, email: null, id: null, provider: "git" },
      policy: { branches: ["main"], releaseTags: ["v*"], matched: true },
    };
    const person = { name: "Ada", email: "ada@example.org", time: "2026-11-21T08:00:00Z" };
    const deleted = {
      ...common,
      ref: "refs/heads/main",
      refType: "branch",
      name: "main",
      old: A,
      new: null,
      peeled: null,
      objectType: null,
      commit: null,
      observedVia: "poll",
    };
    expect(valid(deleted), ajv.errorsText(valid.errors)).toBe(true);
    const annotated = {
      ...common,
      ref: "refs/tags/v1",
      refType: "tag",
      name: "v1",
      old: null,
      new: A,
      peeled: B,
      objectType: "annotated",
      baseline: true,
      commit: { sha: B, tree: A, message: "m", author: person, committer: person },
      observedVia: "webhook",
      delivery: { provider: "github", id: "1" },
    };
    expect(valid(annotated), ajv.errorsText(valid.errors)).toBe(true);
    expect(valid({ ...annotated, objectType: "signed" })).toBe(false);
    expect(valid({ ...annotated, observedVia: "rumour" })).toBe(false);
  });
});

describe("eventId", () => {
  const parts: EventIdParts = {
    repositoryUid: "0192f0c1-0000-7000-8000-000000000001",
    ref: "refs/heads/main",
    old: A,
    new: B,
    move: 3,
    type: typeOf("branch-updated"),
  };

  test("is the same for the same parts, whatever the order of the properties", () => {
    const { ref, ...rest } = parts;
    expect(eventId({ ...rest, ref })).toBe(eventId(parts));
    expect(eventId(parts)).toMatch(/^[0-9a-f]{64}$/);
  });

  test("never changes from one version to the next", () => {
    // sha256sum of ["0192f0c1-0000-7000-8000-000000000001","refs/heads/main","aa…","bb…",3,"dev…",null]
    expect(eventId(parts)).toBe("24d8299fafa24776e650f3b78806beedd196dde934a48c25fb839acc78518e71");
  });

  test.each<[string, Partial<EventIdParts>]>([
    ["repository", { repositoryUid: "0192f0c1-0000-7000-8000-000000000002" }],
    ["ref", { ref: "refs/heads/draft" }],
    ["old oid", { old: null }],
    ["new oid", { new: null }],
    ["move", { move: 4 }],
    ["type", { type: typeOf("branch-force-pushed") }],
    ["resource", { resource: "Product/hat" }],
  ])("differs with another %s", (_, change) => {
    expect(eventId({ ...parts, ...change })).not.toBe(eventId(parts));
  });

  test("cannot be made equal by moving text from one part to the next", () => {
    expect(eventId({ ...parts, ref: 'a","b', resource: "c" })).not.toBe(
      eventId({ ...parts, ref: "a", resource: 'b","c' }),
    );
    expect(eventId({ ...parts, old: null })).not.toBe(eventId({ ...parts, old: "null" }));
  });
});

describe("label values", () => {
  test.each([
    ["refs/heads/main", "heads.main"],
    ["refs/tags/v1.2.0", "tags.v1.2.0"],
    ["refs/tags/release/v1.2.0", /^tags_release-v1\.2\.0_[0-9a-f]{16}$/],
    ["refs/heads/café", /^heads_caf-_[0-9a-f]{16}$/],
    ["refs/heads/ends-with-", /^heads_ends-with-_[0-9a-f]{16}$/],
    [`refs/heads/${"x".repeat(57)}`, `heads.${"x".repeat(57)}`],
    [`refs/heads/${"x".repeat(58)}`, /^heads_x{40}_[0-9a-f]{16}$/],
    ["refs/pull/7/head", /^ref_pull-7-head_[0-9a-f]{16}$/],
    ["refs/heads/two\nlines", /^heads_two-lines_[0-9a-f]{16}$/],
  ])("%j is %s", (ref, value) => {
    const found = labelValueOfRef(ref);
    if (typeof value === "string") expect(found).toBe(value);
    else expect(found).toMatch(value);
    expect(found).toMatch(LABEL_VALUE);
    expect(found.length).toBeLessThanOrEqual(63);
  });

  test("a hashed value ends in the first 16 digits of sha256sum of the full ref", () => {
    expect(labelValueOfRef("refs/tags/release/v1.2.0")).toBe("tags_release-v1.2.0_9bcd66090e84730d");
  });

  test("refs that look alike do not share a value", () => {
    const alike = ["refs/heads/a/b", "refs/heads/a.b", "refs/heads/a-b", "refs/heads/a_b", "refs/tags/a/b"];
    expect(new Set(alike.map(labelValueOfRef)).size).toBe(alike.length);
  });

  test("a branch named like a hashed value does not collide with it", () => {
    const value = labelValueOfRef("refs/heads/a/b");
    expect(labelValueOfRef(`refs/heads/${value.slice("heads_".length)}`)).not.toBe(value);
  });

  test("a repository's name is itself up to 63 characters, and shortened with a hash beyond", () => {
    expect(labelValueOfRepository("catalog.eu-1")).toBe("catalog.eu-1");
    expect(labelValueOfRepository("r".repeat(63))).toBe("r".repeat(63));
    expect(labelValueOfRepository("r".repeat(64))).toMatch(/^r{46}_[0-9a-f]{16}$/);
  });
});

describe("buildGitEvent", () => {
  const input: GitEventInput = {
    namespace: "acme",
    rv: 1042,
    uid: "0192f0c1-0000-7000-8000-0000000000aa",
    repository: { uid: "0192f0c1-0000-7000-8000-000000000001", name: "catalog" },
    type: typeOf("tag-created"),
    subject: "refs/tags/v1.0.0",
    id: "c0ffee",
    time: "2026-11-21T08:00:00.000Z",
    correlationid: "push-1",
    causationid: "cause-1",
    traceparent: "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
    ref: "refs/tags/v1.0.0",
    data: { ref: "refs/tags/v1.0.0", old: null, new: A },
  };

  test("is named by its resourceVersion, so that names sort as the order does", () => {
    const event = buildGitEvent(input);
    expect(event.apiVersion).toBe("events.gitstore.dev/v1beta1");
    expect(event.kind).toBe("GitEvent");
    expect(event.metadata).toEqual({
      name: "00000000000000001042",
      namespace: "acme",
      uid: input.uid,
      resourceVersion: "1042",
      generation: 1,
      creationTimestamp: "2026-11-21T08:00:00.000Z",
      labels: {
        "events.gitstore.dev/type": "tag-created",
        "events.gitstore.dev/repository": "catalog",
        "events.gitstore.dev/ref": "tags.v1.0.0",
      },
    });
  });

  test("has a spec that the CloudEvents SDK accepts in strict mode, and reads as it was written", () => {
    const { spec } = buildGitEvent(input);
    const event = new CloudEvent(spec as ConstructorParameters<typeof CloudEvent>[0], true);
    expect(event.validate()).toBe(true);
    expect(JSON.parse(JSON.stringify(event))).toEqual(spec);
    expect(event).toMatchObject({
      source: "/namespaces/acme/repositories/catalog",
      subject: "refs/tags/v1.0.0",
      sequence: "00000000000000001042",
      correlationid: "push-1",
      causationid: "cause-1",
      datacontenttype: "application/json",
    });
  });

  test("leaves out what is not known", () => {
    const { causationid: _c, traceparent: _t, ref: _r, ...least } = input;
    const event = buildGitEvent(least);
    expect(event.spec).not.toHaveProperty("causationid");
    expect(event.spec).not.toHaveProperty("traceparent");
    expect(event.metadata.labels).not.toHaveProperty("events.gitstore.dev/ref");
    expect(new CloudEvent(event.spec as ConstructorParameters<typeof CloudEvent>[0], true).validate()).toBe(true);
  });

  test("refuses a type that the taxonomy does not have", () => {
    expect(() => buildGitEvent({ ...input, type: "dev.gitstore.git.tag.signed.v1" })).toThrow(/tag\.signed/);
  });
});
