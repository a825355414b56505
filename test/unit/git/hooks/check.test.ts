import { Ajv2020 } from "ajv/dist/2020.js";
import { describe, expect, test } from "vitest";
import { admit } from "../../../../src/admission/admit.ts";
import { admissionReader } from "../../../../src/git/engine/read.ts";
import {
  type CheckContext,
  type CheckPolicy,
  checkPreReceive,
  checkUpdates,
  type Gathering,
  gatherPart,
  type PreReceivePush,
  parsePart,
  pushRejected,
  receivePart,
} from "../../../../src/git/hooks/preReceive.ts";
import { eventType } from "../../../../src/resource/gitevent.ts";
import { coreRegistry } from "../../../../src/resource/registry.ts";
import type { JsonObject } from "../../../../src/resource/types.ts";
import { A, B, type PartSpec, PUSH, partOf, ZERO } from "./support.ts";

const policy: CheckPolicy = { branches: ["main", "draft"], releaseTags: ["v[0-9]*"] };
const read = admissionReader(admit, "acme", () => 0);
const context: CheckContext = { ...policy, definitions: [], read };

const product = (name: string, spec = "title: A hat") =>
  `---\napiVersion: catalog.gitstore.dev/v1beta1\nkind: Product\nmetadata:\n  name: ${name}\nspec:\n  ${spec}\n---\n`;
const widget = (name: string, spec: string) =>
  `---\napiVersion: example.org/v1\nkind: Widget\nmetadata:\n  name: ${name}\nspec: ${spec}\n---\n`;
const definition = (schema = "{ type: object, properties: { size: { type: integer } } }", plural = "widgets") => `
apiVersion: apiextensions.gitstore.dev/v1beta1
kind: CustomResourceDefinition
metadata: { name: ${plural}.example.org }
spec:
  group: example.org
  scope: Namespaced
  names: { kind: Widget, plural: ${plural}, singular: widget }
  versions:
    - name: v1
      served: true
      storage: true
      schema: { openAPIV3Schema: { type: object, properties: { spec: ${schema} } } }
`;

function push(spec: PartSpec): PreReceivePush {
  const parsed = parsePart(partOf(spec));
  if (!parsed.ok) throw new Error(parsed.message);
  const step = gatherPart(new Map(), parsed.value, 0);
  if (step.step !== "complete") throw new Error(step.step);
  return step.push;
}
const check = (spec: PartSpec, change: Partial<CheckContext> = {}) =>
  checkPreReceive(push(spec), { ...context, ...change });
const update = (ref: string): [string, string, string] => [ZERO, A, ref];

describe("which refs are checked", () => {
  const files = [{ path: "bad.md", content: product("hat", "tilte: x") }];

  test.each(["refs/heads/main", "refs/heads/draft", "refs/tags/v1"])("%s is, since a pattern matches", (ref) => {
    expect(check({ updates: [update(ref)], files })).toMatchObject({ allowed: false, checked: 1, of: 1 });
  });

  test.each(["refs/heads/feature", "refs/tags/nightly", "refs/heads/v1", "refs/tags/main", "refs/notes/main"])(
    "%s is not, and passes",
    (ref) => {
      expect(check({ updates: [update(ref)], files })).toEqual({
        allowed: true,
        checked: 0,
        of: 0,
        errors: [],
        warnings: [],
        errorCount: 0,
      });
    },
  );

  test("of several, only the files of those that match", () => {
    const updates = [update("refs/heads/feature"), update("refs/heads/main")];
    const good = { path: "good.md", content: product("cap"), updates: "1" };
    expect(check({ updates, files: [...files, good] })).toMatchObject({ allowed: true, checked: 1, of: 1 });
  });

  test("a deletion has no files to check", () => {
    expect(check({ updates: [[A, ZERO, "refs/heads/main"]] })).toMatchObject({ allowed: true, checked: 0, of: 0 });
  });
});

