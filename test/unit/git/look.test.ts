import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { file, product, World } from "./support/world.ts";

let world: World;
beforeEach(async () => {
  world = await World.start();
});
afterEach(() => world.stop());

/** The ref events since the last call. */
function newRefEvents(): string[] {
  const events = world.ledger.refEvents();
  const fresh = events.slice(seen);
  seen = events.length;
  return fresh;
}
let seen = 0;
beforeEach(() => {
  seen = 0;
});

describe("the first look", () => {
  it("applies every ref, with a baseline event for each, and the matching branch's files", async () => {
    const commit = await world.git.commit([file("products/a.md", product("a")), file("README.md", "# Hi")], "first");
    await world.git.git("branch", "topic", commit);
    await world.git.tag("v1.0.0", commit, "one");
    await world.git.tag("light", commit);
    await world.registerAndLook();
    expect(newRefEvents()).toEqual([
      "branch.created refs/heads/main",
      "branch.created refs/heads/topic",
      "tag.created refs/tags/light",
      "tag.created refs/tags/v1.0.0",
    ]);
    const events = world.ledger.events().filter((event) => event.type.startsWith("git."));
    for (const event of events) {
      expect(event.data).toMatchObject({
        baseline: true,
        forced: false,
        old: null,
        peeled: commit,
        commit: { sha: commit, message: "first" },
      });
    }
    expect(events.map((event) => event.data.objectType)).toEqual([null, null, "lightweight", "annotated"]);
    expect(events.map((event) => (event.data.policy as { matched: boolean }).matched)).toEqual([
      true,
      false,
      false,
      true,
    ]);
    expect(world.ledger.products()).toEqual(["a"]);
    expect(world.ledger.product("a")?.metadata.revision).toBe(`main@sha1:${commit}`);
    expect(world.ledger.condition("catalog", "Ready")).toMatchObject({ status: "True", reason: "Synced" });
    expect(world.ledger.condition("catalog", "BranchMatched")).toMatchObject({ status: "True" });
  });

  it("says so when no pattern matches the remote's default branch", async () => {
    await world.git.commit([file("a.md", product("a"))], "first", { branch: "trunk" });
    await world.git.git("symbolic-ref", "HEAD", "refs/heads/trunk");
    await world.registerAndLook();
    expect(world.ledger.products()).toEqual([]);
    expect(world.ledger.condition("catalog", "BranchMatched")).toMatchObject({ status: "False", reason: "NotMatched" });
  });

  it("counts nothing of the baseline as found by poll, and later moves without a delivery", async () => {
    await world.git.commit([file("a.md", product("a"))], "first");
    await world.registerAndLook();
    expect((await world.engine.info()) as unknown).toMatchObject({ value: { foundByPoll: 0 } });
    await world.git.commit([file("b.md", product("b"))], "second");
    await world.wake();
    expect((await world.engine.info()) as unknown).toMatchObject({ value: { foundByPoll: 1 } });
    const last = world.ledger.events().findLast((event) => event.type.startsWith("git."));
    expect(last?.data).toMatchObject({ observedVia: "poll", actor: { name: null } });
    expect(last?.data.baseline).toBeUndefined();
  });
});

