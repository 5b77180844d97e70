-- Who stands in for whom on call, for all agents of the database; `agent` set it.
CREATE TABLE oncall_overrides (
  id text PRIMARY KEY,
  agent text NOT NULL,
  rotation text NOT NULL,
  contact text NOT NULL,
  starts_at timestamptz NOT NULL,
  ends_at timestamptz NOT NULL,
  created_by text NOT NULL,
  created_at timestamptz NOT NULL
);
