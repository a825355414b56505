/** The pre-receive check: who pushes, syntax and schema. What it lets through, admission judges as it does any push. */
import type { KindRegistry } from "../../resource/kind.ts";
import { registryWith } from "../../resource/registry.ts";
import type { FieldError, Identity, JsonObject, KindKey } from "../../resource/types.ts";
import type { PreReceiveAnswer } from "../api.ts";
import { DEFINITION, definedKind, mayDefine, type ReadFile } from "../engine/read.ts";
import { identityKey } from "../plan/claims.ts";
import { type Duplicate, duplicateErrors } from "../plan/duplicate.ts";
import { matchesAny } from "../plan/globs.ts";
import type { PreReceivePush } from "./gather.ts";
import { ERRORS_MAX } from "./limits.ts";
import type { PushedFile, RefUpdate } from "./part.ts";

/** What of a Repository the check goes by. */
export interface CheckPolicy {
  branches: readonly string[];
  releaseTags: readonly string[];
  /** Absent: everyone. */
  pushers?: readonly string[];
}

export interface CheckContext extends CheckPolicy {
  /** Specs of the CustomResourceDefinitions in force. */
  definitions: readonly JsonObject[];
  /** `admissionReader(admit, namespace, now)`: stages parse and schema. */
  read: ReadFile;
}

export type RefusingStage = "pushers" | "parse" | "schema";

/** The answer, with what `push-rejected` tells beyond it. */
export interface PreReceiveOutcome extends PreReceiveAnswer {
  /** All of them; `errors` has the first. */
  errorCount: number;
  /** The earliest stage that refused; absent when allowed. */
  stage?: RefusingStage;
}

/**
 * What can be said of the first part alone: no ref matches a pattern, or this user may not push. Undefined: the files
 * have to be seen.
 */
export function checkUpdates(
  { updates, actor }: Pick<PreReceivePush, "updates" | "actor">,
  policy: CheckPolicy,
): PreReceiveOutcome | undefined {
  const matching = updates.filter((update) => isMatched(update, policy));
  if (matching.length === 0) return outcome([], { checked: 0, of: 0 });
  const { pushers } = policy;
  if (pushers === undefined || (actor !== null && pushers.includes(actor))) return undefined;
  const errors = matching.map(({ ref }) => mayNotPush(ref, actor));
  return outcome(errors, { checked: 0, of: 0 }, "pushers");
}

/** Judges a whole push: its refs, then the files that those which match a pattern change. */
export function checkPreReceive(push: PreReceivePush, context: CheckContext): PreReceiveOutcome {
  const early = checkUpdates(push, context);
  if (early !== undefined) return early;
  const checker = new Checker(push, context);
  for (const [index, update] of push.updates.entries()) {
    if (update.new !== null && isMatched(update, context)) checker.update(index);
  }
  return checker.outcome();
}

export function isMatched({ ref }: RefUpdate, { branches, releaseTags }: CheckPolicy): boolean {
  if (ref.startsWith("refs/heads/")) return matchesAny(branches, ref.slice("refs/heads/".length));
  if (ref.startsWith("refs/tags/")) return matchesAny(releaseTags, ref.slice("refs/tags/".length));
  return false;
}

function mayNotPush(ref: string, actor: string | null): FieldError {
  const message =
    actor === null
      ? `the Git server does not say who pushes to ${ref}, and spec.pushers of the Repository allows only named users`
      : `${JSON.stringify(actor)} may not push to ${ref}: spec.pushers of the Repository does not name this user`;
  const hint =
    actor === null
      ? "have the Git server set REMOTE_USER, GL_USERNAME or USER for its hooks"
      : "ask an operator to add the user to spec.pushers";
  return { field: "", reason: "Forbidden", message, hint };
}

class Checker {
  readonly #push: PreReceivePush;
  readonly #context: CheckContext;
  readonly #checked = new Set<PushedFile>();
  /** By their text: a file that two refs share is judged for each, and reported once. */
  readonly #errors = new Map<string, FieldError>();
  readonly #stages = new Set<RefusingStage>();

  constructor(push: PreReceivePush, context: CheckContext) {
    this.#push = push;
    this.#context = context;
  }

  /** Each ref is a tree of its own: kinds and identities of one say nothing about another. */
  update(index: number): void {
    const files = this.#push.files.filter(({ updates }) => updates.includes(index));
    const registry = this.#registry(files);
    const byIdentity = new Map<string, { identity: Identity; files: Map<string, Duplicate> }>();
    for (const { path, bytes } of this.#changed(files)) {
      const read = this.#context.read(path, bytes, registry);
      if (read.outcome === "ignored") continue;
      if (read.outcome === "invalid") {
        this.#refuse(read.stage === "schema" ? "schema" : "parse", read.errors);
        if (read.identity === undefined) continue;
      }
      const identity = read.outcome === "resource" ? read.candidate.identity : read.identity;
      if (identity === undefined) continue;
      const claim = byIdentity.get(identityKey(identity)) ?? { identity, files: new Map() };
      claim.files.set(path, read);
      byIdentity.set(identityKey(identity), claim);
    }
    for (const { identity, files } of byIdentity.values()) {
      if (files.size < 2) continue;
      for (const [path, read] of files) {
        this.#refuse("parse", duplicateErrors(identity, path, [...files.keys()], read));
      }
    }
  }

  outcome(): PreReceiveOutcome {
    const checked = this.#checked.size;
    const [stage] = (["parse", "schema"] as const).filter((name) => this.#stages.has(name));
    return outcome([...this.#errors.values()], { checked, of: checked + this.#push.left }, stage);
  }

  *#changed(files: PushedFile[]): Generator<PushedFile> {
    for (const file of files) {
      if (!file.changed) continue;
      this.#checked.add(file);
      yield file;
    }
  }

  /** The kinds in force, with those that the ref's own tree defines instead of theirs. */
  #registry(files: PushedFile[]): KindRegistry {
    const specs = new Map<KindKey, JsonObject>();
    for (const spec of this.#context.definitions) specs.set(definedKind(spec), spec);
    const inForce = registryWith([...specs.values()].map((spec) => ({ spec })));
    for (const { path, bytes } of files) {
      if (!mayDefine(path)) continue;
      const read = this.#context.read(path, bytes, inForce);
      if (read.outcome !== "resource" || read.candidate.identity.kind !== DEFINITION) continue;
      const { spec } = read.candidate.resource;
      specs.set(definedKind(spec), spec);
    }
    return registryWith([...specs.values()].map((spec) => ({ spec })));
  }

  #refuse(stage: RefusingStage, errors: FieldError[]): void {
    this.#stages.add(stage);
    for (const error of errors) {
      this.#errors.set(JSON.stringify([error.path, error.line, error.column, error.field, error.message]), error);
    }
  }
}

function outcome(
  errors: FieldError[],
  counts: { checked: number; of: number },
  stage?: RefusingStage,
): PreReceiveOutcome {
  const over = errors.length - ERRORS_MAX;
  const warnings: FieldError[] =
    over > 0 ? [{ field: "", reason: "TooMany", message: `${over} more errors are not shown` }] : [];
  return {
    allowed: errors.length === 0,
    ...counts,
    errors: errors.slice(0, ERRORS_MAX),
    warnings,
    errorCount: errors.length,
    ...(stage === undefined ? {} : { stage }),
  };
}
