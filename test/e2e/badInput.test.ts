import { rm } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { BAD_FILES, type BadFile, product } from "./support/badFiles.ts";
import { Sender } from "./support/deliveries.ts";
import { type CloudEvent, cloudEvents } from "./support/log.ts";
import { installRemoteHooks, type Pushed, Source } from "./support/source.ts";
import { Stage } from "./support/stage.ts";

const MAIN = "refs/heads/main";
const NS = "strict";

interface FieldError {
  path?: string;
  line?: number;
  column?: number;
  field: string;
  reason: string;
  message: string;
  hint?: string;
}

interface Rejected {
  path: string;
  branch: string;
  commit: string;
  kind?: string;
  name?: string;
  errors: FieldError[];
}

let stage: Stage;
let source: Source;
beforeAll(async () => {
  stage = await Stage.set();
  source = await Source.create();
});
afterAll(async () => {
  await stage.strike();
  await source.remove();
});

/** A namespace whose remote has these files on main, all applied. */
async function open(namespace: string, files: { path: string; text: string }[], on = stage): Promise<string> {
  await on.git.create(`${namespace}-catalog`);
  const first = await source.commit(files, null, "Begin");
  await source.push(on.git.url(`${namespace}-catalog`), { ref: MAIN, new: first });
  await on.namespace(namespace);
  await on.repository(namespace, "catalog");
  await on.sync(namespace);
  return first;
}

const push = (namespace: string, commit: string, on = stage): Promise<Pushed> =>
  source.push(on.git.url(`${namespace}-catalog`), { ref: MAIN, new: commit });

async function products(namespace: string, on = stage): Promise<string[]> {
  const path = `/apis/catalog.gitstore.dev/v1beta1/namespaces/${namespace}/products`;
  const list = await on.must<{ items: { metadata: { name: string } }[] }>(path);
  return list.items.map(({ metadata }) => metadata.name);
}

async function conditions(namespace: string, on = stage): Promise<Record<string, { status: string; message: string }>> {
  const { status } = await on.get(namespace, "repositories", "catalog");
  const list = status?.conditions as { type: string; status: string; message: string }[];
  return Object.fromEntries(list.map((condition) => [condition.type, condition]));
}

const rejected = async (): Promise<Rejected[]> => (await stage.must<{ items: Rejected[] }>(`/rejected/${NS}`)).items;

/** `path:line:column: message`, as the hook prints it. */
const printed = ({ path, line = 1, column = 1, message }: FieldError): string =>
  `${path}:${line}:${column}: ${message}`;

const broken = "---\napiVersion: catalog.gitstore.dev/v1beta1\nkind: [\n---\n";
/** Files of resources that were admitted before, as they are broken now. */
const STOPPED: BadFile[] = [
  {
    how: "that was admitted and stops parsing",
    path: "kept/stops.md",
    text: broken,
    errors: [
      { line: 2, column: 1, field: "metadata", reason: "Required" },
      { line: 3, column: 1, field: "kind", reason: "TypeInvalid" },
      { line: 4, column: 1, field: "", reason: "MalformedYAML" },
    ],
  },
  {
    how: "that was admitted and gets a title of 201 characters",
    path: "kept/title.md",
    text: product("title", { spec: `  title: ${"t".repeat(201)}\n` }),
    errors: [{ line: 7, column: 10, field: "spec.title", reason: "TooLong" }],
  },
  ...["kept/twin.md", "kept/twin-again.md"].map((path) => ({
    how: "that was admitted, and gets a twin",
    path,
    text: product("twin", { spec: `  title: ${path}\n` }),
    errors: [{ line: 5, column: 9, field: "metadata.name", reason: "DuplicateResource" }],
  })),
];
const TWINS: BadFile[] = ["pair/a.md", "pair/b.md"].map((path) => ({
  how: "that is one of two with the same identity",
  path,
  text: product("pair"),
  errors: [{ line: 5, column: 9, field: "metadata.name", reason: "DuplicateResource" }],
}));
const ALL = [...BAD_FILES, ...STOPPED, ...TWINS];
const GOOD = ["good-a", "good-b", "good-c"];

