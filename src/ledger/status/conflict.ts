/** The three conflicts. Texts are for the person who reads a log; `reason` and `retryable` are for the program. */
import type { Resource } from "../../resource/types.ts";
import type { StatusConflict, StatusConflictReason } from "./types.ts";

/** kube-apiserver's sentence, by which people know it (apiserver `registry/generic`, OptimisticLockErrorMsg). */
const MODIFIED = "the object has been modified; please apply your changes to the latest version and try again";

function conflict(
  stored: Resource,
  expected: string | undefined,
  rest: Pick<StatusConflict, "reason" | "retryable" | "hint" | "message" | "owners"> & { reason: StatusConflictReason },
): StatusConflict {
  return {
    currentResourceVersion: stored.metadata.resourceVersion,
    currentGeneration: stored.metadata.generation,
    current: stored.status ?? {},
    expected: expected ?? "",
    ...rest,
  };
}

export function stale(stored: Resource, expected: string): StatusConflict {
  const { resourceVersion } = stored.metadata;
  return conflict(stored, expected, {
    reason: "STALE_RESOURCE_VERSION",
    retryable: true,
    message: MODIFIED,
    hint: `it is at resourceVersion ${resourceVersion}, not ${expected}: decide again on the current object, then write with ${resourceVersion}`,
  });
}

export function recreated(stored: Resource, expected: string | undefined): StatusConflict {
  const { uid } = stored.metadata;
  return conflict(stored, expected, {
    reason: "RECREATED",
    // The status was made for an object that is gone: sent again with a new precondition it would lie about another.
    retryable: false,
    message: MODIFIED,
    hint: `the object was deleted and created again since (uid ${uid}): forget what was derived from the old one and reconcile the new one`,
  });
}

export function foreign(
  stored: Resource,
  expected: string | undefined,
  owners: { field: string; manager: string }[],
): StatusConflict {
  const named = owners.map(({ field, manager }) => `${field} is owned by ${JSON.stringify(manager)}`).join(", ");
  const managers = [...new Set(owners.map(({ manager }) => JSON.stringify(manager)))].join(", ");
  return conflict(stored, expected, {
    reason: "FIELD_MANAGER_CONFLICT",
    retryable: false,
    message: `conflict with ${managers}: ${owners.map(({ field }) => field).join(", ")}`,
    hint: `${named}: leave it as it is, write under that fieldManager, or take it over with force`,
    owners,
  });
}
