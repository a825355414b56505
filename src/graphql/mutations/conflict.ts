import type { StatusConflict } from "../../ledger/api.ts";
import type { Resource } from "../../resource/types.ts";

/** A stale precondition in the one conflict model of every write. */
export function conflictOf({ metadata, status }: Resource, expected: string): StatusConflict {
  const { resourceVersion, generation } = metadata;
  return {
    reason: "STALE_RESOURCE_VERSION",
    currentResourceVersion: resourceVersion,
    currentGeneration: generation,
    current: status ?? {},
    expected,
    retryable: true,
    hint: "read the object again, decide anew, and write with its resourceVersion",
    message: `the object is at resourceVersion ${resourceVersion}, the write was made for ${expected}`,
  };
}
