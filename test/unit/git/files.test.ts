import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { file, product, World } from "./support/world.ts";

let world: World;
beforeEach(async () => {
  world = await World.start();
});
afterEach(() => world.stop());

async function push(...files: { path: string; text: string | null }[]): Promise<void> {
  await world.git.commit(files, "change");
  if (world.alarmAt === null) await world.registerAndLook();
  else await world.wake();
}

const reasons = (name: string) =>
  world.ledger.product(name)?.status?.admissionFailure?.errors.map((error) => error.reason);

describe("identity is what matters, not the path", () => {
  it("a moved file keeps uid and generation", async () => {
    await push(file("a.md", product("a")));
    const before = world.ledger.product("a");
    await push(file("a.md", null), file("deep/b.md", product("a")));
    expect(world.ledger.product("a")?.metadata).toMatchObject({ uid: before?.metadata.uid, generation: 1 });
    await push(file("deep/b.md", null));
    expect(world.ledger.products()).toEqual([]);
  });

  it("two files may swap their names", async () => {
    await push(file("a.md", product("a")), file("b.md", product("b")));
    const [a, b] = [world.ledger.product("a")?.metadata.uid, world.ledger.product("b")?.metadata.uid];
    await push(file("a.md", product("b")), file("b.md", product("a")));
    expect([world.ledger.product("a")?.metadata.uid, world.ledger.product("b")?.metadata.uid]).toEqual([a, b]);
    await push(file("a.md", null));
    expect(world.ledger.products()).toEqual(["a"]);
  });

  it("a file renamed inside deletes the old identity and creates the new one", async () => {
    await push(file("a.md", product("a")));
    await push(file("a.md", product("z")));
    expect(world.ledger.products()).toEqual(["z"]);
  });
});

describe("two files with one identity", () => {
  it("are both refused, naming both paths, and what was admitted stays", async () => {
    await push(file("a.md", product("a", "First")));
    await push(file("b.md", product("a", "Second")));
    expect(world.ledger.product("a")?.spec.title).toBe("First");
    expect(reasons("a")).toEqual(["DuplicateResource"]);
    const failed = world.ledger.events().filter((event) => event.type.endsWith("validation-failed"));
    expect(failed.map(({ data }) => data.path)).toEqual(["a.md", "b.md"]);
    for (const { data } of failed) expect(JSON.stringify(data.errors)).toMatch(/a\.md.*b\.md|b\.md.*a\.md/);
  });

  it("have their own errors told too, each with its place", async () => {
    await push(file("a.md", product("a", "First")), file("b.md", product("a", "x".repeat(201))));
    const failed = world.ledger.events().filter((event) => event.type.endsWith("validation-failed"));
    expect(failed.map(({ data }) => data.errors)).toMatchObject([
      [{ reason: "DuplicateResource", line: 5, column: 9, message: expect.stringContaining("a.md and b.md") }],
      [{ reason: "TooLong", field: "spec.title" }, { reason: "DuplicateResource" }],
    ]);
  });

  it("are kept as records where neither was ever admitted", async () => {
    await push(file("a.md", product("a", "First")), file("b.md", product("a", "Second")));
    expect(world.ledger.products()).toEqual([]);
    expect(world.ledger.rejected()).toEqual([
      { path: "a.md", reasons: ["DuplicateResource"] },
      { path: "b.md", reasons: ["DuplicateResource"] },
    ]);
  });

  it.each([
    ["is removed", null],
    ["becomes another", product("other")],
    ["is a resource no more", "# Just text\n"],
  ])("of which one %s: the other, unchanged, is admitted", async (_, text) => {
    await push(file("x/a.md", product("a", "First")), file("y/b.md", product("a", "Second")));
    await push(file("x/a.md", text));
    expect(world.ledger.product("a")?.spec.title).toBe("Second");
    expect(world.ledger.product("a")?.status?.admissionFailure).toBeUndefined();
    expect(world.ledger.rejected()).toEqual([]);
  });

  it("that become three, then two, name those that are there", async () => {
    await push(file("a.md", product("a", "1")), file("b.md", product("a", "2")));
    await push(file("c.md", product("a", "3")));
    expect(world.ledger.rejected().map(({ path }) => path)).toEqual(["a.md", "b.md", "c.md"]);
    await push(file("a.md", null));
    expect(world.ledger.rejected().map(({ path }) => path)).toEqual(["b.md", "c.md"]);
    const last = world.ledger.chunks.at(-1)?.ops ?? [];
    for (const op of last) expect(JSON.stringify(op)).not.toContain("a.md");
  });

  it("that go together take the resource along", async () => {
    await push(file("a.md", product("a", "1")));
    await push(file("b.md", product("a", "2")));
    await push(file("a.md", null), file("b.md", null));
    expect(world.ledger.products()).toEqual([]);
    expect(world.ledger.rejected()).toEqual([]);
  });
});

