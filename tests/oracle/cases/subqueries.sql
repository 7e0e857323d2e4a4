-- Subqueries: IN and NOT IN with NULLs that come later, correlated counts, scalars in lists, conditions and HAVING.
-- input events: rows=50 partitions=1 nulls=0.15 seed=32
-- input others: rows=40 partitions=2 nulls=0.15 first=1000 seed=33
CREATE TABLE events ( id BIGINT, ts TIMESTAMP(3), k STRING, v INT, f DOUBLE, b BOOLEAN, WATERMARK FOR ts AS ts )
WITH ('connector' = 'kafka', 'topic' = 'events', 'properties.bootstrap.servers' = 'x', 'format' = 'json');
CREATE TABLE others ( id BIGINT, ts TIMESTAMP(3), k STRING, v INT, f DOUBLE, b BOOLEAN, WATERMARK FOR ts AS ts )
WITH ('connector' = 'kafka', 'topic' = 'others', 'properties.bootstrap.servers' = 'x', 'format' = 'json');
CREATE MATERIALIZED VIEW inside AS SELECT id FROM events WHERE k IN (SELECT k FROM others WHERE v > 80);
CREATE MATERIALIZED VIEW outside AS SELECT id FROM events WHERE v NOT IN (SELECT v FROM others WHERE v IS NOT NULL);
CREATE MATERIALIZED VIEW outside_null AS SELECT id FROM events WHERE k NOT IN (SELECT k FROM others WHERE v > 70);
CREATE MATERIALIZED VIEW exists_some AS SELECT id FROM events e WHERE EXISTS (SELECT 1 FROM others o WHERE o.k = e.k AND o.v > e.v);
CREATE MATERIALIZED VIEW exists_none AS SELECT id FROM events e WHERE NOT EXISTS (SELECT 1 FROM others o WHERE o.k = e.k AND o.v > e.v + 60);
CREATE MATERIALIZED VIEW exists_any AS SELECT id FROM events WHERE EXISTS (SELECT 1 FROM others WHERE v = 0);
CREATE MATERIALIZED VIEW correlated_count AS SELECT id, (SELECT COUNT(*) FROM others o WHERE o.k = e.k) n FROM events e;
CREATE MATERIALIZED VIEW correlated_max AS SELECT id FROM events e WHERE v >= (SELECT MAX(v) FROM others o WHERE o.k = e.k);
CREATE MATERIALIZED VIEW scalar AS SELECT id, v - (SELECT MIN(v) FROM others) d FROM events WHERE v > (SELECT AVG(v) FROM events);
CREATE MATERIALIZED VIEW in_groups AS SELECT k, COUNT(*) n FROM events GROUP BY k HAVING COUNT(*) > (SELECT COUNT(*) / 5 FROM others);
CREATE MATERIALIZED VIEW in_or AS SELECT id FROM events WHERE v < 0 OR k IN (SELECT k FROM others WHERE b);
CREATE MATERIALIZED VIEW nested AS SELECT id FROM events WHERE k IN (SELECT k FROM others WHERE v > (SELECT AVG(v) FROM events));
CREATE MATERIALIZED VIEW of_windows AS SELECT id FROM events WHERE k IN (SELECT k FROM TABLE(TUMBLE(TABLE others, DESCRIPTOR(ts), INTERVAL '1' SECOND)) GROUP BY window_start, window_end, k HAVING COUNT(*) > 4);
CREATE MATERIALIZED VIEW exists_group AS SELECT id FROM events WHERE EXISTS (SELECT MIN(id) FROM others HAVING COUNT(*) > 20);
