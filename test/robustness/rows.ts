/** A row of the log as both D1 and the ledger keep it: what the reference reads have in common. */
import type { WatchedObject } from "./history.ts";
import type { Change } from "./model.ts";

// A type and no interface: rows of SQL are told by an index signature.
export type LogRow = { rv: number; type: number; kind: string; name: string; last: number; json: string };

const TYPES = ["", "ADDED", "MODIFIED", "DELETED", "LOGGED"] as const;
export const COLUMNS = "type, kind, name, last, json";

export function changeOf({ rv, type, kind, name, last, json }: LogRow): Change {
  const told = TYPES[type];
  if (!told) throw new Error(`RV ${rv} has type ${type}`);
  return { rv, type: told, key: `${kind}/${name}`, object: JSON.parse(json) as WatchedObject, ends: last > 0 };
}
