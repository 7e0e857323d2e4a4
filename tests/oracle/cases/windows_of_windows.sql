-- What closes at the end of a window says nothing of the shorter windows inside it.
-- input events: rows=150 partitions=1 disorder=900 seed=18
CREATE TABLE events ( id BIGINT, ts TIMESTAMP(3), k STRING, v INT, f DOUBLE, b BOOLEAN, WATERMARK FOR ts AS ts - INTERVAL '1' SECOND )
WITH ('connector' = 'kafka', 'topic' = 'events', 'properties.bootstrap.servers' = 'x', 'format' = 'json');
CREATE VIEW inner_ones AS SELECT id, k, v, window_time it FROM TABLE(TUMBLE(TABLE events, DESCRIPTOR(ts), INTERVAL '1' SECOND));
CREATE VIEW outer_ones AS SELECT * FROM TABLE(TUMBLE((SELECT it, id, k, v FROM inner_ones), DESCRIPTOR(it), INTERVAL '3' SECOND));
CREATE MATERIALIZED VIEW by_both AS SELECT window_start, window_end, it, COUNT(*) n, SUM(id) ids FROM outer_ones GROUP BY window_start, window_end, it;
CREATE MATERIALIZED VIEW by_outer AS SELECT window_end, SUM(n) n, SUM(ids) ids FROM (SELECT window_start, window_end, it, COUNT(*) n, SUM(id) ids FROM outer_ones GROUP BY window_start, window_end, it) GROUP BY window_end;
CREATE MATERIALIZED VIEW tops AS SELECT window_end, it, id FROM (SELECT window_end, it, id, ROW_NUMBER() OVER (PARTITION BY window_start, window_end ORDER BY id DESC) rn FROM outer_ones) WHERE rn <= 2;
