import type { PushChunk, RejectedRecord } from "../api.ts";
import type { HeadMeta } from "../entry.ts";
import { first } from "../sql.ts";
import type { Store } from "../store.ts";
import type { Outcome } from "./evaluate.ts";
import { repositoryName } from "./evaluate.ts";

/** A resource never admitted: kept for operators, invisible to everyone else, and without an RV. */
export function recordFailure(
  store: Store,
  chunk: PushChunk,
  branch: string,
  outcome: Extract<Outcome, { does: "fail" }>,
  at: string,
): void {
  store.storage.sql.exec(
    "INSERT OR REPLACE INTO rejected VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
    chunk.push.repository.uid,
    branch,
    outcome.path,
    outcome.identity?.kind ?? null,
    outcome.identity?.name ?? null,
    chunk.push.peeled ?? "",
    outcome.blob,
    at,
    outcome.stage,
    JSON.stringify(outcome.errors),
    // Kept whole only where it may be admitted later without another look at Git: another repository holds its identity.
    outcome.candidate && outcome.errors.some((error) => error.reason === "DuplicateResource")
      ? JSON.stringify(outcome.candidate)
      : null,
  );
}

/** What the branch now consists of; a path that is gone takes its rejected record along. */
export function updateIndex(store: Store, chunk: PushChunk): void {
  const { sql } = store.storage;
  const { uid } = chunk.push.repository;
  const branch = chunk.push.ref.replace(/^refs\/heads\//, "");
  for (const entry of chunk.index) {
    if (entry.oid === null) {
      sql.exec("DELETE FROM files WHERE repo = ? AND branch = ? AND path = ?", uid, branch, entry.path);
      sql.exec("DELETE FROM rejected WHERE repo = ? AND branch = ? AND path = ?", uid, branch, entry.path);
    } else {
      sql.exec(
        "INSERT OR REPLACE INTO files VALUES (?, ?, ?, ?, ?, ?)",
        uid,
        branch,
        entry.path,
        entry.oid,
        entry.identity?.kind ?? null,
        entry.identity?.name ?? null,
      );
    }
  }
}

/** A deleted branch: its index and its refusals go, and it holds nothing any more. */
export function dropBranch(store: Store, repo: string, branch: string): void {
  const { sql } = store.storage;
  sql.exec("DELETE FROM files WHERE repo = ? AND branch = ?", repo, branch);
  sql.exec("DELETE FROM rejected WHERE repo = ? AND branch = ?", repo, branch);
  const rows = sql
    .exec<{ kind: string; name: string; meta: string }>(
      "SELECT kind, name, meta FROM heads WHERE instr(meta, ?) > 0",
      JSON.stringify(branch),
    )
    .toArray();
  for (const row of rows) {
    const meta = JSON.parse(row.meta) as HeadMeta;
    if (meta.repo !== repo || !meta.holders || !(branch in meta.holders)) continue;
    const { [branch]: _, ...holders } = meta.holders;
    store.setHeadMeta(row.kind, row.name, { ...meta, holders });
  }
}

interface RejectedRow extends Record<string, string | number | null> {
  repo: string;
  branch: string;
  path: string;
  kind: string | null;
  name: string | null;
  commit_sha: string;
  blob: string;
  at: string;
  stage: string;
  errors: string;
}

/** Rejected records in (repository, branch, path) order; `after` is the last page's `next`. */
export function rejectedRecords(
  store: Store,
  query: { kind?: string; repository?: string; limit: number; after?: string },
): { records: RejectedRecord[]; next?: string } {
  const [repo, branch, path] = query.after ? (JSON.parse(query.after) as [string, string, string]) : ["", "", ""];
  const rows = store.storage.sql
    .exec<RejectedRow>(
      `SELECT repo, branch, path, kind, name, commit_sha, blob, at, stage, errors FROM rejected
        WHERE (repo, branch, path) > (?1, ?2, ?3) AND (?4 IS NULL OR kind = ?4) ORDER BY repo, branch, path LIMIT ?5`,
      repo,
      branch,
      path,
      query.kind ?? null,
      query.limit + 1,
    )
    .toArray();
  const names = new Map<string, string>();
  const nameOf = (uid: string): string => {
    let name = names.get(uid);
    if (name === undefined) {
      name = repositoryName(store, uid) ?? uid;
      names.set(uid, name);
    }
    return name;
  };
  const records = rows.slice(0, query.limit).map((row) => ({
    repository: nameOf(row.repo),
    branch: row.branch,
    path: row.path,
    ...(row.kind === null ? {} : { kind: row.kind }),
    ...(row.name === null ? {} : { name: row.name }),
    commit: row.commit_sha,
    blob: row.blob,
    at: row.at,
    stage: row.stage as RejectedRecord["stage"],
    errors: JSON.parse(row.errors) as RejectedRecord["errors"],
  }));
  const end = rows.length > query.limit ? rows[query.limit - 1] : undefined;
  return {
    records:
      query.repository === undefined ? records : records.filter((record) => record.repository === query.repository),
    ...(end ? { next: JSON.stringify([end.repo, end.branch, end.path]) } : {}),
  };
}

export function countRejected(store: Store): number {
  return first<{ n: number }>(store.storage.sql, "SELECT count(*) AS n FROM rejected")?.n ?? 0;
}
