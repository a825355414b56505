/**
 * Who claims which identity. Identity is what matters, not the path (contract, resources: Identity), so what happens to
 * a resource is decided by comparing the files that claim it before and after, however they moved.
 */
import type { Stage } from "../../admission/types.ts";
import type { Candidate, FieldError, Identity } from "../../resource/types.ts";
import type { BranchIndex, TreeListing } from "./files.ts";

/**
 * What a file gives, as far as a plan needs it. A candidate is made when its op is sent: those of a large tree, all at
 * once, are more than an object's memory.
 */
export type Outcome =
  | { outcome: "ignored" }
  | ({ outcome: "resource" } & PlannedResource)
  /** `identity` is there when kind and name could still be read. */
  | { outcome: "invalid"; identity?: Identity; stage: Stage; errors: FieldError[] };

export interface PlannedResource {
  identity: Identity;
  /** The kind's short name, `Product`. */
  kind: string;
  /** The object that a category names as its parent. */
  parent?: Identity;
  candidate: () => Candidate;
}

/** A candidate, kept or not as `candidate` decides, as a plan sees it. */
export function planned(parsed: Candidate, candidate: () => Candidate): PlannedResource {
  const parent = parsed.references.find((reference) => reference.role === "parent");
  return {
    identity: parsed.identity,
    kind: parsed.resource.kind,
    candidate,
    ...(parent !== undefined && { parent: { kind: parent.kind, name: parent.name } }),
  };
}

export interface Claim {
  identity: Identity;
  /** Paths of the index, sorted. */
  old: string[];
  /** Paths of the new tree that say so themselves, or are unread and did before; sorted. */
  declared: string[];
  /** Paths of the new tree that yield no identity any more, and count for the one last read from them; sorted. */
  inferred: string[];
}

export type Outcomes = ReadonlyMap<string, Outcome>;

export function identityKey(identity: Identity): string {
  return `${identity.kind}/${identity.name}`;
}

export function claims(index: BranchIndex, tree: Pick<TreeListing, "files">, outcomes: Outcomes): Map<string, Claim> {
  const all = new Map<string, Claim>();
  const of = (identity: Identity) => {
    const key = identityKey(identity);
    let claim = all.get(key);
    if (claim === undefined) {
      claim = { identity, old: [], declared: [], inferred: [] };
      all.set(key, claim);
    }
    return claim;
  };
  for (const [path, row] of index.files) if (row.identity !== null) of(row.identity).old.push(path);
  for (const path of tree.files.keys()) {
    const before = index.files.get(path)?.identity ?? null;
    const outcome = outcomes.get(path);
    if (outcome === undefined) {
      if (before !== null) of(before).declared.push(path);
    } else if (outcome.outcome === "resource") of(outcome.identity).declared.push(path);
    else if (outcome.outcome === "invalid") {
      if (outcome.identity !== undefined) of(outcome.identity).declared.push(path);
      else if (before !== null) of(before).inferred.push(path);
    }
  }
  for (const claim of all.values()) {
    claim.old.sort();
    claim.declared.sort();
    claim.inferred.sort();
  }
  return all;
}

/** Whether anything about an identity's files is different from what the index says. */
export function isAffected(claim: Claim, outcomes: Outcomes): boolean {
  const now = [...claim.declared, ...claim.inferred].sort();
  if (now.length !== claim.old.length || now.some((path, at) => path !== claim.old[at])) return true;
  return now.some((path) => outcomes.has(path));
}
