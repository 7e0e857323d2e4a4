-- WITH: read once, twice and three times, nested, and hidden by a name of its own.
-- input events: rows=45 partitions=2 nulls=0.1 disorder=900 seed=35
CREATE TABLE events ( id BIGINT, ts TIMESTAMP(3), k STRING, v INT, f DOUBLE, b BOOLEAN, WATERMARK FOR ts AS ts - INTERVAL '1' SECOND )
WITH ('connector' = 'kafka', 'topic' = 'events', 'properties.bootstrap.servers' = 'x', 'format' = 'json');
CREATE MATERIALIZED VIEW once AS WITH c AS (SELECT k, COUNT(*) n FROM events GROUP BY k) SELECT * FROM c WHERE n > 5;
CREATE MATERIALIZED VIEW twice AS WITH c AS (SELECT k, COUNT(*) n FROM events GROUP BY k) SELECT a.k, b.k bk FROM c a JOIN c b ON a.n = b.n AND a.k < b.k;
CREATE MATERIALIZED VIEW thrice AS WITH c AS (SELECT k, SUM(v) s FROM events GROUP BY k) SELECT k FROM c WHERE s = (SELECT MAX(s) FROM c) UNION ALL SELECT k FROM c WHERE s = (SELECT MIN(s) FROM c);
CREATE MATERIALIZED VIEW nested AS WITH a AS (SELECT k, v FROM events WHERE b), c AS (SELECT k, MAX(v) m FROM a GROUP BY k) SELECT a.k, a.v FROM a JOIN c ON a.k = c.k AND a.v = c.m;
CREATE MATERIALIZED VIEW hidden AS WITH events2 AS (SELECT id, k FROM events), other AS (SELECT id FROM events2 WHERE k = 'a') SELECT COUNT(*) n FROM other;
CREATE MATERIALIZED VIEW share AS WITH t AS (SELECT SUM(v) s FROM events) SELECT k, SUM(v) * 1.0 / MAX(t.s) q FROM events CROSS JOIN t GROUP BY k;
CREATE MATERIALIZED VIEW windowed AS WITH w AS (SELECT window_start, window_end, k, COUNT(*) n FROM TABLE(TUMBLE(TABLE events, DESCRIPTOR(ts), INTERVAL '1' SECOND)) GROUP BY window_start, window_end, k) SELECT a.window_end, a.k, a.n, m.m FROM w a JOIN (SELECT window_start, window_end, MAX(n) m FROM w GROUP BY window_start, window_end) m ON a.window_start = m.window_start AND a.window_end = m.window_end;
