/** Objects as JSON. */
import type { Resource } from "../resource/types.ts";

/**
 * The object as REST has it, with the lists and the status that upstream's clients read without asking whether they
 * are there.
 */
export function wholeObject(resource: Resource): Record<string, unknown> {
  const { metadata, status } = resource;
  return {
    ...resource,
    metadata: { ...metadata, ownerReferences: metadata.ownerReferences ?? [], finalizers: metadata.finalizers ?? [] },
    status: { observedGeneration: 0, conditions: [], ...status },
  };
}
