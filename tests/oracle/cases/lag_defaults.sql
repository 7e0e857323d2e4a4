-- LAG and LEAD whose default is an expression over the current row, by time and over changes.
-- input events: rows=60 partitions=2 disorder=900 step=20 nulls=0.2 seed=52
-- late: never
CREATE TABLE events ( id BIGINT, ts TIMESTAMP(3), k STRING, v INT, WATERMARK FOR ts AS ts - INTERVAL '1' SECOND )
WITH ('connector' = 'kafka', 'topic' = 'events', 'properties.bootstrap.servers' = 'x', 'format' = 'json');
CREATE MATERIALIZED VIEW by_time AS SELECT id, LAG(v, 1, id) OVER w a, LAG(v, 2, id + 1) OVER w b FROM events WINDOW w AS (PARTITION BY k ORDER BY ts);
CREATE MATERIALIZED VIEW forwards AS SELECT id, LEAD(v, 1, id) OVER (PARTITION BY k ORDER BY ts, id) a, LAG(v, 1, -id) OVER (PARTITION BY k ORDER BY v, id) b FROM events;
