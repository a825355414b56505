import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { product } from "./support/badFiles.ts";
import { type CloudEvent, cloudEvents, moves, REF_EVENT, short } from "./support/log.ts";
import { Source } from "./support/source.ts";
import { Stage } from "./support/stage.ts";
import type { WatchedObject } from "./support/watcher.ts";

const MAIN = "refs/heads/main";
const DRAFT = "refs/heads/draft";

interface FieldError {
  path: string;
  field: string;
  reason: string;
  message: string;
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

const file = (name: string, title: string) => ({
  path: `${name}.md`,
  text: product(name, { spec: `  title: ${title}\n` }),
});
const gone = (name: string) => ({ path: `${name}.md`, text: null });
const REPOSITORIES = "/apis/gitstore.dev/v1beta1/namespaces";

/** One namespace with one repository, and what its pushes do. */
class Shop {
  readonly namespace: string;
  readonly name: string;

  constructor(namespace: string, name = "catalog") {
    this.namespace = namespace;
    this.name = name;
  }

  /** Refs as they are before anybody looks; then the first look. */
  static async open(
    namespace: string,
    refs: Record<string, string>,
    spec: Record<string, unknown> = {},
  ): Promise<Shop> {
    await stage.namespace(namespace);
    return new Shop(namespace).#register(refs, spec);
  }

  /** A second repository of the namespace. */
  beside(name: string, refs: Record<string, string>): Promise<Shop> {
    return new Shop(this.namespace, name).#register(refs, {});
  }

  async #register(refs: Record<string, string>, spec: Record<string, unknown>): Promise<Shop> {
    await stage.git.create(`${this.namespace}-${this.name}`);
    await this.#move(refs);
    await stage.repository(this.namespace, this.name, spec);
    await stage.sync(this.namespace, this.name);
    return this;
  }

  async #move(refs: Record<string, string | null>): Promise<void> {
    const updates = Object.entries(refs).map(([ref, oid]) => ({ ref, new: oid }));
    const { accepted } = await source.push(stage.git.url(`${this.namespace}-${this.name}`), ...updates);
    expect(accepted).toBe(true);
  }

  /** Moves refs, has them looked at, and gives what became of products: `TYPE name title`. */
  async push(refs: Record<string, string | null>): Promise<string[]> {
    await this.#move(refs);
    return this.changes(() => stage.sync(this.namespace, this.name));
  }

  async changes(what: () => Promise<unknown>): Promise<string[]> {
    const before = await stage.head(this.namespace);
    await what();
    const head = await stage.head(this.namespace);
    const watcher = stage.watch(this.namespace, { resourceVersion: before });
    await watcher.until(() => Number(watcher.rv) >= Number(head));
    watcher.close();
    return watcher.events
      .filter(({ object }) => object.kind === "Product")
      .map(({ type, object }) => `${type} ${object.metadata.name} ${object.spec.title}`);
  }

  product(name: string): Promise<WatchedObject & { metadata: { revision: string } }> {
    return stage.get(this.namespace, "products", name);
  }

  async products(): Promise<Record<string, unknown>> {
    const path = `/apis/catalog.gitstore.dev/v1beta1/namespaces/${this.namespace}/products`;
    const { items } = await stage.must<{ items: WatchedObject[] }>(path);
    return Object.fromEntries(items.map(({ metadata, spec }) => [metadata.name, spec.title]));
  }

  async failure(name: string): Promise<FieldError[]> {
    const { status } = await this.product(name);
    return (status?.admissionFailure as { errors: FieldError[] } | undefined)?.errors ?? [];
  }

  async rejected(): Promise<{ repository: string; path: string; errors: FieldError[] }[]> {
    return (
      await stage.must<{ items: { repository: string; path: string; errors: FieldError[] }[] }>(
        `/rejected/${this.namespace}`,
      )
    ).items;
  }

  async events(): Promise<CloudEvent[]> {
    const events = await cloudEvents(stage, this.namespace);
    expect(new Set(events.map(({ id }) => id)).size).toBe(events.length);
    return events;
  }

  async patch(spec: Record<string, unknown>): Promise<void> {
    await stage.must(`${REPOSITORIES}/${this.namespace}/repositories/${this.name}`, {
      method: "PATCH",
      body: JSON.stringify({ spec }),
      headers: { "Content-Type": "application/merge-patch+json" },
    });
  }
}

