-- Columns whose type is found only when both sides of something meet: a view reads them as they were kept.
-- row events/0: {"id": 3000000000, "ts": "2024-05-01 12:00:00.250", "k": "a", "v": 1, "f": 0.5, "b": true}
-- row events/0: {"id": 2, "v": 2, "b": false}
-- row events/0: {"id": 3, "k": "c", "b": true}
-- expect mixed: 1
-- expect mixed: 2
-- expect mixed: 3
-- expect mixed_union: 1
-- expect mixed_union: 2
-- expect mixed_union: 2
-- expect mixed_union: 3
-- expect mixed_union: 3000000000
-- expect mixed_union: NULL
-- expect texts: 2
-- expect texts: 3
-- expect texts: a
CREATE TABLE events ( id BIGINT, ts TIMESTAMP(3), k STRING, v INT, f DOUBLE, b BOOLEAN, WATERMARK FOR ts AS ts )
WITH ('connector' = 'kafka', 'topic' = 'events', 'properties.bootstrap.servers' = 'x', 'format' = 'json');
CREATE MATERIALIZED VIEW mixed AS SELECT CASE WHEN v IS NOT NULL THEN v ELSE id END m FROM events;
CREATE MATERIALIZED VIEW mixed_union AS SELECT v AS m FROM events UNION ALL SELECT id FROM events;
CREATE MATERIALIZED VIEW texts AS SELECT CASE WHEN v = 1 THEN k ELSE CAST(id AS STRING) END t FROM events;
CREATE MATERIALIZED VIEW times AS SELECT COALESCE(ts, TIMESTAMP '2024-05-01 00:00:00') t FROM events;
CREATE MATERIALIZED VIEW sums AS SELECT CAST(v AS DECIMAL(10, 2)) d FROM events UNION ALL SELECT CAST(v AS DECIMAL(10, 2)) + CAST(1 AS DECIMAL(10, 2)) FROM events;
CREATE MATERIALIZED VIEW numbers AS SELECT id, RANK() OVER (ORDER BY id) - v d, ROW_NUMBER() OVER (ORDER BY id) + 1 n FROM events;
CREATE MATERIALIZED VIEW extremes AS SELECT k, MAX(CASE WHEN b THEN v ELSE id END) m FROM events GROUP BY k;
CREATE MATERIALIZED VIEW literals AS SELECT 1 one, 'x' x, NULL nothing, TRUE yes, 1.5 q, DATE '2024-05-01' d, k FROM events;
CREATE MATERIALIZED VIEW maybe AS SELECT NULLIF(v, 1) n, COALESCE(v, f) c, v + f s, v = id e, k || v t FROM events;
