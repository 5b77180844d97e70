-- Who stands in for whom on call, for all agents of the database; `agent` set it.
CREATE TABLE oncall_overrides (
  id TEXT PRIMARY KEY,
  agent TEXT NOT NULL,
  rotation TEXT NOT NULL,
  contact TEXT NOT NULL,
  starts_at INTEGER NOT NULL,
  ends_at INTEGER NOT NULL,
  created_by TEXT NOT NULL,
  created_at INTEGER NOT NULL
) WITHOUT ROWID;
