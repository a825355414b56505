import type { Grant } from "../auth/grants.ts";
import type { KindKey } from "../resource/types.ts";
import type { FilterSpec } from "./filter.ts";
import type { Encoding, SessionState } from "./session.ts";

/**
 * How the stateless Worker asks a ledger for a watch: authenticated, authorised and validated already, as one header of
 * the upgrade request that only the Worker can make (a Durable Object has no address of its own).
 */
export const OPEN_HEADER = "gitstore-watch";

export interface WatchOpen {
  enc: Encoding;
  filter: FilterSpec;
  window: number;
  /** `asked` false: nothing was said, so that a named watcher's own position counts. */
  start: { from: "state"; notOlderThan?: number; asked?: boolean } | { from: "now" } | { from: "rv"; rv: number };
  of: { apiVersion: string; kind: string } | null;
  bookmarks: boolean;
  initialEnd: boolean;
  expired: "fail" | "compact";
  watcher: { name: string; standby: boolean } | null;
  /** Milliseconds after which the watch ends as planned; 0: never. */
  timeoutMs: number;
  /** What the token grants on statuses here. Absent: nothing; null: more than a session can hold. */
  writes?: Grant[] | null;
  sub: string;
  jti: string;
  exp: number;
}

export function encodeOpen(open: WatchOpen): string {
  return btoa(String.fromCharCode(...new TextEncoder().encode(JSON.stringify(open))));
}

export function decodeOpen(text: string): WatchOpen {
  return JSON.parse(new TextDecoder().decode(Uint8Array.from(atob(text), (c) => c.charCodeAt(0)))) as WatchOpen;
}

/** The session that a request begins as, at the ledger's present head. `kinds` are those an initial state is made of. */
export function beginSession(open: WatchOpen, head: number, kinds: KindKey[], now: number): SessionState {
  const at = open.start.from === "rv" ? open.start.rv : head;
  const state = open.start.from === "state";
  return {
    v: 1,
    enc: open.enc,
    filter: open.filter,
    window: open.window,
    phase: state ? "snapshot" : "catchup",
    snap: state ? { at: head, kinds, kind: 0, after: "" } : null,
    pos: at,
    part: 0,
    told: at,
    toldAt: now,
    sent: 0,
    acked: 0,
    ackAt: now,
    parkedAt: 0,
    owed: false,
    of: open.of,
    bookmarks: open.bookmarks,
    initialEnd: open.initialEnd,
    expired: open.expired,
    compact: null,
    named: null,
    heardAt: now,
    until: open.timeoutMs === 0 ? 0 : now + open.timeoutMs,
    writes: open.writes === undefined ? [] : open.writes,
    sub: open.sub,
    jti: open.jti,
    exp: open.exp,
  };
}
