-- DECIMALs whose common type would have more than 38 digits: quotients, products, comparisons, joins; running sums near the limit; by hand.
-- row events/0: {"id": 1, "ts": "2024-05-01 12:00:01", "k": "a", "w": 7, "f": "0.5", "n": 9223372036854775000}
-- row events/0: {"id": 2, "ts": "2024-05-01 12:00:02", "k": "a", "w": -99999999999999999999999999999999999999, "f": "0.00000000000000000000000000000000000001", "n": 1}
-- row events/0: {"id": 3, "ts": "2024-05-01 12:00:03", "k": "a", "w": 99999999999999999999999999999999999992, "f": "0.25", "n": 806}
-- row events/0: {"id": 4, "ts": "2024-05-01 12:00:04", "k": "b", "w": 0, "f": "0.1", "n": -9223372036854775000}
-- row events/0: {"id": 5, "ts": "2024-05-01 12:00:05", "k": "b", "w": null, "f": null, "n": null}
-- late: never
-- expect quotients: 1 | 14.000000 | 0.07142857142857142857142857142857142857 | 3.500000
-- expect quotients: 2 | NULL | 0.00000000000000000000000000000000000000 | -1.000000
-- expect quotients: 3 | NULL | 0.00000000000000000000000000000000000000 | NULL
-- expect quotients: 4 | 0.000000 | NULL | 0.000000
-- expect quotients: 5 | NULL | NULL | NULL
-- expect compared: 1 | true | false | false | true
-- expect compared: 2 | false | false | true | true
-- expect compared: 3 | true | false | false | true
-- expect compared: 4 | false | false | true | true
-- expect compared: 5 | NULL | NULL | NULL | false
-- expect running: 1 | 7 | 9223372036854775000
-- expect running: 2 | -99999999999999999999999999999999999992 | 9223372036854775001
-- expect running: 3 | 0 | 9223372036854775807
-- expect running: 4 | 0 | -9223372036854775000
-- expect running: 5 | 0 | -9223372036854775000
-- expect joined: 4 | 4
CREATE TABLE events ( id BIGINT, ts TIMESTAMP(3), k STRING, w DECIMAL(38, 0), f DECIMAL(38, 38), n BIGINT, WATERMARK FOR ts AS ts - INTERVAL '1' SECOND )
WITH ('connector' = 'kafka', 'topic' = 'events', 'properties.bootstrap.servers' = 'x', 'format' = 'json');
CREATE MATERIALIZED VIEW quotients AS SELECT id, w / f AS q, CASE WHEN w <> 0 THEN f / w END AS r, w * f AS p FROM events WHERE id <> 3 UNION ALL SELECT id, w / f, CASE WHEN w <> 0 THEN f / w END, CAST(NULL AS DECIMAL(38, 6)) FROM events WHERE id = 3;
CREATE MATERIALIZED VIEW compared AS SELECT id, w > f AS gt, w = f AS eq, w BETWEEN f - 1000000000000000000000000000000000000.0 AND f AS within, w IS DISTINCT FROM f AS differ FROM events WHERE id = -1 UNION ALL SELECT id, w > f, w IN (f, 3), w <= f, w IS DISTINCT FROM f FROM events;
CREATE MATERIALIZED VIEW running AS SELECT id, SUM(w) OVER (PARTITION BY k ORDER BY ts) AS s, SUM(n) OVER (PARTITION BY k ORDER BY ts) AS t FROM events;
CREATE MATERIALIZED VIEW joined AS SELECT a.id, b.id AS other FROM events a JOIN (SELECT id, CASE WHEN id = 4 THEN CAST('0' AS DECIMAL(38, 38)) ELSE f END AS f FROM events) b ON a.w = b.f;
CREATE MATERIALIZED VIEW grouped AS SELECT w / f AS q, COUNT(*) c, SUM(w / f) s FROM events WHERE id < 3 GROUP BY w / f;
CREATE MATERIALIZED VIEW of_changes AS SELECT c, SUM(n) s FROM (SELECT k, COUNT(*) c, MAX(n / 4) n FROM events GROUP BY k) GROUP BY c;
