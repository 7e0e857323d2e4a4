-- Windows per key, in three partitions.
-- input events: rows=240 partitions=3
-- late: never
CREATE TABLE events ( id BIGINT, ts TIMESTAMP(3), k STRING, v INT, f DOUBLE, b BOOLEAN,
  WATERMARK FOR ts AS ts )
WITH ('connector' = 'kafka', 'topic' = 'events', 'properties.bootstrap.servers' = 'x', 'format' = 'json');
CREATE TABLE out ( window_start TIMESTAMP(3), k STRING, n BIGINT, total BIGINT, ids BIGINT ) WITH ('connector' = 'kafka', 'topic' = 'out', 'properties.bootstrap.servers' = 'x', 'format' = 'json');
INSERT INTO out SELECT window_start, k, COUNT(*), SUM(v), SUM(id)
FROM TABLE(TUMBLE(TABLE events, DESCRIPTOR(ts), INTERVAL '2' SECOND)) GROUP BY window_start, window_end, k;
