-- Objects by uid: what an id without a namespace is of. Written with the window, a row per object that there is.
CREATE TABLE uids (
  uid TEXT NOT NULL PRIMARY KEY,
  ns TEXT NOT NULL,
  kind TEXT NOT NULL,
  name TEXT NOT NULL
) WITHOUT ROWID;

-- What was flushed before there was this table: made, and not deleted since.
INSERT INTO uids
SELECT json ->> '$.metadata.uid', ns, kind, name FROM events WHERE type = 1 AND json ->> '$.metadata.uid' NOT IN
  (SELECT json ->> '$.metadata.uid' FROM events WHERE type = 3)
ON CONFLICT DO NOTHING;
