-- NULL is the lowest value of every ORDER BY: first with ASC, last with DESC, unless it is written otherwise. Only by event time it is last.
-- row events/0: {"id": 1, "ts": "2024-05-01 12:00:01", "k": "a", "v": 5}
-- row events/0: {"id": 2, "ts": "2024-05-01 12:00:02", "k": "a", "v": null}
-- row events/0: {"id": 3, "ts": null, "k": "a", "v": 7}
-- row events/0: {"id": 4, "ts": "2024-05-01 12:00:03", "k": "b", "v": null}
-- row events/0: {"id": 5, "ts": "2024-05-01 12:00:04", "k": "b", "v": 1}
-- row events/0: {"id": 6, "ts": "2024-05-01 12:00:05", "k": "a", "v": 2}
-- late: never
-- expect least: 2 | NULL
-- expect least: 4 | NULL
-- expect least: 5 | 1
-- expect greatest: 1 | 5
-- expect greatest: 3 | 7
-- expect greatest: 6 | 2
-- expect first_written: 2 | NULL
-- expect first_written: 3 | 7
-- expect first_written: 4 | NULL
-- expect last_written: 5 | 1
-- expect last_written: 6 | 2
-- expect top: 2 | a | 1
-- expect top: 4 | b | 1
-- expect top_down: 3 | a | 1
-- expect top_down: 5 | b | 1
-- expect lists: a | [2, 6, 1, 3] | [3, 1, 6, 2] | [6, 1, 3, 2] | 2
-- expect lists: b | [4, 5] | [5, 4] | [5, 4] | 4
-- expect by_time: {"id":1,"n":1,"s":5}
-- expect by_time: {"id":2,"n":2,"s":5}
-- expect by_time: {"id":3,"n":4,"s":14}
-- expect by_time: {"id":4,"n":1,"s":null}
-- expect by_time: {"id":5,"n":2,"s":1}
-- expect by_time: {"id":6,"n":3,"s":7}
-- expect time_first: 1 | 2
-- expect time_first: 2 | 3
-- expect time_first: 3 | 1
-- expect time_first: 4 | 1
-- expect time_first: 5 | 2
-- expect time_first: 6 | 4
-- expect time_list: [3, 1, 2, 4, 5, 6]
CREATE TABLE events ( id BIGINT, ts TIMESTAMP(3), k STRING, v INT, WATERMARK FOR ts AS ts - INTERVAL '1' SECOND )
WITH ('connector' = 'kafka', 'topic' = 'events', 'properties.bootstrap.servers' = 'x', 'format' = 'json');
-- Append-only: the order of time decides, and NULL is last.
CREATE TABLE by_time ( id BIGINT, n BIGINT, s BIGINT ) WITH ('connector' = 'kafka', 'topic' = 'by_time', 'properties.bootstrap.servers' = 'x', 'format' = 'json');
CREATE VIEW renamed AS SELECT id AS no, ts AS at, k AS part, v FROM events WHERE id > 0;
INSERT INTO by_time SELECT no, ROW_NUMBER() OVER w, SUM(v) OVER w FROM renamed WINDOW w AS (PARTITION BY part ORDER BY at);
CREATE MATERIALIZED VIEW least AS SELECT id, v FROM events ORDER BY v LIMIT 3;
CREATE MATERIALIZED VIEW greatest AS SELECT id, v FROM events ORDER BY v DESC LIMIT 3;
CREATE MATERIALIZED VIEW first_written AS SELECT id, v FROM events ORDER BY v DESC NULLS FIRST LIMIT 3;
CREATE MATERIALIZED VIEW last_written AS SELECT id, v FROM events ORDER BY v NULLS LAST LIMIT 2;
CREATE MATERIALIZED VIEW top AS SELECT * FROM (SELECT id, k, ROW_NUMBER() OVER (PARTITION BY k ORDER BY v) n FROM events) WHERE n <= 1;
CREATE MATERIALIZED VIEW top_down AS SELECT * FROM (SELECT id, k, ROW_NUMBER() OVER (PARTITION BY k ORDER BY v DESC) n FROM events) WHERE n <= 1;
CREATE MATERIALIZED VIEW lists AS SELECT k, ARRAY_AGG(id ORDER BY v) up, ARRAY_AGG(id ORDER BY v DESC) down, ARRAY_AGG(id ORDER BY v NULLS LAST) last, FIRST_VALUE(id ORDER BY v) first FROM events GROUP BY k;
CREATE MATERIALIZED VIEW time_first AS SELECT id, ROW_NUMBER() OVER (PARTITION BY k ORDER BY ts NULLS FIRST) n FROM events;
CREATE MATERIALIZED VIEW time_list AS SELECT ARRAY_AGG(id ORDER BY ts) ids FROM events;
CREATE MATERIALIZED VIEW ranks AS SELECT id, RANK() OVER (ORDER BY v) r, DENSE_RANK() OVER (ORDER BY v DESC) d, LAG(v) OVER (ORDER BY v, id) l, SUM(v) OVER (ORDER BY v DESC, id ROWS BETWEEN 1 PRECEDING AND CURRENT ROW) s FROM events;
CREATE MATERIALIZED VIEW per_window AS SELECT window_end, id, ROW_NUMBER() OVER (PARTITION BY window_start, window_end ORDER BY v) n FROM TABLE(TUMBLE(TABLE events, DESCRIPTOR(ts), INTERVAL '2' SECOND));
