/** The reference read of a server that is dead: what its files hold is what was durable. */
import { readdirSync } from "node:fs";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { IN_SPACE, RV } from "../../worker/support/replay.ts";
import type { Change } from "../model.ts";
import { COLUMNS, changeOf, type LogRow } from "../rows.ts";

export interface DeadState {
  /** Rows of the ledger's own log that are still in its tail. */
  tail: Change[];
  /** Rows of the window in D1, which has all up to `flushed`. */
  window: Change[];
  flushed: number;
}

export function readDead(stateDir: string, namespace: string): DeadState {
  const state: DeadState = { tail: [], window: [], flushed: 0 };
  for (const file of readdirSync(stateDir, { recursive: true, encoding: "utf8" })) {
    if (!file.endsWith(".sqlite")) continue;
    const db = new DatabaseSync(join(stateDir, file));
    try {
      const tables = new Set(
        (db.prepare("SELECT name FROM sqlite_master WHERE type = 'table'").all() as { name: string }[]).map(
          ({ name }) => name,
        ),
      );
      if (tables.has("replay") && tables.has("spaces")) state.window = windowOf(db, namespace);
      else if (tables.has("versions") && tables.has("heads") && metaOf(db, "namespace") === namespace) {
        state.tail = tailOf(db);
        state.flushed = Number(metaOf(db, "flushed"));
      }
    } finally {
      db.close();
    }
  }
  return state;
}

function metaOf(db: DatabaseSync, key: string): unknown {
  return (db.prepare("SELECT value FROM meta WHERE key = ?").get(key) as { value: unknown } | undefined)?.value;
}

function windowOf(db: DatabaseSync, namespace: string): Change[] {
  const rows = db.prepare(`SELECT ${RV} AS rv, ${COLUMNS} FROM replay WHERE ${IN_SPACE} ORDER BY key`).all(namespace);
  return (rows as unknown as LogRow[]).map(changeOf);
}

function tailOf(db: DatabaseSync): Change[] {
  const rows = db
    .prepare(`SELECT rv, ${COLUMNS} FROM versions WHERE rv > ? ORDER BY rv`)
    .all(Number(metaOf(db, "floor")));
  return (rows as unknown as LogRow[]).map(changeOf);
}
