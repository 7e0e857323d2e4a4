-- Rows and watermarks on the very bounds of windows that share panes: a window that ends at W takes no more rows.
-- late: some
-- row events/0: {"id": 1, "ts": "2024-05-01 12:00:10.000"}
-- row events/0: {"id": 2, "ts": "2024-05-01 12:00:08.500"}
-- row events/0: {"id": 3, "ts": "2024-05-01 12:00:09.000"}
-- row events/0: {"id": 4, "ts": "2024-05-01 12:00:08.999"}
-- row events/0: {"id": 5, "ts": "2024-05-01 12:00:12.000"}
-- row events/0: {"id": 6, "ts": "2024-05-01 12:00:11.000"}
-- row events/0: {"id": 7, "ts": "2024-05-01 12:00:10.999"}
-- row events/0: {"id": 8, "ts": "2024-05-01 12:00:20.000"}
CREATE TABLE events ( id BIGINT, ts TIMESTAMP(3), WATERMARK FOR ts AS ts )
WITH ('connector' = 'kafka', 'topic' = 'events', 'properties.bootstrap.servers' = 'x', 'format' = 'json');
CREATE MATERIALIZED VIEW hopping AS SELECT window_start, window_end, COUNT(*) n, SUM(id) s FROM TABLE(HOP(TABLE events, DESCRIPTOR(ts), INTERVAL '1' SECOND, INTERVAL '2' SECOND)) GROUP BY window_start, window_end;
CREATE MATERIALIZED VIEW growing AS SELECT window_end, COUNT(*) n, SUM(id) s FROM TABLE(CUMULATE(TABLE events, DESCRIPTOR(ts), INTERVAL '1' SECOND, INTERVAL '2' SECOND)) GROUP BY window_start, window_end;
