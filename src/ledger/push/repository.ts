import { mergeConditions } from "../../resource/conditions.ts";
import type { Resource } from "../../resource/types.ts";
import type { AppliedRef, GitState, IndexEntry, PushHeader, PushProgress, RepositoryStatusPatch } from "../api.ts";
import type { HeadMeta, TombstoneMeta } from "../entry.ts";
import { type Kinds, REPOSITORY, selectableText } from "../kinds.ts";
import { REPOSITORY_MANAGER, seconds } from "../object.ts";
import { first } from "../sql.ts";
import type { Head, Store } from "../store.ts";
import type { Transaction } from "../transaction.ts";
import { closePush, type PushContext } from "./apply.ts";

/** Refs named in `status.applied`; a repository with more shows those that moved last. All are in the ledger. */
export const MAX_APPLIED_SHOWN = 500;

function writeStatus(context: { store: Store; kinds: Kinds }, tx: Transaction, head: Head, resource: Resource): void {
  const kind = context.kinds.get(REPOSITORY);
  const sel = selectableText(kind, resource);
  tx.put({ kind: REPOSITORY, resource, sel, meta: head.meta, before: head });
}

/** The push's end: `status.applied[ref]` shows its commit, in the push's last transaction. */
export function setApplied(context: PushContext, tx: Transaction, push: PushHeader): void {
  const head = context.store.find(REPOSITORY, push.repository.name);
  if (!head) return;
  const resource = JSON.parse(head.json) as Resource;
  const { [push.ref]: _, ...others } = (resource.status?.applied ?? {}) as Record<string, string>;
  const applied = push.peeled === null ? others : { ...others, [push.ref]: push.peeled };
  for (const ref of Object.keys(applied)) {
    if (Object.keys(applied).length <= MAX_APPLIED_SHOWN) break;
    delete applied[ref];
  }
  resource.status = { ...resource.status, applied };
  writeStatus(context, tx, head, resource);
}

/** Merges conditions (and the last sync) into a Repository's status; no change, no RV. */
export function patchRepositoryStatus(
  context: PushContext,
  tx: Transaction,
  name: string,
  patch: RepositoryStatusPatch,
): { changed: boolean } | undefined {
  const head = context.store.find(REPOSITORY, name);
  if (!head) return undefined;
  const resource = JSON.parse(head.json) as Resource;
  const owners = { ...head.meta.owners };
  const isOurs = (type: string): boolean => (owners[type] ?? REPOSITORY_MANAGER) === REPOSITORY_MANAGER;
  const before = resource.status?.conditions ?? [];
  const conditions = before.filter(({ type }) => !(patch.removeConditions?.includes(type) && isOurs(type)));
  const observed = (patch.conditions ?? []).filter(({ type }) => isOurs(type));
  const merged = mergeConditions(conditions, observed, seconds(tx.now));
  if (!merged.changed && conditions.length === before.length) return { changed: false };
  for (const { type } of observed) owners[type] = REPOSITORY_MANAGER;
  for (const type of patch.removeConditions ?? []) if (isOurs(type)) delete owners[type];
  resource.status = { ...resource.status, conditions: merged.conditions };
  writeStatus(context, tx, { ...head, meta: { ...head.meta, owners } }, resource);
  return { changed: true };
}

export function gitState(store: Store, name: string, options: { resources?: boolean } = {}): GitState | undefined {
  const head = store.find(REPOSITORY, name);
  if (!head) return undefined;
  const resource = JSON.parse(head.json) as Resource;
  const { uid } = resource.metadata;
  const refs = store.storage.sql
    .exec<AppliedRef & Record<string, string | number | null>>(
      "SELECT ref, oid, peeled, move FROM refs WHERE repo = ? ORDER BY ref",
      uid,
    )
    .toArray();
  const open = store.storage.sql
    .exec<{ header: string; next: number; admitted: number; refused: number }>(
      "SELECT header, next, admitted, refused FROM pushes WHERE repo = ? ORDER BY ref",
      uid,
    )
    .toArray()
    .map(
      (row): PushProgress => ({
        push: JSON.parse(row.header) as PushHeader,
        next: row.next,
        admitted: row.admitted,
        refused: row.refused,
      }),
    );
  return {
    repository: { uid, name, spec: resource.spec, resourceVersion: resource.metadata.resourceVersion },
    refs,
    open,
    ...(options.resources ? { resources: heldBy(store, uid) } : {}),
  };
}

/** Reads every object. */
function heldBy(store: Store, uid: string): number {
  const query = "SELECT count(*) AS n FROM heads WHERE json_extract(meta, '$.repo') = ?";
  return first<{ n: number }>(store.storage.sql, query, uid)?.n ?? 0;
}

/** The uid of a repository by name, for queries that name it. */
export function repositoryUid(store: Store, name: string): string | undefined {
  const head = store.find(REPOSITORY, name);
  return head && (JSON.parse(head.json) as Resource).metadata.uid;
}

