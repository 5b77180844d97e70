-- Decisions: alerts, incidents, what was told to whom. Names and columns are those users know from PostgreSQL; times are
-- nanoseconds since 1970 in UTC, JSON is text, booleans are 0 and 1. Rows that continue with one agent carry its name.
-- Few indexes: each costs every decision a page in the log, and one machine's decisions are quickly read through.
CREATE TABLE incidents (
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  correlation_id TEXT NOT NULL UNIQUE,
  agent TEXT NOT NULL,
  title TEXT NOT NULL,
  description TEXT,
  severity TEXT CHECK (severity IN ('CRITICAL', 'HIGH', 'MEDIUM', 'LOW')),
  category TEXT CHECK (category IN ('TRANSACTION', 'LOG', 'INTEGRATION', 'INFRASTRUCTURE')),
  status TEXT NOT NULL CHECK (status IN ('OPEN', 'ACKNOWLEDGED', 'IN_PROGRESS', 'RESOLVED', 'CLOSED')),
  service_name TEXT,
  affected_component TEXT,
  metric_name TEXT,
  metric_value REAL,
  threshold_value REAL,
  impact TEXT,
  suggestion TEXT,
  resolution_notes TEXT,
  close_reason TEXT,
  owner TEXT,
  jira_ticket_key TEXT,
  jira_ticket_url TEXT,
  group_key TEXT,
  route TEXT,
  labels TEXT NOT NULL,
  tags TEXT NOT NULL,
  links TEXT NOT NULL,
  runbook_url TEXT,
  shadow INTEGER NOT NULL,
  detected_at INTEGER,
  acknowledged_at INTEGER,
  resolved_at INTEGER,
  closed_at INTEGER,
  created_at INTEGER,
  updated_at INTEGER
);
-- People see short numbers; the first is 1001.
INSERT INTO sqlite_sequence (name, seq) VALUES ('incidents', 1000);

CREATE TABLE incident_timeline (
  id INTEGER PRIMARY KEY,
  incident_id INTEGER NOT NULL REFERENCES incidents (id),
  correlation_id TEXT NOT NULL,
  event_type TEXT NOT NULL,
  actor TEXT,
  old_value TEXT,
  new_value TEXT,
  description TEXT,
  created_at INTEGER
);
CREATE INDEX incident_timeline_by_incident ON incident_timeline (correlation_id, id);

CREATE TABLE incident_alerts (
  incident_id INTEGER NOT NULL REFERENCES incidents (id),
  correlation_id TEXT NOT NULL,
  alert_id TEXT NOT NULL,
  rule_name TEXT NOT NULL,
  fingerprint TEXT NOT NULL,
  state TEXT NOT NULL,
  severity TEXT,
  body TEXT NOT NULL,
  PRIMARY KEY (correlation_id, alert_id)
) WITHOUT ROWID;

CREATE TABLE incident_attachments (
  id INTEGER PRIMARY KEY,
  incident_id INTEGER NOT NULL REFERENCES incidents (id),
  file_name TEXT NOT NULL,
  content_type TEXT NOT NULL,
  content BLOB NOT NULL,
  uploaded_by TEXT,
  created_at INTEGER
);

CREATE TABLE alerts (
  agent TEXT NOT NULL,
  id TEXT NOT NULL,
  rule_name TEXT NOT NULL,
  fingerprint TEXT NOT NULL,
  state TEXT NOT NULL,
  severity TEXT,
  active_at INTEGER,
  resolved_at INTEGER,
  updated_at INTEGER,
  cooldown_until INTEGER,
  body TEXT NOT NULL,
  PRIMARY KEY (agent, id)
);
CREATE INDEX alerts_by_time ON alerts (active_at);

CREATE TABLE alert_history (
  id INTEGER PRIMARY KEY,
  agent TEXT NOT NULL,
  alert_id TEXT NOT NULL,
  rule_name TEXT NOT NULL,
  fingerprint TEXT NOT NULL,
  state TEXT NOT NULL,
  severity TEXT,
  metric_value REAL,
  threshold_value REAL,
  labels TEXT NOT NULL,
  message TEXT,
  created_at INTEGER
);

CREATE TABLE alert_evaluations (
  id INTEGER PRIMARY KEY,
  rule_name TEXT NOT NULL,
  metric_value REAL,
  threshold_value REAL,
  fired INTEGER NOT NULL,
  error TEXT,
  evaluated_at INTEGER
);

-- The outbox: what is on its way, with a copy of what was true when it was decided.
CREATE TABLE deliveries (
  agent TEXT NOT NULL,
  key TEXT NOT NULL,
  instance TEXT NOT NULL,
  correlation_id TEXT,
  state TEXT NOT NULL CHECK (state IN ('PENDING', 'SENT', 'DEAD', 'SUPPRESSED', 'SHADOW')),
  attempts INTEGER NOT NULL,
  created_at INTEGER,
  next_attempt_at INTEGER,
  body TEXT NOT NULL,
  PRIMARY KEY (agent, key)
);
CREATE INDEX deliveries_pending ON deliveries (agent, created_at) WHERE state = 'PENDING';
CREATE INDEX deliveries_by_incident ON deliveries (correlation_id);

