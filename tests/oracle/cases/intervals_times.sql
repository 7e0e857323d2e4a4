-- Intervals times a number, in a column and in the watermark; a rowtime and a window_time in one window.
-- row events/0: {"id": 1, "ts": "2024-05-01 12:00:00", "n": 2}
-- row events/0: {"id": 2, "ts": "2024-05-01 12:00:05", "n": -1}
-- row events/0: {"id": 3, "ts": "2024-05-01 12:00:12"}
-- expect moved: 1 | 2024-05-01T11:59:58 | 2024-05-03T12:00:00
-- expect moved: 2 | 2024-05-01T12:00:06 | 2024-04-30T12:00:05
-- expect moved: 3 | NULL | NULL
-- expect both: 2024-05-01T12:00:10 | 4
-- expect both: 2024-05-01T12:00:20 | 2
CREATE TABLE events ( id BIGINT, ts TIMESTAMP(3), n INT, WATERMARK FOR ts AS ts - 2 * INTERVAL '1' SECOND )
WITH ('connector' = 'kafka', 'topic' = 'events', 'properties.bootstrap.servers' = 'x', 'format' = 'json');
CREATE MATERIALIZED VIEW moved AS SELECT id, ts - n * INTERVAL '1' SECOND a, ts + INTERVAL '2' DAY * n / 2 b FROM events;
CREATE MATERIALIZED VIEW both AS SELECT window_end, COUNT(*) n FROM TABLE(TUMBLE(TABLE (SELECT ts AS t FROM events UNION ALL SELECT window_time AS t FROM TABLE(TUMBLE(TABLE events, DESCRIPTOR(ts), INTERVAL '1' SECOND)) GROUP BY window_start, window_end, window_time), DESCRIPTOR(t), INTERVAL '10' SECOND)) GROUP BY window_start, window_end;