/** A merge of two commits whose files are those of the first, with changes. */
async function merge(ours: string, theirs: string, files: Parameters<Source["commit"]>[0]): Promise<string> {
  const tree = await source.repository.git("rev-parse", `${await source.commit(files, ours)}^{tree}`);
  return source.repository.git("commit-tree", tree, "-p", ours, "-p", theirs, "-m", "Merge");
}

let base: string;
let onDraft: string;
let onMain: string;
beforeAll(async () => {
  base = await source.commit([file("a", "Base"), file("b", "Base")], null, "Base");
  onDraft = await source.commit([file("a", "Draft"), file("new", "Draft")], base, "On draft");
  onMain = await source.commit([file("a", "Main")], base, "On main");
});

describe("a branch that a pattern matches", () => {
  it("joins what is admitted where its content is the same, without an RV", async () => {
    const shop = await Shop.open("joins", { [MAIN]: base });
    const before = await shop.product("a");
    expect(await shop.push({ [DRAFT]: base })).toEqual([]);
    expect(await shop.product("a")).toEqual(before);
  });

  it("that joined may change it", async () => {
    const shop = await Shop.open("joined", { [MAIN]: base });
    await shop.push({ [DRAFT]: base });
    expect((await shop.push({ [DRAFT]: onDraft })).toSorted()).toEqual(["ADDED new Draft", "MODIFIED a Draft"]);
    expect((await shop.product("a")).metadata.revision).toBe(`draft@sha1:${onDraft}`);
  });

  it("that descends from a holder's commit may change it, though it never joined", async () => {
    const shop = await Shop.open("descends", { [MAIN]: base });
    expect((await shop.push({ [DRAFT]: onDraft })).toSorted()).toEqual(["ADDED new Draft", "MODIFIED a Draft"]);
  });

  it("may always change what it holds, by force too", async () => {
    const shop = await Shop.open("forced", { [MAIN]: onDraft });
    const rewritten = await source.commit([file("a", "Rewritten")], null, "Rewritten");
    expect((await shop.push({ [MAIN]: rewritten })).toSorted()).toEqual([
      "DELETED b Base",
      "DELETED new Draft",
      "MODIFIED a Rewritten",
    ]);
    expect(moves(await shop.events()).at(-1)).toBe(`branch.force-pushed ${MAIN} ${short(onDraft)}→${short(rewritten)}`);
  });
});

