-- Windows beside rows as they come: in one view, and below another window.
-- input events: rows=90 partitions=1 disorder=900 nulls=0.1 seed=24
-- input others: rows=60 partitions=2 disorder=900 first=1000 step=80 seed=25
-- late: never
CREATE TABLE events ( id BIGINT, ts TIMESTAMP(3), k STRING, v INT, f DOUBLE, b BOOLEAN, WATERMARK FOR ts AS ts - INTERVAL '1' SECOND )
WITH ('connector' = 'kafka', 'topic' = 'events', 'properties.bootstrap.servers' = 'x', 'format' = 'json');
CREATE TABLE others ( id BIGINT, ts TIMESTAMP(3), k STRING, v INT, f DOUBLE, b BOOLEAN, WATERMARK FOR ts AS ts - INTERVAL '1' SECOND )
WITH ('connector' = 'kafka', 'topic' = 'others', 'properties.bootstrap.servers' = 'x', 'format' = 'json');
CREATE VIEW per_second AS SELECT window_start, window_end, window_time AS wt, k, COUNT(*) AS n FROM TABLE(TUMBLE(TABLE events, DESCRIPTOR(ts), INTERVAL '1' SECOND)) GROUP BY window_start, window_end, window_time, k;
CREATE MATERIALIZED VIEW beside AS SELECT window_end AS t, k, n FROM per_second UNION ALL SELECT ts, k, v FROM others WHERE v > 50;
CREATE MATERIALIZED VIEW beside_counts AS SELECT window_end AS t, k, n FROM per_second UNION ALL SELECT NULL, k, COUNT(*) FROM others GROUP BY k;
CREATE MATERIALIZED VIEW beside_itself AS SELECT k, n FROM per_second UNION ALL SELECT k, n FROM per_second WHERE n > 1;
CREATE MATERIALIZED VIEW different AS SELECT k FROM per_second UNION SELECT k FROM others;
CREATE MATERIALIZED VIEW sums AS SELECT k, SUM(n) s FROM (SELECT k, n FROM per_second UNION ALL SELECT k, v FROM others) GROUP BY k;
CREATE MATERIALIZED VIEW both_windowed AS SELECT window_start, COUNT(*) n FROM TABLE(TUMBLE((SELECT ts, k FROM events UNION ALL SELECT ts, k FROM others), DESCRIPTOR(ts), INTERVAL '2' SECOND)) GROUP BY window_start, window_end;
CREATE MATERIALIZED VIEW three AS SELECT id FROM events WHERE b UNION ALL SELECT id FROM others UNION ALL SELECT n FROM per_second;
CREATE MATERIALIZED VIEW two_lengths AS SELECT window_end, n FROM per_second UNION ALL SELECT window_end, COUNT(*) FROM TABLE(HOP(TABLE others, DESCRIPTOR(ts), INTERVAL '1' SECOND, INTERVAL '3' SECOND)) GROUP BY window_start, window_end;
CREATE MATERIALIZED VIEW mixed_times AS SELECT window_start, COUNT(*) n, SUM(v) s FROM TABLE(TUMBLE((SELECT ts AS t, v FROM others UNION ALL SELECT wt, n FROM per_second), DESCRIPTOR(t), INTERVAL '2' SECOND)) GROUP BY window_start, window_end;
CREATE MATERIALIZED VIEW mixed_hops AS SELECT window_start, COUNT(*) n FROM TABLE(HOP((SELECT wt AS t FROM per_second UNION ALL SELECT ts FROM events WHERE ts IS NOT NULL), DESCRIPTOR(t), INTERVAL '1' SECOND, INTERVAL '2' SECOND)) GROUP BY window_start, window_end;
