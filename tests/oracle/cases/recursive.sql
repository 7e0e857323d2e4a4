-- WITH RECURSIVE, run again as a whole: paths of a graph, the reports of a boss, UNION and UNION ALL, and an aggregate above; by hand.
-- row edges/0: {"a": 1, "b": 2}
-- row edges/0: {"a": 3, "b": 4}
-- row edges/0: {"a": 2, "b": 3}
-- row edges/0: {"a": 4, "b": 1}
-- row edges/0: {"a": 7, "b": 8}
-- row edges/0: {"a": 8, "b": 9}
-- expect reached: 1
-- expect reached: 2
-- expect reached: 3
-- expect reached: 4
-- expect steps: 1 | 6
-- expect steps: 2 | 5
-- expect steps: 3 | 4
CREATE TABLE edges ( a INT, b INT ) WITH ('connector' = 'kafka', 'topic' = 'edges', 'properties.bootstrap.servers' = 'x', 'format' = 'json');
CREATE MATERIALIZED VIEW reached AS
WITH RECURSIVE r AS (SELECT b FROM edges WHERE a = 1 UNION SELECT e.b FROM r JOIN edges e ON e.a = r.b) SELECT b FROM r;
CREATE MATERIALIZED VIEW steps AS
WITH RECURSIVE p AS (SELECT a, b, 1 AS n FROM edges UNION ALL SELECT p.a, e.b, p.n + 1 FROM p JOIN edges e ON e.a = p.b WHERE p.n < 3)
SELECT n, COUNT(*) AS paths FROM p GROUP BY n;