describe("what a move changes", () => {
  it.each(["true", "false"])(
    "follows edits, moves and deletions, fetching what changed (filters: %s)",
    async (filters) => {
      await world.git.git("config", "uploadpack.allowFilter", filters);
      await world.git.git("config", "uploadpack.allowAnySHA1InWant", filters);
      const first = await world.git.commit(
        [file("x/a.md", product("a")), file("x/b.md", product("b")), file("y/z/c.md", product("c"))],
        "first",
      );
      await world.registerAndLook();
      await world.git.commit(
        [
          file("x/a.md", product("a", "New")),
          file("x/b.md", null),
          file("moved/c.md", product("c")),
          file("y/z/c.md", null),
        ],
        "second",
      );
      const before = world.server.requests.length;
      await world.wake();
      expect(world.ledger.products()).toEqual(["a", "c"]);
      expect(world.ledger.product("a")?.spec.title).toBe("New");
      expect(world.ledger.product("c")?.metadata).toMatchObject({ generation: 1 });
      // Capabilities, refs, and two rounds of the one fetch.
      expect(world.server.requests.length - before).toBeLessThanOrEqual(4);
      expect(newRefEvents().at(-1)).toBe("branch.updated refs/heads/main");
      const update = world.ledger.events().findLast((event) => event.type === "git.branch.updated");
      expect(update?.data).toMatchObject({ old: first, forced: false });
    },
  );

  it.each(["true", "false"])("tells a force push from an update by ancestry (filters: %s)", async (filters) => {
    await world.git.git("config", "uploadpack.allowFilter", filters);
    const base = await world.git.commit([file("a.md", product("a"))], "base");
    const left = await world.git.commit([file("b.md", product("b"))], "left");
    await world.git.git("branch", "other", left);
    await world.registerAndLook();
    newRefEvents();
    const right = await world.git.commit([file("c.md", product("c"))], "right", { onto: base });
    await world.git.git("branch", "-f", "other", right);
    await world.wake();
    expect(newRefEvents()).toEqual(["branch.force-pushed refs/heads/main", "branch.force-pushed refs/heads/other"]);
    expect(world.ledger.products()).toEqual(["a", "c"]);
    // Back to an ancestor is no fast-forward either.
    await world.git.git("update-ref", "refs/heads/main", base);
    await world.git.git("update-ref", "refs/heads/other", base);
    await world.wake();
    expect(newRefEvents()).toEqual(["branch.force-pushed refs/heads/main", "branch.force-pushed refs/heads/other"]);
    expect(world.ledger.products()).toEqual(["a"]);
  });

  it("takes a merge's second parent for an ancestor", async () => {
    const base = await world.git.commit([file("a.md", product("a"))], "base");
    const side = await world.git.commit([file("b.md", product("b"))], "side", { branch: "side" });
    await world.git.git("update-ref", "refs/heads/main", side);
    await world.registerAndLook();
    newRefEvents();
    const tree = await world.git.git("rev-parse", `${side}^{tree}`);
    const merge = await world.git.git("commit-tree", tree, "-p", base, "-p", side, "-m", "merge");
    await world.git.git("update-ref", "refs/heads/main", merge);
    await world.wake();
    expect(newRefEvents()).toEqual(["branch.updated refs/heads/main"]);
  });

  it("falls back to a snapshot where the server has forgotten the old tip", async () => {
    await world.git.commit([file("a.md", product("a"))], "first");
    await world.registerAndLook();
    newRefEvents();
    await world.git.commit([file("b.md", product("b"))], "unrelated", { onto: null });
    await world.git.git("reflog", "expire", "--expire=now", "--all");
    await world.git.git("gc", "-q", "--prune=now");
    await world.wake();
    expect(newRefEvents()).toEqual(["branch.force-pushed refs/heads/main"]);
    expect(world.ledger.products()).toEqual(["b"]);
  });

  it.each(["true", "false"])(
    "finds content that a revert brings back and the server leaves out (any id may be asked for: %s)",
    async (any) => {
      await world.git.git("config", "uploadpack.allowAnySHA1InWant", any);
      await world.git.git("config", "uploadpack.allowFilter", any);
      const old = file("deep/er/a.md", product("a", "Old"));
      await world.git.commit([old, file("b.md", product("b"))], "first");
      const second = await world.git.commit([file("deep/er/a.md", product("a", "New"))], "second");
      await world.registerAndLook();
      await world.git.commit([old], "revert", { onto: second });
      // With a bitmap the server leaves out everything that the old tip's history reaches, the reverted content with it.
      await world.git.git("repack", "-qadb");
      await world.wake();
      expect(world.ledger.product("a")?.spec.title).toBe("Old");
      expect(world.ledger.products()).toEqual(["a", "b"]);
    },
  );

  it("follows tags: created, moved, deleted, created again", async () => {
    const first = await world.git.commit([file("a.md", product("a"))], "first");
    await world.registerAndLook();
    newRefEvents();
    await world.git.tag("v1", first, "one");
    await world.wake();
    const second = await world.git.commit([file("b.md", product("b"))], "second");
    await world.git.git("tag", "-f", "v1", second);
    await world.wake();
    await world.git.git("tag", "-d", "v1");
    await world.wake();
    await world.git.tag("v1", first);
    await world.wake();
    expect(newRefEvents()).toEqual([
      "tag.created refs/tags/v1",
      "branch.updated refs/heads/main",
      "tag.updated refs/tags/v1",
      "tag.deleted refs/tags/v1",
      "tag.created refs/tags/v1",
    ]);
    const ids = world.ledger.events().map((event) => event.id);
    expect(new Set(ids).size).toBe(ids.length);
  });

  it("tells nothing of a ref that moved and came back between two looks", async () => {
    const first = await world.git.commit([file("a.md", product("a"))], "first");
    await world.registerAndLook();
    newRefEvents();
    const { head } = world.ledger.store;
    await world.git.commit([file("b.md", product("b"))], "second");
    await world.git.git("update-ref", "refs/heads/main", first);
    await world.wake();
    expect(newRefEvents()).toEqual([]);
    expect(world.ledger.store.head).toBe(head);
  });

  it("gives a resource back to the other branch that has it when its branch is deleted", async () => {
    const first = await world.git.commit([file("a.md", product("a", "Main")), file("b.md", product("b"))], "first");
    await world.registerAndLook({ branches: ["main", "draft"] });
    await world.git.commit([file("a.md", product("a", "Draft")), file("only.md", product("only"))], "draft", {
      branch: "draft",
      onto: first,
    });
    await world.wake();
    expect(world.ledger.product("a")?.spec.title).toBe("Draft");
    expect(world.ledger.products()).toEqual(["a", "b", "only"]);
    await world.git.git("update-ref", "-d", "refs/heads/draft");
    await world.wake();
    expect(world.ledger.products()).toEqual(["a", "b"]);
    expect(world.ledger.product("a")).toMatchObject({
      spec: { title: "Main" },
      metadata: { revision: `main@sha1:${first}` },
    });
    expect(world.ledger.product("b")).toBeDefined();
  });

  it("refuses a branch that would overwrite what it does not descend from, and asks the remote which that is", async () => {
    const first = await world.git.commit([file("a.md", product("a", "One"))], "first");
    await world.git.git("branch", "draft", first);
    await world.registerAndLook();
    await world.git.commit([file("a.md", product("a", "Main"))], "on main");
    await world.wake();
    await world.git.commit([file("a.md", product("a", "Draft"))], "on draft", { branch: "draft" });
    await world.wake();
    // Both held One; main changed it alone, and draft's commit does not descend from main's.
    expect(world.ledger.product("a")?.spec.title).toBe("Main");
    expect(world.ledger.product("a")?.status?.admissionFailure?.errors[0]?.reason).toBe("DivergedBranch");
    const main = (await world.git.tip("refs/heads/main")) ?? "";
    await world.git.commit([file("a.md", product("a", "Merged"))], "rebased", { branch: "draft", onto: main });
    await world.wake();
    expect(world.ledger.product("a")?.spec.title).toBe("Merged");
  });
});

