-- Windows that do not begin at the full minute; named arguments.
-- input events: rows=200 disorder=300 partitions=1
CREATE TABLE events ( id BIGINT, ts TIMESTAMP(3), k STRING, v INT, f DOUBLE, b BOOLEAN,
  WATERMARK FOR ts AS ts - INTERVAL '0.1' SECOND )
WITH ('connector' = 'kafka', 'topic' = 'events', 'properties.bootstrap.servers' = 'x', 'format' = 'json');
CREATE TABLE out ( window_start TIMESTAMP(3), window_end TIMESTAMP(3), window_time TIMESTAMP(3), ids BIGINT ) WITH ('connector' = 'kafka', 'topic' = 'out', 'properties.bootstrap.servers' = 'x', 'format' = 'json');
INSERT INTO out SELECT window_start, window_end, window_time, SUM(id)
FROM TABLE(TUMBLE(DATA => TABLE events, TIMECOL => DESCRIPTOR(ts), SIZE => INTERVAL '4' SECOND, OFFSET => INTERVAL '1' SECOND))
GROUP BY window_start, window_end, window_time;
