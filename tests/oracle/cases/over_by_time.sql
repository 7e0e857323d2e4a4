-- Functions OVER rows in order of time: final and append-only, by totals or by all earlier rows.
-- input events: rows=90 partitions=2 disorder=900 step=20 nulls=0.1 seed=51
-- late: never
CREATE TABLE events ( id BIGINT, ts TIMESTAMP(3), k STRING, v INT, f DOUBLE, b BOOLEAN, WATERMARK FOR ts AS ts - INTERVAL '1' SECOND )
WITH ('connector' = 'kafka', 'topic' = 'events', 'properties.bootstrap.servers' = 'x', 'format' = 'json');
CREATE VIEW small AS SELECT id, ts, k, b, v % 5 AS v, f FROM events;
CREATE TABLE topic ( id BIGINT, n BIGINT, total BIGINT ) WITH ('connector' = 'kafka', 'topic' = 'topic', 'properties.bootstrap.servers' = 'x', 'format' = 'json');
INSERT INTO topic SELECT id, ROW_NUMBER() OVER w, SUM(v) OVER w FROM events WINDOW w AS (PARTITION BY k ORDER BY ts);
CREATE MATERIALIZED VIEW ranks AS SELECT id, RANK() OVER (PARTITION BY b ORDER BY ts) r, DENSE_RANK() OVER (PARTITION BY b ORDER BY ts) d FROM events;
CREATE MATERIALIZED VIEW totals AS SELECT id, SUM(v) OVER w s, COUNT(v) OVER w n, COUNT(*) OVER w m, MIN(v) OVER w lo, MAX(k) OVER w hi, SUM(f) OVER w q FROM events WINDOW w AS (PARTITION BY k ORDER BY ts);
CREATE MATERIALIZED VIEW all_rows AS SELECT id, SUM(v) OVER (ORDER BY ts) s, ROW_NUMBER() OVER (ORDER BY ts, id DESC) n FROM events;
CREATE MATERIALIZED VIEW row_totals AS SELECT id, SUM(v) OVER (PARTITION BY k ORDER BY ts ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW) s, AVG(v) OVER (PARTITION BY k ORDER BY ts) a FROM events;
CREATE MATERIALIZED VIEW filtered_totals AS SELECT id, SUM(CASE WHEN b THEN v END) OVER (PARTITION BY k ORDER BY ts) s, COUNT(DISTINCT v) OVER (PARTITION BY k ORDER BY ts) n FROM small;
CREATE MATERIALIZED VIEW by_expression AS SELECT id, ROW_NUMBER() OVER (PARTITION BY v % 3, UPPER(k) ORDER BY ts) n, SUM(f) OVER (PARTITION BY v % 3 ORDER BY ts) s FROM events;
CREATE MATERIALIZED VIEW windows_of AS SELECT window_end, COUNT(*) n, SUM(r) s FROM TABLE(TUMBLE((SELECT ts, RANK() OVER (PARTITION BY k ORDER BY ts) r FROM events), DESCRIPTOR(ts), INTERVAL '0.3' SECOND)) GROUP BY window_start, window_end;
-- These stay updating: the answer for a row may still change, or its changes were asked for.
CREATE MATERIALIZED VIEW backwards AS SELECT id, ROW_NUMBER() OVER (PARTITION BY k ORDER BY ts DESC) n, LEAD(id) OVER (PARTITION BY k ORDER BY ts) l FROM events;
CREATE MATERIALIZED VIEW nulls_first AS SELECT id, ROW_NUMBER() OVER (PARTITION BY k ORDER BY ts NULLS FIRST) n FROM events;
CREATE MATERIALIZED VIEW changes AS SELECT id, ROW_NUMBER() OVER (PARTITION BY k ORDER BY ts) n FROM events EMIT CHANGES;
