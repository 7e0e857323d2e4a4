-- Tables of literals beside streams, and queries that come down to a literal; by hand.
-- row events/0: {"id": 1, "k": "a", "v": 1}
-- row events/0: {"id": 2, "k": "b", "v": 2}
-- row events/0: {"id": 3, "k": "b"}
-- expect named: 1 | one
-- expect named: 2 | two
-- expect all_named: 0 | none | NULL
-- expect all_named: 1 | one | 1
-- expect all_named: 2 | two | 2
-- expect beside: 1
-- expect beside: 2
-- expect beside: 3
-- expect beside: 7
-- expect one_row: 1
-- expect scaled: 1 | 1000
-- expect scaled: 2 | 1000
-- expect scaled: 3 | 1000
CREATE TABLE events ( id BIGINT, ts TIMESTAMP(3), k STRING, v INT, f DOUBLE, b BOOLEAN, WATERMARK FOR ts AS ts )
WITH ('connector' = 'kafka', 'topic' = 'events', 'properties.bootstrap.servers' = 'x', 'format' = 'json');
CREATE VIEW names AS SELECT * FROM (VALUES (0, 'none'), (1, 'one'), (2, 'two')) AS t(n, name);
CREATE MATERIALIZED VIEW named AS SELECT e.id, n.name FROM events e JOIN names n ON e.v = n.n;
CREATE MATERIALIZED VIEW all_named AS SELECT n.n, n.name, e.id FROM names n LEFT JOIN events e ON e.v = n.n;
CREATE MATERIALIZED VIEW beside AS SELECT id FROM events UNION ALL SELECT 7;
CREATE MATERIALIZED VIEW one_row AS SELECT COUNT(*) n FROM (SELECT SUM(v) s FROM events);
CREATE MATERIALIZED VIEW scaled AS SELECT id, factor FROM events CROSS JOIN (SELECT 1000 AS factor) c;
CREATE MATERIALIZED VIEW counted AS SELECT n.name, COUNT(e.id) c FROM names n LEFT JOIN events e ON e.v = n.n GROUP BY n.name;
CREATE MATERIALIZED VIEW in_literals AS SELECT id FROM events WHERE k IN (SELECT name FROM (VALUES ('a'), ('z')) AS t(name));
CREATE MATERIALIZED VIEW none_of_it AS SELECT id FROM events WHERE 1 = 2;