describe("branches that diverge", () => {
  /** Draft has changed `a`; main, which does not have that, changes it too. */
  async function diverged(namespace: string): Promise<Shop> {
    const shop = await Shop.open(namespace, { [MAIN]: base, [DRAFT]: base });
    await shop.push({ [DRAFT]: onDraft });
    await shop.push({ [MAIN]: onMain });
    return shop;
  }

  it("never overwrite each other by accident: the second is refused with DivergedBranch, naming both", async () => {
    const shop = await diverged("diverged");
    expect(await shop.products()).toEqual({ a: "Draft", b: "Base", new: "Draft" });
    expect(await shop.failure("a")).toMatchObject([{ path: "a.md", field: "metadata.name", reason: "DivergedBranch" }]);
    const [{ message } = { message: "" }] = await shop.failure("a");
    expect(message).toContain("branch main");
    expect(message).toContain("branch draft");
    expect(message).toContain(onDraft.slice(0, 12));
    const failed = (await shop.events()).findLast(({ type }) => type.endsWith("validation-failed.v1"));
    expect(failed?.data).toMatchObject({
      ref: MAIN,
      commit: onMain,
      path: "a.md",
      errors: [{ reason: "DivergedBranch" }],
    });
  });

  it("refuse nothing of what only one of them changed", async () => {
    const shop = await Shop.open("apart", { [MAIN]: base, [DRAFT]: base });
    await shop.push({ [DRAFT]: await source.commit([file("a", "Draft")], base) });
    expect(await shop.push({ [MAIN]: await source.commit([file("b", "Main")], base) })).toEqual(["MODIFIED b Main"]);
    expect(await shop.products()).toEqual({ a: "Draft", b: "Main" });
  });

  it("are healed by a merge: its content is admitted, and the failure is gone", async () => {
    const shop = await diverged("merged");
    const merged = await merge(onMain, onDraft, [file("a", "Merged"), file("new", "Draft")]);
    expect(await shop.push({ [MAIN]: merged })).toEqual(["MODIFIED a Merged"]);
    expect(await shop.failure("a")).toEqual([]);
    expect((await shop.product("a")).metadata.revision).toBe(`main@sha1:${merged}`);
  });

  it("are healed by a merge that takes the other's content, too: it joins, and the failure is gone", async () => {
    const shop = await diverged("taken");
    await shop.push({ [MAIN]: await merge(onMain, onDraft, [file("a", "Draft"), file("new", "Draft")]) });
    expect(await shop.products()).toEqual({ a: "Draft", b: "Base", new: "Draft" });
    expect(await shop.failure("a")).toEqual([]);
    // Main is among the holders now.
    await shop.push({ [MAIN]: await source.commit([file("a", "Later")], onMain) });
    expect((await shop.products()).a).toBe("Later");
  });

  it("are over when the branch in the way is deleted: the other's version is admitted", async () => {
    const shop = await diverged("yielded");
    expect((await shop.push({ [DRAFT]: null })).toSorted()).toEqual(["DELETED new Draft", "MODIFIED a Main"]);
    expect(await shop.failure("a")).toEqual([]);
    expect((await shop.product("a")).metadata.revision).toBe(`main@sha1:${onMain}`);
  });

  it("refuse a deletion of what the other changed, too", async () => {
    const shop = await Shop.open("deleting", { [MAIN]: base, [DRAFT]: base });
    await shop.push({ [DRAFT]: onDraft });
    await shop.push({ [MAIN]: await source.commit([gone("a")], base) });
    expect((await shop.products()).a).toBe("Draft");
    expect(await shop.failure("a")).toMatchObject([{ reason: "DivergedBranch" }]);
  });

  it("refuse to bring back what the other deleted", async () => {
    const shop = await Shop.open("reviving", { [MAIN]: base, [DRAFT]: base });
    expect(await shop.push({ [DRAFT]: await source.commit([gone("a")], base) })).toEqual(["DELETED a Base"]);
    expect(await shop.push({ [MAIN]: onMain })).toEqual([]);
    expect(await shop.rejected()).toMatchObject([{ path: "a.md", errors: [{ reason: "DivergedBranch" }] }]);
  });
});

describe("a deletion", () => {
  it("is joined by a branch that deletes it too, which may bring it back", async () => {
    const shop = await Shop.open("both", { [MAIN]: base, [DRAFT]: base });
    const without = await source.commit([gone("a")], base);
    expect(await shop.push({ [DRAFT]: await source.commit([gone("a")], base, "Another") })).toEqual(["DELETED a Base"]);
    expect(await shop.push({ [MAIN]: without })).toEqual([]);
    expect(await shop.push({ [MAIN]: await source.commit([file("a", "Again")], without) })).toEqual(["ADDED a Again"]);
  });

  it("is joined by a branch that never had it, which may bring in its own", async () => {
    const shop = await Shop.open("never", { [MAIN]: base, [DRAFT]: base });
    await shop.push({ [DRAFT]: onDraft });
    await shop.push({ [DRAFT]: await source.commit([gone("new")], onDraft) });
    expect(await shop.push({ [MAIN]: await source.commit([file("new", "Main")], base) })).toEqual(["ADDED new Main"]);
  });

  it("is not undone by a new branch from before it", async () => {
    const shop = await Shop.open("before", { [MAIN]: base });
    await shop.push({ [MAIN]: await source.commit([gone("a")], base) });
    expect(await shop.push({ [DRAFT]: base })).toEqual([]);
    expect(await shop.rejected()).toMatchObject([{ path: "a.md", errors: [{ reason: "DivergedBranch" }] }]);
  });

  it("in one repository is no matter of another's branches, whatever they are called", async () => {
    const first = await Shop.open("elsewhere", { [MAIN]: base });
    await first.push({ [MAIN]: await source.commit([gone("a")], base) });
    await first.beside("annex", { [DRAFT]: await source.commit([file("a", "Annex")], null) });
    expect(await first.products()).toEqual({ a: "Annex", b: "Base" });
  });
});

