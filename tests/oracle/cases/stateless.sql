-- No windows: rows pass as they come, also those without a time.
-- input events: rows=200 partitions=2 disorder=5000 nulls=0.2
-- late: never
CREATE TABLE events ( id BIGINT, ts TIMESTAMP(3), k STRING, v INT, f DOUBLE, b BOOLEAN,
  WATERMARK FOR ts AS ts )
WITH ('connector' = 'kafka', 'topic' = 'events', 'properties.bootstrap.servers' = 'x', 'format' = 'json');
CREATE TABLE out ( id BIGINT, ts TIMESTAMP(3), k STRING, w BIGINT ) WITH ('connector' = 'kafka', 'topic' = 'out', 'properties.bootstrap.servers' = 'x', 'format' = 'json');
INSERT INTO out SELECT id, ts, UPPER(k) || '!', v * 2 FROM events WHERE v % 3 = 0 OR v IS NULL;
