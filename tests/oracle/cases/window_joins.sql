-- Joins of windows.
-- input events: rows=120 partitions=1 disorder=900 seed=6
-- input others: rows=100 partitions=1 disorder=900 seed=7
CREATE TABLE events ( id BIGINT, ts TIMESTAMP(3), k STRING, v INT, f DOUBLE, b BOOLEAN, WATERMARK FOR ts AS ts - INTERVAL '1' SECOND )
WITH ('connector' = 'kafka', 'topic' = 'events', 'properties.bootstrap.servers' = 'x', 'format' = 'json');
CREATE TABLE others ( id BIGINT, ts TIMESTAMP(3), k STRING, v INT, f DOUBLE, b BOOLEAN, WATERMARK FOR ts AS ts - INTERVAL '1' SECOND )
WITH ('connector' = 'kafka', 'topic' = 'others', 'properties.bootstrap.servers' = 'x', 'format' = 'json');
CREATE VIEW e AS SELECT * FROM TABLE(TUMBLE(TABLE events, DESCRIPTOR(ts), INTERVAL '1' SECOND));
CREATE VIEW o AS SELECT * FROM TABLE(TUMBLE(TABLE others, DESCRIPTOR(ts), INTERVAL '1' SECOND));
CREATE MATERIALIZED VIEW inner_window AS SELECT e.id, o.id oid, e.window_start FROM e JOIN o ON e.k = o.k AND e.window_start = o.window_start AND e.window_end = o.window_end;
CREATE MATERIALIZED VIEW left_window AS SELECT e.id, o.id oid FROM e LEFT JOIN o ON e.v = o.v AND e.window_start = o.window_start AND e.window_end = o.window_end;
CREATE MATERIALIZED VIEW full_window AS SELECT e.id, o.id oid FROM e FULL JOIN o ON e.v = o.v AND e.window_start = o.window_start AND e.window_end = o.window_end;
CREATE MATERIALIZED VIEW anti_window AS SELECT id FROM e WHERE NOT EXISTS (SELECT 1 FROM o WHERE e.k = o.k AND e.window_start = o.window_start AND e.window_end = o.window_end);
CREATE MATERIALIZED VIEW counts AS SELECT a.window_end, a.k, a.n, b.n bn FROM (SELECT window_start, window_end, k, COUNT(*) n FROM e GROUP BY window_start, window_end, k) a
  JOIN (SELECT window_start, window_end, k, COUNT(*) n FROM o GROUP BY window_start, window_end, k) b ON a.k = b.k AND a.window_start = b.window_start AND a.window_end = b.window_end;
