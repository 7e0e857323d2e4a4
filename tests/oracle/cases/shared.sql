-- Outputs that share what they are made of: a view read by several, a query that is inserted and kept, one node read twice.
-- input events: rows=90 partitions=1 disorder=2000 nulls=0.1 seed=29
-- late: some
CREATE TABLE events ( id BIGINT, ts TIMESTAMP(3), k STRING, v INT, f DOUBLE, b BOOLEAN, WATERMARK FOR ts AS ts - INTERVAL '1' SECOND )
WITH ('connector' = 'kafka', 'topic' = 'events', 'properties.bootstrap.servers' = 'x', 'format' = 'json');
CREATE TABLE out ( window_start TIMESTAMP(3), k STRING, n BIGINT, ids BIGINT ) WITH ('connector' = 'kafka', 'topic' = 'out', 'properties.bootstrap.servers' = 'x', 'format' = 'json');
CREATE TABLE big ( window_start TIMESTAMP(3), n BIGINT, ids BIGINT ) WITH ('connector' = 'kafka', 'topic' = 'big', 'properties.bootstrap.servers' = 'x', 'format' = 'json');
CREATE TABLE plain ( id BIGINT, k STRING ) WITH ('connector' = 'kafka', 'topic' = 'plain', 'properties.bootstrap.servers' = 'x', 'format' = 'json');
CREATE VIEW counts AS SELECT window_start, window_end, k, COUNT(*) AS n, SUM(id) AS ids FROM TABLE(TUMBLE(TABLE events, DESCRIPTOR(ts), INTERVAL '2' SECOND)) GROUP BY window_start, window_end, k;
CREATE VIEW totals AS SELECT k, COUNT(*) AS n, SUM(v) AS s FROM events GROUP BY k;
INSERT INTO out SELECT window_start, k, n, ids FROM counts;
INSERT INTO big SELECT window_start, n, ids FROM counts WHERE n > 3;
INSERT INTO plain SELECT id, k FROM events WHERE b;
CREATE MATERIALIZED VIEW kept AS SELECT window_start, k, n, ids FROM counts;
CREATE MATERIALIZED VIEW kept_again AS SELECT window_start, k, n, ids FROM counts;
CREATE MATERIALIZED VIEW kept_plain AS SELECT id, k FROM events WHERE b;
CREATE MATERIALIZED VIEW per_window AS SELECT window_end, SUM(n) n, SUM(ids) ids FROM counts GROUP BY window_start, window_end;
CREATE MATERIALIZED VIEW totals_kept AS SELECT * FROM totals;
CREATE MATERIALIZED VIEW totals_high AS SELECT k FROM totals WHERE s > 100;
CREATE MATERIALIZED VIEW totals_twice AS SELECT a.k, b.k bk FROM totals a JOIN totals b ON a.n = b.n;
CREATE MATERIALIZED VIEW totals_histogram AS SELECT n, COUNT(*) c FROM totals GROUP BY n;