CREATE TABLE notification_log (
  id INTEGER PRIMARY KEY,
  agent TEXT NOT NULL,
  delivery_key TEXT NOT NULL,
  incident_id INTEGER,
  correlation_id TEXT,
  instance TEXT NOT NULL,
  channel TEXT,
  recipient TEXT,
  status TEXT NOT NULL,
  attempt INTEGER NOT NULL,
  sent_at INTEGER,
  delivered_at INTEGER,
  provider_id TEXT,
  error_message TEXT
);
CREATE INDEX notification_log_by_incident ON notification_log (correlation_id, id);

CREATE TABLE dead_letters (
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  agent TEXT NOT NULL,
  what TEXT NOT NULL,
  key TEXT NOT NULL,
  instance TEXT NOT NULL,
  cause TEXT,
  replayed INTEGER NOT NULL DEFAULT 0,
  created_at INTEGER,
  body TEXT NOT NULL
);

CREATE TABLE alert_groups (agent TEXT NOT NULL, key TEXT NOT NULL, body TEXT NOT NULL, PRIMARY KEY (agent, key)) WITHOUT ROWID;
CREATE TABLE ladders (agent TEXT NOT NULL, correlation_id TEXT NOT NULL, body TEXT NOT NULL,
                      PRIMARY KEY (agent, correlation_id)) WITHOUT ROWID;
CREATE TABLE provider_refs (
  agent TEXT NOT NULL,
  instance TEXT NOT NULL,
  recipient TEXT NOT NULL,
  correlation_id TEXT NOT NULL,
  provider_id TEXT NOT NULL,
  PRIMARY KEY (agent, instance, recipient, correlation_id)
) WITHOUT ROWID;

CREATE TABLE jira_mappings (
  id INTEGER PRIMARY KEY,
  agent TEXT NOT NULL,
  incident_id INTEGER,
  correlation_id TEXT NOT NULL,
  instance TEXT NOT NULL,
  jira_key TEXT,
  jira_url TEXT,
  status TEXT,
  intent TEXT,
  synced_at INTEGER,
  UNIQUE (correlation_id, instance)
);
CREATE TABLE jira_sync_log (
  id INTEGER PRIMARY KEY,
  incident_id INTEGER,
  correlation_id TEXT NOT NULL,
  instance TEXT NOT NULL,
  jira_key TEXT,
  status TEXT,
  intent TEXT,
  synced_at INTEGER
);

CREATE TABLE kv (agent TEXT NOT NULL, key TEXT NOT NULL, value BLOB NOT NULL, PRIMARY KEY (agent, key)) WITHOUT ROWID;

-- Through which journal position decisions are whole (decided) and history is stored (folded, see progress.hpp).
CREATE TABLE journal_state (agent TEXT PRIMARY KEY, decided INTEGER NOT NULL DEFAULT 0, folded TEXT NOT NULL DEFAULT '0') WITHOUT ROWID;

CREATE TABLE loader (
  id INTEGER PRIMARY KEY,
  loader_code TEXT NOT NULL,
  loader_name TEXT,
  loader_description TEXT,
  enabled INTEGER NOT NULL DEFAULT 1,
  version TEXT NOT NULL DEFAULT 'ACTIVE',
  created_at INTEGER,
  UNIQUE (loader_code, version)
);
CREATE TABLE login_attempts (
  id INTEGER PRIMARY KEY,
  client_ip TEXT,
  username TEXT,
  success INTEGER NOT NULL,
  attempted_at INTEGER,
  user_agent TEXT
);
CREATE TABLE incident_detection_rules (
  id INTEGER PRIMARY KEY,
  rule_name TEXT NOT NULL UNIQUE,
  rule_type TEXT NOT NULL CHECK (rule_type IN ('TRANSACTION', 'LOG', 'INTEGRATION', 'INFRASTRUCTURE')),
  description TEXT,
  metric_query TEXT NOT NULL,
  query_type TEXT NOT NULL CHECK (query_type IN ('SQL', 'ELASTICSEARCH', 'PROMETHEUS')),
  threshold_value REAL,
  threshold_operator TEXT NOT NULL CHECK (threshold_operator IN ('GT', 'GTE', 'LT', 'LTE', 'EQ', 'NEQ', 'EXISTS', 'ABSENT')),
  severity TEXT NOT NULL CHECK (severity IN ('CRITICAL', 'HIGH', 'MEDIUM', 'LOW')),
  alert_message_template TEXT,
  suggestion_template TEXT,
  enabled INTEGER NOT NULL DEFAULT 1,
  evaluation_interval_seconds INTEGER NOT NULL DEFAULT 60,
  cooldown_period_seconds INTEGER NOT NULL DEFAULT 300,
  created_at INTEGER,
  updated_at INTEGER,
  last_triggered_at INTEGER,
  trigger_count INTEGER NOT NULL DEFAULT 0
);
CREATE TABLE contact_groups (
  id INTEGER PRIMARY KEY,
  group_name TEXT NOT NULL UNIQUE,
  members TEXT NOT NULL,
  created_at INTEGER
);
CREATE TABLE escalation_policies (
  id INTEGER PRIMARY KEY,
  policy_name TEXT NOT NULL UNIQUE,
  steps TEXT NOT NULL,
  repeat_count INTEGER NOT NULL DEFAULT 0,
  created_at INTEGER
);