describe("what is refused", () => {
  test("every error of every file, with its place, at the earliest stage", () => {
    const outcome = check({
      files: [
        { path: "a.md", content: product("hat", "tilte: x") },
        { path: "b.md", content: "---\napiVersion: catalog.gitstore.dev/v1beta1\nkind: Product\n" },
        { path: "c.md", content: "# Just a document\n" },
        { path: "d.md", content: product("cap") },
      ],
    });
    expect(outcome).toMatchObject({ allowed: false, checked: 4, of: 4, errorCount: 2, stage: "parse" });
    expect(outcome.errors.map(({ path, line, column, reason }) => [path, line, column, reason])).toEqual([
      ["a.md", 7, 3, "UnknownField"],
      ["b.md", 1, 1, "UnclosedFrontMatter"],
    ]);
  });

  test("a fault of the spec alone is one of the schema", () => {
    expect(check({ files: [{ path: "a.md", content: product("hat", "tilte: x") }] }).stage).toBe("schema");
  });

  test("bytes that are no UTF-8 in a file that says it is a resource", () => {
    const parsed = push({ files: [{ path: "a.md", content: product("hat") }] });
    const [file] = parsed.files;
    if (file !== undefined) file.bytes = Buffer.from(product("h\0t").replace("\0", "\xff"), "latin1");
    const outcome = checkPreReceive(parsed, context);
    expect(outcome.errors).toMatchObject([{ path: "a.md", reason: "Invalid", message: "the file is not UTF-8 text" }]);
  });

  test("two changed files with one identity, naming both at both", () => {
    const files = ["x/hat.md", "y/hat.md"].map((path) => ({ path, content: product("hat") }));
    const outcome = check({ files });
    expect(outcome.errors).toMatchObject([
      { path: "x/hat.md", line: 5, column: 9, field: "metadata.name", reason: "DuplicateResource" },
      { path: "y/hat.md", line: 5, column: 9, field: "metadata.name", reason: "DuplicateResource" },
    ]);
    for (const { message } of outcome.errors) {
      expect(message).toBe('Product "hat" is in x/hat.md and y/hat.md: none of them is admitted');
    }
  });

  test("also where one of the two is invalid", () => {
    const outcome = check({
      files: [
        { path: "a.md", content: product("hat") },
        { path: "b.md", content: product("hat", "tilte: x") },
      ],
    });
    expect(outcome.errors.map(({ path, reason }) => [path, reason])).toEqual([
      ["b.md", "UnknownField"],
      ["a.md", "DuplicateResource"],
      ["b.md", "DuplicateResource"],
    ]);
  });

  test("not one identity on two refs: each is a tree of its own", () => {
    const updates = [update("refs/heads/main"), update("refs/heads/draft")];
    const files = [
      { path: "a.md", content: product("hat"), updates: "0" },
      { path: "b.md", content: product("hat"), updates: "1" },
    ];
    expect(check({ updates, files })).toMatchObject({ allowed: true, checked: 2, of: 2 });
  });

  test("a fault that two refs share, once", () => {
    const updates = [update("refs/heads/main"), update("refs/heads/draft")];
    const files = [{ path: "a.md", content: product("hat", "tilte: x"), updates: "0,1" }];
    expect(check({ updates, files })).toMatchObject({ allowed: false, checked: 1, of: 1, errorCount: 1 });
  });

  test("at most 500 errors are shown, and how many are not", () => {
    const files = Array.from({ length: 501 }, (_, i) => ({ path: `${i}.md`, content: product(`p${i}`, "tilte: x") }));
    const outcome = check({ files });
    expect(outcome.errors).toHaveLength(500);
    expect(outcome.errorCount).toBe(501);
    expect(outcome.warnings).toEqual([{ field: "", reason: "TooMany", message: "1 more errors are not shown" }]);
  });

  test("references are not followed: the target may come with a later push", () => {
    const spec = "categoryRef: { kind: CategoryTaxonomy, name: nowhere }";
    expect(check({ files: [{ path: "a.md", content: product("hat", `title: A hat\n  ${spec}`) }] })).toMatchObject({
      allowed: true,
    });
  });
});

test("files that were not sent count, and are not checked", () => {
  const files = [{ path: "a.md", content: product("hat") }];
  expect(check({ files, left: 9 })).toMatchObject({ allowed: true, checked: 1, of: 10 });
});

