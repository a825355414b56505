/** The reference read: rows of D1 and of the ledger's own tables, beside everything under test. */
import { runInDurableObject } from "cloudflare:test";
import { bindings } from "../../worker/support/ledger.ts";
import type { WatchedObject } from "../history.ts";
import type { Change } from "../model.ts";

interface Row extends Record<string, SqlStorageValue> {
  rv: number;
  type: number;
  kind: string;
  name: string;
  last: number;
  json: string;
}

const TYPES = ["", "ADDED", "MODIFIED", "DELETED", "LOGGED"] as const;

function changeOf({ rv, type, kind, name, last, json }: Row): Change {
  const told = TYPES[type];
  if (!told) throw new Error(`RV ${rv} has type ${type}`);
  return { rv, type: told, key: `${kind}/${name}`, object: JSON.parse(json) as WatchedObject, ends: last > 0 };
}

const COLUMNS = "rv, type, kind, name, last, json";
/** A page of D1: an answer holds at most some MiB. */
const PAGE_ROWS = 200;

export async function windowRows(namespace: string, upTo = Number.MAX_SAFE_INTEGER): Promise<Change[]> {
  const changes: Change[] = [];
  for (;;) {
    const after = changes.at(-1)?.rv ?? 0;
    const { results } = await bindings.REPLAY.prepare(
      `SELECT ${COLUMNS} FROM events WHERE ns = ? AND rv > ? AND rv <= ? ORDER BY rv LIMIT ${PAGE_ROWS}`,
    )
      .bind(namespace, after, upTo)
      .all<Row>();
    changes.push(...results.map(changeOf));
    if (results.length < PAGE_ROWS) return changes;
  }
}

export async function windowFloor(namespace: string): Promise<number> {
  const row = await bindings.REPLAY.prepare("SELECT floor FROM windows WHERE ns = ?")
    .bind(namespace)
    .first<{ floor: number }>();
  return row?.floor ?? 1;
}

export async function tailRows(namespace: string): Promise<Change[]> {
  const stub = bindings.LEDGER.get(bindings.LEDGER.idFromName(namespace));
  return runInDurableObject(stub, (_, { storage }) =>
    storage.sql
      .exec<Row>(`SELECT ${COLUMNS} FROM versions WHERE rv > (SELECT value FROM meta WHERE key = 'floor') ORDER BY rv`)
      .toArray()
      .map(changeOf),
  );
}
