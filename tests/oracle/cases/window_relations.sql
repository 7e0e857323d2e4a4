-- Joins, top-N and deduplication per window: final, when the window is complete.
-- input events: rows=120 partitions=1 disorder=4000 seed=6
-- late: some
CREATE TABLE events ( id BIGINT, ts TIMESTAMP(3), k STRING, v INT, f DOUBLE, b BOOLEAN, WATERMARK FOR ts AS ts - INTERVAL '1' SECOND )
WITH ('connector' = 'kafka', 'topic' = 'events', 'properties.bootstrap.servers' = 'x', 'format' = 'json');
CREATE MATERIALIZED VIEW top2 AS SELECT id, k, v, window_start, rn FROM (SELECT id, k, v, window_start, window_end, ROW_NUMBER() OVER (PARTITION BY window_start, window_end, k ORDER BY v DESC) rn
  FROM TABLE(TUMBLE(TABLE events, DESCRIPTOR(ts), INTERVAL '1' SECOND))) WHERE rn <= 2;
CREATE MATERIALIZED VIEW top_of_counts AS SELECT window_end, k, n FROM (SELECT *, ROW_NUMBER() OVER (PARTITION BY window_start, window_end ORDER BY n DESC, k) rn FROM (
  SELECT window_start, window_end, k, COUNT(*) n, SUM(id) ids FROM TABLE(TUMBLE(TABLE events, DESCRIPTOR(ts), INTERVAL '2' SECOND)) GROUP BY window_start, window_end, k)) WHERE rn <= 2;
CREATE MATERIALIZED VIEW hops AS SELECT window_start, window_end, k, COUNT(*) n, SUM(id) ids FROM TABLE(HOP(TABLE events, DESCRIPTOR(ts), INTERVAL '1' SECOND, INTERVAL '3' SECOND)) GROUP BY window_start, window_end, k;
CREATE MATERIALIZED VIEW cumulated AS SELECT window_start, window_end, COUNT(*) n, SUM(id) ids FROM TABLE(CUMULATE(TABLE events, DESCRIPTOR(ts), INTERVAL '1' SECOND, INTERVAL '3' SECOND)) GROUP BY window_start, window_end;
CREATE MATERIALIZED VIEW cascade AS SELECT window_start, window_end, SUM(n) n, SUM(ids) ids FROM TABLE(TUMBLE((SELECT window_time wt, n, ids FROM (
  SELECT window_start, window_end, window_time, COUNT(*) n, SUM(id) ids FROM TABLE(TUMBLE(TABLE events, DESCRIPTOR(ts), INTERVAL '1' SECOND)) GROUP BY window_start, window_end, window_time)), DESCRIPTOR(wt), INTERVAL '3' SECOND)) GROUP BY window_start, window_end;
CREATE MATERIALIZED VIEW rolled AS SELECT window_end, k, b, COUNT(*) n, SUM(id) ids FROM TABLE(TUMBLE(TABLE events, DESCRIPTOR(ts), INTERVAL '2' SECOND)) GROUP BY window_start, window_end, ROLLUP(k, b);
CREATE MATERIALIZED VIEW changing AS SELECT window_start, window_end, k, COUNT(*) n, SUM(id) ids FROM TABLE(TUMBLE(TABLE events, DESCRIPTOR(ts), INTERVAL '2' SECOND)) GROUP BY window_start, window_end, k EMIT CHANGES;
