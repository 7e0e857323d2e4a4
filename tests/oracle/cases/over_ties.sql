-- Many rows of one time, which the watermark reaches with the first of them: all of them come out together.
-- input events: rows=120 partitions=2 nulls=0.05 seed=54
-- late: never
CREATE TABLE events ( id BIGINT, ts TIMESTAMP(3), k STRING, v INT, f DOUBLE, b BOOLEAN, s AS FLOOR(ts TO SECOND), WATERMARK FOR s AS s )
WITH ('connector' = 'kafka', 'topic' = 'events', 'properties.bootstrap.servers' = 'x', 'format' = 'json');
CREATE TABLE topic ( k STRING, id BIGINT ) WITH ('connector' = 'kafka', 'topic' = 'topic', 'properties.bootstrap.servers' = 'x', 'format' = 'json');
INSERT INTO topic SELECT k, id FROM (SELECT *, ROW_NUMBER() OVER (PARTITION BY k ORDER BY s, id DESC) AS rn FROM events) WHERE rn = 1;
CREATE MATERIALIZED VIEW ranks AS SELECT id, RANK() OVER w r, DENSE_RANK() OVER w d, ROW_NUMBER() OVER w n, COUNT(*) OVER w c, SUM(v) OVER w t FROM events WINDOW w AS (PARTITION BY k ORDER BY s);
CREATE MATERIALIZED VIEW lags AS SELECT id, LAG(id) OVER (PARTITION BY b ORDER BY s) p, SUM(id) OVER (PARTITION BY b ORDER BY s ROWS 2 PRECEDING) t FROM events;
CREATE MATERIALIZED VIEW ends AS SELECT id, FIRST_VALUE(v) OVER (PARTITION BY k ORDER BY s) f, LAST_VALUE(v) OVER (PARTITION BY k ORDER BY s) l FROM events;
CREATE MATERIALIZED VIEW first_ranks AS SELECT k, id, r FROM (SELECT *, RANK() OVER (PARTITION BY k ORDER BY s) r FROM events) WHERE r <= 4;
CREATE MATERIALIZED VIEW last_second AS SELECT id, COUNT(*) OVER (PARTITION BY k ORDER BY s RANGE INTERVAL '1' SECOND PRECEDING) n FROM events;
CREATE MATERIALIZED VIEW windows_of AS SELECT window_end, COUNT(*) n, SUM(r) t FROM TABLE(TUMBLE((SELECT s, RANK() OVER (PARTITION BY k ORDER BY s) r FROM events), DESCRIPTOR(s), INTERVAL '2' SECOND)) GROUP BY window_start, window_end;
