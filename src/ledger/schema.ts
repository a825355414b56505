import { first, type Storage } from "./sql.ts";

/**
 * Append-only: a step that has shipped is never edited (`schema.test.ts` holds their hashes), because objects in the
 * field are at every one of them. `PRAGMA user_version` is refused in Durable Objects, so the level is a row.
 */
export const LEDGER_MIGRATIONS: readonly string[] = [
  `
CREATE TABLE versions (
  rv INTEGER PRIMARY KEY,
  type INTEGER NOT NULL,
  kind TEXT NOT NULL,
  name TEXT NOT NULL,
  prev INTEGER NOT NULL,
  last INTEGER NOT NULL,
  at INTEGER NOT NULL,
  bytes INTEGER NOT NULL,
  sel TEXT NOT NULL,
  json TEXT NOT NULL
);
CREATE TABLE heads (
  kind TEXT NOT NULL,
  name TEXT NOT NULL,
  rv INTEGER NOT NULL,
  created INTEGER NOT NULL,
  meta TEXT NOT NULL,
  PRIMARY KEY (kind, name)
) WITHOUT ROWID;
CREATE TABLE tombstones (
  kind TEXT NOT NULL,
  name TEXT NOT NULL,
  rv INTEGER NOT NULL,
  created INTEGER NOT NULL,
  uid TEXT NOT NULL,
  at INTEGER NOT NULL,
  sel TEXT NOT NULL,
  meta TEXT NOT NULL,
  PRIMARY KEY (kind, name, rv)
) WITHOUT ROWID;
CREATE INDEX tombstones_by_rv ON tombstones (rv);
CREATE TABLE watchers (
  sub TEXT NOT NULL,
  name TEXT NOT NULL,
  query TEXT NOT NULL,
  position INTEGER NOT NULL,
  epoch INTEGER NOT NULL,
  created INTEGER NOT NULL,
  used INTEGER NOT NULL,
  PRIMARY KEY (sub, name)
) WITHOUT ROWID;
CREATE TABLE files (
  repo TEXT NOT NULL,
  branch TEXT NOT NULL,
  path TEXT NOT NULL,
  oid TEXT NOT NULL,
  kind TEXT,
  name TEXT,
  PRIMARY KEY (repo, branch, path)
) WITHOUT ROWID;
CREATE TABLE refs (
  repo TEXT NOT NULL,
  ref TEXT NOT NULL,
  oid TEXT,
  peeled TEXT,
  move INTEGER NOT NULL,
  PRIMARY KEY (repo, ref)
) WITHOUT ROWID;
CREATE TABLE pushes (
  repo TEXT NOT NULL,
  ref TEXT NOT NULL,
  header TEXT NOT NULL,
  next INTEGER NOT NULL,
  admitted INTEGER NOT NULL,
  refused INTEGER NOT NULL,
  warned INTEGER NOT NULL,
  PRIMARY KEY (repo, ref)
) WITHOUT ROWID;
CREATE TABLE rejected (
  repo TEXT NOT NULL,
  branch TEXT NOT NULL,
  path TEXT NOT NULL,
  kind TEXT,
  name TEXT,
  commit_sha TEXT NOT NULL,
  blob TEXT NOT NULL,
  at TEXT NOT NULL,
  stage TEXT NOT NULL,
  errors TEXT NOT NULL,
  candidate TEXT,
  PRIMARY KEY (repo, branch, path)
) WITHOUT ROWID;
CREATE TABLE skus (
  sku TEXT NOT NULL,
  name TEXT NOT NULL,
  PRIMARY KEY (sku, name)
) WITHOUT ROWID;
CREATE TABLE recorded (
  key TEXT NOT NULL PRIMARY KEY,
  rv INTEGER NOT NULL,
  at INTEGER NOT NULL
) WITHOUT ROWID;
CREATE TABLE effects (
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  kind TEXT NOT NULL,
  name TEXT NOT NULL,
  uid TEXT NOT NULL,
  action TEXT NOT NULL,
  attempts INTEGER NOT NULL,
  due INTEGER NOT NULL
);
`,
  `
CREATE TABLE idempotency (
  sub TEXT NOT NULL,
  key TEXT NOT NULL,
  request TEXT NOT NULL,
  answer TEXT NOT NULL,
  at INTEGER NOT NULL,
  PRIMARY KEY (sub, key)
) WITHOUT ROWID;
CREATE INDEX idempotency_by_at ON idempotency (at);
`,
  `
CREATE INDEX files_by_identity ON files (repo, kind, name, branch);
`,
  `
CREATE TABLE leases (
  name TEXT NOT NULL PRIMARY KEY,
  rv INTEGER NOT NULL,
  created INTEGER NOT NULL,
  json TEXT NOT NULL
) WITHOUT ROWID;
`,
  // An identity that is admitted clears what was refused of it: without this each one reads every record.
  `
CREATE INDEX rejected_by_identity ON rejected (kind, name, repo, branch);
`,
  // A variant that changes lets go of its SKU: without this each one reads those of all.
  `
CREATE INDEX skus_by_name ON skus (name);
`,
];

/** Brings an object's tables up to date. `meta` is made first: an object without it was never opened. */
export function migrate(storage: Storage): void {
  storage.transactionSync(() => {
    storage.sql.exec("CREATE TABLE IF NOT EXISTS meta (key TEXT NOT NULL PRIMARY KEY, value) WITHOUT ROWID");
    const level = Number(
      first<{ value: number }>(storage.sql, "SELECT value FROM meta WHERE key = 'schema'")?.value ?? 0,
    );
    for (const step of LEDGER_MIGRATIONS.slice(level)) storage.sql.exec(step);
    if (level < LEDGER_MIGRATIONS.length) {
      storage.sql.exec(
        "INSERT INTO meta VALUES ('schema', ?) ON CONFLICT (key) DO UPDATE SET value = excluded.value",
        LEDGER_MIGRATIONS.length,
      );
    }
  });
}

/** Whether anyone ever opened this ledger. Reads only, so that asking about an unknown name stores nothing. */
export function isOpened(storage: Storage): boolean {
  return (
    first(storage.sql, "SELECT 1 AS found FROM sqlite_master WHERE type = 'table' AND name = 'meta'") !== undefined
  );
}

/** All but `meta`: what is a namespace's, and goes with it. */
export const NAMESPACE_TABLES: readonly string[] = [
  "versions",
  "heads",
  "tombstones",
  "watchers",
  "files",
  "refs",
  "pushes",
  "rejected",
  "skus",
  "recorded",
  "effects",
  "idempotency",
  "leases",
];
