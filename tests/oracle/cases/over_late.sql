-- Rows whose time the watermark has passed are late for OVER by time, and for what keeps the first row.
-- input events: rows=220 partitions=1 disorder=4000 seed=53
-- late: some
CREATE TABLE events ( id BIGINT, ts TIMESTAMP(3), k STRING, v INT, f DOUBLE, b BOOLEAN, WATERMARK FOR ts AS ts - INTERVAL '1' SECOND )
WITH ('connector' = 'kafka', 'topic' = 'events', 'properties.bootstrap.servers' = 'x', 'format' = 'json');
CREATE TABLE topic ( id BIGINT, k STRING ) WITH ('connector' = 'kafka', 'topic' = 'topic', 'properties.bootstrap.servers' = 'x', 'format' = 'json');
INSERT INTO topic SELECT id, k FROM (SELECT *, ROW_NUMBER() OVER (PARTITION BY k, v % 10 ORDER BY ts) rn FROM events) WHERE rn = 1;
CREATE MATERIALIZED VIEW totals AS SELECT id, SUM(v) OVER (PARTITION BY k ORDER BY ts) s, RANK() OVER (PARTITION BY b ORDER BY ts) r, LAG(id) OVER (PARTITION BY k ORDER BY ts) p FROM events;
CREATE MATERIALIZED VIEW windows_of AS SELECT window_end, COUNT(*) n, SUM(s) s, SUM(id) ids FROM TABLE(TUMBLE((SELECT ts, id, COUNT(*) OVER (PARTITION BY k ORDER BY ts RANGE INTERVAL '1' SECOND PRECEDING) s FROM events), DESCRIPTOR(ts), INTERVAL '1' SECOND)) GROUP BY window_start, window_end;
CREATE MATERIALIZED VIEW in_windows AS SELECT id, window_end, ROW_NUMBER() OVER (PARTITION BY k ORDER BY window_time) n FROM TABLE(HOP(TABLE events, DESCRIPTOR(ts), INTERVAL '1' SECOND, INTERVAL '2' SECOND));
