-- Aggregates of joins, joins of aggregates, and both on top of each other.
-- input events: rows=45 partitions=1 nulls=0.1 seed=27
-- input others: rows=35 partitions=2 nulls=0.1 first=1000 seed=28
CREATE TABLE events ( id BIGINT, ts TIMESTAMP(3), k STRING, v INT, f DOUBLE, b BOOLEAN, WATERMARK FOR ts AS ts )
WITH ('connector' = 'kafka', 'topic' = 'events', 'properties.bootstrap.servers' = 'x', 'format' = 'json');
CREATE TABLE others ( id BIGINT, ts TIMESTAMP(3), k STRING, v INT, f DOUBLE, b BOOLEAN, WATERMARK FOR ts AS ts )
WITH ('connector' = 'kafka', 'topic' = 'others', 'properties.bootstrap.servers' = 'x', 'format' = 'json');
CREATE VIEW e AS SELECT k, COUNT(*) AS n, SUM(v) AS s FROM events GROUP BY k;
CREATE VIEW o AS SELECT k, COUNT(*) AS n, MAX(v) AS hi FROM others GROUP BY k;
CREATE MATERIALIZED VIEW of_join AS SELECT e.k, COUNT(*) n, SUM(o.v) s, MAX(e.v) hi FROM events e JOIN others o ON e.k = o.k GROUP BY e.k;
CREATE MATERIALIZED VIEW of_left_join AS SELECT e.b, COUNT(*) n, COUNT(o.id) m, MIN(o.v) lo FROM events e LEFT JOIN others o ON e.v = o.v GROUP BY e.b;
CREATE MATERIALIZED VIEW of_full_join AS SELECT e.k IS NULL l, o.k IS NULL r, COUNT(*) n FROM events e FULL JOIN others o ON e.v = o.v GROUP BY e.k IS NULL, o.k IS NULL;
CREATE MATERIALIZED VIEW global_of_join AS SELECT COUNT(*) n, AVG(e.v) a FROM events e JOIN others o ON e.v = o.v;
CREATE MATERIALIZED VIEW inner_of AS SELECT e.k, e.n, o.hi FROM e JOIN o ON e.k = o.k;
CREATE MATERIALIZED VIEW full_of AS SELECT e.k, o.k ok, e.n, o.n onn FROM e FULL JOIN o ON e.n = o.n;
CREATE MATERIALIZED VIEW semi_of AS SELECT k, n FROM e WHERE n IN (SELECT n FROM o);
CREATE MATERIALIZED VIEW anti_of AS SELECT k, n FROM e WHERE NOT EXISTS (SELECT 1 FROM o WHERE o.n > e.n);
CREATE MATERIALIZED VIEW unequal_of AS SELECT e.k, o.k ok FROM e JOIN o ON e.n < o.n;
CREATE MATERIALIZED VIEW deeper AS SELECT d, COUNT(*) c FROM (SELECT e.n - o.n d FROM e JOIN o ON e.k = o.k) GROUP BY d;
CREATE MATERIALIZED VIEW rows_and_groups AS SELECT r.id, e.n, o.n onn FROM events r JOIN e ON r.k = e.k LEFT JOIN o ON r.k = o.k WHERE r.v > 70;
CREATE MATERIALIZED VIEW without_columns AS SELECT 'x' x FROM events e JOIN (SELECT COUNT(*) n FROM others GROUP BY k) o ON TRUE;
