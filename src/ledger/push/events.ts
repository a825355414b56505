import { buildGitEvent, type EventName, eventId, typeOf } from "../../resource/gitevent.ts";
import type { Resource } from "../../resource/types.ts";
import { uuidv7 } from "../../resource/uuid.ts";
import type { PushChunk, PushHeader } from "../api.ts";
import { GIT_EVENT } from "../entry.ts";
import { type Kinds, selectableText } from "../kinds.ts";
import type { Transaction } from "../transaction.ts";
import type { Evaluation, Outcome } from "./evaluate.ts";

/** Up to so many resources in a push each has its own parsed event; beyond that, so many share one. */
export const PARSED_GROUP = 100;
const MAX_ERRORS = 100;

export interface EventContext {
  tx: Transaction;
  kinds: Kinds;
  namespace: string;
  random: (bytes: number) => Uint8Array;
}

/** Writes the events of one push, with the id, labels and correlation that all of them share. */
export class PushEvents {
  readonly #context: EventContext;
  readonly #push: PushHeader;

  constructor(context: EventContext, push: PushHeader) {
    this.#context = context;
    this.#push = push;
  }

  /** What happened in a push happened because its ref moved. */
  get #cause(): { type?: string; id?: string } {
    const name = this.#push.move > 0 ? refEventName(this.#push) : undefined;
    if (name === undefined) return {};
    const { repository, ref, old, new: next, move } = this.#push;
    const type = typeOf(name);
    return { type, id: eventId({ repositoryUid: repository.uid, ref, old, new: next, move, type }) };
  }

  get correlation(): string {
    const { repository, ref, old, new: next, move } = this.#push;
    return eventId({ repositoryUid: repository.uid, ref, old, new: next, move, type: "push" });
  }

  write(name: EventName, subject: string, data: Record<string, unknown>, resource?: string): number {
    return this.writeType(typeOf(name), subject, data, resource, this.correlation);
  }

  writeType(
    type: string,
    subject: string,
    data: Record<string, unknown>,
    resource: string | undefined,
    correlationid: string,
  ): number {
    const { tx, kinds, namespace, random } = this.#context;
    const push = this.#push;
    const id = eventId({
      repositoryUid: push.repository.uid,
      ref: push.ref,
      old: push.old,
      new: push.new,
      move: push.move,
      type,
      ...(resource === undefined ? {} : { resource }),
    });
    return tx.log(
      (rv) =>
        buildGitEvent({
          namespace,
          rv,
          uid: uuidv7(tx.now, random),
          repository: push.repository,
          type,
          subject,
          id,
          time: push.time,
          correlationid,
          ...(type !== this.#cause.type && this.#cause.id !== undefined ? { causationid: this.#cause.id } : {}),
          ...(push.traceparent ? { traceparent: push.traceparent } : {}),
          ...(push.ref ? { ref: push.ref } : {}),
          data,
        }),
      (event: Resource) => selectableText(kinds.get(GIT_EVENT), event),
    );
  }

  /** namespace-target and the ref event: the first two of every push. */
  begin(chunk: PushChunk): void {
    const push = this.#push;
    this.write("catalog-namespace-target", push.ref, {
      namespace: this.#context.namespace,
      repository: push.repository.name,
      ref: push.ref,
      commit: push.peeled,
      changed: chunk.changed,
    });
    const name = refEventName(push);
    if (name) this.write(name, push.ref, refData(push));
  }

  /** Parsed and failed events of a chunk, in path order. */
  files(chunk: PushChunk, outcomes: readonly Outcome[]): void {
    const push = this.#push;
    const pending: { path: string; emit: () => void }[] = [];
    const size = chunk.changed.resources <= PARSED_GROUP ? 1 : PARSED_GROUP;
    const parsed = [...chunk.parsed].sort((a, b) => compare(a.path, b.path));
    for (let i = 0; i < parsed.length; i += size) {
      const resources = parsed.slice(i, i + size);
      const head = resources[0];
      if (!head) continue;
      const key = `${head.kind}/${head.name}`;
      const subject = resources.length === 1 ? key : push.ref;
      pending.push({
        path: head.path,
        emit: () =>
          this.write(
            "catalog-resource-parsed",
            subject,
            { ref: push.ref, commit: push.peeled, resources },
            `${key}@${head.path}`,
          ),
      });
    }
    for (const outcome of outcomes) {
      if (outcome.does !== "fail") continue;
      const key = outcome.identity ? `${outcome.identity.kind.split(".")[0]}/${outcome.identity.name}` : undefined;
      pending.push({
        path: outcome.path,
        emit: () =>
          this.write(
            "catalog-resource-validation-failed",
            key ?? push.ref,
            {
              ref: push.ref,
              commit: push.peeled,
              path: outcome.path,
              ...(outcome.identity
                ? { resource: { kind: outcome.identity.kind.split(".")[0], name: outcome.identity.name } }
                : {}),
              trigger: "push",
              stage: outcome.stage,
              errors: outcome.errors.slice(0, MAX_ERRORS),
            },
            `${key ?? ""}@${outcome.path}`,
          ),
      });
    }
    pending.sort((a, b) => compare(a.path, b.path));
    for (const { emit } of pending) emit();
  }

  finish(counts: { allowed: number; refused: number; warned: number }, evaluation: Evaluation): void {
    const push = this.#push;
    this.write("catalog-admission-evaluated", push.ref, {
      ref: push.ref,
      commit: push.peeled,
      ...counts,
      stages: evaluation.stages,
      policies: evaluation.policies,
    });
  }
}

function compare(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}

/** Which ref event a move is; none for a look again at an unmoved branch after its pattern was widened. */
export function refEventName(push: PushHeader): EventName | undefined {
  if (push.old === push.new) return undefined;
  if (push.refType === "tag")
    return push.new === null ? "tag-deleted" : push.old === null ? "tag-created" : "tag-updated";
  if (push.new === null) return "branch-deleted";
  if (push.old === null) return "branch-created";
  return push.forced ? "branch-force-pushed" : "branch-updated";
}

function refData(push: PushHeader): Record<string, unknown> {
  return {
    ref: push.ref,
    refType: push.refType,
    name: push.ref.replace(/^refs\/(heads|tags)\//, ""),
    old: push.old,
    new: push.new,
    peeled: push.peeled,
    objectType: push.objectType,
    forced: push.forced,
    ...(push.baseline ? { baseline: true } : {}),
    commit: push.commit && {
      sha: push.commit.sha,
      tree: push.commit.tree,
      message: push.commit.message,
      author: push.commit.author,
      committer: push.commit.committer,
    },
    actor: push.actor,
    observedVia: push.observedVia,
    ...(push.delivery ? { delivery: push.delivery } : {}),
    policy: push.policy,
  };
}