describe("a push with bad files and good ones", () => {
  let before: { head: string; events: number };
  let bad: string;
  let refused: Pushed;
  let afterRefusal: { products: string[]; applied: unknown; events: CloudEvent[] };
  let landed: { admitted: number; rejected: number };
  let failures: CloudEvent[];

  beforeAll(async () => {
    const kept = ["stops", "title", "twin"];
    const first = await open(
      NS,
      kept.map((name) => ({ path: `kept/${name}.md`, text: product(name) })),
    );
    await installRemoteHooks(stage, NS, await Sender.of(stage, NS));
    bad = await source.commit(
      [...ALL, ...GOOD.map((name) => ({ path: `good/${name}.md`, text: product(name) }))].map(({ path, text }) => ({
        path,
        text,
      })),
      first,
      "Everything wrong at once",
    );
    before = { head: await stage.head(NS), events: (await cloudEvents(stage, NS)).length };
    refused = await push(NS, bad);
    const repository = await stage.get(NS, "repositories", "catalog");
    afterRefusal = {
      products: await products(NS),
      applied: repository.status?.applied,
      events: (await cloudEvents(stage, NS)).slice(before.events),
    };
    expect(afterRefusal.applied).toEqual({ [MAIN]: first });
    // The same commit again, past the check: it lands, and admission judges it.
    await rm(join(stage.git.dir(`${NS}-catalog`), "hooks/pre-receive"));
    await rm(join(stage.git.dir(`${NS}-catalog`), "hooks/post-receive"));
    expect((await push(NS, bad)).accepted).toBe(true);
    landed = await stage.sync(NS);
    failures = (await cloudEvents(stage, NS)).filter(({ type }) => type.endsWith("validation-failed.v1"));
  });

  const errorsAt = (path: string): FieldError[] =>
    failures.find(({ data }) => data.path === path)?.data.errors as FieldError[];

  it("is refused by the pre-receive check, which prints every error and changes nothing", async () => {
    expect(refused.accepted).toBe(false);
    expect(refused.remote.at(-1)).toMatch(
      /^gitstore: push refused: \d+ errors, (\d+) of \1 changed files checked; nothing was changed$/,
    );
    expect(afterRefusal.products).toEqual(["stops", "title", "twin"]);
    expect(afterRefusal.events.map(({ type }) => type)).toEqual(["dev.gitstore.git.push.rejected.v1"]);
  });

  it("lands where nothing checks it, and admits the good ones: no bad file blocks them", async () => {
    expect(landed).toMatchObject({ admitted: GOOD.length, rejected: ALL.length });
    expect(await products(NS)).toEqual([...GOOD, "stops", "title", "twin"]);
  });

  it.each(ALL)("a file $how is answered alike by both, with line, column, field and reason", ({ path, errors }) => {
    const told = errorsAt(path);
    expect(told).toMatchObject(errors.map((error) => ({ path, ...error })));
    expect(told).toHaveLength(errors.length);
    expect(refused.remote.filter((line) => line.startsWith(`${path}:`))).toEqual(told.map(printed));
  });

  it("names the same errors in the refusal's event, the first hundred of them", () => {
    const [event] = afterRefusal.events;
    const all = failures.flatMap(({ data }) => data.errors as FieldError[]);
    const {
      errors,
      errorCount,
      refs,
      stage: earliest,
    } = (event as CloudEvent).data as {
      errors: FieldError[];
      errorCount: number;
      refs: unknown;
      stage: string;
    };
    expect(errorCount).toBe(all.length);
    expect(errors.length).toBe(Math.min(100, all.length));
    for (const error of errors) expect(all).toContainEqual(error);
    expect(refs).toMatchObject([{ ref: MAIN, new: bad }]);
    expect(earliest).toBe("parse");
  });

  it("tells each failure once, in path order, with its commit, resource, stage and trigger", () => {
    expect(failures.map(({ data }) => data.path)).toEqual(ALL.map(({ path }) => path).sort());
    for (const { data } of failures) {
      expect(data).toMatchObject({ ref: MAIN, commit: bad, trigger: "push" });
      expect(data.stage).toMatch(/^(parse|schema)$/);
    }
    const long = failures.find(({ data }) => data.path === "kept/title.md");
    expect(long).toMatchObject({
      subject: "Product/title",
      data: { resource: { kind: "Product", name: "title" }, stage: "schema" },
    });
  });

  it("keeps what was never admitted as rejected records, for operators only, with the same errors", async () => {
    const records = await rejected();
    const never = ALL.filter((file) => !STOPPED.includes(file));
    expect(records.map(({ path }) => path).sort()).toEqual(never.map(({ path }) => path).sort());
    for (const { path, branch, commit, errors } of records) {
      expect({ branch, commit, errors }).toEqual({ branch: "main", commit: bad, errors: errorsAt(path) });
    }
    const view = `/apis/catalog.gitstore.dev/v1beta1/namespaces/${NS}/products?view=rejected`;
    const ofKind = await stage.must<{ items: Rejected[] }>(view);
    expect(ofKind.items.map(({ path }) => path)).toContain("bad/long-title.md");
    const reader = await stage.server.token({ role: "reader", namespaces: [NS] });
    for (const path of [`/rejected/${NS}`, view]) expect((await stage.call(path, { token: reader })).status).toBe(403);
  });

  it("keeps the admitted version of a resource, and tells the failure in its status", async () => {
    for (const [name, path] of [
      ["stops", "kept/stops.md"],
      ["title", "kept/title.md"],
    ] as const) {
      const { spec, metadata, status } = await stage.get(NS, "products", name);
      expect(spec).toEqual({ title: "A hat" });
      expect(metadata.generation).toBe(1);
      expect(status?.admissionFailure).toMatchObject({ revision: `main@sha1:${bad}`, path, errors: errorsAt(path) });
    }
    const twin = await stage.get(NS, "products", "twin");
    expect(twin.spec).toEqual({ title: "A hat" });
    expect(twin.status?.admissionFailure).toMatchObject({ errors: [{ reason: "DuplicateResource" }] });
  });

  it("is forgotten with the next accepted version: records and failures are gone", async () => {
    const mended = await source.commit(
      [
        ...[...BAD_FILES, ...TWINS].map(({ path }) => ({ path, text: null })),
        { path: "kept/stops.md", text: product("stops") },
        { path: "kept/title.md", text: product("title", { spec: "  title: Short\n" }) },
        { path: "kept/twin-again.md", text: null },
      ],
      bad,
      "Mend",
    );
    await push(NS, mended);
    expect(await stage.sync(NS)).toMatchObject({ rejected: 0 });
    expect(await rejected()).toEqual([]);
    for (const [name, title] of [
      ["stops", "A hat"],
      ["title", "Short"],
      ["twin", "kept/twin.md"],
    ] as const) {
      const { spec, status } = await stage.get(NS, "products", name);
      expect(spec).toEqual({ title });
      expect(status?.admissionFailure).toBeUndefined();
    }
  });
});

