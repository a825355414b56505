import { digestOf, utf8Length } from "./canonical.ts";
import type { KindDef } from "./kind.ts";
import { referencesOf } from "./references.ts";
import type { AuthoredResource, Candidate } from "./types.ts";

/** An object as JSON, without its status; with the status' 64 KiB it stays below the 1 MiB of a row and a frame. */
export const MAX_OBJECT_BYTES = 960 * 1024;

/** The longest escape of JSON against the shortest character: `\u0001`. */
const MAX_GROWTH = 6;

/** Bytes of the object's JSON where they are over the limit. */
export function oversize(resource: AuthoredResource, sourceBytes: number): number | undefined {
  if (sourceBytes * MAX_GROWTH < MAX_OBJECT_BYTES) return undefined;
  const bytes = utf8Length(JSON.stringify(resource));
  return bytes > MAX_OBJECT_BYTES ? bytes : undefined;
}

/** A candidate without places: what an API body gives. */
export function candidateOf(kind: KindDef, resource: AuthoredResource): Candidate {
  return {
    identity: { kind: kind.key, name: resource.metadata.name },
    resource,
    references: referencesOf(kind, resource.spec),
    ...digestOf(resource),
    positions: {},
  };
}
