-- Windows that overlap are put together from panes: sizes that are no multiple of the slide, offsets, filters, names, groups, functions.
-- input events: rows=150 partitions=1 disorder=900 nulls=0.1 seed=51 jump=40
-- late: never
CREATE TABLE events ( id BIGINT NOT NULL, ts TIMESTAMP(3), k STRING, v INT, f DOUBLE, b BOOLEAN, WATERMARK FOR ts AS ts - INTERVAL '1' SECOND )
WITH ('connector' = 'kafka', 'topic' = 'events', 'properties.bootstrap.servers' = 'x', 'format' = 'json');
CREATE VIEW hops AS SELECT * FROM TABLE(HOP(TABLE events, DESCRIPTOR(ts), INTERVAL '1' SECOND, INTERVAL '4' SECOND));
CREATE MATERIALIZED VIEW all_bounds AS SELECT window_start, window_end, window_time, k, COUNT(*) n, SUM(v) s, AVG(f) a, MIN(id) lo, MAX(v) hi FROM hops GROUP BY window_start, window_end, window_time, k;
CREATE MATERIALIZED VIEW by_start AS SELECT window_start, COUNT(DISTINCT k) n, COUNT(*) FILTER (WHERE b) bs FROM hops GROUP BY window_start;
CREATE MATERIALIZED VIEW by_end AS SELECT window_end e, STDDEV(f) d, MEDIAN(v) m FROM hops GROUP BY window_end;
CREATE MATERIALIZED VIEW by_time AS SELECT window_time t, b, SUM(f) f FROM hops WHERE v > 0 GROUP BY window_time, b;
CREATE MATERIALIZED VIEW uneven AS SELECT window_start, window_end, COUNT(*) n, SUM(id) s FROM TABLE(HOP(TABLE events, DESCRIPTOR(ts), INTERVAL '0.6' SECOND, INTERVAL '1' SECOND, INTERVAL '0.1' SECOND)) GROUP BY window_start, window_end;
CREATE MATERIALIZED VIEW too_uneven AS SELECT window_start, window_end, COUNT(*) n FROM TABLE(HOP(TABLE events, DESCRIPTOR(ts), INTERVAL '0.97' SECOND, INTERVAL '2' SECOND)) GROUP BY window_start, window_end;
CREATE MATERIALIZED VIEW apart AS SELECT window_start, window_end, COUNT(*) n FROM TABLE(HOP(TABLE events, DESCRIPTOR(ts), INTERVAL '2' SECOND, INTERVAL '1' SECOND)) GROUP BY window_start, window_end;
CREATE MATERIALIZED VIEW moved AS SELECT window_start, window_end, b, COUNT(*) n FROM TABLE(HOP(TABLE events, DESCRIPTOR(ts), INTERVAL '1' SECOND, INTERVAL '3' SECOND, INTERVAL '-0.4' SECOND)) GROUP BY window_start, window_end, b;
CREATE MATERIALIZED VIEW grown AS SELECT window_start, window_end, window_time, k, COUNT(*) n, SUM(v) s FROM TABLE(CUMULATE(TABLE events, DESCRIPTOR(ts), INTERVAL '1' SECOND, INTERVAL '5' SECOND, INTERVAL '0.5' SECOND)) GROUP BY window_start, window_end, window_time, k;
CREATE MATERIALIZED VIEW grown_ends AS SELECT window_end, COUNT(v) n FROM TABLE(CUMULATE(TABLE events, DESCRIPTOR(ts), INTERVAL '1' SECOND, INTERVAL '5' SECOND)) GROUP BY window_end;
CREATE MATERIALIZED VIEW grown_starts AS SELECT window_start, COUNT(v) n FROM TABLE(CUMULATE(TABLE events, DESCRIPTOR(ts), INTERVAL '1' SECOND, INTERVAL '5' SECOND)) GROUP BY window_start;
CREATE MATERIALIZED VIEW bounds_in_functions AS SELECT window_start, window_end, k, COUNT(*) n, MAX(window_end) e, COUNT(*) FILTER (WHERE ts > window_start) later FROM hops GROUP BY window_start, window_end, k;
CREATE MATERIALIZED VIEW bounds_in_filters AS SELECT window_start, window_end, COUNT(*) n FROM hops WHERE EXTRACT(SECOND FROM window_start) > 2 GROUP BY window_start, window_end;
CREATE MATERIALIZED VIEW computed_groups AS SELECT s, e, g, COUNT(*) n FROM (SELECT window_start s, window_end e, window_end e2, v % 3 AS g, v FROM hops WHERE v IS NOT NULL) x GROUP BY s, e, e2, g;
CREATE MATERIALIZED VIEW computed_bounds AS SELECT window_start, window_end, d, COUNT(*) n FROM (SELECT *, EXTRACT(SECOND FROM window_end) d FROM hops) x GROUP BY window_start, window_end, d;
CREATE MATERIALIZED VIEW chained AS SELECT window_start, window_end, SUM(n) n, MAX(hi) hi FROM TABLE(HOP((SELECT window_time wt, COUNT(*) n, MAX(v) hi FROM TABLE(HOP(TABLE events, DESCRIPTOR(ts), INTERVAL '0.5' SECOND, INTERVAL '1' SECOND)) GROUP BY window_start, window_end, window_time), DESCRIPTOR(wt), INTERVAL '1' SECOND, INTERVAL '3' SECOND)) GROUP BY window_start, window_end;
CREATE MATERIALIZED VIEW pairs AS SELECT a.window_end, a.n, b.m FROM (SELECT window_start, window_end, COUNT(*) n FROM hops WHERE b GROUP BY window_start, window_end) a JOIN (SELECT window_start, window_end, COUNT(*) m FROM hops WHERE NOT b GROUP BY window_start, window_end) b ON a.window_start = b.window_start AND a.window_end = b.window_end;
CREATE TABLE out ( window_start TIMESTAMP(3), window_end TIMESTAMP(3), n BIGINT ) WITH ('connector' = 'kafka', 'topic' = 'out', 'properties.bootstrap.servers' = 'x', 'format' = 'json');
INSERT INTO out SELECT window_start, window_end, COUNT(*) FROM hops GROUP BY window_start, window_end;
