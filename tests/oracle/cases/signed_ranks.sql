-- Ranks and counts are BIGINT: differences below zero, in views, in tables, in every order of OVER.
-- row events/0: {"id": 1, "ts": "2024-05-01 12:00:01", "k": "a", "v": 5}
-- row events/0: {"id": 2, "ts": "2024-05-01 12:00:02", "k": "b", "v": 3}
-- row events/0: {"id": 3, "ts": "2024-05-01 12:00:02", "k": "a", "v": 7}
-- row events/0: {"id": 4, "ts": "2024-05-01 12:00:03", "k": "a", "v": 3}
-- row events/0: {"id": 5, "ts": "2024-05-01 12:00:03", "k": "b", "v": 1}
-- late: never
-- expect topic: {"id":1,"d":-1,"h":0,"m":-1}
-- expect topic: {"id":2,"d":-2,"h":0,"m":-1}
-- expect topic: {"id":3,"d":-2,"h":0,"m":-2}
-- expect topic: {"id":4,"d":-4,"h":1,"m":-3}
-- expect topic: {"id":5,"d":-4,"h":0,"m":-2}
CREATE TABLE events ( id BIGINT, ts TIMESTAMP(3), k STRING, v INT, WATERMARK FOR ts AS ts - INTERVAL '1' SECOND )
WITH ('connector' = 'kafka', 'topic' = 'events', 'properties.bootstrap.servers' = 'x', 'format' = 'json');
CREATE TABLE topic ( id BIGINT, d BIGINT, h BIGINT, m BIGINT ) WITH ('connector' = 'kafka', 'topic' = 'topic', 'properties.bootstrap.servers' = 'x', 'format' = 'json');
INSERT INTO topic SELECT id, a - b, (a - 1) / 2, -a FROM
  (SELECT id, ROW_NUMBER() OVER (PARTITION BY k ORDER BY ts, id) a, RANK() OVER (ORDER BY ts) + DENSE_RANK() OVER (PARTITION BY k ORDER BY ts) b FROM events);
CREATE MATERIALIZED VIEW by_value AS SELECT id, n - 3 AS n, r - 3 AS r, d - 3 AS d, t - 3 AS t FROM
  (SELECT id, ROW_NUMBER() OVER w n, RANK() OVER w r, DENSE_RANK() OVER w d, NTILE(2) OVER w t FROM events WINDOW w AS (ORDER BY v DESC));
CREATE MATERIALIZED VIEW by_time AS SELECT id, n - 3 AS n, r - 3 AS r, d - 3 AS d FROM
  (SELECT id, ROW_NUMBER() OVER w n, RANK() OVER w r, DENSE_RANK() OVER w d FROM events WINDOW w AS (ORDER BY ts));
CREATE MATERIALIZED VIEW counts AS SELECT k, APPROX_DISTINCT(v) - 4 AS a, REGR_COUNT(v, id) - 4 AS r FROM events GROUP BY k;
CREATE MATERIALIZED VIEW per_window AS SELECT window_end, k, n - 2 AS n FROM
  (SELECT *, ROW_NUMBER() OVER (PARTITION BY window_start, window_end ORDER BY c DESC) n FROM
    (SELECT window_start, window_end, k, COUNT(*) c FROM TABLE(TUMBLE(TABLE events, DESCRIPTOR(ts), INTERVAL '1' SECOND)) GROUP BY window_start, window_end, k));
