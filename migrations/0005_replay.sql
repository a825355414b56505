-- The replay window by one integer key: id of the namespace << 40 | resourceVersion. A row of a table WITHOUT ROWID keeps
-- at most about 1,000 bytes on its page, and an event of 1.2 KB filled a page of 4 KiB of its own beside that: 13,000 of
-- them took 61 MB, and take 17 MB here. It is still one billed row an event. 2^40 resourceVersions are a thousand
-- restores (10^9 each); 2^23 namespaces fit a database.
CREATE TABLE spaces (
  id INTEGER PRIMARY KEY,
  ns TEXT NOT NULL UNIQUE
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

-- What was flushed before there were these tables. `events` and `befores` stay for the code that is out meanwhile; what
-- it flushes until it is replaced is missing here, and a cursor there is told that it has expired.
INSERT INTO spaces (ns) SELECT ns FROM windows UNION SELECT DISTINCT ns FROM events;
INSERT INTO replay
SELECT s.id << 40 | e.rv, e.type, e.kind, e.name, e.prev, e.last, e.at, e.sel, e.psel, e.json
  FROM events e JOIN spaces s ON s.ns = e.ns;
INSERT INTO replay_befores SELECT s.id << 40 | b.rv, b.json FROM befores b JOIN spaces s ON s.ns = b.ns;