describe("a branch that is deleted", () => {
  it("takes with it what only it held, and gives the rest back to the other branch's version", async () => {
    const shop = await Shop.open("leaving", { [MAIN]: base, [DRAFT]: base });
    await shop.push({ [DRAFT]: onDraft });
    const { uid } = (await shop.product("a")).metadata;
    expect((await shop.push({ [DRAFT]: null })).toSorted()).toEqual(["DELETED new Draft", "MODIFIED a Base"]);
    expect((await shop.product("a")).metadata).toMatchObject({ uid, generation: 3, revision: `main@sha1:${base}` });
    expect(moves(await shop.events()).at(-1)).toBe(`branch.deleted ${DRAFT} ${short(onDraft)}→∅`);
  });

  it("that is one of those which hold the same changes nothing", async () => {
    const shop = await Shop.open("sharing", { [MAIN]: base, [DRAFT]: base });
    const before = await shop.product("a");
    expect(await shop.push({ [DRAFT]: null })).toEqual([]);
    expect(await shop.product("a")).toEqual(before);
  });

  it("takes its deletions with it: what another branch still has comes back", async () => {
    const shop = await Shop.open("undeleting", { [MAIN]: base, [DRAFT]: base });
    await shop.push({ [DRAFT]: await source.commit([gone("a")], base) });
    expect(await shop.products()).toEqual({ b: "Base" });
    expect(await shop.push({ [DRAFT]: null })).toEqual(["ADDED a Base"]);
    expect((await shop.product("a")).metadata.revision).toBe(`main@sha1:${base}`);
  });

  it("comes back as what its files say", async () => {
    const shop = await Shop.open("returning", { [MAIN]: base, [DRAFT]: onDraft });
    await shop.push({ [DRAFT]: null });
    expect((await shop.push({ [DRAFT]: onDraft })).toSorted()).toEqual(["ADDED new Draft", "MODIFIED a Draft"]);
  });
});

describe("a resource that moves to another repository", () => {
  it("is refused there as long as the first one holds it, naming repository and path", async () => {
    const first = await Shop.open("movers", { [MAIN]: base });
    const second = await first.beside("annex", { [MAIN]: await source.commit([file("a", "Annex")], null) });
    expect(await first.products()).toEqual({ a: "Base", b: "Base" });
    const [record] = await second.rejected();
    expect(record).toMatchObject({ repository: "annex", path: "a.md", errors: [{ reason: "DuplicateResource" }] });
    expect(record?.errors[0]?.message).toContain("repository catalog");
    expect(record?.errors[0]?.message).toContain("a.md");
  });

  it.each([
    ["keeps uid, and generation where the spec is the same", "same", "Base", 1],
    ["keeps uid, and gets the next generation where the spec differs", "other", "Annex", 2],
  ])("is admitted in the transaction in which the first lets go: it %s", async (_, namespace, title, generation) => {
    const first = await Shop.open(namespace, { [MAIN]: base });
    const { uid } = (await first.product("a")).metadata;
    const commit = await source.commit([file("a", title)], null);
    await first.beside("annex", { [MAIN]: commit });
    expect(await first.push({ [MAIN]: await source.commit([gone("a")], base) })).toEqual([`MODIFIED a ${title}`]);
    expect((await first.product("a")).metadata).toMatchObject({ uid, generation, revision: `main@sha1:${commit}` });
    expect(await first.rejected()).toEqual([]);
  });

  it("belongs to the second one from then on", async () => {
    const first = await Shop.open("settled", { [MAIN]: base });
    const commit = await source.commit([file("a", "Annex")], null);
    const second = await first.beside("annex", { [MAIN]: commit });
    await first.push({ [MAIN]: await source.commit([gone("a")], base) });
    expect(await second.push({ [MAIN]: await source.commit([file("a", "Later")], commit) })).toEqual([
      "MODIFIED a Later",
    ]);
    await first.push({ [MAIN]: onMain });
    expect((await first.products()).a).toBe("Later");
    expect(await first.rejected()).toMatchObject([{ repository: "catalog", path: "a.md" }]);
  });

  it("stays, owned by nobody, when its repository is removed, and is adopted by the next that has it", async () => {
    const first = await Shop.open("adopted", { [MAIN]: base });
    const { uid } = (await first.product("a")).metadata;
    await stage.must(`${REPOSITORIES}/adopted/repositories/catalog`, { method: "DELETE" });
    expect(await first.products()).toEqual({ a: "Base", b: "Base" });
    const second = await first.beside("annex", { [DRAFT]: await source.commit([file("a", "Annex")], null) });
    expect((await second.product("a")).metadata).toMatchObject({ uid, generation: 2 });
    expect(await second.products()).toEqual({ a: "Annex", b: "Base" });
  });
});

