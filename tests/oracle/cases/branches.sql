-- UNION ALL above windows, of other windows and of plain rows.
-- input events: rows=200 partitions=1 disorder=500
-- late: never
CREATE TABLE events ( id BIGINT, ts TIMESTAMP(3), k STRING, v INT, f DOUBLE, b BOOLEAN,
  WATERMARK FOR ts AS ts - INTERVAL '0.5' SECOND )
WITH ('connector' = 'kafka', 'topic' = 'events', 'properties.bootstrap.servers' = 'x', 'format' = 'json');
CREATE TABLE out ( at TIMESTAMP(3), kind STRING, n BIGINT ) WITH ('connector' = 'kafka', 'topic' = 'out', 'properties.bootstrap.servers' = 'x', 'format' = 'json');
INSERT INTO out
SELECT window_start, 'short', SUM(id) FROM TABLE(TUMBLE(TABLE events, DESCRIPTOR(ts), INTERVAL '1' SECOND)) GROUP BY window_start, window_end
UNION ALL
SELECT window_start, 'long', COUNT(*) FROM TABLE(TUMBLE(TABLE events, DESCRIPTOR(ts), INTERVAL '4' SECOND)) WHERE v > 10 GROUP BY window_start, window_end
UNION ALL
SELECT ts, 'row', id FROM events WHERE v > 90;
