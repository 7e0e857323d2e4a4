-- NaN is one key, equal to itself and above everything; infinities add up to NaN. NULL is none of them.
-- row events/0: {"id": 1, "k": "a", "v": 1, "f": 9, "ts": "2024-05-01 12:00:00.000"}
-- row events/0: {"id": 2, "k": "a", "v": 2, "f": 1.5, "ts": "2024-05-01 12:00:00.000"}
-- row events/0: {"id": 3, "k": "b", "v": 1, "f": 8, "ts": "2024-05-01 12:00:00.000"}
-- row events/0: {"id": 4, "k": "b", "v": 3, "f": 7, "ts": "2024-05-01 12:00:01.000"}
-- row events/0: {"id": 5, "k": "a", "v": 2, "f": 9, "ts": "2024-05-01 12:00:01.000"}
-- row events/0: {"id": 6, "k": "c", "v": 1, "ts": "2024-05-01 12:00:01.000"}
-- row events/0: {"id": 7, "k": "c", "v": 2, "f": -2.25, "ts": "2024-05-01 12:00:02.000"}
-- row events/0: {"id": 8, "k": "d", "v": 5, "f": 7, "ts": "2024-05-01 12:00:02.000"}
-- expect keys: -2.250000000e0 | 1
-- expect keys: -inf | 2
-- expect keys: 1.500000000e0 | 1
-- expect keys: NULL | 1
-- expect keys: NaN | 2
-- expect keys: inf | 1
-- expect sums: a | NaN | 3
-- expect sums: b | NaN | 2
-- expect sums: c | -2.250000000e0 | 1
-- expect sums: d | -inf | 1
-- expect top: NaN | 1
-- expect top: NaN | 5
-- expect top: inf | 3
-- expect extremes: a | 1.500000000e0 | NaN | 1.5 | NaN
-- expect extremes: b | -inf | inf | -inf | inf
-- expect extremes: c | -2.250000000e0 | -2.250000000e0 | -2.25 | -2.25
-- expect extremes: d | -inf | -inf | -inf | -inf
-- expect extreme: -inf | NaN | inf | NULL
-- expect of_extremes: -inf | 1.500000000e0
-- expect itself: 1
-- expect itself: 2
-- expect itself: 3
-- expect itself: 4
-- expect itself: 5
-- expect itself: 7
-- expect itself: 8
CREATE TABLE events ( id BIGINT, ts TIMESTAMP(3), k STRING, v INT, f DOUBLE, b BOOLEAN, WATERMARK FOR ts AS ts )
WITH ('connector' = 'kafka', 'topic' = 'events', 'properties.bootstrap.servers' = 'x', 'format' = 'json');
CREATE VIEW x AS SELECT id, k, v, CASE WHEN f = 9 THEN CAST('NaN' AS DOUBLE) WHEN f = 8 THEN CAST('Infinity' AS DOUBLE) WHEN f = 7 THEN CAST('-Infinity' AS DOUBLE) ELSE f END AS x FROM events;
CREATE MATERIALIZED VIEW keys AS SELECT x, COUNT(*) n FROM x GROUP BY x;
CREATE MATERIALIZED VIEW different AS SELECT DISTINCT x FROM x;
CREATE MATERIALIZED VIEW sums AS SELECT k, SUM(x) s, COUNT(x) n FROM x GROUP BY k;
CREATE MATERIALIZED VIEW top AS SELECT x, id FROM x WHERE x IS NOT NULL ORDER BY x DESC, id LIMIT 3;
CREATE MATERIALIZED VIEW ranks AS SELECT id, RANK() OVER (ORDER BY x) r, LAG(x) OVER (PARTITION BY k ORDER BY id) p FROM x;
CREATE MATERIALIZED VIEW itself AS SELECT id FROM x WHERE x = x;
CREATE MATERIALIZED VIEW pairs AS SELECT a.id, b.id bid FROM x a JOIN x b ON a.x = b.x;
CREATE MATERIALIZED VIEW above AS SELECT id FROM x WHERE x > 100;
CREATE MATERIALIZED VIEW counts AS SELECT COUNT(DISTINCT x) n, COUNT(*) FILTER (WHERE x <> x) odd FROM x;
CREATE MATERIALIZED VIEW of_sums AS SELECT s, COUNT(*) n FROM (SELECT k, SUM(x) s FROM x GROUP BY k) GROUP BY s;
CREATE MATERIALIZED VIEW both AS SELECT x FROM x WHERE v = 1 INTERSECT SELECT x FROM x WHERE v = 2;
CREATE MATERIALIZED VIEW extremes AS SELECT k, MIN(x) low, MAX(x) high, MIN(y) low4, MAX(y) high4 FROM (SELECT k, x, CAST(x AS FLOAT) y FROM x) GROUP BY k;
CREATE MATERIALIZED VIEW extreme AS SELECT MIN(x) low, MAX(x) high, MAX(x) FILTER (WHERE k = 'b') b, MIN(x) FILTER (WHERE k = 'c' AND v = 1) none FROM x;
CREATE MATERIALIZED VIEW of_extremes AS SELECT MIN(low) low, MAX(low) high FROM (SELECT k, MIN(x) low FROM x GROUP BY k) WHERE k <> 'd';
CREATE MATERIALIZED VIEW running AS SELECT id, MIN(x) OVER (PARTITION BY k ORDER BY id) low, MAX(x) OVER (ORDER BY id ROWS 1 PRECEDING) high FROM x;
CREATE MATERIALIZED VIEW windows AS SELECT window_end, MIN(x) low, MAX(x) high, MAX(y) high4 FROM TABLE(TUMBLE((SELECT ts, CASE WHEN v = 1 THEN CAST('NaN' AS DOUBLE) ELSE f END x, CAST(f AS FLOAT) y FROM events), DESCRIPTOR(ts), INTERVAL '1' SECOND)) GROUP BY window_start, window_end;
