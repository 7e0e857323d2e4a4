-- Windows over windows, over views and unions, first rows of windows and of what is counted in them; nothing is late.
-- input events: rows=100 partitions=2 nulls=0.1 disorder=900 seed=38
-- late: never
CREATE TABLE events ( id BIGINT, ts TIMESTAMP(3), k STRING, v INT, f DOUBLE, b BOOLEAN, WATERMARK FOR ts AS ts - INTERVAL '1' SECOND )
WITH ('connector' = 'kafka', 'topic' = 'events', 'properties.bootstrap.servers' = 'x', 'format' = 'json');
CREATE VIEW seconds AS SELECT window_start AS s, window_end AS e, window_time AS wt, k, COUNT(*) AS n, SUM(v) AS total FROM TABLE(TUMBLE(TABLE events, DESCRIPTOR(ts), INTERVAL '1' SECOND)) GROUP BY window_start, window_end, window_time, k;
CREATE MATERIALIZED VIEW longer AS SELECT window_start, window_end, k, SUM(n) n, MAX(total) hi FROM TABLE(TUMBLE(TABLE seconds, DESCRIPTOR(wt), INTERVAL '2' SECOND)) GROUP BY window_start, window_end, k;
CREATE MATERIALIZED VIEW hopping AS SELECT window_start, SUM(n) n FROM TABLE(HOP((SELECT wt, n FROM seconds), DESCRIPTOR(wt), INTERVAL '1' SECOND, INTERVAL '3' SECOND)) GROUP BY window_start, window_end;
CREATE MATERIALIZED VIEW longer_changes AS SELECT window_end, SUM(n) n FROM TABLE(TUMBLE((SELECT wt, n FROM seconds), DESCRIPTOR(wt), INTERVAL '2' SECOND)) GROUP BY window_start, window_end EMIT CHANGES;
CREATE MATERIALIZED VIEW three AS SELECT window_end, SUM(m) m FROM TABLE(TUMBLE((SELECT wt, COUNT(*) m FROM seconds GROUP BY wt), DESCRIPTOR(wt), INTERVAL '5' SECOND)) GROUP BY window_start, window_end;
CREATE MATERIALIZED VIEW busiest AS SELECT e, k, n FROM (SELECT *, ROW_NUMBER() OVER (PARTITION BY s, e ORDER BY n DESC, k) r FROM seconds) WHERE r = 1;
CREATE MATERIALIZED VIEW first_rows AS SELECT id, k, window_end FROM (SELECT *, ROW_NUMBER() OVER (PARTITION BY window_start, window_end, k ORDER BY ts, id) r FROM TABLE(HOP(TABLE events, DESCRIPTOR(ts), INTERVAL '1' SECOND, INTERVAL '2' SECOND))) WHERE r = 1;
CREATE MATERIALIZED VIEW shares AS SELECT e, k, n * 1.0 / SUM(n) OVER (PARTITION BY s, e) q FROM seconds;
CREATE MATERIALIZED VIEW per_key AS SELECT k, COUNT(*) windows, SUM(n) n, MAX(total) hi FROM seconds GROUP BY k;
CREATE MATERIALIZED VIEW rows_of_windows AS SELECT id, window_start FROM TABLE(TUMBLE(TABLE events, DESCRIPTOR(ts), INTERVAL '2' SECOND)) WHERE v > 50;
CREATE MATERIALIZED VIEW grown AS SELECT window_start, window_end, b, COUNT(*) n FROM TABLE(CUMULATE(TABLE events, DESCRIPTOR(ts), INTERVAL '1' SECOND, INTERVAL '4' SECOND)) GROUP BY window_start, window_end, b HAVING COUNT(*) > 3;
CREATE MATERIALIZED VIEW only_end AS SELECT window_end, MIN(v) lo FROM TABLE(TUMBLE(TABLE events, DESCRIPTOR(ts), INTERVAL '2' SECOND, INTERVAL '0.5' SECOND)) GROUP BY window_end;
CREATE MATERIALIZED VIEW of_aggregates AS SELECT a.e, a.k, a.n, t.n total FROM seconds a JOIN (SELECT s, e, SUM(n) n FROM seconds GROUP BY s, e) t ON a.s = t.s AND a.e = t.e;
