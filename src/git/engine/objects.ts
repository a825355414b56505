/** The objects that one move needs, fetched as few times as the remote allows and kept for that move only. */
import { GitRemoteError } from "../remote/errors.ts";
import { type ObjectStore, type ParsedCommit, parseCommit, parseTree, type TreeEntry } from "../remote/objects.ts";
import type { GitObject } from "../remote/pack.ts";
import type { GitRemote } from "../remote/remote.ts";

/** Ids in one request: more would make a request line list of megabytes. */
const WANTS_PER_FETCH = 1_000;
/** Trees fetched one by one before the whole snapshot is cheaper than another round trip. */
const MAX_SINGLE_TREES = 4;

export class MoveObjects {
  readonly #remote: GitRemote;
  readonly #commit: string;
  readonly #stores: ObjectStore[] = [];
  #snapshot = false;
  #singleTrees = 0;
  #forced = false;

  /** Nothing is fetched until it is needed. */
  static lazily(remote: GitRemote, commit: string): MoveObjects {
    return new MoveObjects(remote, commit);
  }

  private constructor(remote: GitRemote, commit: string) {
    this.#remote = remote;
    this.#commit = commit;
  }

  /**
   * Fetches what leads from `base` to `commit`: without a depth, so that the commits received tell ancestry exactly,
   * and with the trees and blobs that changed. A base the server no longer has (a rewritten history, collected) is no
   * ancestor of anything it serves; then, and without a base, the commit's snapshot alone is fetched.
   */
  static async load(remote: GitRemote, commit: string, base: string | null): Promise<MoveObjects> {
    const objects = new MoveObjects(remote, commit);
    if (base !== null && base !== commit) await objects.#fetchSince(base);
    if (objects.get(commit) === undefined) await objects.#fetchSnapshot();
    return objects;
  }

  async #fetchSince(base: string): Promise<void> {
    try {
      const store = await this.#remote.fetch({ wants: [this.#commit], haves: [base] });
      this.#forced = !reaches(store, this.#commit, base);
      this.#stores.push(store);
    } catch (error) {
      // A long history in between may be over the limits where its end is not: the commits alone tell ancestry.
      const tooLarge = error instanceof GitRemoteError && error.code === "FetchTooLarge";
      if (!tooLarge || !(await this.#remote.supportsFilter())) throw error;
      this.#forced = !(await isAncestor(this.#remote, base, this.#commit));
    }
  }

  /** Whether the base is no ancestor of the commit; false without a base. */
  get forced(): boolean {
    return this.#forced;
  }

  commit(): ParsedCommit {
    const object = this.get(this.#commit);
    if (object === undefined) throw missing([this.#commit]);
    return parseCommit(this.#commit, object);
  }

  get(oid: string): GitObject | undefined {
    for (const store of this.#stores) {
      const object = store.get(oid);
      if (object !== undefined) return object;
    }
    return undefined;
  }

  async tree(oid: string): Promise<TreeEntry[]> {
    if (this.get(oid) === undefined) {
      this.#singleTrees++;
      if (this.#singleTrees > MAX_SINGLE_TREES) await this.#fetchSnapshot();
      else await this.need([oid]);
    }
    const object = this.get(oid);
    if (object === undefined) throw missing([oid]);
    return parseTree(oid, object);
  }

  /**
   * Makes these objects present. A server leaves out what the base's history has, such as the old content that a
   * revert brings back; it is asked for by id, and where the server refuses that, the whole snapshot is fetched.
   */
  async need(oids: readonly string[]): Promise<void> {
    let absent = oids.filter((oid) => this.get(oid) === undefined);
    for (let at = 0; at < absent.length && !this.#snapshot; at += WANTS_PER_FETCH) {
      try {
        this.#stores.push(await this.#remote.fetch({ wants: absent.slice(at, at + WANTS_PER_FETCH) }));
      } catch (error) {
        if (!(error instanceof GitRemoteError) || !REFUSED.has(error.code)) throw error;
        await this.#fetchSnapshot();
      }
    }
    absent = absent.filter((oid) => this.get(oid) === undefined);
    if (absent.length > 0) await this.#fetchSnapshot();
    absent = absent.filter((oid) => this.get(oid) === undefined);
    if (absent.length > 0) throw missing(absent);
  }

  async #fetchSnapshot(): Promise<void> {
    if (this.#snapshot) return;
    this.#stores.push(await this.#remote.fetch({ wants: [this.#commit], depth: 1 }));
    this.#snapshot = true;
  }
}

const REFUSED: ReadonlySet<string> = new Set(["ObjectNotFound", "BadResponse"]);

/** Whether a walk over received commits leads from one to the other. */
export function reaches(store: ObjectStore, from: string, target: string): boolean {
  const seen = new Set([from]);
  for (const oid of seen) {
    if (oid === target) return true;
    const object = store.get(oid);
    if (object?.type === "commit") for (const parent of parseCommit(oid, object).parents) seen.add(parent);
  }
  return false;
}

/** Whether `descendant` has `ancestor` in its history. A commit that the server does not have is in nobody's. */
export async function isAncestor(remote: GitRemote, ancestor: string, descendant: string): Promise<boolean> {
  if (ancestor === descendant) return true;
  const store = await remote.fetch({ wants: [descendant], haves: [ancestor], filter: "tree:0" });
  return store.common.length > 0 && reaches(store, descendant, ancestor);
}

function missing(oids: readonly string[]): GitRemoteError {
  const more = oids.length > 1 ? ` and ${oids.length - 1} others` : "";
  return new GitRemoteError("ObjectNotFound", `the remote does not send object ${oids[0]}${more}`);
}
