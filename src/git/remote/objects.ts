/** Parses commits, trees and tags. Source: git-cat-file(1), gitdatamodel(7). */
import type { CommitInfo } from "../../ledger/api.ts";
import { GitRemoteError } from "./errors.ts";
import { type GitObject, hex } from "./pack.ts";

/** What a fetch received, by object id. */
export interface ObjectStore {
  get(oid: string): GitObject | undefined;
  readonly size: number;
  /** Of the haves the fetch named, those that the server has. */
  readonly common: readonly string[];
}

export interface ParsedCommit extends CommitInfo {
  parents: string[];
}

export interface TreeEntry {
  name: string;
  oid: string;
  type: "tree" | "file" | "other";
}

/** A commit's message may be megabytes long; an event carries this much of it. */
export const MAX_MESSAGE_CHARS = 8_192;

export function parseCommit(sha: string, object: GitObject): ParsedCommit {
  if (object.type !== "commit") throw malformed(sha, `it is a ${object.type}, not a commit`);
  const text = new TextDecoder().decode(object.data);
  const { headers, message } = splitHeaders(text);
  const tree = headers.find(([key]) => key === "tree")?.[1];
  if (tree === undefined) throw malformed(sha, "a commit without a tree");
  return {
    sha,
    tree,
    parents: headers.filter(([key]) => key === "parent").map(([, value]) => value),
    author: person(headers.find(([key]) => key === "author")?.[1] ?? ""),
    committer: person(headers.find(([key]) => key === "committer")?.[1] ?? ""),
    message: message.slice(0, MAX_MESSAGE_CHARS),
  };
}

/** The object that an annotated tag points to. */
export function parseTagTarget(sha: string, object: GitObject): { oid: string; type: string } {
  const { headers } = splitHeaders(new TextDecoder().decode(object.data));
  const oid = headers.find(([key]) => key === "object")?.[1];
  const type = headers.find(([key]) => key === "type")?.[1];
  if (object.type !== "tag" || oid === undefined || type === undefined) throw malformed(sha, "not a tag object");
  return { oid, type };
}

export function parseTree(sha: string, object: GitObject): TreeEntry[] {
  if (object.type !== "tree") throw malformed(sha, `it is a ${object.type}, not a tree`);
  const { data } = object;
  const entries: TreeEntry[] = [];
  for (let at = 0; at < data.length; ) {
    const space = data.indexOf(0x20, at);
    const nul = data.indexOf(0, space);
    if (space < 0 || nul < 0 || nul + 21 > data.length) throw malformed(sha, "a tree that is cut short");
    const mode = String.fromCharCode(...data.subarray(at, space));
    const name = new TextDecoder().decode(data.subarray(space + 1, nul));
    // Symbolic links (120000) and submodules (160000) hold no resource: following either would leave the tree.
    const type = mode === "40000" || mode === "040000" ? "tree" : mode.startsWith("100") ? "file" : "other";
    entries.push({ name, oid: hex(data.subarray(nul + 1, nul + 21)), type });
    at = nul + 21;
  }
  return entries;
}

function splitHeaders(text: string): { headers: [string, string][]; message: string } {
  const end = text.indexOf("\n\n");
  const block = end < 0 ? text : text.slice(0, end);
  const headers: [string, string][] = [];
  for (const line of block.split("\n")) {
    // A line that begins with a space continues the one before (gpgsig, mergetag).
    if (line.startsWith(" ")) continue;
    const space = line.indexOf(" ");
    if (space > 0) headers.push([line.slice(0, space), line.slice(space + 1)]);
  }
  return { headers, message: end < 0 ? "" : text.slice(end + 2) };
}

/** `Name <email> 1700000000 +0100`; the time keeps the author's offset. */
function person(line: string): { name: string; email: string; time: string } {
  const match = /^([^<]*)<([^>]*)>\s*(-?\d+)?\s*([+-]\d{4})?/.exec(line);
  const seconds = Number(match?.[3] ?? 0);
  return { name: (match?.[1] ?? "").trim(), email: match?.[2] ?? "", time: isoTime(seconds, match?.[4] ?? "+0000") };
}

function isoTime(seconds: number, offset: string): string {
  const minutes = (offset.startsWith("-") ? -1 : 1) * (Number(offset.slice(1, 3)) * 60 + Number(offset.slice(3, 5)));
  const local = new Date((seconds + minutes * 60) * 1000);
  if (Number.isNaN(local.getTime())) return "1970-01-01T00:00:00Z";
  const text = local.toISOString().slice(0, 19);
  return minutes === 0 ? `${text}Z` : `${text}${offset.slice(0, 3)}:${offset.slice(3)}`;
}

function malformed(sha: string, what: string): GitRemoteError {
  return new GitRemoteError("BadResponse", `object ${sha} is malformed: ${what}`);
}
