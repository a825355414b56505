/** Conflicts and refusals as Kubernetes `Status` objects: REST's bodies, and what the socket's `refused` carries. */
import {
  badRequest,
  conflict as conflictStatus,
  failure,
  invalid,
  type KindName,
  namespaceNotFound,
  noSuchPath,
  notFound,
  type Status,
  type StatusCause,
  tooLarge,
  unavailable,
} from "../../resource/apiStatus.ts";
import type { StatusConflict, StatusRefusal } from "./types.ts";

export interface AboutStatus {
  namespace: string;
  kind: KindName;
  name: string;
}

export function statusOfRefusal(refusal: StatusRefusal, { namespace, kind, name }: AboutStatus): Status {
  switch (refusal.code) {
    case "NoNamespace":
      return namespaceNotFound(namespace);
    case "KindNotFound":
      return noSuchPath();
    case "NotFound":
      return notFound(kind, name);
    case "Invalid":
      return invalid(kind, name, refusal.errors);
    case "SpecImmutable": {
      const status = invalid(kind, name, refusal.errors);
      const causes = (status.details?.causes ?? []).map((cause) => ({ ...cause, reason: "SPEC_IMMUTABLE" }));
      return { ...status, details: { ...status.details, causes } };
    }
    case "BadRequest":
      return badRequest(refusal.message);
    case "TooLarge":
      return tooLarge(refusal.message);
    case "Fenced":
      return failure(409, "Fenced", refusal.message);
    case "Unavailable":
      return unavailable(refusal.message, refusal.retryAfterSeconds);
  }
}

/**
 * 409. The first causes are those that clients of Kubernetes know (`FieldManagerConflict` is what `kubectl apply`
 * prints); then each field of the conflict is a cause by its name, with its value as text, `current` as JSON.
 * `applied`: server-side apply has a sentence of its own.
 */
export function statusOfConflict(conflict: StatusConflict, { kind, name }: AboutStatus, applied = false): Status {
  const { reason, message, hint, owners = [] } = conflict;
  const status = conflictStatus(kind, name, message);
  const typed: StatusCause[] =
    owners.length === 0
      ? [{ reason, message: hint, field: "metadata.resourceVersion" }]
      : owners.map(({ field, manager }) => ({
          reason: "FieldManagerConflict",
          message: `conflict with ${JSON.stringify(manager)}`,
          field: `.${field}`,
        }));
  const named = {
    reason,
    currentResourceVersion: conflict.currentResourceVersion,
    currentGeneration: String(conflict.currentGeneration),
    expected: conflict.expected,
    retryable: String(conflict.retryable),
    hint,
    current: JSON.stringify(conflict.current),
  };
  const causes = [...typed, ...Object.entries(named).map(([field, text]) => ({ reason: field, message: text, field }))];
  const told = applied && owners.length > 0 ? { message: applySentence(typed) } : {};
  return { ...status, ...told, details: { ...status.details, causes } };
}

/** apimachinery `NewApplyConflict` (structured-merge-diff `merge.Conflicts.Error`). */
function applySentence(causes: readonly StatusCause[]): string {
  const plural = causes.length === 1 ? "conflict" : "conflicts";
  const list = causes.map(({ message, field }) => `${message}: ${field ?? ""}`);
  return `Apply failed with ${causes.length} ${plural}: ${causes.length === 1 ? list[0] : list.map((one) => `\n- ${one}`).join("")}`;
}
