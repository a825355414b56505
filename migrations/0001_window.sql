-- The replay window: what has left, or will leave, the ledgers' tails. One row per resourceVersion.
-- WITHOUT ROWID and one composite key: every further index is a billed row per event.
CREATE TABLE events (
  ns TEXT NOT NULL,
  rv INTEGER NOT NULL,
  type INTEGER NOT NULL,        -- 1 ADDED, 2 MODIFIED, 3 DELETED, 4 GitEvent
  kind TEXT NOT NULL,
  name TEXT NOT NULL,
  prev INTEGER NOT NULL,        -- the version it replaced; 0: none
  last INTEGER NOT NULL,        -- 1: ends its transaction; 2: and is a frame cut point
  at INTEGER NOT NULL,          -- ms since 1970
  sel TEXT NOT NULL,            -- what filters read: {"l": labels, "f": fields}
  psel TEXT,                    -- the same of the version before, where it differs
  json TEXT NOT NULL,
  PRIMARY KEY (ns, rv)
) WITHOUT ROWID;

-- The object as it was before a change of labels or selectable fields: what a watcher gets that it has left.
-- A table of its own, because two bodies of 1 MiB do not fit one row of 2 MB.
CREATE TABLE befores (
  ns TEXT NOT NULL,
  rv INTEGER NOT NULL,
  json TEXT NOT NULL,
  PRIMARY KEY (ns, rv)
) WITHOUT ROWID;

-- How far each ledger has been flushed, and from where its window is whole.
CREATE TABLE windows (
  ns TEXT NOT NULL PRIMARY KEY,
  head INTEGER NOT NULL,
  floor INTEGER NOT NULL,
  at INTEGER NOT NULL
) WITHOUT ROWID;

-- Events that outlive the window (AUDIT_DAYS): rejections, releases, promotions.
CREATE TABLE audit (
  ns TEXT NOT NULL,
  rv INTEGER NOT NULL,
  at INTEGER NOT NULL,
  type TEXT NOT NULL,
  json TEXT NOT NULL,
  PRIMARY KEY (ns, rv)
) WITHOUT ROWID;