describe("custom kinds", () => {
  const object = { path: "w.md", content: widget("knob", "{ size: 3 }") };
  const specOf = (text: string): JsonObject => {
    const outcome = read(".gitstore/x.yaml", Buffer.from(text), coreRegistry);
    return outcome.outcome === "resource" ? outcome.candidate.resource.spec : {};
  };

  test("unknown ones are refused", () => {
    expect(check({ files: [object] }).errors).toMatchObject([{ path: "w.md", reason: "UnknownKind" }]);
  });

  test("the push's own count", () => {
    const own = { path: ".gitstore/w.yaml", content: definition() };
    expect(check({ files: [object, own] })).toMatchObject({ allowed: true, checked: 2 });
    const wrong = { path: "w.md", content: widget("knob", "{ size: large }") };
    expect(check({ files: [wrong, own] }).errors).toMatchObject([{ path: "w.md", reason: "TypeInvalid" }]);
  });

  test("those that the tree had before count, and are not judged again", () => {
    const kept = { path: ".gitstore/w.yaml", content: definition(), kind: "context" as const };
    expect(check({ files: [kept, object] })).toMatchObject({ allowed: true, checked: 1, of: 1 });
    const broken = { path: ".gitstore/broken.yaml", content: "apiVersion: [", kind: "context" as const };
    expect(check({ files: [kept, broken, object] })).toMatchObject({ allowed: true, checked: 1, of: 1 });
  });

  test("the push's own replaces the one in force", () => {
    const definitions = [specOf(definition("{ type: object, properties: { size: { type: boolean } } }"))];
    expect(check({ files: [object] }, { definitions }).allowed).toBe(false);
    const own = { path: ".gitstore/w.yaml", content: definition() };
    expect(check({ files: [object, own] }, { definitions }).allowed).toBe(true);
  });

  test("one that is refused leaves the one in force", () => {
    const definitions = [specOf(definition())];
    const own = { path: ".gitstore/w.yaml", content: definition("{ type: object, properties: 7 }") };
    const outcome = check({ files: [object, own] }, { definitions });
    expect(outcome.errors.length).toBeGreaterThan(0);
    expect(outcome.errors.every(({ path }) => path === ".gitstore/w.yaml")).toBe(true);
  });

  test("one ref's definition is not another's", () => {
    const updates = [update("refs/heads/main"), update("refs/heads/draft")];
    const own = { path: ".gitstore/w.yaml", content: definition(), updates: "0" };
    expect(check({ updates, files: [own, { ...object, updates: "1" }] }).errors).toMatchObject([
      { path: "w.md", reason: "UnknownKind" },
    ]);
  });
});

describe("pushers", () => {
  const pushers = ["ada"];
  const updates = [update("refs/heads/main"), update("refs/heads/feature")];

  test("let one who is named go on to the files", () => {
    expect(checkUpdates(push({ actor: "ada", updates }), { ...policy, pushers })).toBeUndefined();
  });

  test.each<[string, string | undefined, RegExp]>([
    ["another", "mallory", /^"mallory" may not push to refs\/heads\/main: spec\.pushers/],
    ["nobody", undefined, /^the Git server does not say who pushes to refs\/heads\/main/],
  ])("refuse %s, at the refs that match only", (_, actor, message) => {
    const spec = { updates, ...(actor === undefined ? {} : { actor }) };
    const outcome = checkPreReceive(push(spec), { ...context, pushers });
    expect(outcome).toMatchObject({ allowed: false, stage: "pushers", errorCount: 1 });
    expect(outcome.errors).toEqual([
      expect.objectContaining({ reason: "Forbidden", message: expect.stringMatching(message) }),
    ]);
  });

  test("say nothing about refs that no pattern matches", () => {
    const spec = { actor: "mallory", updates: [update("refs/heads/feature")] };
    expect(checkPreReceive(push(spec), { ...context, pushers }).allowed).toBe(true);
  });

  test("an empty list lets nobody push", () => {
    expect(checkPreReceive(push({ actor: "ada" }), { ...context, pushers: [] }).allowed).toBe(false);
  });
});

