-- Subqueries that DataFusion has no join for: of several columns, of one row, in ORDER BY, GROUP BY, aggregates and OVER, NOT IN below AND and OR.
-- row a/0: {"id": 1, "x": 2}
-- row a/0: {"id": 3, "x": 4}
-- row a/0: {"id": 5}
-- row a/0: {"x": 7}
-- row b/0: {"id": 1, "y": 2}
-- row b/0: {"id": 3, "y": 9}
-- row b/0: {"id": 5, "y": 1}
-- row c/0: {"id": 1, "y": 2}
-- row c/0: {"y": 9}
-- row c/0: {"id": 5, "y": 1}
-- expect pairs: 1
-- expect no_pairs: 3
-- expect no_pairs: NULL
-- expect not_pairs: 3
-- expect not_pairs: NULL
-- expect either_pair: 1
-- expect either_pair: NULL
-- expect listed: 1
-- expect not_listed: 3
-- expect not_listed: NULL
-- expect equal_pair: 1
-- expect below_and: 7
-- expect below_or: 7
-- expect one_row: 1 | 2
-- expect one_row: 3 | 9
-- expect one_row: 5 | 1
-- expect one_row: NULL | NULL
-- expect compared: 1
-- expect uncorrelated: 1 | 2
-- expect uncorrelated: 3 | 2
-- expect uncorrelated: 5 | 2
-- expect uncorrelated: NULL | 2
-- expect summed: 12
-- expect grouped: 1 | 1
-- expect grouped: 2 | 1
-- expect grouped: 9 | 1
-- expect grouped: NULL | 1
-- expect numbered: 1 | 3
-- expect numbered: 3 | 4
-- expect numbered: 5 | 2
-- expect numbered: NULL | 1
-- expect first: 5
-- expect filtered: 2
-- expect of_two: 2 | 3
-- expect instead_count: 1 | 0
-- expect instead_count: 3 | 1
-- expect instead_count: 5 | 2
-- expect instead_count: NULL | 0
-- expect instead_top: 1 | 2
-- expect instead_top: 3 | 9
-- expect instead_top: 5 | 1
-- expect no_match: 1
-- expect no_match: 3
-- expect no_match: NULL
CREATE TABLE a ( id BIGINT, x BIGINT ) WITH ('connector' = 'kafka', 'topic' = 'a', 'properties.bootstrap.servers' = 'x', 'format' = 'json');
CREATE TABLE b ( id BIGINT, y BIGINT ) WITH ('connector' = 'kafka', 'topic' = 'b', 'properties.bootstrap.servers' = 'x', 'format' = 'json');
CREATE TABLE c ( id BIGINT, y BIGINT ) WITH ('connector' = 'kafka', 'topic' = 'c', 'properties.bootstrap.servers' = 'x', 'format' = 'json');
CREATE MATERIALIZED VIEW pairs AS SELECT id FROM a WHERE (id, x) IN (SELECT id, y FROM b);
CREATE MATERIALIZED VIEW no_pairs AS SELECT id FROM a WHERE (id, x) NOT IN (SELECT id, y FROM b);
CREATE MATERIALIZED VIEW not_pairs AS SELECT id FROM a WHERE NOT ((id, x) IN (SELECT id, y FROM b) OR x < 0);
CREATE MATERIALIZED VIEW either_pair AS SELECT id FROM a WHERE x = 7 OR (id, x) IN (SELECT id, y FROM c);
CREATE MATERIALIZED VIEW listed AS SELECT id FROM a WHERE (id, x) IN ((1, 2), (5, 6));
CREATE MATERIALIZED VIEW not_listed AS SELECT id FROM a WHERE (id, x) NOT IN ((1, 2), (5, 6));
CREATE MATERIALIZED VIEW equal_pair AS SELECT id FROM a WHERE (id, x + 1) = (1, 3);
CREATE MATERIALIZED VIEW below_and AS SELECT x FROM a WHERE x = 7 OR (x > 0 AND id NOT IN (SELECT id FROM c));
CREATE MATERIALIZED VIEW below_or AS SELECT x FROM a WHERE x > 0 AND (x = 7 OR NOT (id IN (SELECT id FROM c)));
CREATE MATERIALIZED VIEW one_row AS SELECT id, (SELECT y FROM b WHERE b.id = a.id) y FROM a;
CREATE MATERIALIZED VIEW compared AS SELECT id FROM a WHERE x = (SELECT y FROM b WHERE b.id = a.id);
CREATE MATERIALIZED VIEW uncorrelated AS SELECT id, (SELECT y FROM b WHERE id = 1) y FROM a;
CREATE MATERIALIZED VIEW summed AS SELECT SUM((SELECT MAX(y) FROM b WHERE b.id = a.id)) s FROM a;
CREATE MATERIALIZED VIEW grouped AS SELECT (SELECT MAX(y) FROM b WHERE b.id = a.id) m, COUNT(*) n FROM a GROUP BY (SELECT MAX(y) FROM b WHERE b.id = a.id);
CREATE MATERIALIZED VIEW numbered AS SELECT id, ROW_NUMBER() OVER (ORDER BY (SELECT MAX(y) FROM b WHERE b.id = a.id) NULLS FIRST, id) r FROM a;
CREATE MATERIALIZED VIEW first AS SELECT id FROM a ORDER BY (SELECT MAX(y) FROM b WHERE b.id = a.id) NULLS LAST LIMIT 1;
CREATE MATERIALIZED VIEW filtered AS SELECT COUNT(*) FILTER (WHERE id IN (SELECT id FROM b WHERE y > 1)) n FROM a;
CREATE MATERIALIZED VIEW of_two AS SELECT COUNT(DISTINCT id, x) d, COUNT(id) n FROM a;
CREATE MATERIALIZED VIEW instead_count AS SELECT a.id, COUNT(b.id) n FROM a LEFT JOIN b ON b.id < a.id GROUP BY a.id;
CREATE MATERIALIZED VIEW instead_top AS SELECT a.id, n.y FROM a JOIN (SELECT *, ROW_NUMBER() OVER (PARTITION BY id ORDER BY y DESC) AS rn FROM b) AS n ON n.id = a.id AND n.rn <= 3;
CREATE MATERIALIZED VIEW no_match AS SELECT id FROM a WHERE x NOT IN (SELECT y FROM b WHERE b.id < a.id);
