-- AVG beside the SUM and COUNT that it is made of, in each order.
-- input events: rows=60 partitions=2 disorder=900 step=20 nulls=0.1 seed=57
-- late: never
CREATE TABLE events ( id BIGINT, ts TIMESTAMP(3), k STRING, v INT, f DOUBLE, WATERMARK FOR ts AS ts - INTERVAL '1' SECOND )
WITH ('connector' = 'kafka', 'topic' = 'events', 'properties.bootstrap.servers' = 'x', 'format' = 'json');
CREATE MATERIALIZED VIEW after_sum AS SELECT id, SUM(v) OVER w s, AVG(v) OVER w a FROM events WINDOW w AS (PARTITION BY k ORDER BY ts);
CREATE MATERIALIZED VIEW before_count AS SELECT id, AVG(v) OVER w a, COUNT(v) OVER w n FROM events WINDOW w AS (PARTITION BY k ORDER BY ts);
CREATE MATERIALIZED VIEW of_doubles AS SELECT id, AVG(f) OVER w a, SUM(f) OVER w s, COUNT(f) OVER w n FROM events WINDOW w AS (PARTITION BY k ORDER BY ts);
CREATE MATERIALIZED VIEW of_both AS SELECT id, COUNT(f) OVER w n, AVG(f) OVER w a, AVG(v) OVER w b, AVG(f) OVER (ORDER BY ts) c FROM events WINDOW w AS (PARTITION BY k ORDER BY ts);
CREATE MATERIALIZED VIEW of_decimals AS SELECT id, AVG(CAST(v AS DECIMAL(10, 2))) OVER w a, AVG(v) OVER w b, SUM(v) OVER w s FROM events WINDOW w AS (PARTITION BY k ORDER BY ts);
