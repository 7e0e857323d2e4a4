-- Conditions that nothing meets, so that the optimizer takes a branch away.
-- input events: rows=40 partitions=1 nulls=0.1 disorder=900 seed=36
CREATE TABLE events ( id BIGINT, ts TIMESTAMP(3), k STRING, v INT, f DOUBLE, b BOOLEAN, WATERMARK FOR ts AS ts - INTERVAL '1' SECOND )
WITH ('connector' = 'kafka', 'topic' = 'events', 'properties.bootstrap.servers' = 'x', 'format' = 'json');
CREATE MATERIALIZED VIEW half AS SELECT id FROM events WHERE 1 = 2 UNION ALL SELECT id FROM events WHERE b;
CREATE MATERIALIZED VIEW left_of_nothing AS SELECT e.id, n.k FROM events e LEFT JOIN (SELECT * FROM events WHERE FALSE) n ON e.id = n.id;
CREATE MATERIALIZED VIEW joined AS SELECT e.id, n.c FROM events e JOIN (SELECT COUNT(*) c FROM events WHERE FALSE) n ON e.v > n.c;
CREATE MATERIALIZED VIEW maximum AS SELECT id FROM events WHERE v > (SELECT COALESCE(MAX(v), 50) FROM events WHERE k <> k AND FALSE);
CREATE MATERIALIZED VIEW except_nothing AS SELECT k FROM events EXCEPT SELECT k FROM events WHERE NULL;
CREATE MATERIALIZED VIEW grouped AS SELECT e.k, COUNT(*) n FROM events e WHERE e.id NOT IN (SELECT id FROM events WHERE FALSE) GROUP BY e.k;
CREATE MATERIALIZED VIEW windows AS SELECT id FROM events UNION ALL SELECT n FROM (SELECT COUNT(*) n FROM TABLE(TUMBLE((SELECT * FROM events WHERE FALSE), DESCRIPTOR(ts), INTERVAL '1' SECOND)) GROUP BY window_start, window_end);
