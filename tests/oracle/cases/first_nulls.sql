-- A group whose first rows are NULL: its average, sum and extremes are NULL, and then they are not; by hand.
-- row events/0: {"id": 1, "k": "a"}
-- row events/0: {"id": 2, "k": "b", "v": null}
-- row events/0: {"id": 3}
-- row events/0: {"id": 4, "k": "a", "v": 4}
-- row events/0: {"id": 5, "k": "a", "v": 5, "f": 0.5}
-- row events/0: {"id": 6, "k": "c"}
-- expect by_key: NULL | NULL | NULL | NULL | 0 | NULL
-- expect by_key: a | 4 | 9 | 4 | 2 | 5.000000000e-1
-- expect by_key: b | NULL | NULL | NULL | 0 | NULL
-- expect by_key: c | NULL | NULL | NULL | 0 | NULL
-- expect altogether: 4 | 9 | 5.000000000e-1 | 2 | 7.071067812e-1
-- expect decimals: 4.500000
-- expect still_null: NULL | NULL | 0
CREATE TABLE events ( id BIGINT, ts TIMESTAMP(3), k STRING, v INT, f DOUBLE, b BOOLEAN, WATERMARK FOR ts AS ts )
WITH ('connector' = 'kafka', 'topic' = 'events', 'properties.bootstrap.servers' = 'x', 'format' = 'json');
CREATE MATERIALIZED VIEW by_key AS SELECT k, AVG(v) a, SUM(v) s, MIN(v) lo, COUNT(v) n, MAX(f) hi FROM events GROUP BY k;
CREATE MATERIALIZED VIEW altogether AS SELECT AVG(v) a, SUM(v) s, AVG(f) af, COUNT(v) n, STDDEV(v) d FROM events;
CREATE MATERIALIZED VIEW decimals AS SELECT AVG(CAST(v AS DECIMAL(10, 2))) a FROM events;
CREATE MATERIALIZED VIEW still_null AS SELECT AVG(v) a, MAX(v) hi, COUNT(v) n FROM events WHERE k = 'b';
CREATE MATERIALIZED VIEW of_sums AS SELECT AVG(s) a, SUM(s) ss, MAX(s) hi, COUNT(s) n FROM (SELECT k, SUM(v) s FROM events GROUP BY k);
CREATE MATERIALIZED VIEW of_averages AS SELECT AVG(a) a, MIN(a) lo FROM (SELECT k, AVG(v) a FROM events GROUP BY k);
