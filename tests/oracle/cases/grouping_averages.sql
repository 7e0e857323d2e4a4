-- GROUPING and GROUPING_ID beside AVG of integers, over every kind of grouping sets, in windows and over changes; by hand.
-- row events/0: {"id": 1, "ts": "2024-05-01 12:00:00", "k": "a", "b": true, "v": 1}
-- row events/0: {"id": 2, "ts": "2024-05-01 12:00:00", "k": "a", "b": false, "v": 4}
-- row events/0: {"id": 3, "ts": "2024-05-01 12:00:01", "k": "b", "b": true, "v": 8}
-- row events/0: {"id": 4, "ts": "2024-05-01 12:00:01", "k": null, "b": true, "v": null}
-- row events/0: {"id": 5, "ts": "2024-05-01 12:00:02", "k": "b", "b": null, "v": -7}
-- late: never
-- expect rolled: a | 0 | 2
-- expect rolled: b | 0 | 0
-- expect rolled: NULL | 0 | NULL
-- expect rolled: NULL | 1 | 1
-- expect sets: a | NULL | 0 | 1 | 1 | 2
-- expect sets: b | NULL | 0 | 1 | 1 | 0
-- expect sets: NULL | NULL | 0 | 1 | 1 | NULL
-- expect sets: NULL | true | 1 | 0 | 2 | 4
-- expect sets: NULL | false | 1 | 0 | 2 | 4
-- expect sets: NULL | NULL | 1 | 0 | 2 | -7
-- expect sets: NULL | NULL | 1 | 1 | 3 | 1
-- expect totals: all | 1 | 5
-- expect totals: all | 1 | 5
-- expect totals: all | 1 | 6
-- expect named: a | 2
-- expect named: all | 1
-- expect named: b | 0
-- expect named: NULL | NULL
CREATE TABLE events ( id BIGINT, ts TIMESTAMP(3), k STRING, b BOOLEAN, v INT, WATERMARK FOR ts AS ts - INTERVAL '1' SECOND )
WITH ('connector' = 'kafka', 'topic' = 'events', 'properties.bootstrap.servers' = 'x', 'format' = 'json');
CREATE MATERIALIZED VIEW rolled AS SELECT k, GROUPING(k) g, AVG(v) a FROM events GROUP BY ROLLUP(k);
CREATE MATERIALIZED VIEW rolled_both AS SELECT k, b, GROUPING(k) g, GROUPING(b) h, GROUPING_ID(k, b) i, GROUPING(b, k) j, AVG(v) a, SUM(v) s, AVG(CAST(v AS DOUBLE)) d FROM events GROUP BY ROLLUP(k, b);
CREATE MATERIALIZED VIEW cubed AS SELECT k, b, GROUPING_ID(k, b) g, AVG(v) a, AVG(DISTINCT v) d, COUNT(*) n FROM events GROUP BY CUBE(k, b);
CREATE MATERIALIZED VIEW sets AS SELECT k, b, GROUPING(k) g, GROUPING(b) h, GROUPING_ID(k, b) i, AVG(v) a FROM events GROUP BY GROUPING SETS ((k), (b), ());
CREATE MATERIALIZED VIEW totals AS SELECT 'all' AS what, GROUPING(k) g, AVG(id) + 3 a FROM events GROUP BY CUBE(k, b) HAVING GROUPING(k) = 1 AND AVG(id) BETWEEN 2 AND 3 AND GROUPING_ID(k, b) >= 2;
CREATE MATERIALIZED VIEW named AS SELECT CASE GROUPING(k) WHEN 1 THEN 'all' ELSE k END AS k, AVG(v) a FROM events GROUP BY ROLLUP(k);
CREATE MATERIALIZED VIEW per_window AS SELECT window_end, k, GROUPING(k) g, AVG(v) a FROM TABLE(TUMBLE(TABLE events, DESCRIPTOR(ts), INTERVAL '1' SECOND)) GROUP BY GROUPING SETS ((window_start, window_end, k), (window_start, window_end));
CREATE MATERIALIZED VIEW of_changes AS SELECT c, GROUPING(c) g, AVG(a) a FROM (SELECT k, COUNT(*) c, AVG(v) a FROM events GROUP BY k) GROUP BY ROLLUP(c);
CREATE MATERIALIZED VIEW ranked AS SELECT k, g, a, ROW_NUMBER() OVER (ORDER BY g, k, a) n FROM (SELECT k, GROUPING(k) g, AVG(v) a FROM events GROUP BY ROLLUP(k));
