/** From a branch's index and a new tree to what is asked of the ledger. Pure; reading files is the caller's. */
import type { Stage } from "../../admission/types.ts";
import type { IndexEntry, PushOp } from "../../ledger/api.ts";
import type { FieldError, Identity, KindKey } from "../../resource/types.ts";
import { type Claim, claims, isAffected, type Outcome, type Outcomes, type PlannedResource } from "./claims.ts";
import { duplicateErrors } from "./duplicate.ts";
import type { BranchIndex, TreeListing } from "./files.ts";
import { inOrder } from "./order.ts";

export type PlanOp =
  | ({ op: "upsert"; path: string; blob: string } & PlannedResource)
  | Exclude<PushOp, { op: "upsert" }>;

/** One op with everything that must travel in its transaction. */
export interface PlanItem {
  op: PlanOp;
  parsed?: { kind: string; name: string; path: string; blob: string };
  rows: IndexEntry[];
  /** A definition of a kind that is not in force yet. Objects of it follow in a later transaction. */
  bringsKind?: boolean;
  /** The other branch's version that a deleted branch's resource goes back to. */
  heldBy?: { branch: string; commit: string };
}

export interface ChangePlan {
  /** In the order they are to be applied. */
  items: PlanItem[];
  /** Index rows that belong to no op, for the first transaction and for the last. */
  first: IndexEntry[];
  last: IndexEntry[];
  changed: { files: number; resources: number; deleted: number };
}

/** Files that are new or have other content than the index says. */
export function changedPaths(index: BranchIndex, tree: TreeListing): string[] {
  const paths: string[] = [];
  for (const [path, oid] of tree.files) if (index.files.get(path)?.oid !== oid) paths.push(path);
  return paths.sort();
}

/**
 * Unchanged files that a change of definitions may give another outcome: those of the kinds that changed, and those
 * that gave no identity, among which are the files of kinds that were unknown.
 */
export function pathsToLookAtAgain(index: BranchIndex, tree: TreeListing, kinds: ReadonlySet<KindKey>): string[] {
  const paths: string[] = [];
  for (const [path, oid] of tree.files) {
    const row = index.files.get(path);
    if (row?.oid === oid && (row.identity === null || kinds.has(row.identity.kind))) paths.push(path);
  }
  return paths.sort();
}

/**
 * Unchanged files that must be read all the same: where several files claim one identity, to know which of them say so
 * themselves; and the one that is left when the others have gone, since it was refused as long as they were there.
 */
export function contestedPaths(index: BranchIndex, tree: TreeListing, outcomes: Outcomes): string[] {
  const paths: string[] = [];
  for (const claim of claims(index, tree, outcomes).values()) {
    const now = [...claim.declared, ...claim.inferred];
    if ((now.length < 2 && claim.old.length < 2) || !isAffected(claim, outcomes)) continue;
    for (const path of now) if (!outcomes.has(path)) paths.push(path);
  }
  return paths.sort();
}

/** `outcomes` holds every changed path, and whatever else the functions above asked for. */
export function planChanges(index: BranchIndex, tree: TreeListing, outcomes: Outcomes): ChangePlan {
  const plan = new Planner(index, tree, outcomes);
  for (const claim of claims(index, tree, outcomes).values()) {
    if (isAffected(claim, outcomes)) plan.claim(claim);
  }
  return plan.finish();
}

type Refusal = { identity?: Identity; stage: Stage; errors: FieldError[] };

class Planner {
  readonly #index: BranchIndex;
  readonly #tree: TreeListing;
  readonly #outcomes: Outcomes;
  readonly #items: PlanItem[] = [];
  /** Paths whose index row is dealt with. */
  readonly #settled = new Set<string>();

  constructor(index: BranchIndex, tree: TreeListing, outcomes: Outcomes) {
    this.#index = index;
    this.#tree = tree;
    this.#outcomes = outcomes;
  }

