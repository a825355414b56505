import type { LedgerError } from "./api.ts";
import type { Store } from "./store.ts";
import { type Window, WindowUnavailable } from "./window.ts";

const COMPARE_ROWS = 100;

/** The newest RV that D1 has of this namespace; 0: none. */
export async function windowHead(
  window: Window,
): Promise<{ ok: true; value: number } | { ok: false; error: LedgerError }> {
  try {
    return { ok: true, value: (await window.bounds())?.head ?? 0 };
  } catch (error) {
    if (!(error instanceof WindowUnavailable)) throw error;
    const message = "D1 does not answer, and a ledger that starts empty must know whether it was lost";
    return { ok: false, error: { code: "Unavailable", message, retryAfterSeconds: 5 } };
  }
}

/** Everything that D1 has of the namespace that had the name before. */
export async function dropWindow(window: Window): Promise<{ ok: true } | { ok: false; error: LedgerError }> {
  try {
    await window.drop();
    return { ok: true };
  } catch (error) {
    if (!(error instanceof WindowUnavailable)) throw error;
    const message = "D1 does not answer, and still has rows of the namespace that had this name before";
    return { ok: false, error: { code: "Unavailable", message, retryAfterSeconds: 5 } };
  }
}

/**
 * Whether this ledger is the one D1 followed. D1 is behind a ledger, never ahead of it: where it is ahead, or holds
 * other content at an RV that is not marked flushed, the object was restored to an earlier state (point-in-time recovery,
 * a lost disk), and goes on far above. D1 is not on the live path, so after `patience` the answer is "unknown".
 */
export async function verifyAgainstWindow(
  store: Store,
  window: Window,
  patience: (signal: AbortSignal) => Promise<void>,
): Promise<"same" | "restarted" | "unknown"> {
  const judged = judge(store, window).catch((error: unknown) => {
    if (error instanceof WindowUnavailable) return "unknown" as const;
    throw error;
  });
  const timer = new AbortController();
  const late = patience(timer.signal).then(() => "unknown" as const);
  late.catch(() => undefined);
  try {
    return await Promise.race([judged, late]);
  } finally {
    timer.abort(); // or it would keep the object awake
  }
}

async function judge(store: Store, window: Window): Promise<"same" | "restarted"> {
  const flushed = store.flushed;
  const seen = (await window.bounds())?.head ?? 0;
  if (seen <= flushed) return "same";
  if (seen <= store.head && (await sameContent(store, window, flushed, seen))) return "same";
  store.restart(seen);
  return "restarted";
}

/** A flush whose mark was lost in a crash left the same rows there: that is no restore. */
async function sameContent(store: Store, window: Window, after: number, upTo: number): Promise<boolean> {
  for (let from = after; from < upTo; ) {
    const rows = await window.read(from, upTo, COMPARE_ROWS);
    if (rows.length === 0) return true;
    for (const row of rows) {
      const mine = store.storage.sql
        .exec<{ json: string }>("SELECT json FROM versions WHERE rv = ?", row.rv)
        .toArray()[0];
      if (mine && mine.json !== row.json) return false;
      from = row.rv;
    }
  }
  return true;
}
