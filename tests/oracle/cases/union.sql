-- Two topics below one window: time is the slower one's.
-- input left_events: rows=150 partitions=2 disorder=500
-- input right_events: rows=120 partitions=1 disorder=500 step=70 first=1000 seed=8
-- late: never
CREATE TABLE left_events ( id BIGINT, ts TIMESTAMP(3), k STRING, v INT, f DOUBLE, b BOOLEAN,
  WATERMARK FOR ts AS ts - INTERVAL '0.5' SECOND )
WITH ('connector' = 'kafka', 'topic' = 'left_events', 'properties.bootstrap.servers' = 'x', 'format' = 'json');
CREATE TABLE right_events ( id BIGINT, ts TIMESTAMP(3), k STRING, v INT, f DOUBLE, b BOOLEAN,
  WATERMARK FOR ts AS ts - INTERVAL '0.5' SECOND )
WITH ('connector' = 'kafka', 'topic' = 'right_events', 'properties.bootstrap.servers' = 'x', 'format' = 'json');
CREATE TABLE out ( window_start TIMESTAMP(3), side STRING, n BIGINT, ids BIGINT ) WITH ('connector' = 'kafka', 'topic' = 'out', 'properties.bootstrap.servers' = 'x', 'format' = 'json');
CREATE VIEW both_sides AS SELECT id, ts, 'left' AS side FROM left_events UNION ALL SELECT id, ts, 'right' AS side FROM right_events WHERE v > 0;
INSERT INTO out SELECT window_start, side, COUNT(*), SUM(id)
FROM TABLE(TUMBLE(TABLE both_sides, DESCRIPTOR(ts), INTERVAL '2' SECOND)) GROUP BY window_start, window_end, side;
