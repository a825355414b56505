import { ADDED, DELETED, type Entry } from "./entry.ts";

/** A D1 call is given this long; D1 stalls for tens of seconds now and then, and a stall must cost only the caller. */
export const WINDOW_TIMEOUT_MS = 10_000;
/** One INSERT takes at most so many rows and bytes, in two parameters. */
export const FLUSH_ROWS = 500;
export const FLUSH_BYTES = 512 * 1024;
/** Larger rows are bound one by one: quoted once more on their way, with others, they could pass D1's 2 MB. */
export const DIRECT_ROW_BYTES = 256 * 1024;

/**
 * A row's key is its namespace's id above 40 bits of RV (migration 0005). All of it is computed in SQL: beyond 2^53 a
 * JavaScript number would name another row. `|` also makes an integer of a bound number, which is a double.
 */
const RV_MASK = 2 ** 40 - 1;
const SPACE = "(SELECT id << 40 FROM spaces WHERE ns = ?1)";
const RV = `key & ${RV_MASK} AS rv`;

/** Beyond its 40 bits an RV would be of another namespace. */
const within = (rv: number): number => Math.min(Math.max(0, rv), RV_MASK);

/**
 * ?2: the new head; ?3: what comes before the first row of this flush; ?4: the time; ?5: the floor that the ledger says.
 * Where ?3 is beyond the head there is a gap, of events that another version of this Worker flushed elsewhere: the window
 * begins behind it. `head` stays what it was where the same rows come again.
 */
const ADD_SPACE = `INSERT INTO spaces (ns, head, floor, at) VALUES (?1, ?2, ?3, ?4) ON CONFLICT (ns) DO UPDATE
  SET floor = max(floor, ?5, CASE WHEN ?3 > head THEN ?3 ELSE 0 END), head = max(head, ?2), at = ?4`;
/**
 * ?2: [rv, type, kind, name, prev, last, at, sel, psel, offset, bytes] of each row; ?3: their objects, one behind the
 * other. Inside the JSON they would be quoted twice more on their way, and parsed for each column that is taken out.
 * `WHERE true`: without it the parser takes ON CONFLICT for a join constraint of json_each.
 */
const ADD_ROWS = `INSERT INTO replay SELECT ${SPACE} | (value->>0), value->>1, value->>2, value->>3, value->>4, value->>5,
       value->>6, value->>7, value->>8, CAST(substr(CAST(?3 AS BLOB), value->>9, value->>10) AS TEXT)
  FROM json_each(?2) WHERE true ON CONFLICT DO NOTHING`;
const ADD_ROW = `INSERT INTO replay VALUES (${SPACE} | ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11) ON CONFLICT DO NOTHING`;
const ADD_BEFORE = `INSERT INTO replay_befores VALUES (${SPACE} | ?2, ?3) ON CONFLICT DO NOTHING`;

/** Which object a uid is of, for ids that do not say where it is. */
const INDEX_MADE = `INSERT INTO uids SELECT json ->> '$.metadata.uid', ?1, kind, name FROM replay
   WHERE key BETWEEN (${SPACE} | ?2) AND (${SPACE} | ?3) AND type = 1 ON CONFLICT DO NOTHING`;
const FORGET_DELETED = `DELETE FROM uids WHERE uid IN (SELECT json ->> '$.metadata.uid' FROM replay
   WHERE key BETWEEN (${SPACE} | ?2) AND (${SPACE} | ?3) AND type = 3)`;

/** Events dropped at once when a database is over its bound. */
const ROOM_ROWS = 10_000;

export class WindowUnavailable extends Error {}

/** A row on its way to D1: an entry, and the object before it where a filter may have to say it left. */
export interface WindowRow extends Entry {
  before: string | null;
}

export interface AuditRow {
  rv: number;
  at: number;
  type: string;
  json: string;
}

