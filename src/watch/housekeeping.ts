import type { WatchEngine } from "./engine.ts";
import { bookmark, bookmarkAtEnd, type Live } from "./sending.ts";
import { inFlight } from "./session.ts";

/** All deadlines of sessions are met on this grid, so that a thousand of them cost one alarm. */
export const GRID_MS = 30_000;
/** Parked this long without an acknowledgement: closed. */
export const PARKED_MS = 5 * 60_000;
/** What has been unacknowledged for STALE_MS is bounded in a ledger: beyond it the stalest goes. */
export const STALE_BYTES = 32 * 1024 * 1024;
export const STALE_MS = 10_000;

export interface Due {
  /** When to look again, ms; undefined: nothing waits. */
  at: number | undefined;
}

/** What time does to sessions. Runs in the ledger's alarm, before anything that may stall. */
export function tend(engine: WatchEngine, now: number, head: number): Due {
  let at: number | undefined;
  const later = (time: number): void => {
    at = at === undefined ? time : Math.min(at, time);
  };
  let exact: number | undefined;
  const soon = (time: number): void => {
    exact = exact === undefined ? time : Math.min(exact, time);
  };
  const stale: Live[] = [];
  let staleBytes = 0;
  for (const live of [...engine.sessions()]) {
    const { state } = live;
    const named = engine.named.tend(live, now);
    if (named !== undefined) soon(named);
    if (state.until > 0) {
      if (state.until <= now) {
        bookmarkAtEnd(live, now, head);
        engine.finish(live, { why: "ended", message: "timeoutSeconds passed" });
        continue;
      }
      soon(state.until);
    }
    if (state.exp > 0) {
      if (state.exp * 1000 <= now) {
        bookmarkAtEnd(live, now, head);
        engine.finish(live, { why: "unauthorized", message: "the token expired: get a new one and resume" });
        continue;
      }
      later(state.exp * 1000);
    }
    if (state.parkedAt > 0) {
      if (Math.max(state.parkedAt, state.ackAt) + PARKED_MS <= now) {
        engine.finish(live, {
          why: "tooSlow",
          message: "no acknowledgement for 5 minutes: resume from the last resourceVersion",
        });
        continue;
      }
      later(Math.max(state.parkedAt, state.ackAt) + PARKED_MS);
    }
    if (inFlight(state) > 0 && state.enc !== "events") {
      if (state.ackAt + STALE_MS <= now) {
        stale.push(live);
        staleBytes += inFlight(state);
      } else later(state.ackAt + STALE_MS);
    }
    if (state.owed && state.phase === "live") {
      if (state.told < head) {
        bookmark(live, now, head); // without credit it stays owed
        live.socket.save(state);
      } else state.owed = false;
    }
  }
  stale.sort((a, b) => a.state.ackAt - b.state.ackAt);
  for (const live of stale) {
    if (staleBytes <= STALE_BYTES) {
      later(now + GRID_MS);
      break;
    }
    staleBytes -= inFlight(live.state);
    engine.finish(live, {
      why: "tooSlow",
      message: "too much was unacknowledged for over 10 s: resume from the last resourceVersion",
    });
  }
  const gridded = at === undefined ? undefined : Math.ceil(at / GRID_MS) * GRID_MS;
  return { at: gridded === undefined ? exact : exact === undefined ? gridded : Math.min(gridded, exact) };
}
