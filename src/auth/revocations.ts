/**
 * Tokens and subjects that are refused before they expire. D1 holds the list; each isolate keeps a copy of at most
 * 30 s, so a revocation is in force everywhere within 60 s. A D1 that fails or stalls must not stop requests (it is
 * never on the live path): the last copy stays in use, and the log says so.
 */
import type { Env } from "../config.ts";
import { log } from "../telemetry/log.ts";
import { timeBox } from "../telemetry/timebox.ts";

export interface RevocationList {
  revoked(jti: string | undefined, sub: string): Promise<boolean>;
}

export interface Revocation {
  kind: "jti" | "sub";
  value: string;
  /** Milliseconds since 1970; after it the token has expired anyway, or the subject is let in again. */
  until: number;
}

export interface RevocationStore {
  /** Those still in force. */
  load(now: number): Promise<Revocation[]>;
}

/** How old a copy may be when it is used. With the time box below this stays under the promised 60 s. */
export const COPY_MAX_AGE_MS = 30_000;
/** A stalled D1 costs one request so long, and then none for the pause. */
const LOAD_TIMEOUT_MS = 1_500;
const PAUSE_AFTER_FAILURE_MS = 10_000;
/** One request at a time asks D1; a load that takes longer than this has died with its request. */
const LOADING_GRACE_MS = 2_000;
const SHARED_MS = 15_000;

export class CachedRevocations implements RevocationList {
  readonly #store: RevocationStore;
  readonly #clock: () => number;
  #entries = new Map<string, number>();
  #loadedAt = Number.NEGATIVE_INFINITY;
  #tryAfter = Number.NEGATIVE_INFINITY;

  constructor(store: RevocationStore, clock: () => number = Date.now) {
    this.#store = store;
    this.#clock = clock;
  }

  async revoked(jti: string | undefined, sub: string): Promise<boolean> {
    const now = this.#clock();
    if (now - this.#loadedAt > COPY_MAX_AGE_MS && now >= this.#tryAfter) await this.#load(now);
    return this.#holds("sub", sub, now) || (jti !== undefined && this.#holds("jti", jti, now));
  }

  /** In force here at once; elsewhere when the copy there is renewed. */
  add(revocation: Revocation): void {
    this.#entries.set(keyOf(revocation.kind, revocation.value), revocation.until);
  }

  remove(kind: Revocation["kind"], value: string): void {
    this.#entries.delete(keyOf(kind, value));
  }

  #holds(kind: Revocation["kind"], value: string, now: number): boolean {
    return (this.#entries.get(keyOf(kind, value)) ?? 0) > now;
  }

  async #load(now: number): Promise<void> {
    // No promise is shared between requests: in Workers one request's I/O cannot be awaited by another.
    const first = this.#loadedAt === Number.NEGATIVE_INFINITY;
    // While one request renews a copy that is only just too old the others go on with it.
    if (now - this.#loadedAt < COPY_MAX_AGE_MS + SHARED_MS) this.#tryAfter = now + LOADING_GRACE_MS;
    try {
      const list = await timeBox(this.#store.load(now), LOAD_TIMEOUT_MS);
      this.#entries = new Map(list.map(({ kind, value, until }) => [keyOf(kind, value), until]));
      this.#loadedAt = now;
      this.#tryAfter = now;
    } catch (error) {
      this.#tryAfter = now + PAUSE_AFTER_FAILURE_MS;
      log("error", "revocations could not be read: the last list stays in use", {
        error: error instanceof Error ? error.message : String(error),
        ageMs: first ? null : now - this.#loadedAt,
      });
    }
  }
}

function keyOf(kind: Revocation["kind"], value: string): string {
  return `${kind}:${value}`;
}

/** The list in D1, table `revocations`. */
export class D1Revocations implements RevocationStore {
  readonly #db: D1Database;

  constructor(db: D1Database) {
    this.#db = db;
  }

  async load(now: number): Promise<Revocation[]> {
    const { results } = await this.#db
      .prepare("SELECT kind, value, until FROM revocations WHERE until > ?")
      .bind(now)
      .all<Revocation>();
    return results;
  }

  /** Writes one, and forgets those whose time is over. */
  async save(revocation: Revocation, by: string, reason: string, now: number): Promise<void> {
    await this.#db.batch([
      this.#db
        .prepare(
          `INSERT INTO revocations (kind, value, until, at, by, reason) VALUES (?1, ?2, ?3, ?4, ?5, ?6)
           ON CONFLICT (kind, value) DO UPDATE SET until = max(until, excluded.until), at = excluded.at, by = excluded.by, reason = excluded.reason`,
        )
        .bind(revocation.kind, revocation.value, revocation.until, now, by, reason),
      this.#db.prepare("DELETE FROM revocations WHERE until <= ?").bind(now),
    ]);
  }

  async lift(kind: Revocation["kind"], value: string): Promise<boolean> {
    const { meta } = await this.#db
      .prepare("DELETE FROM revocations WHERE kind = ? AND value = ?")
      .bind(kind, value)
      .run();
    return meta.changes > 0;
  }
}

const perEnv = new WeakMap<object, CachedRevocations>();

export function revocationsOf(env: Env): CachedRevocations {
  let list = perEnv.get(env);
  if (!list) {
    list = new CachedRevocations(new D1Revocations(env.REPLAY));
    perEnv.set(env, list);
  }
  return list;
}
