-- Silences, for all agents of the database; `agent` set it. What has no column of its own is in `body`.
CREATE TABLE silences (
  id TEXT PRIMARY KEY,
  agent TEXT NOT NULL,
  created_by TEXT NOT NULL,
  comment TEXT NOT NULL,
  matchers TEXT NOT NULL,
  starts_at INTEGER,
  ends_at INTEGER,
  ended_by TEXT,
  updated_at INTEGER,
  body TEXT NOT NULL
) WITHOUT ROWID;