describe("a file of a kind that the API owns", () => {
  it("touches the API's object of that name neither when it comes nor when it goes", async () => {
    const first = await open("owned", [{ path: "a.md", text: product("a") }]);
    const channels = "/apis/release.gitstore.dev/v1beta1/namespaces/owned/channels";
    const channel = {
      apiVersion: "release.gitstore.dev/v1beta1",
      kind: "Channel",
      metadata: { name: "live" },
      spec: {},
    };
    await stage.must(channels, { body: channel });
    const read = async () => [
      await stage.must<object>(`${channels}/live`),
      (await stage.get("owned", "repositories", "catalog")).metadata.uid,
    ];
    const before = await read();
    const text = (apiVersion: string, kind: string, name: string): string =>
      product(name).replace("catalog.gitstore.dev/v1beta1", apiVersion).replace("kind: Product", `kind: ${kind}`);
    const files = [
      { path: "channel.md", text: text("release.gitstore.dev/v1beta1", "Channel", "live") },
      { path: "repository.md", text: text("gitstore.dev/v1beta1", "Repository", "catalog") },
    ];
    const come = await source.commit(files, first, "Come");
    await push("owned", come);
    expect(await stage.sync("owned")).toMatchObject({ rejected: 2 });
    expect(await read()).toEqual(before);
    const go = await source.commit(
      files.map(({ path }) => ({ path, text: null })),
      come,
      "Go",
    );
    await push("owned", go);
    expect(await stage.sync("owned")).toMatchObject({ rejected: 0 });
    expect(await read()).toEqual(before);
  });
});

