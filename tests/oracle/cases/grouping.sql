-- Grouping sets of every kind, GROUPING(), and what stands above them.
-- input events: rows=50 partitions=2 nulls=0.2 disorder=900 seed=34
CREATE TABLE events ( id BIGINT, ts TIMESTAMP(3), k STRING, v INT, f DOUBLE, b BOOLEAN, WATERMARK FOR ts AS ts - INTERVAL '1' SECOND )
WITH ('connector' = 'kafka', 'topic' = 'events', 'properties.bootstrap.servers' = 'x', 'format' = 'json');
CREATE MATERIALIZED VIEW rolled AS SELECT k, b, COUNT(*) n, SUM(v) s FROM events GROUP BY ROLLUP(k, b);
CREATE MATERIALIZED VIEW cubed AS SELECT k, b, COUNT(*) n, MAX(v) hi FROM events GROUP BY CUBE(k, b);
CREATE MATERIALIZED VIEW listed AS SELECT k, b, COUNT(*) n FROM events GROUP BY GROUPING SETS ((k), (b));
CREATE MATERIALIZED VIEW marked AS SELECT k, b, GROUPING(k) gk, GROUPING(b) gb, COUNT(*) n FROM events GROUP BY ROLLUP(k, b);
CREATE MATERIALIZED VIEW with_common AS SELECT b, k, v % 2 odd, AVG(v) a FROM events GROUP BY GROUPING SETS ((b, k), (b, v % 2));
CREATE MATERIALIZED VIEW having_some AS SELECT k, b, COUNT(*) n FROM events GROUP BY CUBE(k, b) HAVING COUNT(*) > 10;
CREATE MATERIALIZED VIEW per_window AS SELECT window_end, k, COUNT(*) n FROM TABLE(TUMBLE(TABLE events, DESCRIPTOR(ts), INTERVAL '1' SECOND)) GROUP BY GROUPING SETS ((window_start, window_end, k), (window_start, window_end));
CREATE MATERIALIZED VIEW distinct_in AS SELECT k, COUNT(DISTINCT v % 5) n FROM events GROUP BY ROLLUP(k);
CREATE MATERIALIZED VIEW above AS SELECT COUNT(*) c, SUM(n) s FROM (SELECT k, b, COUNT(*) n FROM events GROUP BY CUBE(k, b));
