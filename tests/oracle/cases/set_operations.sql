-- UNION, INTERSECT and EXCEPT, with NULLs, duplicates, and over what changes.
-- input events: rows=45 partitions=1 nulls=0.2 seed=30
-- input others: rows=50 partitions=2 nulls=0.2 first=1000 seed=31
CREATE TABLE events ( id BIGINT, ts TIMESTAMP(3), k STRING, v INT, f DOUBLE, b BOOLEAN, WATERMARK FOR ts AS ts )
WITH ('connector' = 'kafka', 'topic' = 'events', 'properties.bootstrap.servers' = 'x', 'format' = 'json');
CREATE TABLE others ( id BIGINT, ts TIMESTAMP(3), k STRING, v INT, f DOUBLE, b BOOLEAN, WATERMARK FOR ts AS ts )
WITH ('connector' = 'kafka', 'topic' = 'others', 'properties.bootstrap.servers' = 'x', 'format' = 'json');
CREATE MATERIALIZED VIEW united AS SELECT k, b FROM events UNION SELECT k, b FROM others;
CREATE MATERIALIZED VIEW common AS SELECT k, b FROM events INTERSECT SELECT k, b FROM others;
CREATE MATERIALIZED VIEW only_here AS SELECT k, v % 4 AS v FROM events EXCEPT SELECT k, v % 4 FROM others;
CREATE MATERIALIZED VIEW nothing AS SELECT k FROM events EXCEPT SELECT k FROM events;
CREATE MATERIALIZED VIEW chain AS SELECT k FROM events WHERE b UNION SELECT k FROM others EXCEPT SELECT k FROM others WHERE v > 90;
CREATE MATERIALIZED VIEW counts_common AS SELECT n FROM (SELECT k, COUNT(*) n FROM events GROUP BY k) INTERSECT SELECT n FROM (SELECT k, COUNT(*) n FROM others GROUP BY k);
CREATE MATERIALIZED VIEW counts_only_here AS SELECT k, n FROM (SELECT k, COUNT(*) n FROM events GROUP BY k) EXCEPT SELECT k, n FROM (SELECT k, COUNT(*) n FROM others GROUP BY k);
CREATE MATERIALIZED VIEW counted AS SELECT COUNT(*) n FROM (SELECT k, b FROM events UNION SELECT k, b FROM others);
CREATE MATERIALIZED VIEW bags AS SELECT k FROM events UNION ALL SELECT k FROM others UNION ALL SELECT k FROM events;
