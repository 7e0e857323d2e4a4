-- DECIMALs near their limit: sums, averages, products and quotients give the number, or NULL, and never another number.
-- row events/0: {"id": 1, "k": "a", "d": 12345678901234567890.12345678, "w": 99999999999999999999999999999999999999, "n": 3}
-- row events/0: {"id": 2, "k": "a", "d": 0.00000001, "w": -99999999999999999999999999999999999999, "n": 7}
-- row events/0: {"id": 3, "k": "b", "d": 99999999999999999999.99999999, "w": 50000000000000000000000000000000000000, "n": 9223372036854775807}
-- row events/0: {"id": 4, "k": "b", "d": 99999999999999999999.99999999, "w": 1, "n": -1}
-- row events/0: {"id": 5, "k": null, "d": null, "w": null, "n": null}
-- late: never
-- expect products: 1 | NULL | 37037036703703703670.3703703
-- expect products: 2 | NULL | 0.0000001
-- expect products: 3 | NULL | NULL
-- expect products: 4 | 1 | -100000000000000000000.0000000
-- expect products: 5 | NULL | NULL
CREATE TABLE events ( id BIGINT, k STRING, d DECIMAL(28, 8), w DECIMAL(38, 0), n BIGINT )
WITH ('connector' = 'kafka', 'topic' = 'events', 'properties.bootstrap.servers' = 'x', 'format' = 'json');
CREATE MATERIALIZED VIEW products AS SELECT id, w * w AS ww, d * CAST(n AS INT) AS dn FROM (SELECT id, w, d, CASE WHEN n < 100 THEN n END AS n FROM events);
CREATE MATERIALIZED VIEW quotients AS SELECT k, SUM(d) / SUM(n) q, SUM(d) / SUM(d) r, SUM(d) + SUM(d) t, AVG(d) a, COUNT(*) c FROM events WHERE id <> 3 GROUP BY k;
CREATE MATERIALIZED VIEW averages AS SELECT k, AVG(d) a, AVG(DISTINCT d) b, SUM(d) s FROM events GROUP BY k;
CREATE MATERIALIZED VIEW of_changes AS SELECT SUM(a) s, AVG(a) a, MAX(a * a) m FROM (SELECT k, AVG(d) a FROM events GROUP BY k);
CREATE MATERIALIZED VIEW over_rows AS SELECT id, AVG(d) OVER (PARTITION BY k ORDER BY id) a, SUM(w) OVER (PARTITION BY k ORDER BY id ROWS BETWEEN 1 PRECEDING AND CURRENT ROW) s FROM events;
