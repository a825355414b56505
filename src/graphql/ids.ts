/** Relay ids: `base64("gid://GitStore/<Type>/<uid>?ns=<ns>")`; without `?ns=` they are upstream's. */
import type { Resource } from "../resource/types.ts";
import { keyOf, typeOf } from "./kinds.ts";

export interface GlobalId {
  type: string;
  uid: string;
  /** For a Namespace: its own name. */
  namespace?: string;
}

const FORM = /^gid:\/\/GitStore\/([A-Za-z][A-Za-z0-9.-]{0,300})\/([A-Za-z0-9-]{1,64})(?:\?ns=([a-z0-9.-]{1,253}))?$/;

export function idOf(resource: Pick<Resource, "apiVersion" | "kind" | "metadata">): string {
  const { uid, namespace, name } = resource.metadata;
  return btoa(`gid://GitStore/${typeName(resource)}/${uid}?ns=${namespace ?? name}`);
}

/** What stands for the type in an id: the GraphQL type, or the kind's own name. */
export function typeName(resource: Pick<Resource, "apiVersion" | "kind">): string {
  return typeOf(keyOf(resource)) ?? resource.kind;
}

/** Undefined for what is no id of ours. */
export function parseId(id: string): GlobalId | undefined {
  let text: string;
  try {
    text = atob(id.replace(/-/g, "+").replace(/_/g, "/"));
  } catch {
    return undefined;
  }
  const [, type, uid, namespace] = FORM.exec(text) ?? [];
  if (type === undefined || uid === undefined) return undefined;
  return { type, uid, ...(namespace === undefined ? {} : { namespace }) };
}
