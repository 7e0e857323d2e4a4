-- FILTER, CASE and expressions in aggregates.
-- input events: rows=200 partitions=1 disorder=4000
-- late: some
CREATE TABLE events ( id BIGINT, ts TIMESTAMP(3), k STRING, v INT, f DOUBLE, b BOOLEAN,
  WATERMARK FOR ts AS ts )
WITH ('connector' = 'kafka', 'topic' = 'events', 'properties.bootstrap.servers' = 'x', 'format' = 'json');
CREATE TABLE out ( window_end TIMESTAMP(3), ids BIGINT, n BIGINT, some_n BIGINT, low BIGINT, high BIGINT, even BIGINT ) WITH ('connector' = 'kafka', 'topic' = 'out', 'properties.bootstrap.servers' = 'x', 'format' = 'json');
INSERT INTO out SELECT window_end, SUM(id), COUNT(*), COUNT(*) FILTER (WHERE v > 20), SUM(v) FILTER (WHERE v <= 20 AND k IN ('a', 'b')),
  SUM(CASE WHEN v > 20 THEN v ELSE 0 END), COUNT(CASE WHEN b THEN 1 END)
FROM TABLE(TUMBLE(TABLE events, DESCRIPTOR(ts), INTERVAL '2' SECOND)) GROUP BY window_start, window_end;
