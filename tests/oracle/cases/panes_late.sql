-- Rows that are late for some of the windows that share their pane, and in time for others.
-- input events: rows=220 partitions=1 disorder=6000 seed=52
-- late: some
CREATE TABLE events ( id BIGINT, ts TIMESTAMP(3), k STRING, v INT, f DOUBLE, b BOOLEAN, WATERMARK FOR ts AS ts - INTERVAL '1' SECOND )
WITH ('connector' = 'kafka', 'topic' = 'events', 'properties.bootstrap.servers' = 'x', 'format' = 'json');
CREATE MATERIALIZED VIEW hopping AS SELECT window_start, window_end, k, COUNT(*) n, SUM(id) s FROM TABLE(HOP(TABLE events, DESCRIPTOR(ts), INTERVAL '1' SECOND, INTERVAL '4' SECOND)) GROUP BY window_start, window_end, k;
CREATE MATERIALIZED VIEW uneven AS SELECT window_end, COUNT(id) n, MAX(v) hi FROM TABLE(HOP(TABLE events, DESCRIPTOR(ts), INTERVAL '2' SECOND, INTERVAL '5' SECOND, INTERVAL '0.5' SECOND)) WHERE v > 0 GROUP BY window_start, window_end;
CREATE MATERIALIZED VIEW growing AS SELECT window_start, window_end, COUNT(*) n, MIN(id) lo FROM TABLE(CUMULATE(TABLE events, DESCRIPTOR(ts), INTERVAL '1' SECOND, INTERVAL '4' SECOND)) GROUP BY window_start, window_end;
CREATE MATERIALIZED VIEW shown AS SELECT window_start, window_end, b, SUM(id) s FROM TABLE(HOP(TABLE events, DESCRIPTOR(ts), INTERVAL '1' SECOND, INTERVAL '2' SECOND)) GROUP BY window_start, window_end, b EMIT CHANGES;
CREATE MATERIALIZED VIEW shorter AS SELECT window_time, COUNT(*) n, SUM(id) s FROM (SELECT id, window_time, window_end FROM TABLE(HOP(TABLE events, DESCRIPTOR(ts), INTERVAL '1' SECOND, INTERVAL '3' SECOND)) WHERE b) GROUP BY window_time, window_end;
