/** What was asked and what came, in one order: everything that the checks read. */
import type { Selection } from "./selection.ts";

export interface WatchedObject {
  apiVersion: string;
  kind: string;
  metadata: {
    name: string;
    resourceVersion: string;
    labels?: Record<string, string>;
    annotations?: Record<string, string>;
    [field: string]: unknown;
  };
  [field: string]: unknown;
}

export type EventType = "ADDED" | "MODIFIED" | "DELETED";

export interface RecordedEvent {
  type: EventType;
  rv: number;
  /** `Kind.group/name`. */
  key: string;
  object: WatchedObject;
}

/** One thing that a client received. `order` counts all records of a history, so that "before" has one meaning. */
export type Received =
  | {
      what: "frame";
      order: number;
      /** The frame's own size, and the running sum that the server says it is at. */
      bytes: number;
      sent: number;
      prev: number | undefined;
      rv: number;
      head: number;
      snapshot: boolean;
      partial: boolean;
      end: boolean;
      /** Made up as of its end, not read from the log (`expired=compact`). */
      compacted: boolean;
      lost: readonly string[];
      events: readonly RecordedEvent[];
    }
  /** The line transports: one event at a time. */
  | { what: "event"; order: number; event: RecordedEvent }
  | { what: "bookmark"; order: number; rv: number; initialEnd: boolean }
  | { what: "error"; order: number; code: number; reason: string; causes: readonly string[]; message: string }
  /** The end, by whomever: `code` of a WebSocket; 1000 for an HTTP stream that ended, 1006 for one that broke. */
  | { what: "close"; order: number; code: number; reason: string; byClient: boolean };

export type Start =
  /** The initial state, at least as new as `notOlderThan`; then live. */
  | { from: "state"; notOlderThan?: number }
  | { from: "now" }
  | { from: "rv"; rv: number }
  /** Where its watcher's durable position is: at most `worked`, the highest `done` it ever sent. */
  | { from: "position"; worked: number };

/** One watch from its request to its end. */
export interface Connection {
  id: number;
  /** The client it belongs to: one that is cut resumes under the same name. */
  client: string;
  transport: string;
  selection: Selection;
  start: Start;
  /** The named watcher that it is a connection of. */
  watcher?: string;
  expired: "fail" | "compact";
  /** When it was asked for. */
  opened: number;
  received: readonly Received[];
}

/** A change that a write asks for. A put carries a mark (an annotation) of its own, by which it is found in the log. */
export type Effect = { does: "put"; key: string; mark: string } | { does: "delete"; key: string };

export type WriteOutcome =
  | { known: "applied"; rv: number }
  /** Nothing was written: a refusal, or a fault before the commit. */
  | { known: "refused"; why: string }
  /** The answer never came: it may have happened. */
  | { known: "unknown"; why: string };

/** One request that changes: a chunk of a push, an API write. All of it happens, or none. */
export interface Write {
  id: number;
  called: number;
  returned: number;
  effects: readonly Effect[];
  outcome: WriteOutcome;
}

/** A list, all its pages together, or a page refused. */
export interface Listing {
  id: number;
  called: number;
  returned: number;
  selection: Selection;
  /** The state that was asked for; absent: the newest. */
  at?: number;
  outcome:
    | { known: "listed"; rv: number; pages: number; items: readonly WatchedObject[] }
    | { known: "expired"; message: string }
    | { known: "failed"; why: string };
}

export interface History {
  connections: readonly Connection[];
  writes: readonly Write[];
  listings: readonly Listing[];
}

/** `Kind.group/name` of an object, as the log keys it. */
export function keyOf(object: Pick<WatchedObject, "apiVersion" | "kind" | "metadata">): string {
  return `${kindOf(object)}/${object.metadata.name}`;
}

/** `Kind.group`. */
export function kindOf(object: Pick<WatchedObject, "apiVersion" | "kind">): string {
  const [group = ""] = object.apiVersion.split("/");
  return `${object.kind}.${group}`;
}

export const MARK = "robustness/mark";

export function markOf(object: WatchedObject): string | undefined {
  return object.metadata.annotations?.[MARK];
}
