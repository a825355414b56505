/** The reference read: rows of D1 and of the ledger's own tables, beside everything under test. */
import { runInDurableObject } from "cloudflare:test";
import { bindings } from "../../worker/support/ledger.ts";
import { IN_SPACE, RV } from "../../worker/support/replay.ts";
import type { Change } from "../model.ts";
import { COLUMNS, changeOf, type LogRow } from "../rows.ts";

/** A page of D1: an answer holds at most some MiB. */
const PAGE_ROWS = 200;

export async function windowRows(namespace: string, upTo = Number.MAX_SAFE_INTEGER): Promise<Change[]> {
  const changes: Change[] = [];
  for (;;) {
    const after = changes.at(-1)?.rv ?? 0;
    const { results } = await bindings.REPLAY.prepare(
      `SELECT ${RV} AS rv, ${COLUMNS} FROM replay WHERE ${IN_SPACE} AND ${RV} > ? AND ${RV} <= ? ORDER BY key LIMIT ${PAGE_ROWS}`,
    )
      .bind(namespace, after, upTo)
      .all<LogRow>();
    changes.push(...results.map(changeOf));
    if (results.length < PAGE_ROWS) return changes;
  }
}

export async function windowFloor(namespace: string): Promise<number> {
  const row = await bindings.REPLAY.prepare("SELECT floor FROM spaces WHERE ns = ?")
    .bind(namespace)
    .first<{ floor: number }>();
  return row?.floor ?? 1;
}

export async function tailRows(namespace: string): Promise<Change[]> {
  const stub = bindings.LEDGER.get(bindings.LEDGER.idFromName(namespace));
  return runInDurableObject(stub, (_, { storage }) =>
    storage.sql
      .exec<LogRow>(
        `SELECT rv, ${COLUMNS} FROM versions WHERE rv > (SELECT value FROM meta WHERE key = 'floor') ORDER BY rv`,
      )
      .toArray()
      .map(changeOf),
  );
}
