-- Conditions on results, on keys and on windows.
-- input events: rows=240 partitions=2 disorder=1000
-- late: never
CREATE TABLE events ( id BIGINT, ts TIMESTAMP(3), k STRING, v INT, f DOUBLE, b BOOLEAN,
  WATERMARK FOR ts AS ts - INTERVAL '1' SECOND )
WITH ('connector' = 'kafka', 'topic' = 'events', 'properties.bootstrap.servers' = 'x', 'format' = 'json');
CREATE TABLE out ( window_start TIMESTAMP(3), k STRING, n BIGINT, ids BIGINT ) WITH ('connector' = 'kafka', 'topic' = 'out', 'properties.bootstrap.servers' = 'x', 'format' = 'json');
INSERT INTO out SELECT window_start, k, n, ids FROM (
  SELECT window_start, window_end, k, COUNT(*) AS n, SUM(id) AS ids, MAX(v) AS top
  FROM TABLE(TUMBLE(TABLE events, DESCRIPTOR(ts), INTERVAL '3' SECOND))
  GROUP BY window_start, window_end, k HAVING COUNT(*) > 5 )
WHERE top > 60 AND k <> 'b' AND window_start >= TIMESTAMP '2024-05-01 12:00:03';