describe("custom kinds", () => {
  const definition = (field: string) => `apiVersion: apiextensions.gitstore.dev/v1beta1
kind: CustomResourceDefinition
metadata:
  name: widgets.example.com
spec:
  group: example.com
  names: { kind: Widget, plural: widgets, singular: widget }
  scope: Namespaced
  versions:
    - name: v1
      served: true
      storage: true
      schema:
        openAPIV3Schema:
          type: object
          properties:
            spec:
              type: object
              properties:
                ${field}: { type: string }
`;
  const widget = "---\napiVersion: example.com/v1\nkind: Widget\nmetadata:\n  name: w\nspec:\n  color: red\n---\n";

  it("come with the push that defines them, and later for files that were refused without them", async () => {
    await world.git.commit([file("widgets/w.md", widget), file("a.md", product("a"))], "first");
    await world.registerAndLook();
    expect(world.ledger.rejected()).toEqual([
      { path: "widgets/w.md", reasons: expect.arrayContaining(["UnknownKind"]) },
    ]);
    await world.git.commit([file(".gitstore/crd.yaml", definition("color"))], "define");
    await world.wake();
    expect(world.ledger.names("Widget.example.com")).toEqual(["w"]);
    expect(world.ledger.rejected()).toEqual([]);
  });

  it("are looked at again when their definition changes", async () => {
    await world.git.commit([file(".gitstore/crd.yaml", definition("size")), file("widgets/w.md", widget)], "first");
    await world.registerAndLook();
    expect(world.ledger.names("Widget.example.com")).toEqual([]);
    await world.git.commit([file(".gitstore/crd.yaml", definition("color"))], "mend the definition");
    await world.wake();
    expect(world.ledger.names("Widget.example.com")).toEqual(["w"]);
    expect(world.ledger.rejected()).toEqual([]);
  });
});
