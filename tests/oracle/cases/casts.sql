-- Expressions that differ by a CAST only are different columns.
-- input events: rows=60 partitions=2 nulls=0.1 seed=31
CREATE TABLE events ( id BIGINT, ts TIMESTAMP(3), k STRING, v INT, f DOUBLE, b BOOLEAN, WATERMARK FOR ts AS ts )
WITH ('connector' = 'kafka', 'topic' = 'events', 'properties.bootstrap.servers' = 'x', 'format' = 'json');
CREATE MATERIALIZED VIEW plain AS SELECT id, v, CAST(v AS STRING), CAST(v AS DOUBLE), CAST(f AS INT) FROM events;
CREATE MATERIALIZED VIEW sums AS SELECT k, SUM(v) a, SUM(CAST(v AS DOUBLE)) b, SUM(CAST(v AS DECIMAL(12, 2))) c FROM events GROUP BY k;
CREATE MATERIALIZED VIEW days AS SELECT ts, CAST(ts AS DATE) AS d, COUNT(DISTINCT v) n, COUNT(DISTINCT CAST(v AS STRING)) m FROM events GROUP BY ts, CAST(ts AS DATE);
CREATE MATERIALIZED VIEW changes AS SELECT n, COUNT(s) c, COUNT(CAST(s AS STRING)) t, SUM(s) u, AVG(CAST(s AS DOUBLE)) a FROM (SELECT k, COUNT(*) n, SUM(v) s FROM events GROUP BY k) GROUP BY n;
CREATE MATERIALIZED VIEW windows AS SELECT window_end, MAX(v) a, MAX(CAST(v AS STRING)) b FROM TABLE(TUMBLE(TABLE events, DESCRIPTOR(ts), INTERVAL '1' SECOND)) GROUP BY window_start, window_end HAVING MAX(CAST(v AS BIGINT)) > -100;
CREATE MATERIALIZED VIEW moments AS SELECT a.c, a.x FROM (SELECT ts AS c, f AS x, id FROM events UNION ALL SELECT TIMESTAMP '2024-05-01 12:00:00' AS c, CAST(0 AS DOUBLE), id FROM events) AS a
WHERE a.x = (SELECT MAX(b.f) FROM events b WHERE a.c = b.ts);
CREATE MATERIALIZED VIEW a_moment AS SELECT id FROM events WHERE ts > TIMESTAMP '2024-05-01 12:00:00.123456' AND ts < TIMESTAMP '2024-05-01 12:00:05.5';
