-- MIN, MAX, AVG and what keeps all values, over numbers, text, times and truth; panes are compacted.
-- input events: rows=260 partitions=2 step=25 nulls=0.1
-- late: never
CREATE TABLE events ( id BIGINT, ts TIMESTAMP(3), k STRING, v INT, f DOUBLE, b BOOLEAN,
  WATERMARK FOR ts AS ts )
WITH ('connector' = 'kafka', 'topic' = 'events', 'properties.bootstrap.servers' = 'x', 'format' = 'json');
CREATE TABLE out ( window_start TIMESTAMP(3), k STRING, lo INT, hi INT, mean DOUBLE, flo DOUBLE, fsum DOUBLE, fmean DOUBLE, klo STRING, khi STRING, thi TIMESTAMP(3), mid DOUBLE, every BOOLEAN, anyone BOOLEAN ) WITH ('connector' = 'kafka', 'topic' = 'out', 'properties.bootstrap.servers' = 'x', 'format' = 'json');
INSERT INTO out SELECT window_start, k, MIN(v), MAX(v), AVG(CAST(v AS DOUBLE)), MIN(f), SUM(f), AVG(f), MIN(k), MAX(k), MAX(ts), MEDIAN(f), BOOL_AND(b), BOOL_OR(b)
FROM TABLE(TUMBLE(TABLE events, DESCRIPTOR(ts), INTERVAL '3' SECOND)) GROUP BY window_start, window_end, k;
