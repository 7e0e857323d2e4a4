-- Decimals add up exactly; dates, times and texts as keys, extremes and in order; by hand.
-- row money/0: {"id": 1, "ts": "2024-05-01 12:00:00", "d": "2024-05-01", "m": "0.10", "big": "12345678901234567890.0001", "k": "x", "small": 1, "r": 0.5}
-- row money/0: {"id": 2, "ts": "2024-05-01 12:00:01.500", "d": "2024-05-02", "m": "0.20", "big": "0.0002", "k": "é", "small": -1, "r": 1.5}
-- row money/0: {"id": 3, "ts": "2024-04-30 23:59:59.999", "d": "2024-04-30", "m": null, "k": "", "small": 300}
-- row money/0: {"id": 4, "ts": null, "d": "2024-05-01", "m": "-99999999.99", "big": "-1.0000", "k": "x", "r": -0.25}
-- row money/0: {"id": 5, "ts": "2024-05-01 12:00:00", "m": "99999999.99", "k": "X", "small": 1, "r": 0.5}
-- expect sums: 0.30 | 12345678901234567889.0003 | 301
-- expect extremes: 2024-04-30 | 2024-05-02 | 2024-04-30T23:59:59.999 | 2024-05-01T12:00:01.500 |  | é | -99999999.99
-- expect by_date: 2024-04-30 | 1 | NULL
-- expect by_date: 2024-05-01 | 2 | -99999999.89
-- expect by_date: 2024-05-02 | 1 | 0.20
-- expect by_date: NULL | 1 | 99999999.99
CREATE TABLE money ( id BIGINT, ts TIMESTAMP(3), d DATE, m DECIMAL(10, 2), big DECIMAL(30, 4), k STRING, small SMALLINT, r FLOAT, WATERMARK FOR ts AS ts )
WITH ('connector' = 'kafka', 'topic' = 'money', 'properties.bootstrap.servers' = 'x', 'format' = 'json');
CREATE MATERIALIZED VIEW sums AS SELECT SUM(m) s, SUM(big) b, SUM(small) i FROM money;
CREATE MATERIALIZED VIEW averages AS SELECT k, AVG(m) a, AVG(small) i FROM money GROUP BY k;
CREATE MATERIALIZED VIEW extremes AS SELECT MIN(d) d0, MAX(d) d1, MIN(ts) t0, MAX(ts) t1, MIN(k) k0, MAX(k) k1, MIN(m) m FROM money;
CREATE MATERIALIZED VIEW by_date AS SELECT d, COUNT(*) n, SUM(m) s FROM money GROUP BY d;
CREATE MATERIALIZED VIEW by_day AS SELECT CAST(ts AS DATE) d, COUNT(*) n FROM money GROUP BY CAST(ts AS DATE);
CREATE MATERIALIZED VIEW by_floor AS SELECT DATE_TRUNC('second', ts) s, MAX(id) i FROM money GROUP BY DATE_TRUNC('second', ts);
CREATE MATERIALIZED VIEW of_sums AS SELECT SUM(s) s, AVG(s) a, COUNT(s) n FROM (SELECT k, SUM(m) s FROM money GROUP BY k);
CREATE MATERIALIZED VIEW first_day AS SELECT id, d FROM money ORDER BY d, id LIMIT 2;
CREATE MATERIALIZED VIEW floats AS SELECT r, COUNT(*) n, SUM(r) s FROM money GROUP BY r;
CREATE MATERIALIZED VIEW joined AS SELECT a.id, b.id bid FROM money a JOIN money b ON a.d = b.d AND a.m <= b.m;
CREATE MATERIALIZED VIEW ages AS SELECT id, ts + INTERVAL '1' DAY t, d + INTERVAL '1' DAY e, EXTRACT(HOUR FROM ts) h FROM money;