describe("spec.branches", () => {
  const TOPIC = "refs/heads/topic/x";

  it("widened brings a branch's resources in, narrowed takes them out, and no event id comes twice", async () => {
    const shop = await Shop.open("patterns", {
      [MAIN]: base,
      [TOPIC]: await source.commit([file("t", "Topic")], base),
    });
    expect(await shop.products()).toEqual({ a: "Base", b: "Base" });
    const widen = async () => {
      await shop.patch({ branches: ["main", "topic/**"] });
      await stage.sync("patterns");
    };
    const narrow = async () => {
      await shop.patch({ branches: ["main"] });
      await stage.sync("patterns");
    };
    expect(await shop.changes(widen)).toEqual(["ADDED t Topic"]);
    const { uid } = (await shop.product("t")).metadata;
    expect(await shop.changes(narrow)).toEqual(["DELETED t Topic"]);
    expect(await shop.changes(widen)).toEqual(["ADDED t Topic"]);
    // Deleted, later added again: another object.
    expect((await shop.product("t")).metadata.uid).not.toBe(uid);
    await shop.events();
  });

  it("that stops matching gives what the branch had changed back to the other's version", async () => {
    const shop = await Shop.open("narrowed", { [MAIN]: base, [DRAFT]: onDraft });
    expect(await shop.products()).toEqual({ a: "Draft", b: "Base", new: "Draft" });
    const narrow = async () => {
      await shop.patch({ branches: ["main"] });
      await stage.sync("narrowed");
    };
    expect((await shop.changes(narrow)).toSorted()).toEqual(["DELETED new Draft", "MODIFIED a Base"]);
  });

  it("that matches no default branch is told in BranchMatched", async () => {
    const shop = await Shop.open("unmatched", { [MAIN]: base }, { branches: ["trunk"] });
    expect(await shop.products()).toEqual({});
    const { status } = await stage.get("unmatched", "repositories", "catalog");
    const conditions = status?.conditions as { type: string; status: string; message: string }[];
    expect(conditions.find(({ type }) => type === "BranchMatched")).toMatchObject({
      status: "False",
      message: expect.stringContaining("main"),
    });
    await shop.patch({ branches: ["main"] });
    await stage.sync("unmatched");
    expect(await shop.products()).toEqual({ a: "Base", b: "Base" });
  });
});

describe("registering a repository", () => {
  it("is a baseline: every ref gives its created event with data.baseline, and what comes later none", async () => {
    await source.repository.tag("v1.0.0", base, "The first");
    const annotated = await source.repository.git("rev-parse", "v1.0.0");
    const refs = {
      [MAIN]: onMain,
      [DRAFT]: onDraft,
      "refs/heads/topic": base,
      "refs/tags/v1.0.0": annotated,
      "refs/tags/light": base,
    };
    const shop = await Shop.open("baseline", refs);
    const created = (await shop.events()).filter(({ type }) => REF_EVENT.test(type));
    expect(
      created.map(({ type, data }) => [
        type.split(".").slice(3, -1).join("."),
        data.ref,
        data.old,
        data.new,
        data.baseline,
      ]),
    ).toEqual(
      Object.entries(refs)
        .toSorted(([a], [b]) => (a < b ? -1 : 1))
        .map(([ref, oid]) => [ref.startsWith("refs/tags/") ? "tag.created" : "branch.created", ref, null, oid, true]),
    );
    const tags = created.filter(({ type }) => type.includes(".tag."));
    expect(tags.map(({ data }) => [data.name, data.objectType, data.peeled])).toEqual([
      ["light", "lightweight", base],
      ["v1.0.0", "annotated", base],
    ]);
    await shop.push({ "refs/heads/late": base, [MAIN]: await merge(onMain, onDraft, []) });
    const later = (await shop.events()).filter(({ type }) => REF_EVENT.test(type)).slice(created.length);
    expect(later.map(({ data }) => data.baseline)).toEqual([undefined, undefined]);
  });
});
