-- Joins of every kind; neither side is bounded.
-- input events: rows=90 partitions=1 nulls=0.1 seed=2
-- input others: rows=60 partitions=2 nulls=0.1 seed=3
CREATE TABLE events ( id BIGINT, ts TIMESTAMP(3), k STRING, v INT, f DOUBLE, b BOOLEAN, WATERMARK FOR ts AS ts )
WITH ('connector' = 'kafka', 'topic' = 'events', 'properties.bootstrap.servers' = 'x', 'format' = 'json');
CREATE TABLE others ( id BIGINT, ts TIMESTAMP(3), k STRING, v INT, f DOUBLE, b BOOLEAN, WATERMARK FOR ts AS ts )
WITH ('connector' = 'kafka', 'topic' = 'others', 'properties.bootstrap.servers' = 'x', 'format' = 'json');
CREATE MATERIALIZED VIEW inner_join AS SELECT e.id, o.id oid, e.k FROM events e JOIN others o ON e.v = o.v;
CREATE MATERIALIZED VIEW left_join AS SELECT e.id, o.id oid FROM events e LEFT JOIN others o ON e.v = o.v AND e.k = o.k;
CREATE MATERIALIZED VIEW right_join AS SELECT e.id, o.id oid, o.k FROM events e RIGHT JOIN others o ON e.v = o.v AND e.id < o.id;
CREATE MATERIALIZED VIEW full_join AS SELECT e.id, o.id oid FROM events e FULL JOIN others o ON e.v = o.v;
CREATE MATERIALIZED VIEW semi_join AS SELECT id, k FROM events WHERE v IN (SELECT v FROM others);
CREATE MATERIALIZED VIEW anti_join AS SELECT id, k FROM events e WHERE NOT EXISTS (SELECT 1 FROM others o WHERE o.v = e.v);
CREATE MATERIALIZED VIEW not_in AS SELECT id FROM events WHERE v NOT IN (SELECT v FROM others WHERE v IS NOT NULL);
CREATE MATERIALIZED VIEW not_in_null AS SELECT id FROM events WHERE v NOT IN (SELECT v FROM others WHERE k = 'a');
CREATE MATERIALIZED VIEW unequal AS SELECT e.id, o.id oid FROM events e JOIN others o ON e.v < o.v - 120;
CREATE MATERIALIZED VIEW self_join AS SELECT a.id, b.id bid FROM events a JOIN events b ON a.k = b.k AND a.v = b.v + 1;
CREATE MATERIALIZED VIEW of_aggregates AS SELECT e.k, e.n, o.n onn FROM (SELECT k, COUNT(*) n FROM events GROUP BY k) e LEFT JOIN (SELECT k, COUNT(*) n FROM others WHERE v > 40 GROUP BY k) o ON e.k = o.k;
CREATE MATERIALIZED VIEW scalar AS SELECT id, v FROM events WHERE v > (SELECT AVG(v) FROM others);
CREATE MATERIALIZED VIEW correlated AS SELECT id, v FROM events e WHERE v = (SELECT MAX(v) FROM others o WHERE o.k = e.k);
CREATE MATERIALIZED VIEW intersected AS SELECT k, v FROM events INTERSECT SELECT k, v FROM others;
CREATE MATERIALIZED VIEW excepted AS SELECT k, b FROM events EXCEPT SELECT k, b FROM others WHERE v > 0;
CREATE MATERIALIZED VIEW united AS SELECT k, v FROM events UNION SELECT k, v FROM others;
CREATE MATERIALIZED VIEW three AS SELECT a.id, b.id bid, c.id cid FROM events a JOIN others b ON a.v = b.v JOIN events c ON b.k = c.k AND c.id < 10;
