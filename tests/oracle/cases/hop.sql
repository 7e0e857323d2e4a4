-- Windows that overlap: a row counts in each of its windows. The slide is no part of the size. The event time under another name.
-- input events: rows=200 partitions=1 disorder=500 nulls=0.05 seed=11
-- late: never
CREATE TABLE events ( id BIGINT, ts TIMESTAMP(3), k STRING, v INT, f DOUBLE, b BOOLEAN,
  WATERMARK FOR ts AS ts - INTERVAL '0.5' SECOND )
WITH ('connector' = 'kafka', 'topic' = 'events', 'properties.bootstrap.servers' = 'x', 'format' = 'json');
CREATE TABLE out ( window_start TIMESTAMP(3), window_end TIMESTAMP(3), k STRING, n BIGINT, v BIGINT ) WITH ('connector' = 'kafka', 'topic' = 'out', 'properties.bootstrap.servers' = 'x', 'format' = 'json');
INSERT INTO out SELECT window_start, window_end, k, COUNT(*), SUM(v)
FROM TABLE(HOP(TABLE (SELECT ts AS happened, k, v FROM events), DESCRIPTOR(happened), INTERVAL '2' SECOND, INTERVAL '5' SECOND))
GROUP BY window_start, window_end, k;
