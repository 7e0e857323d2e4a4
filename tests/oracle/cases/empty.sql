-- Nothing has come, or nothing that passes: there are no groups, global aggregates have not begun at the top and answer below joins, in
-- subqueries and under other aggregates, and a side of a join is empty; by hand.
-- input nothing: rows=0
-- row events/0: {"id": 1, "k": "a", "v": 1}
-- row events/0: {"id": 2, "k": "b"}
-- expect begun: 50
-- expect later: 1
-- expect scalar: 1 | 0
-- expect scalar: 2 | 0
-- expect crossed: 1 | 0
-- expect crossed: 2 | 0
-- expect either: 2
-- expect of_one: 1
-- expect left_of_nothing: 1 | NULL
-- expect left_of_nothing: 2 | NULL
-- expect not_in_nothing: 1
-- expect not_in_nothing: 2
-- expect no_scalar: 1 | NULL
-- expect no_scalar: 2 | NULL
-- expect counts_of_nothing: 1 | 0
-- expect counts_of_nothing: 2 | 0
-- expect deep: 1
-- expect zero: 2
CREATE TABLE nothing ( id BIGINT, ts TIMESTAMP(3), k STRING, v INT, f DOUBLE, b BOOLEAN, WATERMARK FOR ts AS ts )
WITH ('connector' = 'kafka', 'topic' = 'nothing', 'properties.bootstrap.servers' = 'x', 'format' = 'json');
CREATE TABLE events ( id BIGINT, ts TIMESTAMP(3), k STRING, v INT, f DOUBLE, b BOOLEAN, WATERMARK FOR ts AS ts )
WITH ('connector' = 'kafka', 'topic' = 'events', 'properties.bootstrap.servers' = 'x', 'format' = 'json');
CREATE MATERIALIZED VIEW counted AS SELECT COUNT(*) n, SUM(v) s, AVG(v) a, MAX(k) m FROM nothing;
CREATE MATERIALIZED VIEW passed AS SELECT COUNT(v) n, MIN(v) lo FROM events WHERE v > 100;
CREATE MATERIALIZED VIEW grouped AS SELECT k, COUNT(*) n FROM nothing GROUP BY k;
CREATE MATERIALIZED VIEW sets AS SELECT k, COUNT(*) n FROM nothing GROUP BY ROLLUP(k);
CREATE MATERIALIZED VIEW cubed AS SELECT k, b, GROUPING(k) g, AVG(v) a FROM nothing GROUP BY CUBE(k, b);
CREATE MATERIALIZED VIEW listed AS SELECT k, 100 / COUNT(*) n FROM events WHERE v > 100 GROUP BY GROUPING SETS ((k), ());
CREATE MATERIALIZED VIEW above_sets AS SELECT COUNT(*) c FROM (SELECT k, COUNT(*) n FROM nothing GROUP BY ROLLUP(k));
CREATE MATERIALIZED VIEW windowed AS SELECT COUNT(*) n FROM (SELECT window_end FROM TABLE(TUMBLE(TABLE nothing, DESCRIPTOR(ts), INTERVAL '1' SECOND)) GROUP BY window_start, window_end);
CREATE MATERIALIZED VIEW left_of_nothing AS SELECT e.id, n.id nid FROM events e LEFT JOIN nothing n ON e.k = n.k;
CREATE MATERIALIZED VIEW inner_with_nothing AS SELECT e.id FROM events e JOIN nothing n ON e.k = n.k;
CREATE MATERIALIZED VIEW not_in_nothing AS SELECT id FROM events WHERE v NOT IN (SELECT v FROM nothing);
CREATE MATERIALIZED VIEW in_nothing AS SELECT id FROM events WHERE v IN (SELECT v FROM nothing);
CREATE MATERIALIZED VIEW no_scalar AS SELECT id, (SELECT MAX(v) FROM nothing) m FROM events;
CREATE MATERIALIZED VIEW counts_of_nothing AS SELECT id, (SELECT COUNT(*) FROM nothing n WHERE n.k = e.k) c FROM events e;
CREATE MATERIALIZED VIEW above_no_scalar AS SELECT id FROM events WHERE v > (SELECT AVG(v) FROM nothing);
CREATE MATERIALIZED VIEW deep AS SELECT COUNT(*) n FROM (SELECT SUM(v) s FROM (SELECT v FROM nothing GROUP BY v));
CREATE MATERIALIZED VIEW zero AS SELECT COUNT(*) n FROM events WHERE NOT EXISTS (SELECT 1 FROM nothing);
CREATE MATERIALIZED VIEW nothing_again AS SELECT * FROM nothing UNION SELECT * FROM nothing;
CREATE MATERIALIZED VIEW share AS SELECT 100 * COUNT(*) FILTER (WHERE k = 'a') / COUNT(*) AS percent FROM nothing;
CREATE MATERIALIZED VIEW begun AS SELECT 100 * COUNT(*) FILTER (WHERE k = 'a') / COUNT(*) AS percent FROM events;
CREATE MATERIALIZED VIEW later AS SELECT SUM(v) / COUNT(v) m FROM events WHERE v IS NOT NULL;
CREATE MATERIALIZED VIEW having_share AS SELECT COUNT(*) n FROM nothing HAVING 10 / COUNT(*) > 1;
CREATE MATERIALIZED VIEW having_zero AS SELECT COUNT(*) n FROM nothing HAVING COUNT(*) = 0;
CREATE MATERIALIZED VIEW distinct_share AS SELECT 6 / COUNT(DISTINCT k) d FROM nothing;
CREATE MATERIALIZED VIEW either AS SELECT COUNT(*) n FROM nothing UNION ALL SELECT COUNT(*) n FROM events;
CREATE MATERIALIZED VIEW of_one AS SELECT COUNT(*) n FROM (SELECT COUNT(*) c FROM nothing);
CREATE MATERIALIZED VIEW of_none AS SELECT 1 / n r FROM (SELECT COUNT(*) n FROM nothing) WHERE n < 5;
CREATE MATERIALIZED VIEW of_changes AS SELECT 1 / COUNT(*) r FROM (SELECT k, COUNT(*) c FROM events GROUP BY k) WHERE c > 5;
CREATE MATERIALIZED VIEW scalar AS SELECT id, (SELECT COUNT(*) FROM nothing) n FROM events;
CREATE MATERIALIZED VIEW crossed AS SELECT e.id, n.n FROM events e CROSS JOIN (SELECT COUNT(*) n FROM nothing) n;
