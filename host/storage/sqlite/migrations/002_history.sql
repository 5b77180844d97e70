-- History: samples of one series in chunks (see chunk.hpp). Users read signals through the API, not from here.
CREATE TABLE series (
  id INTEGER PRIMARY KEY,
  name TEXT NOT NULL,
  labels TEXT NOT NULL,
  UNIQUE (name, labels)
);
CREATE TABLE chunks (
  id INTEGER PRIMARY KEY,
  series_id INTEGER NOT NULL,
  first_ts INTEGER NOT NULL,
  last_ts INTEGER NOT NULL,
  samples INTEGER NOT NULL,
  data BLOB NOT NULL
);
CREATE INDEX chunks_by_series ON chunks (series_id, last_ts, first_ts, samples);

CREATE TABLE rejected (
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  captured_at INTEGER,
  instance TEXT,
  metric_source TEXT,
  error_type TEXT,
  reason TEXT,
  signal_key TEXT,
  loader_code TEXT,
  raw TEXT,
  rejected_count INTEGER NOT NULL
);
CREATE INDEX rejected_by_time ON rejected (captured_at);
