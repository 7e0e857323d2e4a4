-- OVER and first rows by the clock: a row comes out when the clock has gone on, which the column window_end tells the harness.
-- input events: rows=120 partitions=2 nulls=0.05
CREATE TABLE events ( id BIGINT, ts TIMESTAMP(3), k STRING, v INT, entered BIGINT, at AS PROCTIME() )
WITH ('connector' = 'kafka', 'topic' = 'events', 'properties.bootstrap.servers' = 'x', 'format' = 'json');
CREATE MATERIALIZED VIEW clocks AS SELECT id, at FROM events;
CREATE MATERIALIZED VIEW first_rows AS SELECT k, id, at + INTERVAL '0.001' SECOND AS window_end
FROM (SELECT *, ROW_NUMBER() OVER (PARTITION BY k, v % 10 ORDER BY at) AS rn FROM events) WHERE rn = 1;
CREATE MATERIALIZED VIEW totals AS SELECT id, SUM(v) OVER w s, LAG(id) OVER w p, RANK() OVER (ORDER BY at) r, at + INTERVAL '0.001' SECOND AS window_end
FROM events WINDOW w AS (PARTITION BY k ORDER BY at);
CREATE MATERIALIZED VIEW direct AS SELECT k, id, rn, at + INTERVAL '0.001' SECOND AS window_end
FROM (SELECT *, ROW_NUMBER() OVER (PARTITION BY k ORDER BY PROCTIME()) AS rn FROM events) WHERE rn <= 3;
CREATE MATERIALIZED VIEW last_rows AS SELECT k, id FROM (SELECT *, ROW_NUMBER() OVER (PARTITION BY k ORDER BY at DESC) AS rn FROM events) WHERE rn = 1;
