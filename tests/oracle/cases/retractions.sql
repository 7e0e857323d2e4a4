-- What an aggregate takes back goes through everything above it: groups vanish with their last row, extremes step back.
-- input events: rows=48 partitions=2 nulls=0.1 seed=22
CREATE TABLE events ( id BIGINT, ts TIMESTAMP(3), k STRING, v INT, f DOUBLE, b BOOLEAN, WATERMARK FOR ts AS ts )
WITH ('connector' = 'kafka', 'topic' = 'events', 'properties.bootstrap.servers' = 'x', 'format' = 'json');
CREATE VIEW per_key AS SELECT k, b, COUNT(*) AS n, SUM(v) AS s, MAX(v) AS hi FROM events GROUP BY k, b;
CREATE MATERIALIZED VIEW histogram AS SELECT n, COUNT(*) keys FROM per_key GROUP BY n;
CREATE MATERIALIZED VIEW extremes AS SELECT b, MIN(n) lo, MAX(n) hi, MIN(s) slo FROM per_key GROUP BY b;
CREATE MATERIALIZED VIEW averages AS SELECT b, AVG(n) a, AVG(s) sa, STDDEV(n) d, MEDIAN(s) m FROM per_key GROUP BY b;
CREATE MATERIALIZED VIEW floats AS SELECT n % 2 odd, SUM(CAST(s AS DOUBLE) / 4) q, AVG(CAST(s AS DOUBLE)) a FROM per_key GROUP BY n % 2;
CREATE MATERIALIZED VIEW decimals AS SELECT SUM(CAST(s AS DECIMAL(12, 2))) d, AVG(CAST(s AS DECIMAL(12, 2))) a FROM per_key;
CREATE MATERIALIZED VIEW different AS SELECT DISTINCT n, b FROM per_key;
CREATE MATERIALIZED VIEW distinct_counts AS SELECT b, COUNT(DISTINCT n) c, SUM(DISTINCT n) s FROM per_key GROUP BY b;
CREATE MATERIALIZED VIEW filtered AS SELECT COUNT(*) FILTER (WHERE n > 5) many, SUM(s) FILTER (WHERE b) yes, COUNT(s) FILTER (WHERE s > 0) plus FROM per_key;
CREATE MATERIALIZED VIEW passing AS SELECT k, n FROM per_key WHERE n % 3 = 0 AND s > 0;
CREATE MATERIALIZED VIEW computed AS SELECT COALESCE(k, 'none') || '!' name, n * 2 twice, CASE WHEN s > 0 THEN 'plus' WHEN s <= 0 THEN 'minus' END sign FROM per_key;
CREATE MATERIALIZED VIEW three_deep AS SELECT keys, COUNT(*) c, MAX(n) hi FROM (SELECT n, COUNT(*) keys FROM per_key GROUP BY n) GROUP BY keys;
CREATE MATERIALIZED VIEW with_rows AS SELECT 'group' what, k, n FROM per_key UNION ALL SELECT 'row', k, id FROM events WHERE v > 80;
CREATE MATERIALIZED VIEW joined AS SELECT e.id, p.n FROM events e JOIN per_key p ON e.k = p.k AND e.b = p.b AND e.v = p.hi;
CREATE MATERIALIZED VIEW ranked AS SELECT k, b, n, r FROM (SELECT *, ROW_NUMBER() OVER (PARTITION BY b ORDER BY n DESC, k) r FROM per_key) WHERE r <= 2;
CREATE MATERIALIZED VIEW rolled AS SELECT b, n, COUNT(*) c, SUM(s) s FROM per_key GROUP BY ROLLUP(b, n);
CREATE MATERIALIZED VIEW logic AS SELECT BOOL_AND(n > 3) every, BOOL_OR(s < 0) some FROM per_key;
CREATE MATERIALIZED VIEW texts AS SELECT n, MIN(k) lo, MAX(k) hi, STRING_AGG(k, ',' ORDER BY k) ks FROM per_key GROUP BY n;
CREATE MATERIALIZED VIEW bits AS SELECT b, BIT_OR(n) o, BIT_XOR(n) x FROM per_key GROUP BY b;
CREATE MATERIALIZED VIEW emptied AS SELECT b, SUM(CASE WHEN n < 4 THEN s END) few, AVG(CASE WHEN n < 3 THEN s END) a, COUNT(CASE WHEN n < 5 THEN s END) c FROM per_key GROUP BY b;
CREATE MATERIALIZED VIEW emptied_keys AS SELECT k, SUM(CASE WHEN n < 3 THEN s END) few, AVG(CASE WHEN n < 3 THEN s END) a FROM per_key GROUP BY k;