describe("a branch that is emptied by mistake", () => {
  const names = Array.from({ length: 150 }, (_, at) => `p${String(at).padStart(3, "0")}`);
  const files = names.map((name) => ({ path: `${name}.md`, text: product(name) }));

  /** Emptied, and looked at. */
  async function emptied(namespace: string): Promise<string> {
    const first = await open(namespace, files);
    await installRemoteHooks(stage, namespace, await Sender.of(stage, namespace));
    const empty = await source.commit(
      [...files.map(({ path }) => ({ path, text: null })), { path: "README.md", text: "Oops" }],
      first,
    );
    // Nothing in it is wrong, so the check lets it through; admission holds it.
    expect((await push(namespace, empty)).accepted).toBe(true);
    await expect(stage.sync(namespace)).rejects.toThrow("would delete 150 of the repository's 150 resources");
    return first;
  }

  it("is held: nothing is deleted, and MassDeletionHeld says what to do", async () => {
    const first = await emptied("held");
    expect(await products("held")).toEqual(names);
    const { MassDeletionHeld, Ready } = await conditions("held");
    expect(MassDeletionHeld).toMatchObject({ status: "True", message: expect.stringContaining("--allow-mass-delete") });
    expect(Ready).toMatchObject({ status: "False", reason: "MassDeletionHeld" });
    expect((await stage.get("held", "repositories", "catalog")).status?.applied).toEqual({ [MAIN]: first });
  });

  it("is let through once somebody allows it", async () => {
    await emptied("allowed");
    await stage.sync("allowed", "catalog", { allowMassDelete: true });
    expect(await products("allowed")).toEqual([]);
    expect(await conditions("allowed")).not.toHaveProperty("MassDeletionHeld");
  });

  it("is over with a revert: nothing was deleted, no event of it is told, and the condition goes", async () => {
    const first = await emptied("reverted");
    const events = (await cloudEvents(stage, "reverted")).length;
    await push("reverted", first);
    await stage.sync("reverted");
    expect(await products("reverted")).toEqual(names);
    expect(await conditions("reverted")).not.toHaveProperty("MassDeletionHeld");
    expect(await cloudEvents(stage, "reverted")).toHaveLength(events);
  });
});

describe("a push over the limits of a fetch", () => {
  it("fails its sync with FetchTooLarge, holds up no other branch, and is over with a smaller one", async () => {
    const small = await Stage.set({ vars: { GIT_FETCH_MAX_BYTES: String(1024 * 1024) } });
    try {
      const first = await open("large", [{ path: "a.md", text: product("a") }], small);
      const noise = Array.from({ length: 20 }, (_, at) => ({
        path: `p${at}.md`,
        text:
          product(`p${at}`) + Array.from({ length: 10_000 }, (_, i) => Math.sin(at * 1e4 + i).toString(36)).join(" "),
      }));
      const large = await source.commit(noise, first, "Too much");
      const draft = await source.commit([{ path: "b.md", text: product("b") }], first, "A draft");
      await source.push(
        small.git.url("large-catalog"),
        { ref: MAIN, new: large },
        { ref: "refs/heads/draft", new: draft },
      );
      await expect(small.sync("large")).rejects.toThrow(/refs\/heads\/main: .*1048576 bytes/);
      expect(await products("large", small)).toEqual(["a", "b"]);
      expect(await conditions("large", small)).toMatchObject({
        FetchTooLarge: { status: "True" },
        Ready: { status: "False" },
      });
      await push("large", draft, small);
      await small.sync("large");
      expect(await products("large", small)).toEqual(["a", "b"]);
      expect(await conditions("large", small)).not.toHaveProperty("FetchTooLarge");
    } finally {
      await small.strike();
    }
  });
});
