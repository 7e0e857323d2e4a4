-- Late rows in several partitions.
-- input events: rows=260 partitions=3 disorder=8000 seed=5
CREATE TABLE events ( id BIGINT, ts TIMESTAMP(3), k STRING, v INT, f DOUBLE, b BOOLEAN,
  WATERMARK FOR ts AS ts )
WITH ('connector' = 'kafka', 'topic' = 'events', 'properties.bootstrap.servers' = 'x', 'format' = 'json');
CREATE TABLE out ( window_start TIMESTAMP(3), n BIGINT, ids BIGINT ) WITH ('connector' = 'kafka', 'topic' = 'out', 'properties.bootstrap.servers' = 'x', 'format' = 'json');
INSERT INTO out SELECT window_start, COUNT(*), SUM(id) FROM TABLE(TUMBLE(TABLE events, DESCRIPTOR(ts), INTERVAL '2' SECOND)) GROUP BY window_start, window_end;
