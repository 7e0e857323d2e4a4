-- Joins with USING, and NATURAL: a bare key is the one of the side that has the row, COALESCE of both for FULL.
-- row a/0: {"id": 1, "x": 10, "k": "p"}
-- row a/0: {"id": 2, "x": 20, "k": "q"}
-- row a/0: {"id": 2, "x": 21, "k": "q"}
-- row a/0: {"x": 90, "k": "p"}
-- row b/0: {"id": 2, "y": 200}
-- row b/0: {"id": 3, "y": 300}
-- row b/0: {"y": 900}
-- row c/0: {"id": 3, "z": 3000, "k": "p"}
-- row c/0: {"id": 4, "z": 4000, "k": "q"}
-- row c/0: {"id": 2, "z": 2000, "k": "r"}
-- row c/0: {"id": 1, "z": 1000, "k": "p"}
-- expect both: 1 | 10 | NULL
-- expect both: 2 | 20 | 200
-- expect both: 2 | 21 | 200
-- expect both: 3 | NULL | 300
-- expect both: NULL | 90 | NULL
-- expect both: NULL | NULL | 900
-- expect stars: 2 | 20 | q | 200
-- expect stars: 2 | 21 | q | 200
-- expect stars: 3 | NULL | NULL | 300
-- expect stars: NULL | NULL | NULL | 900
-- expect three: 1 | 10 | NULL | 1000
-- expect three: 2 | 20 | 200 | 2000
-- expect three: 2 | 21 | 200 | 2000
-- expect three: 3 | NULL | 300 | 3000
-- expect three: 4 | NULL | NULL | 4000
-- expect three: NULL | 90 | NULL | NULL
-- expect three: NULL | NULL | 900 | NULL
-- expect grouped: 2 | 2
-- expect grouped: 3 | 1
-- expect inner_chain: 2 | 20 | 200 | 2000
-- expect inner_chain: 2 | 21 | 200 | 2000
-- expect natural: 1 | p | 10 | 1000
-- expect natural: 2 | q | 20 | NULL
-- expect natural: 2 | q | 21 | NULL
-- expect natural: 2 | r | NULL | 2000
-- expect natural: 3 | p | NULL | 3000
-- expect natural: 4 | q | NULL | 4000
-- expect natural: NULL | p | 90 | NULL
-- expect within: 3
-- expect correlated: 3 | 3000
-- expect correlated: 2 | 2000
-- expect correlated: 2 | 2000
-- expect correlated: NULL | NULL
CREATE TABLE a ( id BIGINT, x BIGINT, k STRING ) WITH ('connector' = 'kafka', 'topic' = 'a', 'properties.bootstrap.servers' = 'x', 'format' = 'json');
CREATE TABLE b ( id BIGINT, y BIGINT ) WITH ('connector' = 'kafka', 'topic' = 'b', 'properties.bootstrap.servers' = 'x', 'format' = 'json');
CREATE TABLE c ( z BIGINT, id BIGINT, k STRING ) WITH ('connector' = 'kafka', 'topic' = 'c', 'properties.bootstrap.servers' = 'x', 'format' = 'json');
CREATE MATERIALIZED VIEW both AS SELECT id, x, y FROM a FULL JOIN b USING (id);
CREATE MATERIALIZED VIEW stars AS SELECT * FROM a RIGHT JOIN b USING (id);
CREATE MATERIALIZED VIEW three AS SELECT id, x, y, z FROM a FULL JOIN b USING (id) FULL JOIN c USING (id);
CREATE MATERIALIZED VIEW grouped AS SELECT id, COUNT(*) n FROM a FULL JOIN b USING (id) WHERE id > 1 GROUP BY id HAVING id < 9;
CREATE MATERIALIZED VIEW inner_chain AS SELECT id, x, y, z FROM a JOIN b USING (id) JOIN c USING (id) WHERE id > 0;
CREATE MATERIALIZED VIEW natural AS SELECT * FROM a NATURAL FULL JOIN c;
CREATE MATERIALIZED VIEW within AS SELECT id FROM a FULL JOIN b USING (id) WHERE id IN (SELECT id FROM c WHERE z > 2500);
CREATE MATERIALIZED VIEW correlated AS SELECT id, (SELECT MAX(z) FROM c q WHERE q.id = j.id) z FROM (a RIGHT JOIN b USING (id)) AS j;
CREATE MATERIALIZED VIEW over_changes AS SELECT id, n, m FROM (SELECT id, COUNT(*) n FROM a GROUP BY id) g NATURAL FULL JOIN (SELECT id, COUNT(*) m FROM b GROUP BY id) h;
CREATE MATERIALIZED VIEW top_of AS SELECT id, x, z FROM (SELECT id, x, z, ROW_NUMBER() OVER (PARTITION BY id ORDER BY x DESC, z) AS rn FROM a FULL JOIN c USING (id)) WHERE rn = 1;
