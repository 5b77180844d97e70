-- Rollups: what each five minutes and each hour hold of a series; sum_val + sum_rest is the sum, sum_rest what its double
-- cannot hold. Written in the transaction of the signals, in partitions of 7 and 28 days. Join `series` for name and labels.
CREATE TABLE signals_5m (
  series_id bigint NOT NULL,
  bucket_start timestamptz NOT NULL,
  sample_count double precision NOT NULL,
  min_val double precision NOT NULL,
  max_val double precision NOT NULL,
  sum_val double precision NOT NULL,
  sum_rest double precision NOT NULL DEFAULT 0,
  PRIMARY KEY (series_id, bucket_start)
) PARTITION BY RANGE (bucket_start);
CREATE TABLE signals_5m_default PARTITION OF signals_5m DEFAULT;
CREATE TABLE signals_1h (LIKE signals_5m INCLUDING DEFAULTS INCLUDING CONSTRAINTS, PRIMARY KEY (series_id, bucket_start))
  PARTITION BY RANGE (bucket_start);
CREATE TABLE signals_1h_default PARTITION OF signals_1h DEFAULT;

-- Rollups are whole from here on. With signals already there: from the second midnight, by when agents of the version
-- before, which write none, have ended; what is older is read from the signals for as long as these are kept.
CREATE TABLE rollup_state (since timestamptz NOT NULL);
INSERT INTO rollup_state SELECT CASE WHEN EXISTS (SELECT 1 FROM signals)
  THEN date_trunc('day', now()) + interval '2 days' ELSE '0001-01-01 00:00:00+00'::timestamptz END;