interface FileRow extends Record<string, string | number | null> {
  path: string;
  oid: string;
  kind: string | null;
  name: string | null;
}

export function readIndex(
  store: Store,
  repo: string,
  branch: string,
  after: string,
  limit: number,
): { entries: IndexEntry[]; next?: string } {
  const rows = store.storage.sql
    .exec<FileRow>(
      "SELECT path, oid, kind, name FROM files WHERE repo = ? AND branch = ? AND path > ? ORDER BY path LIMIT ?",
      repo,
      branch,
      after,
      limit + 1,
    )
    .toArray();
  const entries = rows.slice(0, limit).map((row) => ({
    path: row.path,
    oid: row.oid,
    identity: row.kind !== null && row.name !== null ? { kind: row.kind, name: row.name } : null,
  }));
  const end = rows.length > limit ? entries[entries.length - 1] : undefined;
  return { entries, ...(end ? { next: end.path } : {}) };
}

/**
 * What goes with a branch: identities whose admitted state no other branch holds, and who else has the identity. An
 * absence is such a state where another branch still has what this one deleted.
 */
export function heldOnlyBy(
  store: Store,
  repo: string,
  branch: string,
  after: string,
  limit: number,
): {
  held: { identity: { kind: string; name: string }; others: { branch: string; path: string; oid: string }[] }[];
  next?: string;
} {
  const [afterKind, afterName] = after ? (JSON.parse(after) as [string, string]) : ["", ""];
  const rows = store.storage.sql
    .exec<{ kind: string; name: string; meta: string }>(
      `SELECT kind, name, meta FROM heads
        WHERE (kind, name) > (?1, ?2) AND json_extract(meta, '$.repo') = ?3
       UNION ALL
       SELECT kind, name, meta FROM tombstones t
        WHERE (kind, name) > (?1, ?2) AND json_extract(meta, '$.repo') = ?3
          AND rv = (SELECT max(rv) FROM tombstones WHERE kind = t.kind AND name = t.name)
          AND NOT EXISTS (SELECT 1 FROM heads WHERE kind = t.kind AND name = t.name)
          AND EXISTS (SELECT 1 FROM files WHERE repo = ?3 AND kind = t.kind AND name = t.name)
       ORDER BY kind, name LIMIT ?4`,
      afterKind,
      afterName,
      repo,
      limit,
    )
    .toArray();
  const held = [];
  for (const row of rows) {
    const { holders } = JSON.parse(row.meta) as HeadMeta | TombstoneMeta;
    const names = Object.keys(holders ?? {});
    if (names.length !== 1 || names[0] !== branch) continue;
    const others = store.storage.sql
      .exec<{ branch: string; path: string; oid: string }>(
        "SELECT branch, path, oid FROM files WHERE repo = ? AND branch <> ? AND kind = ? AND name = ? ORDER BY branch, path",
        repo,
        branch,
        row.kind,
        row.name,
      )
      .toArray();
    held.push({ identity: { kind: row.kind, name: row.name }, others });
  }
  const end = rows.length === limit ? rows[rows.length - 1] : undefined;
  return { held, ...(end ? { next: JSON.stringify([end.kind, end.name]) } : {}) };
}

/** Closes a push that cannot be completed, at its new oid. What of it was applied stays; the next push heals the rest. */
export function abandon(context: PushContext, tx: Transaction, name: string, ref: string): boolean {
  const uid = repositoryUid(context.store, name);
  if (uid === undefined) return false;
  const row = first<{ header: string }>(
    context.store.storage.sql,
    "SELECT header FROM pushes WHERE repo = ? AND ref = ?",
    uid,
    ref,
  );
  if (!row) return false;
  const push = JSON.parse(row.header) as PushHeader;
  closePush(context.store, push);
  setApplied(context, tx, push);
  return true;
}

/** Forgets what Git gave of a repository. `delete` takes its resources along, a batch at a time. */
export function release(
  context: PushContext,
  tx: Transaction,
  name: string,
  policy: "retain" | "delete",
  batch: number,
): { done: boolean } | undefined {
  const { store, kinds } = context;
  const uid = repositoryUid(store, name);
  if (uid === undefined) return undefined;
  if (policy === "delete") {
    const rows = store.storage.sql
      .exec<{ kind: string; name: string }>(
        "SELECT kind, name FROM heads WHERE json_extract(meta, '$.repo') = ? LIMIT ?",
        uid,
        batch,
      )
      .toArray();
    for (const row of rows) {
      const head = store.find(row.kind, row.name);
      if (head) tx.remove(row.kind, row.name, head, {});
    }
    if (rows.length === batch) return { done: false };
    store.storage.sql.exec(
      "DELETE FROM skus WHERE name NOT IN (SELECT name FROM heads WHERE kind = 'ProductVariant.catalog.gitstore.dev')",
    );
    kinds.forget();
  }
  for (const table of ["files", "refs", "pushes", "rejected"])
    store.storage.sql.exec(`DELETE FROM ${table} WHERE repo = ?`, uid);
  return { done: true };
}
