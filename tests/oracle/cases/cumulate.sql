-- Windows that grow; rows of the window function that nothing is counted of pass at once.
-- input events: rows=200 partitions=1 disorder=500 nulls=0.05 seed=12
-- late: never
CREATE TABLE events ( id BIGINT, ts TIMESTAMP(3), k STRING, v INT, f DOUBLE, b BOOLEAN,
  WATERMARK FOR ts AS ts - INTERVAL '0.5' SECOND )
WITH ('connector' = 'kafka', 'topic' = 'events', 'properties.bootstrap.servers' = 'x', 'format' = 'json');
CREATE TABLE out ( window_start TIMESTAMP(3), window_end TIMESTAMP(3), window_time TIMESTAMP(3), n BIGINT, v BIGINT ) WITH ('connector' = 'kafka', 'topic' = 'out', 'properties.bootstrap.servers' = 'x', 'format' = 'json');
CREATE TABLE pairs ( id BIGINT, window_end TIMESTAMP(3) ) WITH ('connector' = 'kafka', 'topic' = 'pairs', 'properties.bootstrap.servers' = 'x', 'format' = 'json');
INSERT INTO out SELECT window_start, window_end, window_time, COUNT(*), MAX(v)
FROM CUMULATE(TABLE events, DESCRIPTOR(ts), INTERVAL '1' SECOND, INTERVAL '4' SECOND, INTERVAL '0.5' SECOND)
GROUP BY window_start, window_end, window_time;
INSERT INTO pairs SELECT id, window_end FROM CUMULATE(TABLE events, DESCRIPTOR(ts), INTERVAL '2' SECOND, INTERVAL '4' SECOND) WHERE v > 50;
