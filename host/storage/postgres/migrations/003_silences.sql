-- Silences, for all agents of the database; `agent` set it. What has no column of its own is in `body`.
CREATE TABLE silences (
  id text PRIMARY KEY,
  agent text NOT NULL,
  created_by text NOT NULL,
  comment text NOT NULL,
  matchers text NOT NULL,
  starts_at timestamptz,
  ends_at timestamptz,
  ended_by text,
  updated_at timestamptz,
  body jsonb NOT NULL
);
CREATE INDEX silences_by_end ON silences (ends_at);
