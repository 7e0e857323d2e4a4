-- Groups that pass HAVING, then do not, then do again.
-- row events/0: {"id": 0, "k": "a", "v": 3}
-- row events/0: {"id": 1, "k": "a", "v": -3}
-- row events/0: {"id": 2, "k": "b", "v": 5}
-- row events/0: {"id": 3, "k": "a", "v": 2}
-- row events/0: {"id": 4, "k": "c", "v": 1}
-- row events/0: {"id": 5, "k": "a", "v": -7}
-- row events/0: {"id": 6, "k": "b", "v": 4}
-- row events/0: {"id": 7, "k": "c", "v": 4}
-- row events/0: {"id": 8, "k": "b", "v": -9}
-- row events/0: {"id": 9, "k": "a", "v": 9}
-- row events/0: {"id": 10, "k": "a", "v": 0}
-- row events/0: {"id": 11, "k": "c", "v": 2}
-- row events/0: {"id": 12, "k": "b", "v": 6}
-- row events/0: {"id": 13, "k": "d", "v": 1}
-- expect even: a | 6
-- expect positive: a | 4
-- expect even: b | 4
-- expect positive: b | 6
-- expect positive: c | 7
-- expect spread: c | 3
-- expect positive: d | 1
CREATE TABLE events ( id BIGINT, ts TIMESTAMP(3), k STRING, v INT, f DOUBLE, b BOOLEAN, WATERMARK FOR ts AS ts )
WITH ('connector' = 'kafka', 'topic' = 'events', 'properties.bootstrap.servers' = 'x', 'format' = 'json');
CREATE MATERIALIZED VIEW even AS SELECT k, COUNT(*) n FROM events GROUP BY k HAVING COUNT(*) % 2 = 0;
CREATE MATERIALIZED VIEW odd AS SELECT k, COUNT(*) n FROM events GROUP BY k HAVING COUNT(*) % 2 = 1;
CREATE MATERIALIZED VIEW exactly_two AS SELECT k FROM events GROUP BY k HAVING COUNT(*) = 2;
CREATE MATERIALIZED VIEW positive AS SELECT k, SUM(v) s FROM events GROUP BY k HAVING SUM(v) > 0;
CREATE MATERIALIZED VIEW spread AS SELECT k, MAX(v) - MIN(v) w FROM events GROUP BY k HAVING MAX(v) - MIN(v) BETWEEN 1 AND 12;
CREATE MATERIALIZED VIEW altogether AS SELECT SUM(v) s FROM events HAVING SUM(v) > 10;
CREATE MATERIALIZED VIEW counted AS SELECT COUNT(*) n, SUM(s) s FROM (SELECT k, SUM(v) s FROM events GROUP BY k HAVING SUM(v) > 0);
CREATE MATERIALIZED VIEW joined AS SELECT e.id, p.s FROM events e JOIN (SELECT k, SUM(v) s FROM events GROUP BY k HAVING SUM(v) < 3) p ON e.k = p.k;
