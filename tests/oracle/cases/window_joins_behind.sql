-- Event time above joins of windows of which one side is further behind its sources.
-- input events: rows=110 partitions=1 disorder=900 seed=16
-- input others: rows=90 partitions=1 disorder=900 seed=17
CREATE TABLE events ( id BIGINT, ts TIMESTAMP(3), k STRING, v INT, f DOUBLE, b BOOLEAN, WATERMARK FOR ts AS ts - INTERVAL '1' SECOND )
WITH ('connector' = 'kafka', 'topic' = 'events', 'properties.bootstrap.servers' = 'x', 'format' = 'json');
CREATE TABLE others ( id BIGINT, ts TIMESTAMP(3), k STRING, v INT, f DOUBLE, b BOOLEAN, WATERMARK FOR ts AS ts - INTERVAL '1' SECOND )
WITH ('connector' = 'kafka', 'topic' = 'others', 'properties.bootstrap.servers' = 'x', 'format' = 'json');
CREATE VIEW pairs AS SELECT e.id, o.id oid, e.ts at, e.k FROM events e JOIN others o ON e.v = o.v AND e.ts BETWEEN o.ts - INTERVAL '2' SECOND AND o.ts + INTERVAL '1' SECOND;
CREATE VIEW p AS SELECT * FROM TABLE(TUMBLE(TABLE pairs, DESCRIPTOR(at), INTERVAL '1' SECOND));
CREATE VIEW e AS SELECT * FROM TABLE(TUMBLE(TABLE events, DESCRIPTOR(ts), INTERVAL '1' SECOND));
CREATE VIEW met AS SELECT e.id, p.oid, e.k, e.window_start, e.window_end, e.window_time wt, p.window_time pt FROM e JOIN p ON e.window_start = p.window_start AND e.window_end = p.window_end AND e.k = p.k;
CREATE VIEW kept AS SELECT e.id, p.oid, e.window_start, e.window_end, e.window_time wt FROM p RIGHT JOIN e ON e.window_start = p.window_start AND e.window_end = p.window_end AND e.k = p.k;
CREATE MATERIALIZED VIEW counts AS SELECT window_start, window_end, COUNT(*) n, SUM(id + oid) ids FROM met GROUP BY window_start, window_end;
CREATE MATERIALIZED VIEW longer AS SELECT window_start, window_end, COUNT(*) n, SUM(id) ids FROM TABLE(TUMBLE((SELECT wt, id FROM met), DESCRIPTOR(wt), INTERVAL '3' SECOND)) GROUP BY window_start, window_end;
CREATE MATERIALIZED VIEW by_the_other AS SELECT window_start, window_end, COUNT(*) n, SUM(id) ids FROM TABLE(HOP((SELECT pt, id FROM met), DESCRIPTOR(pt), INTERVAL '1' SECOND, INTERVAL '2' SECOND)) GROUP BY window_start, window_end;
CREATE MATERIALIZED VIEW sessions AS SELECT window_start, window_end, COUNT(*) n, SUM(id) ids FROM TABLE(SESSION((SELECT wt, id FROM kept), DESCRIPTOR(wt), INTERVAL '1' SECOND)) GROUP BY window_start, window_end;
CREATE MATERIALIZED VIEW again AS SELECT a.window_start, a.n, b.oid FROM (SELECT window_start, window_end, COUNT(*) n FROM met GROUP BY window_start, window_end) a
  JOIN kept b ON a.window_start = b.window_start AND a.window_end = b.window_end;
CREATE MATERIALIZED VIEW firsts AS SELECT id, oid, wt FROM (SELECT id, oid, wt, ROW_NUMBER() OVER (PARTITION BY window_start, window_end ORDER BY id, oid) rn FROM met) WHERE rn <= 2;
