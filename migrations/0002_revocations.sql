-- Tokens (jti) and subjects (sub) that are refused before they expire. `until`, `at`: ms since 1970.
CREATE TABLE revocations (
  kind TEXT NOT NULL CHECK (kind IN ('jti', 'sub')),
  value TEXT NOT NULL,
  until INTEGER NOT NULL,
  at INTEGER NOT NULL,
  by TEXT NOT NULL,
  reason TEXT NOT NULL,
  PRIMARY KEY (kind, value)
) WITHOUT ROWID;

-- Ledgers that hold, or held, sockets of a subject: whom to tell about a revocation. `jti` is '' where a token has none.
CREATE TABLE sessions (
  ns TEXT NOT NULL,
  sub TEXT NOT NULL,
  jti TEXT NOT NULL,
  until INTEGER NOT NULL,
  PRIMARY KEY (sub, jti, ns)
) WITHOUT ROWID;
CREATE INDEX sessions_by_jti ON sessions (jti);

-- What each ledger last said of itself (`LedgerStats` as JSON), at most once a minute while awake: a scrape of
-- `/metrics` or `/readyz` reads these and wakes no sleeping namespace.
CREATE TABLE gauges (
  ns TEXT NOT NULL PRIMARY KEY,
  at INTEGER NOT NULL,
  json TEXT NOT NULL
) WITHOUT ROWID;