  claim(claim: Claim): void {
    const { identity, declared, inferred } = claim;
    const before = this.#items.length;
    if (declared.length === 0 && inferred.length === 0) {
      const path = claim.old[0];
      if (path !== undefined) this.#items.push({ op: { op: "delete", path, identity }, rows: this.#removals(claim) });
      return;
    }
    const [only] = declared;
    if (declared.length >= 2) {
      for (const path of declared) {
        const outcome = this.#outcomes.get(path);
        const found =
          outcome?.outcome === "resource"
            ? { candidate: outcome.candidate() }
            : { errors: outcome?.outcome === "invalid" ? outcome.errors : [] };
        const errors = duplicateErrors(identity, path, declared, found);
        this.#fail(path, { identity, stage: "parse", errors }, identity);
      }
    } else if (only !== undefined) this.#accept(only, claim);
    // Where another file says it is this resource, one that only used to counts for it no longer.
    for (const path of inferred) {
      const outcome = this.#outcomes.get(path);
      if (outcome?.outcome !== "invalid") continue;
      if (declared.length === 0) this.#fail(path, { ...outcome, identity }, identity);
      else this.#fail(path, outcome, null);
    }
    if (this.#items.length > before) this.#items.at(-1)?.rows.push(...this.#removals(claim));
  }

  finish(): ChangePlan {
    for (const [path, outcome] of this.#outcomes) {
      if (this.#settled.has(path)) continue;
      if (outcome.outcome === "invalid") this.#fail(path, outcome, outcome.identity ?? null);
    }
    const { first, last, files } = this.#rowsWithoutOps();
    const items = inOrder(this.#items);
    const count = (op: PlanOp["op"]) => items.filter((item) => item.op.op === op).length;
    return { items, first, last, changed: { files, resources: count("upsert"), deleted: count("delete") } };
  }

  #accept(path: string, claim: Claim): void {
    const outcome = this.#outcomes.get(path);
    const blob = this.#tree.files.get(path) ?? "";
    if (outcome?.outcome === "resource") {
      const { outcome: _, ...resource } = outcome;
      const op = { op: "upsert" as const, path, blob, ...resource };
      this.#items.push({ op, parsed: parsedOf(path, blob, outcome), rows: [this.#row(path, claim.identity)] });
      this.#settled.add(path);
    } else if (outcome?.outcome === "invalid") this.#fail(path, outcome, claim.identity);
  }

  /** `row` is the identity that the file's index row keeps. */
  #fail(path: string, why: Refusal, row: Identity | null): void {
    const blob = this.#tree.files.get(path) ?? "";
    const outcome = this.#outcomes.get(path);
    const item: PlanItem = {
      op: {
        op: "fail",
        path,
        blob,
        stage: why.stage,
        errors: why.errors,
        ...(why.identity && { identity: why.identity }),
      },
      rows: [this.#row(path, row)],
    };
    if (outcome?.outcome === "resource" && this.#index.files.get(path)?.oid !== blob) {
      item.parsed = parsedOf(path, blob, outcome);
    }
    this.#items.push(item);
    this.#settled.add(path);
  }

  #row(path: string, identity: Identity | null): IndexEntry {
    return { path, oid: this.#tree.files.get(path) ?? null, identity };
  }

  /** Rows of the claim's paths that left the tree: they go with its op, so that no step between forgets the identity. */
  #removals(claim: Claim): IndexEntry[] {
    const gone = claim.old.filter((path) => !this.#tree.files.has(path) && !this.#settled.has(path));
    for (const path of gone) this.#settled.add(path);
    return gone.map((path) => ({ path, oid: null, identity: null }));
  }

  #rowsWithoutOps(): { first: IndexEntry[]; last: IndexEntry[]; files: number } {
    const first: IndexEntry[] = [];
    const last: IndexEntry[] = [];
    let files = 0;
    for (const [path, row] of this.#index.files) {
      const oid = this.#tree.files.get(path);
      if (oid !== row.oid) files++;
      if (oid === undefined && !this.#settled.has(path)) last.push({ path, oid: null, identity: null });
    }
    for (const path of this.#tree.files.keys()) {
      const row = this.#index.files.get(path);
      if (row === undefined) files++;
      const outcome = this.#outcomes.get(path);
      if (outcome?.outcome !== "ignored" || this.#settled.has(path)) continue;
      // Removed first, so that what the ledger kept about a refused file of this path goes too.
      if (row !== undefined) last.push({ path, oid: null, identity: null });
      last.push(this.#row(path, null));
    }
    // A directory's row says that all rows beneath it are the tree's. While a push is half applied that is not so.
    for (const [path, oid] of this.#index.directories) {
      if (this.#tree.directories.get(path) !== oid) first.push({ path, oid: null, identity: null });
    }
    for (const [path, oid] of this.#tree.directories) {
      if (this.#index.directories.get(path) !== oid) last.push({ path, oid, identity: null });
    }
    return { first, last, files };
  }
}

function parsedOf(path: string, blob: string, { kind, identity }: Extract<Outcome, { outcome: "resource" }>) {
  return { kind, name: identity.name, path, blob };
}
