-- Columns of one name, which Flink numbers.
-- input events: rows=120 partitions=2 seed=12
-- late: never
CREATE TABLE events ( id BIGINT, ts TIMESTAMP(3), k STRING, v INT, f DOUBLE, b BOOLEAN,
  WATERMARK FOR ts AS ts )
WITH ('connector' = 'kafka', 'topic' = 'events', 'properties.bootstrap.servers' = 'x', 'format' = 'json');
CREATE TABLE out ( id BIGINT, a INT, b INT ) WITH ('connector' = 'kafka', 'topic' = 'out', 'properties.bootstrap.servers' = 'x', 'format' = 'json');
CREATE TABLE totals ( s TIMESTAMP(3), s0 TIMESTAMP(3), n BIGINT, m BIGINT, ids BIGINT ) WITH ('connector' = 'kafka', 'topic' = 'totals', 'properties.bootstrap.servers' = 'x', 'format' = 'json');
INSERT INTO out SELECT id, v, v0 FROM (SELECT id, v, v, k FROM events) AS twice WHERE v0 > 0;
INSERT INTO totals SELECT window_start, window_start, COUNT(*), COUNT(*), SUM(id)
FROM TABLE(TUMBLE(TABLE events, DESCRIPTOR(ts), INTERVAL '2' SECOND)) GROUP BY window_start, window_end;
