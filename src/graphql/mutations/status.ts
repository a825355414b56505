/** The status mutations: one write, one outcome, whatever the kind; the ledger judges all but who may. */
import { allows } from "../../auth/grants.ts";
import { writerOf } from "../../http/watchers.ts";
import { type StatusConflict, type StatusFields, type StatusWrite, statusOfRefusal } from "../../ledger/api.ts";
import type { KindDef } from "../../resource/kind.ts";
import type { Resource } from "../../resource/types.ts";
import { about, type GraphContext, ledgerFor } from "../context.ts";
import { failure, failureOf } from "../errors.ts";
import { authorisedKind, scopeOf } from "../kinds.ts";
import { plain } from "./write.ts";

export interface StatusInput extends StatusFields {
  name: string;
  namespace?: string | null;
  force?: boolean | null;
  fieldManager?: string | null;
  idempotencyKey?: string | null;
}

export interface StatusResult {
  resource: Resource | null;
  conflict: StatusConflict | null;
}

export async function updateStatus(
  graph: GraphContext,
  word: string,
  input: StatusInput,
  mode: "update" | "product" = "update",
): Promise<StatusResult> {
  const access = { verb: "update", name: input.name, subresource: "status" } as const;
  const { kind, namespace } = await authorisedKind(graph, word, input.namespace, access);
  const fields = plain(fieldsOf(input));
  const { identity, c } = graph;
  const watcher = writerOf(c.req.raw, identity.sub);
  const admin = {
    namespace: scopeOf(kind, namespace, input.name),
    resource: `${kind.plural}/status`,
    verb: "admin",
    name: input.name,
  } as const;
  const write: StatusWrite = {
    kind: kind.key,
    name: input.name,
    input: { mode, fields },
    sub: identity.sub,
    force: input.force === true,
    admin: allows(identity, admin),
    ...(namespace === undefined ? {} : { namespace }),
    ...(input.fieldManager ? { fieldManager: input.fieldManager } : {}),
    ...(input.idempotencyKey ? { idempotencyKey: input.idempotencyKey } : {}),
    ...(watcher ? { watcher } : {}),
  };
  return await outcomeOf(graph, kind, namespace, write);
}

async function outcomeOf(
  graph: GraphContext,
  kind: KindDef,
  namespace: string | undefined,
  write: StatusWrite,
): Promise<StatusResult> {
  const outcome = await ledgerFor(graph, namespace).updateStatus(write);
  switch (outcome.outcome) {
    case "written":
    case "noop":
      return { resource: JSON.parse(outcome.object) as Resource, conflict: null };
    case "conflict":
      return { resource: null, conflict: outcome.conflict };
    case "refused": {
      const { refusal } = outcome;
      const error = failureOf(statusOfRefusal(refusal, { ...about(kind, namespace), name: write.name }));
      const code =
        refusal.code === "SpecImmutable" ? "SPEC_IMMUTABLE" : refusal.code === "KindNotFound" ? "KIND_NOT_FOUND" : null;
      if (code === null) throw error;
      throw failure(code, error.message, { causes: error.extensions.causes });
    }
  }
}

/** Null is as good as absent: the core takes both for "unchanged", and answers what is missing. */
function fieldsOf(input: StatusInput): StatusFields {
  const { resourceVersion, observedGeneration, lastAppliedRevision, conditions, removeConditions, resolved } = input;
  const { spec, metadata } = input;
  const fields = {
    resourceVersion,
    observedGeneration,
    lastAppliedRevision,
    conditions,
    removeConditions,
    resolved,
    spec,
    metadata,
  };
  return Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined && value !== null));
}
