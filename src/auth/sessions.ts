/**
 * Which ledgers hold sockets of which subject: so that a revocation closes them without asking every ledger there is.
 * Best effort, beside the watch: a row that D1 did not take means that those sockets end with their token.
 */
import type { Env } from "../config.ts";
import { log } from "../telemetry/log.ts";
import type { Identity } from "./identity.ts";

/** A socket may renew its token, so its row outlives the token it came with. */
const KEPT_AFTER_EXPIRY_MS = 24 * 3_600_000;
/** A row per (ledger, subject, token), not per connection: reconnects within this time write nothing. */
const FRESH_MS = 3_600_000;
const REMEMBERED = 1_000;

const registered = new WeakMap<object, Map<string, number>>();

/** Called with `waitUntil` when a watch opens; never throws and is never awaited by the watch. */
export async function registerSession(env: Env, namespace: string, identity: Identity, now: number): Promise<void> {
  const recent = registered.get(env) ?? new Map<string, number>();
  registered.set(env, recent);
  const key = `${namespace}\n${identity.sub}\n${identity.jti ?? ""}`;
  if (now - (recent.get(key) ?? Number.NEGATIVE_INFINITY) < FRESH_MS) return;
  try {
    await env.REPLAY.prepare(
      `INSERT INTO sessions (ns, sub, jti, until) VALUES (?1, ?2, ?3, ?4)
       ON CONFLICT (sub, jti, ns) DO UPDATE SET until = max(until, excluded.until)`,
    )
      .bind(namespace, identity.sub, identity.jti ?? "", Math.max(identity.exp * 1000, now) + KEPT_AFTER_EXPIRY_MS)
      .run();
    if (recent.size >= REMEMBERED) recent.clear();
    recent.set(key, now);
  } catch (error) {
    log("warn", "a watch could not be registered for revocation", {
      namespace,
      error: error instanceof Error ? error.message : String(error),
    });
  }
}

/** The ledgers to tell about a revocation. */
export async function ledgersWithSessions(
  env: Env,
  who: { jti?: string; sub?: string },
  now: number,
): Promise<string[]> {
  const column = who.jti === undefined ? "sub" : "jti";
  const { results } = await env.REPLAY.prepare(`SELECT DISTINCT ns FROM sessions WHERE ${column} = ?1 AND until > ?2`)
    .bind(who.jti ?? who.sub ?? "", now)
    .all<{ ns: string }>();
  return results.map(({ ns }) => ns);
}

/** Forgets what cannot be connected any more. */
export async function pruneSessions(env: Env, now: number): Promise<void> {
  await env.REPLAY.prepare("DELETE FROM sessions WHERE until <= ?").bind(now).run();
}
