/** What a subscription's source gives for each message: an event, or the error that is its last. */
import type { GraphQLError } from "graphql";
import type { Resource } from "../../resource/types.ts";
import type { WatchedObject } from "./stream.ts";

export interface WatchEvent {
  type: "ADDED" | "MODIFIED" | "DELETED" | "BOOKMARK";
  kind: string;
  namespace: string | null;
  name: string;
  resourceVersion: string;
  /** Null on DELETED and BOOKMARK. */
  resource: Resource | null;
}

export type Payload = { event: WatchEvent } | { error: GraphQLError };

/** What feeds a subscription: pulled, and never a queue of its own. */
export interface Feed {
  /** The next message, or undefined where there is none yet. After one with an error there is none. */
  take(): Payload | undefined;
  /** Where a subscriber that has all that was taken goes on. */
  readonly cursor: string;
  close(): void;
}

export function eventOf(
  type: "ADDED" | "MODIFIED" | "DELETED",
  object: WatchedObject,
  resourceVersion: string,
): WatchEvent {
  const { kind, metadata } = object;
  return {
    type,
    kind,
    namespace: metadata.namespace ?? null,
    name: metadata.name,
    resourceVersion,
    resource: type === "DELETED" ? null : (object as unknown as Resource),
  };
}

export function bookmark(kind: string, namespace: string | undefined, resourceVersion: string): WatchEvent {
  return { type: "BOOKMARK", kind, namespace: namespace ?? null, name: "", resourceVersion, resource: null };
}