/** The replay window of one namespace. Every method throws WindowUnavailable when D1 fails or does not answer in time. */
export interface Window {
  /** Entries in (after, upTo], in RV order, at most `limit`; with their before-image in `before`. */
  read(after: number, upTo: number, limit: number): Promise<WindowRow[]>;
  /**
   * Idempotent by (namespace, rv). Marks the head that is flushed. `floor`: the ledger had to drop events up to here
   * without D1 ever having them, so the window begins above. Returns the database's size in bytes.
   */
  append(rows: readonly WindowRow[], audit: readonly AuditRow[], at: number, floor: number): Promise<number>;
  /** Drops the oldest events of the namespace with the longest window, when the file has grown past `bytes`. */
  makeRoom(size: number, bytes: number): Promise<{ namespace: string; dropped: number } | undefined>;
  /** What `/metrics` and `/readyz` show of this ledger without waking it. */
  publish(json: string, at: number): Promise<void>;
  /** Where the window begins (events above it are there) and ends; undefined when nothing was ever flushed. */
  bounds(): Promise<{ floor: number; head: number } | undefined>;
  /** Drops events at or below `floor`; returns how many went. */
  prune(floor: number): Promise<number>;
  /** The end of the run in (floor, upTo] that is older than `before` ms: whole transactions, at most about `limit`. */
  agedOut(floor: number, upTo: number, before: number, limit: number): Promise<number>;
  /** Drops audit rows older than `before` ms. */
  pruneAudit(before: number): Promise<void>;
  /** GitEvents in (after, upTo], as JSON, in RV order. */
  events(after: number, upTo: number, limit: number): Promise<{ rv: number; json: string; sel: string }[]>;
  audit(after: number, upTo: number, limit: number): Promise<{ rv: number; json: string }[]>;
  /** Everything of the namespace, for one deleted for good. */
  drop(): Promise<void>;
}

/** Waits, unless it is aborted. */
type Timer = (ms: number, signal: AbortSignal) => Promise<void>;

export class D1Window implements Window {
  readonly #db: D1Database;
  readonly #ns: string;
  /** Where all ledgers publish: the first database, which a scrape reads. */
  readonly #gauges: D1Database;
  readonly #wait: Timer;

  constructor(
    db: D1Database,
    namespace: string,
    gauges: D1Database = db,
    wait: Timer = (ms, signal) => scheduler.wait(ms, { signal }),
  ) {
    this.#db = db;
    this.#ns = namespace;
    this.#gauges = gauges;
    this.#wait = wait;
  }

  async read(after: number, upTo: number, limit: number): Promise<WindowRow[]> {
    const { results } = await this.#timed(
      this.#db
        .prepare(
          `SELECT e.${RV}, e.type, e.kind, e.name, e.prev, e.last, e.at, e.sel, e.psel, e.json, b.json AS before
             FROM replay e LEFT JOIN replay_befores b ON b.key = e.key
            WHERE e.key > (${SPACE} | ?2) AND e.key <= (${SPACE} | ?3) ORDER BY e.key LIMIT ?4`,
        )
        .bind(this.#ns, within(after), within(upTo), limit)
        .all<WindowRow>(),
    );
    return results;
  }

