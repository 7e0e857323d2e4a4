-- Aggregates that differ by a CAST only, beside averages and in ORDER BY; casts that lose something in comparisons; by hand.
-- row events/0: {"id": 1, "k": "4", "d": 1.25, "v": 2}
-- row events/0: {"id": 2, "k": "oops", "d": 1.00, "v": 4}
-- row events/0: {"id": 3, "k": "8", "d": 2.75}
-- row events/0: {"id": 4, "d": 1.25, "v": 5}
-- expect averages: 3 | 6 | 12
-- expect narrow: 3 | 3 | 1 | 1
-- expect filtered: 1
-- expect filtered: 2
-- expect filtered: 4
-- expect tight: 2
CREATE TABLE events ( id BIGINT, ts TIMESTAMP(3), k STRING, d DECIMAL(10, 2), v INT, WATERMARK FOR ts AS ts )
WITH ('connector' = 'kafka', 'topic' = 'events', 'properties.bootstrap.servers' = 'x', 'format' = 'json');
CREATE MATERIALIZED VIEW averages AS SELECT COUNT(k) n, AVG(TRY_CAST(k AS INT)) a, SUM(TRY_CAST(k AS INT)) s FROM events;
CREATE MATERIALIZED VIEW narrow AS SELECT COUNT(*) FILTER (WHERE CAST(d AS INT) = 1) a, COUNT(*) FILTER (WHERE CAST(d AS INT) < 2) b,
COUNT(*) FILTER (WHERE CAST(d AS INT) <> 1) c, COUNT(*) FILTER (WHERE CAST(d AS INT) NOT IN (1, 7)) e FROM events;
CREATE MATERIALIZED VIEW filtered AS SELECT id FROM (SELECT id, CAST(d AS INT) AS w FROM events) WHERE w = 1;
CREATE MATERIALIZED VIEW tight AS SELECT COUNT(*) n FROM events WHERE k IS NOT DISTINCT FROM NULL AND v > 3 OR v IS NOT DISTINCT FROM 4 AND id = 2;
