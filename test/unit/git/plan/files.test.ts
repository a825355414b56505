import { describe, expect, it } from "vitest";
import { branchIndex, listTree } from "../../../../src/git/plan/files.ts";
import type { TreeEntry } from "../../../../src/git/remote/objects.ts";

const file = (name: string, oid: string): TreeEntry => ({ name, oid, type: "file" });
const dir = (name: string, oid: string): TreeEntry => ({ name, oid, type: "tree" });
const trees: Record<string, TreeEntry[]> = {
  root: [
    dir(".gitstore", "defs"),
    file("README.md", "r"),
    file("logo.png", "l"),
    dir("p", "products"),
    file("x.yaml", "x"),
    { name: "link.md", oid: "k", type: "other" },
  ],
  defs: [file("crd.yaml", "c1"), file("more.yml", "c2"), file("note.txt", "n")],
  products: [file("a.md", "a"), dir("deep", "deeper")],
  deeper: [file("b.md", "b")],
};

function list(index = branchIndex([]), maxFiles = 100) {
  const read: string[] = [];
  const readTree = async (oid: string, path: string) => {
    read.push(path);
    const entries = trees[oid];
    if (entries === undefined) throw new Error(`no tree ${oid}`);
    return entries;
  };
  const listing = listTree("root", index, readTree, { maxFiles, tooMany: () => new Error("too many") });
  return listing.then(({ files, directories }) => ({
    files: Object.fromEntries(files),
    directories: Object.fromEntries(directories),
    read: read.sort(),
  }));
}

const all = {
  "README.md": "r",
  ".gitstore/crd.yaml": "c1",
  ".gitstore/more.yml": "c2",
  "p/a.md": "a",
  "p/deep/b.md": "b",
};
const directories = { "/": "root", ".gitstore/": "defs", "p/": "products", "p/deep/": "deeper" };

describe("a tree's listing", () => {
  it("has the files that can hold a resource, and every directory", async () => {
    expect(await list()).toEqual({ files: all, directories, read: [".gitstore/", "/", "p/", "p/deep/"] });
  });

  const row = (path: string, oid: string) => ({ path, oid, identity: null });
  const rows = [...Object.entries(all), ...Object.entries(directories)].map(([path, oid]) => row(path, oid));

  it("takes what is beneath an unchanged directory from the index, without its trees", async () => {
    const changedRoot = rows.map((entry) => (entry.path === "/" ? row("/", "old") : entry));
    expect(await list(branchIndex(changedRoot))).toEqual({ files: all, directories, read: ["/"] });
    expect(await list(branchIndex(rows))).toEqual({ files: all, directories, read: [] });
    const changedInside = rows.map((entry) => (["/", "p/"].includes(entry.path) ? row(entry.path, "old") : entry));
    expect((await list(branchIndex(changedInside))).read).toEqual(["/", "p/"]);
  });

  it("does not take a sibling whose name begins alike for what is beneath", async () => {
    const index = branchIndex([row("p/", "products"), row("p/a.md", "a"), row("p-old/z.md", "z"), row("p.md", "m")]);
    expect((await list(index)).files).toEqual({
      "README.md": "r",
      ".gitstore/crd.yaml": "c1",
      ".gitstore/more.yml": "c2",
      "p/a.md": "a",
    });
  });

  it("ends at the limit", async () => {
    await expect(list(branchIndex([]), 4)).rejects.toThrow("too many");
    await expect(list(branchIndex(rows), 4)).rejects.toThrow("too many");
  });
});
