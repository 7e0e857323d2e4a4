-- A table with itself: the same rows arrive on both sides in one epoch.
-- input events: rows=45 partitions=2 nulls=0.1 disorder=900 seed=26
CREATE TABLE events ( id BIGINT, ts TIMESTAMP(3), k STRING, v INT, f DOUBLE, b BOOLEAN, WATERMARK FOR ts AS ts - INTERVAL '1' SECOND )
WITH ('connector' = 'kafka', 'topic' = 'events', 'properties.bootstrap.servers' = 'x', 'format' = 'json');
CREATE MATERIALIZED VIEW equal AS SELECT a.id, b.id bid FROM events a JOIN events b ON a.v = b.v;
CREATE MATERIALIZED VIEW itself AS SELECT a.id, b.v FROM events a JOIN events b ON a.id = b.id;
CREATE MATERIALIZED VIEW before AS SELECT a.id, b.id bid FROM events a JOIN events b ON a.k = b.k AND a.id < b.id AND b.id < a.id + 5;
CREATE MATERIALIZED VIEW nothing_before AS SELECT a.id FROM events a WHERE NOT EXISTS (SELECT 1 FROM events b WHERE b.k = a.k AND b.id < a.id);
CREATE MATERIALIZED VIEW left_itself AS SELECT a.id, b.id bid FROM events a LEFT JOIN events b ON a.id = b.v;
CREATE MATERIALIZED VIEW full_itself AS SELECT a.id, b.id bid FROM events a FULL JOIN events b ON a.id = b.v AND b.b;
CREATE MATERIALIZED VIEW with_its_sum AS SELECT a.id, a.v, s.s FROM events a JOIN (SELECT k, SUM(v) s FROM events GROUP BY k) s ON a.k = s.k WHERE a.v > 60;
CREATE MATERIALIZED VIEW its_best AS SELECT a.id, a.k FROM events a JOIN (SELECT k, MAX(v) m FROM events GROUP BY k) m ON a.k = m.k AND a.v = m.m;
CREATE MATERIALIZED VIEW above_average AS SELECT id FROM events WHERE v > (SELECT AVG(v) FROM events);
CREATE MATERIALIZED VIEW cross AS SELECT a.id, b.n FROM events a CROSS JOIN (SELECT COUNT(*) n FROM events) b WHERE a.id % 10 = 0;
CREATE MATERIALIZED VIEW per_window AS SELECT a.id, b.id bid, a.window_end FROM TABLE(TUMBLE(TABLE events, DESCRIPTOR(ts), INTERVAL '1' SECOND)) a JOIN TABLE(TUMBLE(TABLE events, DESCRIPTOR(ts), INTERVAL '1' SECOND)) b ON a.window_start = b.window_start AND a.window_end = b.window_end AND a.k = b.k;
