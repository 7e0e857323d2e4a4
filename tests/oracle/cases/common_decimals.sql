-- DECIMALs whose common type has more than 38 digits: those before the point stay, those behind it are cut, as in Flink; comparisons are exact.
-- row events/0: {"id": 1, "w": 99999999999999999999999999999999999999, "f": "0.5", "m": "12345678901234567890.123456789012345678"}
-- row events/0: {"id": 2, "w": 1, "f": "0.49999999999999999999999999999999999999", "m": "-0.5"}
-- row events/0: {"id": 3, "w": 0, "f": "0.00000000000000000000000000000000000000", "m": "0"}
-- row events/0: {"id": 4, "w": null, "f": "-0.5", "m": null}
-- late: never
-- expect united: 1 | 99999999999999999999999999999999999999
-- expect united: 1 | 1
-- expect united: 1 | 12345678901234567890
-- expect united: 2 | 1
-- expect united: 2 | 0
-- expect united: 2 | -1
-- expect united: 3 | 0
-- expect united: 3 | 0
-- expect united: 3 | 0
-- expect united: 4 | NULL
-- expect united: 4 | -1
-- expect united: 4 | NULL
-- expect chosen: 1 | 99999999999999999999999999999999999999 | 99999999999999999999999999999999999999 | 12345678901234567890.123456789012345678 | 99999999999999999999999999999999999999
-- expect chosen: 2 | 0 | 1 | -0.500000000000000000 | 1
-- expect chosen: 3 | 0 | 0 | 0.000000000000000000 | NULL
-- expect chosen: 4 | -1 | -1 | -0.500000000000000000 | NULL
-- expect equal: 3 | 3
-- expect among: 3
-- expect both: 0
-- expect cases: 3 | yes
-- expect cases: 1 | no
-- expect cases: 2 | no
-- expect cases: 4 | no
-- expect of_values: 0
-- expect of_values: 1
CREATE TABLE events ( id BIGINT, w DECIMAL(38, 0), f DECIMAL(38, 38), m DECIMAL(38, 18) )
WITH ('connector' = 'kafka', 'topic' = 'events', 'properties.bootstrap.servers' = 'x', 'format' = 'json');
CREATE MATERIALIZED VIEW united AS SELECT id, w AS n FROM events UNION ALL SELECT id, f FROM events UNION ALL SELECT id, m FROM events;
CREATE MATERIALIZED VIEW chosen AS SELECT id, CASE WHEN id = 1 THEN w ELSE f END a, COALESCE(w, f) b, COALESCE(m, CAST(f AS DECIMAL(38, 18))) c, NULLIF(w, f) d FROM events;
CREATE MATERIALIZED VIEW equal AS SELECT a.id, b.id AS other FROM events a JOIN events b ON a.w = b.f;
CREATE MATERIALIZED VIEW among AS SELECT id FROM events WHERE w IN (SELECT f FROM events);
CREATE MATERIALIZED VIEW both AS SELECT w FROM events INTERSECT SELECT f FROM events;
CREATE MATERIALIZED VIEW cases AS SELECT id, CASE w WHEN f THEN 'yes' ELSE 'no' END y FROM events;
CREATE MATERIALIZED VIEW of_values AS SELECT e.w FROM events e JOIN (VALUES (CAST(1 AS DECIMAL(38, 0))), (CAST('0.4' AS DECIMAL(38, 38)))) v(a) ON e.w = v.a;
