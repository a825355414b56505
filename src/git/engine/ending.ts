/** What becomes of a branch's resources when the branch is gone, or no pattern matches it any more. */
import type { IndexEntry } from "../../ledger/api.ts";
import { registryWith } from "../../resource/registry.ts";
import type { Identity, JsonObject } from "../../resource/types.ts";
import type { ChangePlan, PlanItem } from "../plan/changes.ts";
import { identityKey, planned } from "../plan/claims.ts";
import type { BranchIndex } from "../plan/files.ts";
import { inOrder } from "../plan/order.ts";
import type { GitRemote } from "../remote/remote.ts";
import { type BranchContext, readIndex } from "./branch.ts";
import { ledgerValue } from "./errors.ts";
import { MoveObjects } from "./objects.ts";

const HELD_PAGE = 1_000;

interface Held {
  identity: Identity;
  others: { branch: string; path: string; oid: string }[];
}

/**
 * What only this branch held is deleted, unless another branch has the identity: then it goes back to that branch's
 * version. `commitOf` gives the commit that is applied of another branch, where a pattern matches it.
 */
export async function planEnding(
  context: BranchContext,
  remote: GitRemote,
  commitOf: (branch: string) => string | null,
): Promise<ChangePlan> {
  const index = await readIndex(context);
  const fallbacks = new Fallbacks(context, remote);
  const rows = new RowsByIdentity(index);
  const items: PlanItem[] = [];
  const files = index.files.size;
  const held = await readHeld(context);
  await fallbacks.prefetch(held, commitOf);
  for (const { identity, others } of held) {
    const item = await fallbacks.first(identity, others, commitOf);
    const paths = rows.take(identity);
    const removals = paths.map((path) => ({ path, oid: null, identity: null }));
    if (item !== null) items.push({ ...item, rows: removals });
    else items.push({ op: { op: "delete", path: paths[0] ?? "", identity }, rows: removals });
  }
  const plan: ChangePlan = {
    items: inOrder(items),
    first: [...index.directories.keys()].map((path) => ({ path, oid: null, identity: null })),
    last: rows.rest(),
    changed: { files, resources: 0, deleted: 0 },
  };
  plan.changed.resources = items.filter((item) => item.op.op === "upsert").length;
  plan.changed.deleted = items.length - plan.changed.resources;
  return plan;
}

async function readHeld({ ledger, repository, branch }: BranchContext): Promise<Held[]> {
  const all: Held[] = [];
  let after: string | undefined;
  do {
    const query = { repository, branch, limit: HELD_PAGE, ...(after !== undefined && { after }) };
    const page = ledgerValue(await ledger.heldOnlyBy(query));
    all.push(...page.held);
    after = page.next;
  } while (after !== undefined);
  return all;
}

/** Reads other branches' versions, each branch's objects fetched once. */
class Fallbacks {
  readonly #context: BranchContext;
  readonly #remote: GitRemote;
  readonly #objects = new Map<string, MoveObjects>();
  #registry: ReturnType<typeof registryWith> | undefined;

  constructor(context: BranchContext, remote: GitRemote) {
    this.#context = context;
    this.#remote = remote;
  }

  /** In as few requests as there are branches, what `first` will most likely read. */
  async prefetch(held: readonly Held[], commitOf: (branch: string) => string | null): Promise<void> {
    const byCommit = new Map<string, string[]>();
    for (const { others } of held) {
      const other = others.find(({ branch }) => commitOf(branch) !== null);
      const commit = other === undefined ? null : commitOf(other.branch);
      if (other === undefined || commit === null) continue;
      byCommit.set(commit, [...(byCommit.get(commit) ?? []), other.oid]);
    }
    for (const [commit, oids] of byCommit) await this.#of(commit).need(oids);
  }

  /** The first branch, by name, whose file still gives the identity: one that is refused there was admitted nowhere. */
  async first(
    identity: Identity,
    others: Held["others"],
    commitOf: (branch: string) => string | null,
  ): Promise<PlanItem | null> {
    for (const { branch, path, oid } of others) {
      const commit = commitOf(branch);
      if (commit === null) continue;
      const outcome = this.#readFile(path, await this.#blob(commit, oid));
      const parsed = outcome.outcome === "resource" ? outcome.candidate : null;
      if (parsed === null || identityKey(parsed.identity) !== identityKey(identity)) continue;
      const op = { op: "upsert" as const, path, blob: oid, ...planned(parsed, () => parsed) };
      return { op, rows: [], heldBy: { branch, commit } };
    }
    return null;
  }

  async #blob(commit: string, oid: string): Promise<Uint8Array> {
    this.#registry ??= registryWith(
      ledgerValue(await this.#context.ledger.definitions()).specs.map((text) => ({
        spec: JSON.parse(text) as JsonObject,
      })),
    );
    const objects = this.#of(commit);
    await objects.need([oid]);
    return objects.get(oid)?.data ?? new Uint8Array(0);
  }

  #of(commit: string): MoveObjects {
    let objects = this.#objects.get(commit);
    if (objects === undefined) {
      objects = MoveObjects.lazily(this.#remote, commit);
      this.#objects.set(commit, objects);
    }
    return objects;
  }

  #readFile(path: string, bytes: Uint8Array) {
    if (this.#registry === undefined) throw new Error("definitions are read first");
    return this.#context.read(path, bytes, this.#registry);
  }
}

class RowsByIdentity {
  readonly #index: BranchIndex;
  readonly #byIdentity = new Map<string, string[]>();

  constructor(index: BranchIndex) {
    this.#index = index;
    for (const [path, { identity }] of index.files) {
      if (identity === null) continue;
      const paths = this.#byIdentity.get(identityKey(identity)) ?? [];
      paths.push(path);
      this.#byIdentity.set(identityKey(identity), paths.sort());
    }
  }

  /** An identity's paths, once: their rows go with its op. */
  take(identity: Identity): string[] {
    const paths = this.#byIdentity.get(identityKey(identity)) ?? [];
    this.#byIdentity.delete(identityKey(identity));
    for (const path of paths) this.#index.files.delete(path);
    return paths;
  }

  rest(): IndexEntry[] {
    return [...this.#index.files.keys()].map((path) => ({ path, oid: null, identity: null }));
  }
}
