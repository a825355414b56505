/** What a branch's new tip, or its end, changes: reads what the pure plan asks for, and hands it over. */
import type { LedgerApi } from "../../ledger/api.ts";
import type { KindRegistry } from "../../resource/kind.ts";
import { registryWith } from "../../resource/registry.ts";
import type { JsonObject, KindKey } from "../../resource/types.ts";
import {
  type ChangePlan,
  changedPaths,
  contestedPaths,
  type PlanOp,
  pathsToLookAtAgain,
  planChanges,
} from "../plan/changes.ts";
import { type Outcome, planned } from "../plan/claims.ts";
import { type BranchIndex, branchIndex, listTree, type TreeListing } from "../plan/files.ts";
import { GitRemoteError } from "../remote/errors.ts";
import { ledgerValue } from "./errors.ts";
import type { MoveObjects } from "./objects.ts";
import { DEFINITION, definedKind, mayDefine, type ReadFile, type Reading } from "./read.ts";

/** Of a push, and so of a first look: more is refused as a whole (contract, events: Limit). */
export const MAX_CHANGED_FILES = 100_000;
/** Of files whose candidates are kept from reading to sending; those of more are read once more when they are sent. */
const KEPT_BYTES = 4 * 1_048_576;
const INDEX_PAGE = 5_000;

export interface BranchContext {
  ledger: LedgerApi;
  repository: string;
  branch: string;
  read: ReadFile;
}

export async function readIndex({ ledger, repository, branch }: BranchContext): Promise<BranchIndex> {
  const entries = [];
  let after: string | undefined;
  do {
    const query = { repository, branch, limit: INDEX_PAGE, ...(after !== undefined && { after }) };
    const page = ledgerValue(await ledger.index(query));
    entries.push(...page.entries);
    after = page.next;
  } while (after !== undefined);
  return branchIndex(entries);
}

/** The plan from what the branch's index says to the tree of the commit that `objects` was loaded for. */
export async function planTip(context: BranchContext, objects: MoveObjects): Promise<ChangePlan> {
  const index = await readIndex(context);
  const tooMany = () => tooManyFiles(`the tree has more than ${MAX_CHANGED_FILES} resource files`);
  const limit = { maxFiles: MAX_CHANGED_FILES, tooMany };
  const tree = await listTree(objects.commit().tree, index, (oid) => objects.tree(oid), limit);
  const reader = new TreeReader(context, objects, tree);

  const changed = changedPaths(index, tree);
  if (changed.length > MAX_CHANGED_FILES) throw tooManyFiles(`${changed.length} files changed`);
  await reader.learnDefinitions(changed.filter(mayDefine));
  await reader.read(changed);
  if (reader.newKinds.size > 0) await reader.readAgain(index, pathsToLookAtAgain(index, tree, reader.newKinds));
  await reader.read(contestedPaths(index, tree, reader.outcomes));
  const plan = planChanges(index, tree, reader.outcomes);
  for (const item of plan.items) if (reader.bringsKind(item.op)) item.bringsKind = true;
  return plan;
}

class TreeReader {
  readonly outcomes = new Map<string, Outcome>();
  /** Kinds whose definition is among the changed files. */
  readonly newKinds = new Set<KindKey>();
  readonly #context: BranchContext;
  readonly #objects: MoveObjects;
  readonly #tree: TreeListing;
  #registry: KindRegistry | undefined;
  readonly #inForce = new Set<KindKey>();
  #kept = 0;

  constructor(context: BranchContext, objects: MoveObjects, tree: TreeListing) {
    this.#context = context;
    this.#objects = objects;
    this.#tree = tree;
  }

  /** The kinds in force, with the push's own definitions instead of theirs: a push may bring a kind and its objects. */
  async learnDefinitions(paths: readonly string[]): Promise<void> {
    const specs = new Map<KindKey, JsonObject>();
    for (const text of ledgerValue(await this.#context.ledger.definitions()).specs) {
      const spec = JSON.parse(text) as JsonObject;
      specs.set(definedKind(spec), spec);
      this.#inForce.add(definedKind(spec));
    }
    this.#registry = registryWith([...specs.values()].map((spec) => ({ spec })));
    await this.read(paths);
    for (const path of paths) {
      const outcome = this.outcomes.get(path);
      if (outcome?.outcome !== "resource") {
        // Read before all kinds were known: to be read again with the others.
        this.outcomes.delete(path);
        continue;
      }
      if (outcome.identity.kind !== DEFINITION) continue;
      const { spec } = outcome.candidate().resource;
      const kind = definedKind(spec);
      specs.set(kind, spec);
      this.newKinds.add(kind);
    }
    this.#registry = registryWith([...specs.values()].map((spec) => ({ spec })));
  }

  bringsKind(op: PlanOp): boolean {
    if (op.op !== "upsert" || op.identity.kind !== DEFINITION) return false;
    return !this.#inForce.has(definedKind(op.candidate().resource.spec));
  }

  async read(paths: readonly string[]): Promise<void> {
    const unread = paths.filter((path) => !this.outcomes.has(path));
    await this.#objects.need(unread.map((path) => this.#blob(path)));
    for (const path of unread) this.outcomes.set(path, this.#outcome(path));
  }

  /**
   * Files that did not change, under changed kinds. What is a resource now counts, and what was of an unknown kind and
   * is wrong in another way. What had an identity already and is refused keeps the errors it was refused with: where a
   * changed kind would refuse what is admitted, that is the definition's fault, not the file's.
   */
  async readAgain(index: BranchIndex, paths: readonly string[]): Promise<void> {
    await this.#objects.need(paths.map((path) => this.#blob(path)));
    for (const path of paths) {
      const outcome = this.#outcome(path);
      const wasUnknown = index.files.get(path)?.identity === null;
      const isKnown = outcome.outcome === "invalid" && outcome.identity !== undefined && wasUnknown;
      if (outcome.outcome === "resource" || isKnown) this.outcomes.set(path, outcome);
    }
  }

  #blob(path: string): string {
    return this.#tree.files.get(path) ?? "";
  }

  #outcome(path: string): Outcome {
    const reading = this.#readFile(path);
    if (reading.outcome !== "resource") return reading;
    const { candidate } = reading;
    this.#kept += this.#objects.get(this.#blob(path))?.data.length ?? 0;
    if (this.#kept <= KEPT_BYTES) return { outcome: "resource", ...planned(candidate, () => candidate) };
    const again = () => {
      const second = this.#readFile(path);
      if (second.outcome !== "resource") throw new Error(`${path} was a resource, and is ${second.outcome}`);
      return second.candidate;
    };
    return { outcome: "resource", ...planned(candidate, again) };
  }

  #readFile(path: string): Reading {
    const object = this.#objects.get(this.#blob(path));
    if (object === undefined || this.#registry === undefined) throw new Error(`${path} was not fetched`);
    return this.#context.read(path, object.data, this.#registry);
  }
}

function tooManyFiles(found: string): GitRemoteError {
  return new GitRemoteError("FetchTooLarge", `${found}: at most ${MAX_CHANGED_FILES} are applied in one push`);
}
