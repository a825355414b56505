/** Which files of a tree are looked at, and the listing that a plan compares. */
import type { IndexEntry } from "../../ledger/api.ts";
import { isResourcePath } from "../../resource/parse.ts";
import type { TreeEntry } from "../remote/objects.ts";

/** A branch's index, in memory while a push is planned. */
export interface BranchIndex {
  /** Files, by path. */
  files: Map<string, IndexedFile>;
  /** Directories (`products/`; the root is `/`) → the tree whose files the rows beneath it are. */
  directories: Map<string, string>;
}

export interface IndexedFile {
  oid: string;
  identity: IndexEntry["identity"];
}

export function branchIndex(entries: Iterable<IndexEntry>): BranchIndex {
  const index: BranchIndex = { files: new Map(), directories: new Map() };
  for (const { path, oid, identity } of entries) {
    if (oid === null) continue;
    if (path.endsWith("/")) index.directories.set(path, oid);
    else index.files.set(path, { oid, identity });
  }
  return index;
}

export interface TreeListing {
  /** Resource files, path → blob. */
  files: Map<string, string>;
  /** Directories that hold resource files, and the root: path → tree. */
  directories: Map<string, string>;
}

export const ROOT = "/";

/**
 * Lists the resource files of a tree. A directory whose tree is the one that its index row names is not walked: its
 * files are taken from the index. That is what makes a push cost what it changed, and what lets a fetch leave out the
 * trees that did not. `readTree` gets a tree that is needed; over `maxFiles` it throws what `tooMany` makes.
 */
export async function listTree(
  root: string,
  index: BranchIndex,
  readTree: (oid: string, path: string) => Promise<TreeEntry[]>,
  limit: { maxFiles: number; tooMany: () => Error },
): Promise<TreeListing> {
  const listing: TreeListing = { files: new Map(), directories: new Map() };
  const filesBeneath = prefixSearch(index.files);
  const directoriesBeneath = prefixSearch(index.directories);
  const add = (path: string, oid: string) => {
    listing.files.set(path, oid);
    if (listing.files.size > limit.maxFiles) throw limit.tooMany();
  };
  const pending: { path: string; oid: string }[] = [{ path: ROOT, oid: root }];
  for (let next = pending.pop(); next !== undefined; next = pending.pop()) {
    const { path, oid } = next;
    const prefix = path === ROOT ? "" : path;
    if (index.directories.get(path) === oid) {
      listing.directories.set(path, oid);
      for (const [directory, tree] of directoriesBeneath(prefix)) listing.directories.set(directory, tree);
      for (const [file, row] of filesBeneath(prefix)) add(file, row.oid);
      continue;
    }
    listing.directories.set(path, oid);
    for (const entry of await readTree(oid, path)) {
      if (entry.type === "tree") pending.push({ path: `${prefix}${entry.name}/`, oid: entry.oid });
      else if (entry.type === "file" && isResourcePath(prefix + entry.name)) add(prefix + entry.name, entry.oid);
    }
  }
  return listing;
}

/** Entries whose key begins with a prefix, by binary search: a scan for each unchanged directory would be quadratic. */
function prefixSearch<T>(map: ReadonlyMap<string, T>): (prefix: string) => Iterable<[string, T]> {
  let sorted: string[] | undefined;
  return function* (prefix) {
    sorted ??= [...map.keys()].sort();
    let low = 0;
    for (let high = sorted.length; low < high; ) {
      const middle = (low + high) >> 1;
      if ((sorted[middle] ?? "") < prefix) low = middle + 1;
      else high = middle;
    }
    for (let at = low; at < sorted.length; at++) {
      const key = sorted[at] ?? "";
      if (!key.startsWith(prefix)) return;
      const value = map.get(key);
      if (value !== undefined) yield [key, value];
    }
  };
}
