-- Flink's older group windows: with an alias, in a view, and with the window's properties.
-- input events: rows=240 partitions=2 disorder=1500 seed=11
CREATE TABLE events ( id BIGINT, ts TIMESTAMP(3), k STRING, v INT, f DOUBLE, b BOOLEAN,
  WATERMARK FOR ts AS ts - INTERVAL '1' SECOND )
WITH ('connector' = 'kafka', 'topic' = 'events', 'properties.bootstrap.servers' = 'x', 'format' = 'json');
CREATE TABLE out ( window_start TIMESTAMP(3), window_end TIMESTAMP(3), k STRING, n BIGINT, ids BIGINT ) WITH ('connector' = 'kafka', 'topic' = 'out', 'properties.bootstrap.servers' = 'x', 'format' = 'json');
CREATE TABLE big ( ends TIMESTAMP(3), at TIMESTAMP(3), n BIGINT, ids BIGINT ) WITH ('connector' = 'kafka', 'topic' = 'big', 'properties.bootstrap.servers' = 'x', 'format' = 'json');
CREATE VIEW per_key AS
SELECT TUMBLE_START(E.ts, INTERVAL '2' SECOND) AS s, TUMBLE_END(E.ts, INTERVAL '2' SECOND) AS e, E.k, COUNT(*) AS n, SUM(E.id) AS ids
FROM events AS E WHERE E.v > 0 GROUP BY E.k, TUMBLE(E.ts, INTERVAL '2' SECOND);
INSERT INTO out SELECT * FROM per_key WHERE n > 1;
INSERT INTO big SELECT TUMBLE_END(ts, INTERVAL '5' SECOND), TUMBLE_ROWTIME(ts, INTERVAL '5' SECOND), COUNT(*), SUM(id)
FROM (SELECT ts, id FROM events WHERE b) GROUP BY TUMBLE(ts, INTERVAL '5' SECOND)
HAVING COUNT(*) > 3 AND TUMBLE_START(ts, INTERVAL '5' SECOND) > TIMESTAMP '2024-05-01 12:00:01';
