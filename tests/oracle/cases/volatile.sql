-- Values that cannot be had twice, over rows that change: what is taken back is what was inserted.
-- input events: rows=80 partitions=2 nulls=0.1 seed=81
CREATE TABLE events ( id BIGINT, ts TIMESTAMP(3), k STRING, v INT ) WITH ('connector' = 'kafka', 'topic' = 'events', 'properties.bootstrap.servers' = 'x', 'format' = 'json');
CREATE MATERIALIZED VIEW ids AS SELECT COUNT(DISTINCT u) d, COUNT(*) n, MIN(CHAR_LENGTH(u)) l
FROM (SELECT k, n, UUID() AS u FROM (SELECT k, COUNT(*) n FROM events GROUP BY k));
CREATE MATERIALIZED VIEW sums AS SELECT k, n FROM (SELECT k, n, SUM(r) s FROM (SELECT k, n, RAND() AS r FROM (SELECT k, COUNT(*) n FROM events GROUP BY k)) GROUP BY k, n) WHERE s < 1;
CREATE MATERIALIZED VIEW filtered AS SELECT k, n FROM (SELECT k, COUNT(*) n FROM events GROUP BY k) WHERE RAND() * n < n;
CREATE MATERIALIZED VIEW halves AS SELECT COUNT(*) BETWEEN 0 AND 10 AS few FROM (SELECT k, COUNT(*) n FROM events GROUP BY k) WHERE RAND() < 0.5;
CREATE MATERIALIZED VIEW entered AS SELECT COUNT(DISTINCT u) d, COUNT(*) n FROM (SELECT id, UUID() AS u FROM events);
