-- The size of this database (bytes) when the oldest events were last dropped for room. Freed pages stay in the file, so
-- room is made again only when the file has grown past this.
CREATE TABLE bounds (
  name TEXT NOT NULL PRIMARY KEY,
  value INTEGER NOT NULL
) WITHOUT ROWID;
