-- The first rows by time: Flink's deduplication that keeps the first row, top-N by time, and what is made of them.
-- input events: rows=140 partitions=2 disorder=900 step=20 nulls=0.05 seed=52
-- late: never
CREATE TABLE events ( id BIGINT, ts TIMESTAMP(3), k STRING, v INT, f DOUBLE, b BOOLEAN, WATERMARK FOR ts AS ts - INTERVAL '1' SECOND )
WITH ('connector' = 'kafka', 'topic' = 'events', 'properties.bootstrap.servers' = 'x', 'format' = 'json');
CREATE TABLE topic ( k STRING, v INT, id BIGINT ) WITH ('connector' = 'kafka', 'topic' = 'topic', 'properties.bootstrap.servers' = 'x', 'format' = 'json');
INSERT INTO topic SELECT k, v, id FROM (SELECT *, ROW_NUMBER() OVER (PARTITION BY k, v % 10 ORDER BY ts ASC) AS rn FROM events) WHERE rn = 1;
CREATE MATERIALIZED VIEW first_rows AS SELECT k, id, ts FROM (SELECT *, ROW_NUMBER() OVER (PARTITION BY k ORDER BY ts) rn FROM events) WHERE rn = 1;
CREATE MATERIALIZED VIEW first_three AS SELECT k, b, id, rn FROM (SELECT *, ROW_NUMBER() OVER (PARTITION BY k, b ORDER BY ts) rn FROM events) WHERE rn <= 3;
CREATE MATERIALIZED VIEW first_ranks AS SELECT b, id, r FROM (SELECT *, RANK() OVER (PARTITION BY b ORDER BY ts) r FROM events) WHERE r <= 5;
CREATE MATERIALIZED VIEW middle AS SELECT k, id FROM (SELECT *, ROW_NUMBER() OVER (PARTITION BY k ORDER BY ts) rn FROM events) WHERE rn BETWEEN 3 AND 5 AND v > 0;
CREATE MATERIALIZED VIEW first_of_all AS SELECT id FROM (SELECT *, ROW_NUMBER() OVER (ORDER BY ts) rn FROM events) WHERE rn = 1;
CREATE MATERIALIZED VIEW by_window AS SELECT window_start, COUNT(*) n, MIN(id) id FROM TABLE(TUMBLE((SELECT * FROM (SELECT *, ROW_NUMBER() OVER (PARTITION BY k, v % 7 ORDER BY ts) rn FROM events) WHERE rn = 1), DESCRIPTOR(ts), INTERVAL '1' SECOND)) GROUP BY window_start, window_end;
CREATE MATERIALIZED VIEW per_key AS SELECT k, COUNT(*) n, SUM(v) s FROM (SELECT *, ROW_NUMBER() OVER (PARTITION BY k, v % 7 ORDER BY ts) rn FROM events) WHERE rn = 1 GROUP BY k;
CREATE MATERIALIZED VIEW pairs AS SELECT e.id, f.id fid FROM events e JOIN (SELECT * FROM (SELECT *, ROW_NUMBER() OVER (PARTITION BY k, v % 7 ORDER BY ts) rn FROM events) WHERE rn = 1) f ON e.k = f.k AND e.ts BETWEEN f.ts AND f.ts + INTERVAL '0.2' SECOND;
CREATE MATERIALIZED VIEW first_of_first AS SELECT k, id, n FROM (SELECT *, ROW_NUMBER() OVER (PARTITION BY b ORDER BY ts) n FROM (SELECT *, ROW_NUMBER() OVER (PARTITION BY k ORDER BY ts) rn FROM events) WHERE rn <= 4) WHERE n <= 5;
CREATE MATERIALIZED VIEW last_rows AS SELECT k, id FROM (SELECT *, ROW_NUMBER() OVER (PARTITION BY k ORDER BY ts DESC) rn FROM events) WHERE rn = 1;
