-- The replay window by one integer key: id of the namespace << 40 | resourceVersion. A row of a table WITHOUT ROWID keeps
-- at most about 1,000 bytes on its page, and an event of 1.2 KB filled a page of 4 KiB of its own beside that: 13,000 of
-- them took 61 MB, and take 17 MB here. It is still one billed row an event. 2^40 resourceVersions are a thousand
-- restores (10^9 each); 2^23 namespaces fit a database.
-- One row a namespace: the number in its keys, how far its ledger has been flushed, and from where its window is whole.
CREATE TABLE spaces (
  id INTEGER PRIMARY KEY,
  ns TEXT NOT NULL UNIQUE,
  head INTEGER NOT NULL,
  floor INTEGER NOT NULL,
  at INTEGER NOT NULL           -- ms since 1970, of the last flush
);
CREATE TABLE replay (
  key INTEGER PRIMARY KEY,
  type INTEGER NOT NULL,        -- 1 ADDED, 2 MODIFIED, 3 DELETED, 4 GitEvent
  kind TEXT NOT NULL,
  name TEXT NOT NULL,
  prev INTEGER NOT NULL,        -- the version it replaced; 0: none
  last INTEGER NOT NULL,        -- 1: ends its transaction; 2: and is a frame cut point
  at INTEGER NOT NULL,          -- ms since 1970
  sel TEXT NOT NULL,            -- what filters read: {"l": labels, "f": fields}
  psel TEXT,                    -- the same of the version before, where it differs
  json TEXT NOT NULL
);
-- The object as it was before a change of labels or selectable fields: what a watcher gets that it has left.
CREATE TABLE replay_befores (
  key INTEGER PRIMARY KEY,
  json TEXT NOT NULL
);

-- The windows begin anew here: copying gigabytes of events would not end within D1's 30 seconds a query. Cursors below are
-- expired once the tail no longer has them. The heads come along, or a ledger that is lost would not know where to go on.
INSERT INTO spaces (ns, head, floor, at) SELECT ns, head, head, at FROM windows;