describe("a file that is wrong", () => {
  const broken = "---\napiVersion: catalog.gitstore.dev/v1beta1\nkind: [\n---\n";

  it("keeps what was admitted from its path, with the failure, until it is mended", async () => {
    await push(file("a.md", product("a", "Good")));
    await push(file("a.md", broken));
    expect(world.ledger.product("a")?.spec.title).toBe("Good");
    expect(reasons("a")).toContain("MalformedYAML");
    await push(file("a.md", product("a", "Good")));
    expect(world.ledger.product("a")?.status?.admissionFailure).toBeUndefined();
  });

  it("counts for the identity last read from its path: removed, the resource goes", async () => {
    await push(file("a.md", product("a")));
    await push(file("a.md", broken));
    await push(file("a.md", null));
    expect(world.ledger.products()).toEqual([]);
  });

  it("counts for nothing once another file says it is that resource", async () => {
    await push(file("a.md", product("a", "Old")));
    await push(file("a.md", broken));
    await push(file("b.md", product("a", "New")));
    expect(world.ledger.product("a")?.spec.title).toBe("New");
    expect(world.ledger.product("a")?.status?.admissionFailure).toBeUndefined();
    expect(world.ledger.rejected().map(({ path }) => path)).toEqual(["a.md"]);
    await push(file("a.md", null));
    expect(world.ledger.products()).toEqual(["a"]);
    expect(world.ledger.rejected()).toEqual([]);
  });

  it("does the same where both happen in one push", async () => {
    await push(file("a.md", product("a", "Old")));
    await push(file("a.md", broken), file("b.md", product("a", "New")));
    expect(world.ledger.product("a")?.spec.title).toBe("New");
    expect(world.ledger.rejected().map(({ path }) => path)).toEqual(["a.md"]);
  });

  it("that never gave a resource is a record, dropped when it is mended, removed, or no resource any more", async () => {
    await push(file("a.md", broken), file("b.md", broken), file("c.md", broken));
    expect(world.ledger.rejected().map(({ path }) => path)).toEqual(["a.md", "b.md", "c.md"]);
    await push(file("a.md", product("a")), file("b.md", null), file("c.md", "# Text\n"));
    expect(world.ledger.rejected()).toEqual([]);
    expect(world.ledger.products()).toEqual(["a"]);
  });

  it("never blocks the good ones of its push", async () => {
    await push(file("a.md", broken), file("b.md", product("b")));
    expect(world.ledger.products()).toEqual(["b"]);
  });

  it("is told where it is no UTF-8, and ignored where it is no resource", async () => {
    await push(file("a.md", product("a")));
    const dir = world.git.dir;
    const { execFileSync } = await import("node:child_process");
    const hash = (bytes: Buffer) =>
      execFileSync("git", ["-C", dir, "hash-object", "-w", "--stdin"], { input: bytes }).toString().trim();
    const resource = hash(Buffer.concat([Buffer.from(product("latin")), Buffer.from([0xe9])]));
    const binary = hash(Buffer.from([0xff, 0xfe, 0x00]));
    const tree = execFileSync("git", ["-C", dir, "mktree"], {
      input: `100644 blob ${binary}\tbinary.md\n100644 blob ${resource}\tlatin.md\n120000 blob ${resource}\tlink.md\n`,
    })
      .toString()
      .trim();
    const parent = (await world.git.tip("refs/heads/main")) ?? "";
    const commit = await world.git.git("commit-tree", tree, "-p", parent, "-m", "bytes");
    await world.git.git("update-ref", "refs/heads/main", commit);
    await world.wake();
    expect(world.ledger.products()).toEqual([]);
    expect(world.ledger.rejected()).toEqual([{ path: "latin.md", reasons: ["Invalid"] }]);
  });
});

describe("order within a push", () => {
  it("is deletes, then what is referred to before what refers, parents before children", async () => {
    const category = (name: string, parent?: string) =>
      `---\napiVersion: catalog.gitstore.dev/v1beta1\nkind: CategoryTaxonomy\nmetadata:\n  name: ${name}\nspec:\n  title: ${name}\n${parent === undefined ? "" : `  parentRef:\n    name: ${parent}\n`}---\n`;
    await push(file("gone.md", product("gone")), file("z.md", category("root")));
    await push(
      file("gone.md", null),
      file("a.md", product("a")),
      file("b.md", category("leaf", "middle")),
      file("c.md", category("middle", "root")),
      file("bad.md", "---\napiVersion: x\nkind: [\n---\n"),
    );
    const ops = world.ledger.chunks.at(-1)?.ops ?? [];
    expect(ops.map(({ op, path }) => `${op} ${path}`)).toEqual([
      "delete gone.md",
      "upsert c.md",
      "upsert b.md",
      "upsert a.md",
      "fail bad.md",
    ]);
  });
});
