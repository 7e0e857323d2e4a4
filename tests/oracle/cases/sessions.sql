-- Sessions: merged when a row fills the gap between two, late when they would touch one that has closed.
-- input events: rows=150 partitions=1 disorder=2500 nulls=0.05 step=90 seed=8
-- late: some sessions
CREATE TABLE events ( id BIGINT, ts TIMESTAMP(3), k STRING, v INT, f DOUBLE, b BOOLEAN, WATERMARK FOR ts AS ts - INTERVAL '1' SECOND )
WITH ('connector' = 'kafka', 'topic' = 'events', 'properties.bootstrap.servers' = 'x', 'format' = 'json');
CREATE MATERIALIZED VIEW by_key AS SELECT window_start, window_end, k, COUNT(*) n, SUM(id) ids, MAX(v) hi FROM TABLE(SESSION(TABLE events PARTITION BY k, DESCRIPTOR(ts), INTERVAL '0.4' SECOND)) GROUP BY window_start, window_end, k;
CREATE MATERIALIZED VIEW all_rows AS SELECT window_start, window_end, COUNT(*) n, SUM(id) ids FROM TABLE(SESSION(TABLE events, DESCRIPTOR(ts), INTERVAL '0.1' SECOND)) GROUP BY window_start, window_end;
CREATE MATERIALIZED VIEW rows_of AS SELECT id, k, window_start, window_end, window_time FROM TABLE(SESSION(TABLE events PARTITION BY k, DESCRIPTOR(ts), INTERVAL '0.3' SECOND)) WHERE b;
CREATE MATERIALIZED VIEW finer AS SELECT window_end, k, b, COUNT(*) n, SUM(id) ids FROM TABLE(SESSION(TABLE events PARTITION BY k, DESCRIPTOR(ts), INTERVAL '0.3' SECOND)) GROUP BY window_start, window_end, k, b;
CREATE MATERIALIZED VIEW old_form AS SELECT SESSION_START(ts, INTERVAL '0.4' SECOND) s, SESSION_END(ts, INTERVAL '0.4' SECOND) e, k, COUNT(*) n, SUM(id) ids FROM events GROUP BY SESSION(ts, INTERVAL '0.4' SECOND), k;
CREATE MATERIALIZED VIEW over_windows AS SELECT window_start, window_end, SUM(n) n, SUM(ids) ids FROM TABLE(SESSION((SELECT window_time wt, n, ids FROM (
  SELECT window_start, window_end, window_time, COUNT(*) n, SUM(id) ids FROM TABLE(TUMBLE(TABLE events, DESCRIPTOR(ts), INTERVAL '0.1' SECOND)) GROUP BY window_start, window_end, window_time)), DESCRIPTOR(wt), INTERVAL '0.15' SECOND)) GROUP BY window_start, window_end;
CREATE MATERIALIZED VIEW long_ones AS SELECT window_start, k, COUNT(*) n, SUM(id) ids FROM TABLE(SESSION(TABLE events PARTITION BY k, DESCRIPTOR(ts), INTERVAL '0.3' SECOND)) WHERE window_end - window_start > INTERVAL '0.5' SECOND GROUP BY window_start, window_end, k;
CREATE MATERIALIZED VIEW changing AS SELECT window_start, window_end, k, COUNT(*) n, SUM(id) ids FROM TABLE(SESSION(TABLE events PARTITION BY k, DESCRIPTOR(ts), INTERVAL '0.4' SECOND)) GROUP BY window_start, window_end, k EMIT CHANGES;
