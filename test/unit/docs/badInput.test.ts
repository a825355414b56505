import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { admit } from "../../../src/admission/admit.ts";
import { invalid } from "../../../src/http/status.ts";
import { ChunkState } from "../../../src/ledger/push/state.ts";
import { parseFile } from "../../../src/resource/parse.ts";
import { parseObject } from "../../../src/resource/parseObject.ts";
import { coreRegistry } from "../../../src/resource/registry.ts";
import type { Candidate, FieldError } from "../../../src/resource/types.ts";
import { endingOf } from "../../../src/watch/status.ts";
import { LocalLedger } from "../git/support/ledger.ts";
import { World } from "../git/support/world.ts";
import { type Fence, fences, page, section } from "./pages.ts";

const markdown = page("docs/bad-input.md");
const context = { namespace: "acme", registry: coreRegistry };

interface SourceFile {
  path: string;
  text: string;
}

interface Example {
  reason: string;
  files: SourceFile[];
  errors: FieldError[];
}

/** Files up to the JSON that they give; a section may have several. */
function examplesOf(reason: string): Example[] {
  const found: Example[] = [];
  let files: SourceFile[] = [];
  for (const fence of fences(section(markdown, `### \`${reason}\``))) {
    if (fence.language === "json") {
      found.push({ reason, files, errors: JSON.parse(fence.text) as FieldError[] });
      files = [];
    } else files.push({ path: pathAbove(fence), text: expanded(`${fence.text}\n`) });
  }
  return found;
}

function pathAbove({ before }: Fence): string {
  const path = /^`([^`]+)`$/.exec(before)?.[1];
  if (path === undefined) throw new Error(`no path above an example: ${before}`);
  return path;
}

function expanded(text: string): string {
  return text.replace(/‹(\d+) × (.)›/g, (_, count: string, char: string) => char.repeat(Number(count)));
}

function candidateOf({ path, text }: SourceFile): Candidate {
  const outcome = parseFile(path, text, context);
  if (outcome.outcome !== "resource") throw new Error(JSON.stringify(outcome));
  return outcome.candidate;
}

/** Judged together, as the tree of a release is. */
function releaseErrors(files: SourceFile[]): FieldError[] {
  const state = new ChunkState(new LocalLedger(Date.now).store);
  const candidates = files.map(candidateOf);
  for (const candidate of candidates) state.bring(candidate);
  return files.flatMap(
    (source) =>
      admit({
        ...context,
        operation: "CREATE",
        trigger: "release",
        stages: ["parse", "schema", "references"],
        source,
        state,
        now: "2026-11-21T09:00:00Z",
      }).errors,
  );
}

const PARSED = [
  "Required",
  "Invalid",
  "TooLong",
  "TooMany",
  "Duplicate",
  "NotSupported",
  "Forbidden",
  "TypeInvalid",
  "UnknownField",
  "MalformedYAML",
  "UnclosedFrontMatter",
  "FileTooLarge",
  "UnknownKind",
  "NamespaceMismatch",
];
const IN_A_RELEASE = ["ReferenceNotFound", "Cycle"];
const IN_A_PUSH = ["DuplicateResource", "DivergedBranch"];

describe("docs/bad-input.md", () => {
  it("has a section for every reason", () => {
    const told = [...markdown.matchAll(/^### (`.*`)$/gm)].flatMap(([, names = ""]) =>
      names.split(", ").map((name) => name.slice(1, -1)),
    );
    expect(told.sort()).toEqual([...PARSED, ...IN_A_RELEASE, ...IN_A_PUSH, "PolicyDenied", "PolicyError"].sort());
  });

  it.each(PARSED.flatMap(examplesOf))(
    "shows what the parser says: $reason, $files.0.path",
    ({ reason, files, errors }) => {
      const [only, ...others] = files;
      if (only === undefined || others.length > 0) throw new Error("an example of the parser has one file");
      const outcome = parseFile(only.path, only.text, context);
      expect(outcome.outcome === "invalid" && outcome.errors).toEqual(errors);
      expect(errors.map((error) => error.reason)).toContain(reason);
    },
  );

  it.each(IN_A_RELEASE.flatMap(examplesOf))(
    "shows what a release tree is refused with: $reason",
    ({ files, errors }) => {
      expect(releaseErrors(files)).toEqual(errors);
    },
  );

  it("shows a 422 as it is answered", () => {
    const [request, answer] = fences(section(markdown, "## HTTP")).map(({ text }) => JSON.parse(text) as never);
    const { errors } = parseObject(request, { namespace: "", registry: coreRegistry });
    expect(invalid({ group: "gitstore.dev", plural: "namespaces", kind: "Namespace" }, "Acme", errors)).toEqual(answer);
  });

  it("has every close code, with the code of its Status", () => {
    const message = "m";
    const endings = [
      endingOf({ why: "expired", requested: 1, floor: 2 }),
      endingOf({ why: "future", requested: 2, head: 1 }),
      endingOf({ why: "badFrame", message }),
      endingOf({ why: "forbidden", message }),
      endingOf({ why: "unauthorized", message }),
      endingOf({ why: "gone", message }),
      endingOf({ why: "tooSlow", message }),
      endingOf({ why: "unavailable", message, retryAfterMs: 1 }),
      endingOf({ why: "takenOver", message }),
      endingOf({ why: "failed", message }),
    ].map(({ close, status }) => `| ${close} | ${status.code} |`);
    const table = section(markdown, "## Watches");
    for (const row of endings) expect(table).toContain(row);
    expect(table).toContain(`| ${endingOf({ why: "ended", message }).close} | |`);
  });
});

describe("docs/bad-input.md, of pushes", () => {
  let world: World;
  beforeAll(async () => {
    world = await World.start();
    await world.git.commit([{ path: "README.md", text: "# A catalogue\n" }], "Begin");
    await world.registerAndLook();
  });
  afterAll(() => world.stop());

  async function look(): Promise<void> {
    const answer = await world.engine.sync({});
    if (!answer.ok) throw new Error(answer.message);
    await world.wake();
  }

  it("shows what two files with one identity get", async () => {
    const [example] = examplesOf("DuplicateResource");
    await world.git.commit(example?.files ?? [], "Both");
    await look();
    const records = world.ledger.store.storage.sql
      .exec<{ errors: string }>("SELECT errors FROM rejected ORDER BY path")
      .toArray();
    expect(records.flatMap(({ errors }) => JSON.parse(errors) as FieldError[])).toEqual(example?.errors);
    await world.git.commit(
      (example?.files ?? []).map(({ path }) => ({ path, text: null })),
      "Neither",
    );
    await look();
  });

  it("shows what a branch gets that would overwrite another's", async () => {
    const [example] = examplesOf("DivergedBranch");
    const [main, draft] = example?.files ?? [];
    if (main === undefined || draft === undefined) throw new Error("two files are needed");
    await world.git.commit([main], "On main");
    await look();
    await world.git.commit([draft], "On draft", { branch: "draft", onto: null });
    await look();
    const failure = world.ledger.product("hat")?.status?.admissionFailure;
    const told = failure?.errors.map((error) => ({
      ...error,
      message: error.message.replace(/[0-9a-f]{12}/, "6113728f27ae"),
    }));
    expect(told).toEqual(example?.errors);
  });
});
