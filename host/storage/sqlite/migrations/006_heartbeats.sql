-- What each heartbeat said. Times only move forward, whoever writes first.
CREATE TABLE heartbeats (
  name TEXT PRIMARY KEY,
  since INTEGER NOT NULL,
  last_ping INTEGER,
  last_kind TEXT NOT NULL,
  last_start INTEGER,
  last_success INTEGER,
  last_failure INTEGER,
  last_duration_ns INTEGER,
  exit_status INTEGER,
  note TEXT,
  pings INTEGER NOT NULL DEFAULT 0
);
