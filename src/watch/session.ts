import type { Grant } from "../auth/grants.ts";
import type { KindKey } from "../resource/types.ts";
import type { FilterSpec } from "./filter.ts";

/**
 * How a connection speaks:
 * - `frames`: the `gitstore.watch.v1` protocol, with credit by acknowledgement;
 * - `events`: a plain WebSocket as kube-apiserver's, one event a message, no credit;
 * - `lines`: the internal form between the ledger and the stateless Worker that bridges HTTP and GraphQL streams: a
 *   header line, then NDJSON, so that the bridge passes text on without parsing it (measured: 282 MB against 1,005 MB).
 */
export type Encoding = "frames" | "events" | "lines";

export const MIN_WINDOW = 64 * 1024;
export const MAX_WINDOW = 1024 * 1024;
export const DEFAULT_WINDOW = 256 * 1024;
/** A plain WebSocket that sends no text is closed after so many bytes: nothing tells whether it reads. */
export const PLAIN_WINDOW = 1024 * 1024;

/*
 * The phases of a session, and what moves it:
 *
 *   standby ── the working connection is gone ──▶ (as a new one would begin)
 *   compact ── made up as of H ──▶ catchup
 *   snapshot ── last page sent ──▶ catchup ── log's end ──▶ live
 *                                     ▲                       │
 *                                     └── out of credit, or ──┘
 *                                         the turn's budget spent
 *
 * `parked` is no phase: it is any of them without credit (`parkedAt > 0`). Such a session holds a cursor and nothing
 * else; an acknowledgement sets it going again from the log.
 */
export type Phase = "standby" | "snapshot" | "compact" | "catchup" | "live";

export interface NamedSession {
  name: string;
  epoch: number;
  /** Reported by the client, durable, and when that was written, ms. */
  done: number;
  saved: number;
  savedAt: number;
  /** Whether the epoch was told: it goes with the first frame. */
  told: boolean;
  /**
   * Resume points up to here may lie inside a transaction: the RV that the client chose to begin at, and frames of a
   * compacted range. Absent in sessions of before it was kept.
   */
  inside?: number;
}

/** All that a session is. It is the socket's attachment, written in the turn of each send, so hibernation loses nothing. */
export interface SessionState {
  v: 1;
  enc: Encoding;
  filter: FilterSpec;
  /** Bytes that may be unacknowledged. */
  window: number;
  phase: Phase;
  /** The state the snapshot is of, and where its next page starts. */
  snap: { at: number; kinds: KindKey[]; kind: number; after: string } | null;
  /** Resume point: everything at or below is handled (sent, or not let through by the filter). */
  pos: number;
  /** Partial frames of the transaction after `pos` that were sent already. */
  part: number;
  /** `rv` of the last frame: the next one's `prev`. */
  told: number;
  /** When that was, ms. */
  toldAt: number;
  /** Bytes sent, and of them acknowledged. */
  sent: number;
  acked: number;
  /** When the oldest unacknowledged byte was sent, or the last acknowledgement came, ms. */
  ackAt: number;
  /** When it ran out of credit, ms; 0: it has credit. */
  parkedAt: number;
  /** A range that the filter emptied waits for a bookmark. */
  owed: boolean;
  /** For BOOKMARK objects, which carry the collection's own kind. */
  of: { apiVersion: string; kind: string } | null;
  /** Kubernetes' `allowWatchBookmarks`, and whether the end of the initial state is announced by an annotated one. */
  bookmarks: boolean;
  initialEnd: boolean;
  /** What an expired cursor gets: 410, or the range made up as of now. */
  expired: "fail" | "compact";
  /** The range being made up: as of `to`. `pos` is how far it has come. */
  compact: { to: number } | null;
  /** A named watcher's connection. */
  named: NamedSession | null;
  /** When the client last sent anything but a ping, ms. */
  heardAt: number;
  /** A planned end, ms; 0: none. */
  until: number;
  /** What the token grants on statuses in this ledger; null: more than fits here, so that none is written. */
  writes: Grant[] | null;
  /** Who watches: for expiry (seconds since 1970; 0: never) and revocation. */
  sub: string;
  jti: string;
  exp: number;
}

export function inFlight(state: SessionState): number {
  return state.sent - state.acked;
}

/**
 * Whether a frame of `bytes` may go now: as long as no more than the window is unacknowledged. One that is larger than
 * the window leaves for (a transaction is never split below 1 MiB) may go when nothing is outstanding that the client
 * has to acknowledge at once, which is a quarter of the window: behind an 80-byte bookmark it would wait 10 s otherwise.
 */
export function hasCredit(state: SessionState, bytes: number): boolean {
  const outstanding = inFlight(state);
  if (outstanding === 0 || outstanding + bytes <= state.window) return true;
  return bytes > state.window * 0.75 && outstanding <= state.window / 4;
}

export type ClientFrame =
  | { frame: "ack"; sent: number }
  | { frame: "done"; rv: string }
  | { frame: "token"; token: string }
  | { frame: "status"; id: string; status: unknown }
  | { frame: "bad"; reason: string };

/** Reads a client's text. Unknown keys are refused: a client that misspells `ack` would park for ever. */
export function parseClientFrame(text: string): ClientFrame {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return { frame: "bad", reason: 'a client frame is a JSON object such as {"ack":4100}' };
  }
  if (typeof value !== "object" || value === null || Array.isArray(value))
    return { frame: "bad", reason: "a client frame is a JSON object" };
  const frame = value as Record<string, unknown>;
  if ("ack" in frame) {
    return typeof frame.ack === "number" && Number.isSafeInteger(frame.ack) && frame.ack >= 0
      ? { frame: "ack", sent: frame.ack }
      : { frame: "bad", reason: "ack is a frame's `sent`, a whole number" };
  }
  if ("done" in frame) {
    return typeof frame.done === "string" && /^[1-9][0-9]*$/.test(frame.done)
      ? { frame: "done", rv: frame.done }
      : { frame: "bad", reason: "done is a resourceVersion, a decimal string" };
  }
  if ("token" in frame) {
    return typeof frame.token === "string"
      ? { frame: "token", token: frame.token }
      : { frame: "bad", reason: "token is a string" };
  }
  if ("status" in frame) {
    return typeof frame.id === "string"
      ? { frame: "status", id: frame.id, status: frame.status }
      : { frame: "bad", reason: "a status frame has an id, a string" };
  }
  return { frame: "bad", reason: "a client frame has one of ack, done, token, status" };
}

/** Applies an acknowledgement; false where it names bytes that were never sent. */
export function acknowledge(state: SessionState, sent: number, now: number): boolean {
  if (sent > state.sent) return false;
  if (sent > state.acked) {
    state.acked = sent;
    state.ackAt = now;
  }
  return true;
}
