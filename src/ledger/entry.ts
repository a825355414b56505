import type { KindKey } from "../resource/types.ts";

export const ADDED = 1;
export const MODIFIED = 2;
export const DELETED = 3;
/** A log entry without an object behind it; watched as ADDED. */
export const LOGGED = 4;
export type EntryType = typeof ADDED | typeof MODIFIED | typeof DELETED | typeof LOGGED;

/** Whether a row ends its transaction, and whether frames are cut behind it (a property of the log, not of a watcher). */
export const INSIDE = 0;
export const ENDS = 1;
export const CUTS = 2;

/** Frames are cut at the end of the transaction that crosses each of these many bytes of log. */
export const CUT_BYTES = 256 * 1024;

export const GIT_EVENT: KindKey = "GitEvent.events.gitstore.dev";

/** One row of the log: one resourceVersion, one change of one object (or one GitEvent). */
export interface Entry {
  rv: number;
  type: EntryType;
  kind: KindKey;
  name: string;
  /** The version it replaced; 0: none. */
  prev: number;
  last: number;
  /** Milliseconds since 1970. */
  at: number;
  /** `Selectable` as JSON: what filters read. */
  sel: string;
  /** The same of the version before; null: none, or no different. */
  psel: string | null;
  /** The whole object, ASCII only, so that frames are joined without re-encoding. */
  json: string;
}

/** Labels and the kind's selectable fields of one version. */
export interface Selectable {
  l: Record<string, string>;
  f: Record<string, string>;
}

/** What the ledger keeps about an object beside it; never shown. */
export interface HeadMeta {
  /** uid of the repository that holds the identity; absent: owned by nobody, or by the API. */
  repo?: string;
  path?: string;
  branch?: string;
  digest: string;
  specDigest: string;
  /** Per branch, the last commit there that gave the admitted state. */
  holders?: Record<string, string>;
  /** Who owns each condition type, and `resolved` (as `$resolved`). Absent: nobody yet. */
  owners?: Record<string, string>;
}

/** What is remembered of an identity whose admitted state is its absence. */
export interface TombstoneMeta {
  repo?: string;
  holders?: Record<string, string>;
}