  async append(rows: readonly WindowRow[], audit: readonly AuditRow[], at: number, floor: number): Promise<number> {
    const first = rows[0];
    const end = rows[rows.length - 1];
    if (!first || !end) return 0;
    // It would be another namespace's row.
    if (end.rv > RV_MASK) throw new Error(`RV ${end.rv} is beyond what the replay window can hold (${RV_MASK})`);
    const statements: D1PreparedStatement[] = [];
    const together = rows.filter(travelsWithOthers);
    if (together.length > 0) statements.push(this.#bound(ADD_ROWS, ...packed(together)));
    for (const r of rows) {
      if (!travelsWithOthers(r)) {
        const values = [r.rv, r.type, r.kind, r.name, r.prev, r.last, r.at, r.sel, r.psel, r.json];
        statements.push(this.#bound(ADD_ROW, ...values));
      }
      if (r.before !== null) statements.push(this.#bound(ADD_BEFORE, r.rv, r.before));
    }
    // A uid is made once and deleted once, so the order of the two does not matter, nor whether they come twice.
    if (rows.some(({ type }) => type === ADDED)) statements.push(this.#bound(INDEX_MADE, first.rv, end.rv));
    if (rows.some(({ type }) => type === DELETED)) statements.push(this.#bound(FORGET_DELETED, first.rv, end.rv));
    for (const a of audit) {
      const insert = "INSERT INTO audit VALUES (?, ?, ?, ?, ?) ON CONFLICT DO NOTHING";
      statements.push(this.#db.prepare(insert).bind(this.#ns, a.rv, a.at, a.type, a.json));
    }
    // First, because the rows' keys have its id.
    statements.unshift(this.#bound(ADD_SPACE, end.rv, first.rv - 1, at, floor));
    const results = await this.#timed(this.#db.batch(statements));
    return results.at(-1)?.meta.size_after ?? 0;
  }

  async makeRoom(size: number, bytes: number): Promise<{ namespace: string; dropped: number } | undefined> {
    if (size <= bytes) return undefined;
    const last = await this.#timed(
      this.#db.prepare("SELECT value FROM bounds WHERE name = 'size'").first<{ value: number }>(),
    );
    if (last && size <= last.value) return undefined;
    // RVs are dense, so the longest window is the one with most events, without counting any.
    const longest = await this.#timed(
      this.#db
        .prepare("SELECT ns, floor, head FROM spaces ORDER BY head - floor DESC LIMIT 1")
        .first<{ ns: string; floor: number; head: number }>(),
    );
    if (!longest || longest.head <= longest.floor) return undefined;
    const upTo = longest.floor + Math.min(ROOM_ROWS, Math.ceil((longest.head - longest.floor) / 2));
    const end = await this.#timed(
      this.#db
        .prepare(
          `SELECT ${RV} FROM replay WHERE key BETWEEN (${SPACE} | ?2) AND (${SPACE} | ${RV_MASK}) AND last > 0
            ORDER BY key LIMIT 1`,
        )
        .bind(longest.ns, within(upTo))
        .first<{ rv: number }>(),
    );
    const dropped = await new D1Window(this.#db, longest.ns, this.#gauges, this.#wait).prune(end?.rv ?? upTo);
    await this.#timed(
      this.#db
        .prepare("INSERT INTO bounds VALUES ('size', ?) ON CONFLICT (name) DO UPDATE SET value = excluded.value")
        .bind(size)
        .run(),
    );
    return { namespace: longest.ns, dropped };
  }

  async publish(json: string, at: number): Promise<void> {
    const upsert =
      "INSERT INTO gauges VALUES (?, ?, ?) ON CONFLICT (ns) DO UPDATE SET at = excluded.at, json = excluded.json";
    await this.#timed(this.#gauges.prepare(upsert).bind(this.#ns, at, json).run());
  }

  async bounds(): Promise<{ floor: number; head: number } | undefined> {
    const query = this.#db.prepare("SELECT floor, head FROM spaces WHERE ns = ?").bind(this.#ns);
    return (await this.#timed(query.first<{ floor: number; head: number }>())) ?? undefined;
  }

  async prune(floor: number): Promise<number> {
    // The floor rises in the same batch as the rows go: a reader is told so instead of being given a gap.
    const [, gone] = await this.#timed(
      this.#db.batch([
        this.#bound("UPDATE spaces SET floor = max(floor, ?2) WHERE ns = ?1", floor),
        this.#bound(`DELETE FROM replay WHERE key BETWEEN ${SPACE} AND (${SPACE} | ?2)`, within(floor)),
        this.#bound(`DELETE FROM replay_befores WHERE key BETWEEN ${SPACE} AND (${SPACE} | ?2)`, within(floor)),
      ]),
    );
    return gone?.meta.changes ?? 0;
  }

  async agedOut(floor: number, upTo: number, before: number, limit: number): Promise<number> {
    // Reads only the rows that are about to go, from the old end.
    const rows = await this.#timed(
      this.#bound(
        `SELECT ${RV}, last, at FROM replay WHERE key > (${SPACE} | ?2) AND key <= (${SPACE} | ?3) ORDER BY key LIMIT ?4`,
        within(floor),
        within(upTo),
        limit,
      ).all<{ rv: number; last: number; at: number }>(),
    );
    let end = floor;
    for (const row of rows.results) {
      if (row.at >= before) break;
      if (row.last > 0) end = row.rv;
    }
    return end;
  }

