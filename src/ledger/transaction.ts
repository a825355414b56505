import { asciiJson } from "../resource/canonical.ts";
import type { KindKey, Resource } from "../resource/types.ts";
import {
  ADDED,
  DELETED,
  type Entry,
  type EntryType,
  GIT_EVENT,
  type HeadMeta,
  INSIDE,
  LOGGED,
  MODIFIED,
  type TombstoneMeta,
} from "./entry.ts";
import type { Head, Store } from "./store.ts";

/** At most so many resource changes in one transaction; GitEvents about them come on top. */
export const MAX_CHANGES = 1_000;
export const MAX_TRANSACTION_BYTES = 8 * 1024 * 1024;
/** An object with its status, as UTF-8 JSON. Guarded here because local workerd takes 4 MiB and production 2 MB a row. */
export const MAX_OBJECT_BYTES = 1024 * 1024;

export class TransactionTooLarge extends Error {}

export interface Put {
  kind: KindKey;
  /** With `metadata.resourceVersion` still to be set. */
  resource: Resource;
  sel: string;
  meta: HeadMeta;
  before: Head | undefined;
}

/** Takes RVs and writes rows; made by `Store.commit` only. */
export class Transaction {
  readonly store: Store;
  readonly now: number;
  /** The last RV taken. */
  rv: number;
  entries: Entry[] = [];
  changes = 0;
  bytes = 0;

  constructor(store: Store, rv: number, now: number) {
    this.store = store;
    this.rv = rv;
    this.now = now;
  }

  mark(): { rv: number; entries: number; changes: number; bytes: number } {
    return { rv: this.rv, entries: this.entries.length, changes: this.changes, bytes: this.bytes };
  }

  rollbackTo(mark: { rv: number; entries: number; changes: number; bytes: number }): void {
    this.rv = mark.rv;
    this.entries.length = mark.entries;
    this.changes = mark.changes;
    this.bytes = mark.bytes;
  }

  /** Adds or replaces an object; returns its JSON text with the new RV. */
  put(put: Put): { rv: number; json: string } {
    const rv = this.rv + 1;
    put.resource.metadata.resourceVersion = String(rv);
    const json = asciiJson(put.resource);
    const type = put.before ? MODIFIED : ADDED;
    const psel = put.before && put.before.sel !== put.sel ? put.before.sel : null;
    this.#append({
      rv,
      type,
      kind: put.kind,
      name: put.resource.metadata.name,
      prev: put.before?.rv ?? 0,
      sel: put.sel,
      psel,
      json,
    });
    const sql = this.store.storage.sql;
    sql.exec(
      "INSERT INTO heads VALUES (?, ?, ?, ?, ?) ON CONFLICT (kind, name) DO UPDATE SET rv = excluded.rv, meta = excluded.meta",
      put.kind,
      put.resource.metadata.name,
      rv,
      put.before?.created ?? rv,
      JSON.stringify(put.meta),
    );
    this.#counted();
    return { rv, json };
  }

  /** Deletes an object: DELETED carries the last object with the deletion's RV, and a tombstone outlives it. */
  remove(kind: KindKey, name: string, before: Head, meta: TombstoneMeta): { rv: number; json: string } {
    const rv = this.rv + 1;
    const { sel } = before;
    const resource = JSON.parse(before.json) as Resource;
    resource.metadata.resourceVersion = String(rv);
    const json = asciiJson(resource);
    this.#append({ rv, type: DELETED, kind, name, prev: before.rv, sel, psel: null, json });
    const sql = this.store.storage.sql;
    sql.exec("DELETE FROM heads WHERE kind = ? AND name = ?", kind, name);
    sql.exec(
      "INSERT INTO tombstones VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
      kind,
      name,
      rv,
      before.created,
      resource.metadata.uid,
      this.now,
      sel,
      JSON.stringify(meta),
    );
    this.#counted();
    return { rv, json };
  }

  /** A GitEvent: a log entry that has an RV and is no object. */
  log(build: (rv: number) => Resource, sel: (event: Resource) => string): number {
    const rv = this.rv + 1;
    const event = build(rv);
    event.metadata.resourceVersion = String(rv);
    this.#append({
      rv,
      type: LOGGED,
      kind: GIT_EVENT,
      name: event.metadata.name,
      prev: 0,
      sel: sel(event),
      psel: null,
      json: asciiJson(event),
    });
    return rv;
  }

  #append(row: {
    rv: number;
    type: EntryType;
    kind: KindKey;
    name: string;
    prev: number;
    sel: string;
    psel: string | null;
    json: string;
  }): void {
    this.store.storage.sql.exec(
      "INSERT INTO versions VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
      row.rv,
      row.type,
      row.kind,
      row.name,
      row.prev,
      INSIDE,
      this.now,
      row.json.length,
      row.sel,
      row.json,
    );
    this.rv = row.rv;
    this.bytes += row.json.length;
    this.entries.push({ ...row, last: INSIDE, at: this.now });
  }

  #counted(): void {
    this.changes += 1;
    if (this.changes > MAX_CHANGES || this.bytes > MAX_TRANSACTION_BYTES) {
      throw new TransactionTooLarge(
        `a transaction holds at most ${MAX_CHANGES} resource changes and ${MAX_TRANSACTION_BYTES} bytes; this one has ${this.changes} and ${this.bytes}`,
      );
    }
  }
}
