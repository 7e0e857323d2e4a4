-- DISTINCT in aggregates, alone and beside others; panes of more than 32 epochs are compacted.
-- input events: rows=260 partitions=1 step=25 disorder=200
-- late: never
CREATE TABLE events ( id BIGINT, ts TIMESTAMP(3), k STRING, v INT, f DOUBLE, b BOOLEAN,
  WATERMARK FOR ts AS ts - INTERVAL '1' SECOND )
WITH ('connector' = 'kafka', 'topic' = 'events', 'properties.bootstrap.servers' = 'x', 'format' = 'json');
CREATE TABLE out ( window_start TIMESTAMP(3), kinds BIGINT, vals BIGINT, total BIGINT, ids BIGINT ) WITH ('connector' = 'kafka', 'topic' = 'out', 'properties.bootstrap.servers' = 'x', 'format' = 'json');
CREATE TABLE alone ( window_start TIMESTAMP(3), kinds BIGINT ) WITH ('connector' = 'kafka', 'topic' = 'alone', 'properties.bootstrap.servers' = 'x', 'format' = 'json');
INSERT INTO out SELECT window_start, COUNT(DISTINCT k), COUNT(DISTINCT v), SUM(DISTINCT v), SUM(id)
FROM TABLE(TUMBLE(TABLE events, DESCRIPTOR(ts), INTERVAL '3' SECOND)) GROUP BY window_start, window_end;
INSERT INTO alone SELECT window_start, COUNT(DISTINCT k)
FROM TABLE(TUMBLE(TABLE events, DESCRIPTOR(ts), INTERVAL '3' SECOND)) GROUP BY window_start, window_end;
