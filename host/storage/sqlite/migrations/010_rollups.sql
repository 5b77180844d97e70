-- Rollups: what each five minutes and each hour hold of a series, in chunks (rollups.hpp). `rolled`: samples before it,
-- in nanoseconds since 1970, are in them; older history is brought in step by step after the migration.
CREATE TABLE rollups (
  id INTEGER PRIMARY KEY,
  series_id INTEGER NOT NULL,
  width INTEGER NOT NULL,
  first_ts INTEGER NOT NULL,
  buckets INTEGER NOT NULL,
  data BLOB NOT NULL
);
CREATE UNIQUE INDEX rollups_by_series ON rollups (series_id, width, first_ts, buckets);
CREATE TABLE rollup_state (rolled INTEGER NOT NULL);
INSERT INTO rollup_state SELECT min(0, coalesce(min(first_ts), 0)) FROM chunks;