  async pruneAudit(before: number): Promise<void> {
    await this.#timed(this.#db.prepare("DELETE FROM audit WHERE ns = ? AND at < ?").bind(this.#ns, before).run());
  }

  async events(after: number, upTo: number, limit: number): Promise<{ rv: number; json: string; sel: string }[]> {
    const query = `SELECT ${RV}, json, sel FROM replay
      WHERE key > (${SPACE} | ?2) AND key <= (${SPACE} | ?3) AND type = 4 ORDER BY key LIMIT ?4`;
    const found = this.#bound(query, within(after), within(upTo), limit).all<{
      rv: number;
      json: string;
      sel: string;
    }>();
    return (await this.#timed(found)).results;
  }

  async audit(after: number, upTo: number, limit: number): Promise<{ rv: number; json: string }[]> {
    const query = "SELECT rv, json FROM audit WHERE ns = ? AND rv > ? AND rv <= ? ORDER BY rv LIMIT ?";
    return (
      await this.#timed(this.#db.prepare(query).bind(this.#ns, after, upTo, limit).all<{ rv: number; json: string }>())
    ).results;
  }

  async drop(): Promise<void> {
    const space = ["replay", "replay_befores"].map((table) =>
      this.#bound(`DELETE FROM ${table} WHERE key BETWEEN ${SPACE} AND (${SPACE} | ${RV_MASK})`),
    );
    const named = ["audit", "gauges", "uids"].map((table) => this.#bound(`DELETE FROM ${table} WHERE ns = ?1`));
    await this.#timed(this.#db.batch([...space, ...named]));
    await this.#dropOld();
  }

  /** What was flushed before migration 0005 lies in tables that only older versions read; an operator may have dropped them. */
  async #dropOld(): Promise<void> {
    const old = ["events", "befores"].map((table) => this.#bound(`DELETE FROM ${table} WHERE ns = ?1`));
    try {
      await this.#timed(this.#db.batch(old));
    } catch (error) {
      if (!(error instanceof WindowUnavailable) || !error.message.includes("no such table")) throw error;
    }
  }

  /** `?1` is the namespace. */
  #bound(query: string, ...values: (string | number | null)[]): D1PreparedStatement {
    return this.#db.prepare(query).bind(this.#ns, ...values);
  }

  /**
   * A race does not cancel the call, so the late rejection of the loser is swallowed here. The timer is: one left
   * running would keep the object awake, and billed, for its ten seconds after every flush.
   */
  async #timed<T>(call: Promise<T>): Promise<T> {
    const timer = new AbortController();
    const late = this.#wait(WINDOW_TIMEOUT_MS, timer.signal).then(() => {
      throw new WindowUnavailable(`D1 did not answer within ${WINDOW_TIMEOUT_MS} ms`);
    });
    late.catch(() => undefined);
    call.catch(() => undefined);
    try {
      return await Promise.race([call, late]);
    } catch (error) {
      if (error instanceof WindowUnavailable) throw error;
      throw new WindowUnavailable(error instanceof Error ? error.message : String(error), { cause: error });
    } finally {
      timer.abort();
    }
  }
}

/** Objects are ASCII, so that an offset in characters is one in bytes; one that is not is bound by itself. */
function travelsWithOthers({ json }: WindowRow): boolean {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: it is the range of ASCII that is asked for
  return json.length <= DIRECT_ROW_BYTES && /^[\x00-\x7f]*$/.test(json);
}

/** The parameters of ADD_ROWS; offsets count from 1, as `substr` does. */
function packed(rows: readonly WindowRow[]): [columns: string, objects: string] {
  let offset = 1;
  const columns = rows.map((r) => {
    const at = offset;
    offset += r.json.length;
    return [r.rv, r.type, r.kind, r.name, r.prev, r.last, r.at, r.sel, r.psel, at, r.json.length];
  });
  return [JSON.stringify(columns), rows.map(({ json }) => json).join("")];
}
