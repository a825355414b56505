import { asciiJson } from "../../resource/canonical.ts";
import type { Identity } from "../../resource/types.ts";
import type { PushChunk, RejectedRecord } from "../api.ts";
import type { HeadMeta } from "../entry.ts";
import { first } from "../sql.ts";
import type { Store } from "../store.ts";
import type { Outcome } from "./evaluate.ts";
import { repositoryName } from "./evaluate.ts";

/**
 * Resources of one repository that were never admitted: kept for operators, invisible to everyone else, and without an
 * RV. Most repositories have none, so each file that is admitted must not cost a query that finds nothing.
 */
export class Refusals {
  readonly #store: Store;
  readonly #repo: string;
  #any: boolean;

  constructor(store: Store, repo: string) {
    this.#store = store;
    this.#repo = repo;
    this.#any = first(store.storage.sql, "SELECT 1 AS found FROM rejected WHERE repo = ? LIMIT 1", repo) !== undefined;
  }

  record(chunk: PushChunk, branch: string, outcome: Extract<Outcome, { does: "fail" }>, at: string): void {
    this.#any = true;
    this.#store.storage.sql.exec(
      "INSERT OR REPLACE INTO rejected VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
      this.#repo,
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

  dropAt(branch: string, path: string): void {
    if (!this.#any) return;
    const query = "DELETE FROM rejected WHERE repo = ? AND branch = ? AND path = ?";
    this.#store.storage.sql.exec(query, this.#repo, branch, path);
  }

  dropOf(branch: string, { kind, name }: Identity): void {
    if (!this.#any) return;
    // Left to itself the planner takes the primary key, and reads all that the branch has refused, for each file.
    const query =
      "DELETE FROM rejected INDEXED BY rejected_by_identity WHERE repo = ? AND branch = ? AND kind = ? AND name = ?";
    this.#store.storage.sql.exec(query, this.#repo, branch, kind, name);
  }
}

/** One parameter's bytes: a Durable Object takes 2 MB, and a path may be 4 KiB. */
const INDEX_BYTES = 512 * 1024;

/** What the branch now consists of; a path that is gone takes its rejected record along. */
export function updateIndex(store: Store, chunk: PushChunk, refusals: Refusals): void {
  const { sql } = store.storage;
  const { uid } = chunk.push.repository;
  const branch = chunk.push.ref.replace(/^refs\/heads\//, "");
  let rows: string[] = [];
  let bytes = 0;
  const write = (): void => {
    if (rows.length === 0) return;
    const insert = `INSERT OR REPLACE INTO files
      SELECT ?, ?, value ->> 0, value ->> 1, value ->> 2, value ->> 3 FROM json_each(?)`;
    sql.exec(insert, uid, branch, `[${rows.join(",")}]`);
    rows = [];
    bytes = 0;
  };
  for (const { path, oid, identity } of chunk.index) {
    if (oid === null) {
      write(); // in the chunk's order, should it name a path twice
      sql.exec("DELETE FROM files WHERE repo = ? AND branch = ? AND path = ?", uid, branch, path);
      refusals.dropAt(branch, path);
      continue;
    }
    const row = asciiJson([path, oid, identity?.kind ?? null, identity?.name ?? null]);
    if (bytes + row.length > INDEX_BYTES) write();
    rows.push(row);
    bytes += row.length + 1;
  }
  write();
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
