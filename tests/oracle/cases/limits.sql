-- ORDER BY with LIMIT: over rows, groups and joins, with OFFSET, NULLS FIRST, below something else.
-- input events: rows=45 partitions=2 nulls=0.2 disorder=900 seed=37
CREATE TABLE events ( id BIGINT, ts TIMESTAMP(3), k STRING, v INT, f DOUBLE, b BOOLEAN, WATERMARK FOR ts AS ts - INTERVAL '1' SECOND )
WITH ('connector' = 'kafka', 'topic' = 'events', 'properties.bootstrap.servers' = 'x', 'format' = 'json');
CREATE MATERIALIZED VIEW first AS SELECT id, v FROM events ORDER BY v LIMIT 4;
CREATE MATERIALIZED VIEW first_nulls AS SELECT id, v FROM events ORDER BY v NULLS FIRST, k LIMIT 12;
CREATE MATERIALIZED VIEW last AS SELECT id, v, k FROM events ORDER BY v DESC NULLS LAST, id DESC LIMIT 4;
CREATE MATERIALIZED VIEW skipped AS SELECT id FROM events ORDER BY id DESC LIMIT 3 OFFSET 4;
CREATE MATERIALIZED VIEW groups AS SELECT k, COUNT(*) n FROM events GROUP BY k ORDER BY n DESC, k LIMIT 2;
CREATE MATERIALIZED VIEW joined AS SELECT a.id, b.id bid FROM events a JOIN events b ON a.v = b.v WHERE a.id < b.id ORDER BY a.id, b.id LIMIT 5;
CREATE MATERIALIZED VIEW below AS SELECT COUNT(*) n, SUM(v) s FROM (SELECT v FROM events ORDER BY v DESC LIMIT 5);
CREATE MATERIALIZED VIEW below_join AS SELECT e.id FROM events e JOIN (SELECT v FROM events WHERE v IS NOT NULL ORDER BY v LIMIT 3) t ON e.v = t.v;
CREATE MATERIALIZED VIEW all_of_them AS SELECT id FROM events ORDER BY id LIMIT 1000;
CREATE MATERIALIZED VIEW none AS SELECT id FROM events ORDER BY id LIMIT 0;
CREATE MATERIALIZED VIEW windows AS SELECT window_end, COUNT(*) n FROM TABLE(TUMBLE(TABLE events, DESCRIPTOR(ts), INTERVAL '1' SECOND)) GROUP BY window_start, window_end ORDER BY n DESC, window_end LIMIT 2;