describe("receiving a part", () => {
  const bad = { path: "a.md", content: product("hat", "tilte: x") };
  const receive = (
    spec: PartSpec | Uint8Array,
    open = new Map<string, Gathering>(),
    change: Partial<CheckPolicy> = {},
  ) => {
    const body = spec instanceof Uint8Array ? spec : partOf(spec);
    return receivePart(open, body, 0, { ...policy, ...change }, async () => ({ definitions: [], read }));
  };

  test("answers 202 until the last, then 200 with the decision and no more than the contract's fields", async () => {
    const open = new Map<string, Gathering>();
    expect(await receive({ final: false, files: [bad] }, open)).toEqual({
      status: 202,
      body: { allowed: true, checked: 0, of: 1, errors: [], warnings: [] },
    });
    const last = await receive({ part: 2, files: [{ path: "b.md", content: product("cap") }] }, open);
    expect(last).toMatchObject({ status: 200, body: { allowed: false, checked: 2, of: 2 } });
    expect(Object.keys(last.body)).toEqual(["allowed", "checked", "of", "errors", "warnings"]);
    expect(last.refused?.push.pushId).toBe(PUSH);
  });

  test("decides by the first part what needs no files, and forgets the push", async () => {
    const open = new Map<string, Gathering>();
    const passes = await receive({ final: false, updates: [update("refs/heads/x")], files: [bad] }, open);
    expect(passes).toEqual({ status: 200, body: { allowed: true, checked: 0, of: 0, errors: [], warnings: [] } });
    const refused = await receive({ final: false, files: [bad] }, open, { pushers: ["ada"] });
    expect(refused).toMatchObject({
      status: 200,
      body: { allowed: false },
      refused: { outcome: { stage: "pushers" } },
    });
    expect(open.size).toBe(0);
  });

  test("does not ask the ledger for what it does not need", async () => {
    const asked = () => Promise.reject(new Error("asked"));
    const body = partOf({ updates: [update("refs/heads/x")] });
    expect(await receivePart(new Map(), body, 0, policy, asked)).toMatchObject({ status: 200 });
    await expect(receivePart(new Map(), partOf({}), 0, policy, asked)).rejects.toThrow("asked");
  });

  test.each<[string, Uint8Array, number]>([
    ["what is no part", Buffer.from("{}\n"), 400],
    ["gzip that is none", Uint8Array.of(0x1f, 0x8b, 1, 2), 400],
    ["a part over 8 MiB", new Uint8Array(8 * 1024 * 1024 + 1), 413],
    ["a part whose first is not here", partOf({ part: 2 }), 409],
  ])("refuses %s", async (_, body, status) => {
    expect(await receive(body)).toEqual({ status, body: { message: expect.any(String) } });
  });
});

describe("push-rejected", () => {
  const repository = { uid: "0192f0c1-0000-7000-8000-000000000001", name: "catalog" };
  const rejected = (spec: PartSpec, traceparent?: string) => {
    const parsed = push(spec);
    const outcome = checkPreReceive(parsed, context);
    const rest = traceparent === undefined ? {} : { traceparent };
    return pushRejected(parsed, outcome, { repository, policy, time: "2026-11-21T08:00:00Z", ...rest });
  };
  const bad = { path: "a.md", content: product("hat", "tilte: x"), updates: "1" };
  const updates: [string, string, string][] = [update("refs/heads/feature"), [B, A, "refs/heads/main"]];

  test("tells refs, actor, stage and errors, as its schema says", () => {
    const event = rejected({ actor: "ada", updates, files: [bad] });
    expect(event).toMatchObject({
      repository,
      type: "dev.gitstore.git.push.rejected.v1",
      subject: "refs/heads/main",
      key: `push-rejected/${PUSH}`,
      data: {
        refs: [
          { ref: "refs/heads/feature", old: null, new: A },
          { ref: "refs/heads/main", old: B, new: A },
        ],
        actor: { name: "ada", email: null, id: null, provider: "git" },
        stage: "schema",
        errors: [{ path: "a.md", line: 7, column: 3, reason: "UnknownField" }],
        errorCount: 1,
      },
    });
    const ajv = new Ajv2020({ allowUnionTypes: true });
    const valid = ajv.compile(eventType("push-rejected")?.dataSchema ?? {});
    expect(valid(event.data), ajv.errorsText(valid.errors)).toBe(true);
    expect(event).not.toHaveProperty("traceparent");
    expect(rejected({ updates, files: [bad] }, "00-ab-cd-01")).toHaveProperty("traceparent", "00-ab-cd-01");
  });

  test("carries the first 100 errors and counts all", () => {
    const files = Array.from({ length: 501 }, (_, i) => ({
      ...bad,
      path: `${i}.md`,
      content: product(`p${i}`, "x: y"),
    }));
    const { data } = rejected({ updates, files });
    expect(data.errors).toHaveLength(100);
    expect(data.errorCount).toBe(501);
  });
});
