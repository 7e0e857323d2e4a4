-- DISTINCT inside aggregates: alone, several of them, with FILTER, with others, per window, over what changes.
-- input events: rows=60 partitions=2 nulls=0.2 disorder=900 seed=23
CREATE TABLE events ( id BIGINT, ts TIMESTAMP(3), k STRING, v INT, f DOUBLE, b BOOLEAN, WATERMARK FOR ts AS ts - INTERVAL '1' SECOND )
WITH ('connector' = 'kafka', 'topic' = 'events', 'properties.bootstrap.servers' = 'x', 'format' = 'json');
CREATE MATERIALIZED VIEW one AS SELECT k, COUNT(DISTINCT v % 5) n FROM events GROUP BY k;
CREATE MATERIALIZED VIEW several AS SELECT b, COUNT(DISTINCT k) ks, COUNT(DISTINCT v % 7) vs, COUNT(*) n FROM events GROUP BY b;
CREATE MATERIALIZED VIEW sums AS SELECT k, SUM(DISTINCT v % 5) s, SUM(v) t, MIN(DISTINCT v) lo FROM events GROUP BY k;
CREATE MATERIALIZED VIEW some AS SELECT k, COUNT(DISTINCT v % 5) FILTER (WHERE b) yes, COUNT(DISTINCT v % 5) FILTER (WHERE NOT b) nope FROM events GROUP BY k;
CREATE MATERIALIZED VIEW altogether AS SELECT COUNT(DISTINCT k) n, COUNT(DISTINCT b) nb, AVG(v) a FROM events;
CREATE MATERIALIZED VIEW averages AS SELECT b, AVG(DISTINCT v % 5) a FROM events GROUP BY b;
CREATE MATERIALIZED VIEW per_window AS SELECT window_end, COUNT(DISTINCT k) n, COUNT(DISTINCT v % 5) FILTER (WHERE v > 0) p FROM TABLE(TUMBLE(TABLE events, DESCRIPTOR(ts), INTERVAL '1' SECOND)) GROUP BY window_start, window_end;
CREATE MATERIALIZED VIEW per_hop AS SELECT window_start, b, COUNT(DISTINCT k) n FROM TABLE(HOP(TABLE events, DESCRIPTOR(ts), INTERVAL '1' SECOND, INTERVAL '2' SECOND)) GROUP BY window_start, window_end, b EMIT CHANGES;
CREATE MATERIALIZED VIEW of_changes AS SELECT COUNT(DISTINCT n) c, SUM(DISTINCT n) s FROM (SELECT k, COUNT(*) n FROM events GROUP BY k, b);
CREATE MATERIALIZED VIEW of_joins AS SELECT a.k, COUNT(DISTINCT b.v) n FROM events a JOIN events b ON a.v = b.id GROUP BY a.k;
