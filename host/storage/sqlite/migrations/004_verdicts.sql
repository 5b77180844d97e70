-- Why somebody was or was not told: one row for each decision about one target. `alerts` says how many alerts it is
-- about; `fingerprints` names them when they are several, and `labels` is then what they have in common.
CREATE TABLE verdicts (
  id INTEGER PRIMARY KEY,
  agent TEXT NOT NULL,
  at INTEGER NOT NULL,
  kind TEXT NOT NULL,
  fingerprint TEXT,
  alert_id TEXT,
  rule_name TEXT,
  labels TEXT NOT NULL,
  alerts INTEGER NOT NULL,
  fingerprints TEXT,
  route TEXT,
  group_key TEXT,
  correlation_id TEXT,
  target TEXT,
  who TEXT,
  held_by TEXT,
  until INTEGER,
  text TEXT,
  delivery_key TEXT
);
CREATE INDEX verdicts_by_time ON verdicts (at);
CREATE INDEX verdicts_by_incident ON verdicts (correlation_id) WHERE correlation_id IS NOT NULL;
