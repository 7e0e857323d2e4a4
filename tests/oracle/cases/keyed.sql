-- GROUP BY without a window: every epoch shows which groups have changed.
-- input events: rows=160 partitions=2 nulls=0.1 disorder=3000
CREATE TABLE events ( id BIGINT, ts TIMESTAMP(3), k STRING, v INT, f DOUBLE, b BOOLEAN, WATERMARK FOR ts AS ts )
WITH ('connector' = 'kafka', 'topic' = 'events', 'properties.bootstrap.servers' = 'x', 'format' = 'json');
CREATE MATERIALIZED VIEW by_key AS SELECT k, COUNT(*) n, COUNT(v) nv, SUM(v) s, MIN(v) lo, MAX(v) hi, AVG(v) a, SUM(f) fs FROM events GROUP BY k;
CREATE MATERIALIZED VIEW everything AS SELECT COUNT(*) n, SUM(v) s, MAX(f) hi FROM events;
CREATE MATERIALIZED VIEW distinct_keys AS SELECT DISTINCT k, b FROM events;
CREATE MATERIALIZED VIEW distinct_count AS SELECT k, COUNT(DISTINCT v) n, COUNT(DISTINCT b) FILTER (WHERE v > 0) nb FROM events GROUP BY k;
CREATE MATERIALIZED VIEW having_some AS SELECT k, b, COUNT(*) n FROM events GROUP BY k, b HAVING COUNT(*) > 12;
CREATE MATERIALIZED VIEW twice AS SELECT n, COUNT(*) keys, SUM(s) s FROM (SELECT k, b, COUNT(*) n, SUM(v) s FROM events GROUP BY k, b) GROUP BY n;
CREATE MATERIALIZED VIEW extremes_of_sums AS SELECT MAX(s) hi, MIN(s) lo, AVG(n) a FROM (SELECT k, b, COUNT(*) n, SUM(v) s FROM events GROUP BY k, b);
CREATE MATERIALIZED VIEW deviations AS SELECT k, STDDEV(v) d, MEDIAN(v) m FROM events GROUP BY k;
CREATE MATERIALIZED VIEW filtered AS SELECT k, SUM(v) FILTER (WHERE b) s, COUNT(*) FILTER (WHERE v < 0) n FROM events WHERE id % 3 <> 0 GROUP BY k;
CREATE MATERIALIZED VIEW sets AS SELECT k, b, COUNT(*) n FROM events GROUP BY GROUPING SETS ((k), (b), (k, b), ());
