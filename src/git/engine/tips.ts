/** The commits behind refs whose files are not read: tags, and branches that no pattern matches. */
import { GitRemoteError } from "../remote/errors.ts";
import { type ObjectStore, type ParsedCommit, parseCommit, parseTagTarget } from "../remote/objects.ts";
import type { GitRemote } from "../remote/remote.ts";

export interface Tip {
  /** What the object leads to, through every tag on the way. */
  peeled: string;
  /** Null where that is no commit. */
  commit: ParsedCommit | null;
}

/** With filters a commit is a few hundred bytes; without, each brings its snapshot, less what they share. */
const BATCH_FILTERED = 500;
const BATCH_WHOLE = 20;

/**
 * Reads tips by id. One that cannot be read (the remote does not have it, or its snapshot is over the limits where the
 * server has no filters) is left out: an event without its commit's message is better than no event.
 */
export async function readTips(remote: GitRemote, oids: readonly string[]): Promise<Map<string, Tip>> {
  const tips = new Map<string, Tip>();
  const wanted = [...new Set(oids)];
  if (wanted.length === 0) return tips;
  const size = (await remote.supportsFilter()) ? BATCH_FILTERED : BATCH_WHOLE;
  for (let at = 0; at < wanted.length; at += size) await readBatch(remote, wanted.slice(at, at + size), tips);
  return tips;
}

async function readBatch(remote: GitRemote, oids: string[], tips: Map<string, Tip>): Promise<void> {
  try {
    const store = await remote.fetch({ wants: oids, depth: 1, filter: "tree:0" });
    for (const oid of oids) {
      const tip = readTip(store, oid);
      if (tip !== undefined) tips.set(oid, tip);
    }
  } catch (error) {
    if (!(error instanceof GitRemoteError) || !SKIPPED.has(error.code)) throw error;
    // One bad id fails the whole request: by halves, so that only it is left out.
    if (oids.length === 1) return;
    const middle = oids.length >> 1;
    await readBatch(remote, oids.slice(0, middle), tips);
    await readBatch(remote, oids.slice(middle), tips);
  }
}

/** Tags of tags that are followed; a chain cannot be a circle, since ids are hashes. */
const MAX_TAG_DEPTH = 10;

function readTip(store: ObjectStore, oid: string): Tip | undefined {
  let peeled = oid;
  for (let depth = 0; depth < MAX_TAG_DEPTH; depth++) {
    const object = store.get(peeled);
    if (object === undefined) return undefined;
    if (object.type === "commit") return { peeled, commit: parseCommit(peeled, object) };
    if (object.type !== "tag") return { peeled, commit: null };
    peeled = parseTagTarget(peeled, object).oid;
  }
  return undefined;
}

const SKIPPED: ReadonlySet<string> = new Set(["ObjectNotFound", "BadResponse", "FetchTooLarge"]);
