-- Queries over no table write their rows once, and the job finishes, also when it is stopped before: VALUES, SELECT without FROM, equal rows,
-- aggregates, joins and windows over them, beside a stream and alone; by hand.
-- row events/0: {"id": 1, "k": "a"}
-- row events/0: {"id": 2, "k": "b"}
-- late: never
-- run: cuts= interval=0 stops=before-run-plans-1,after-fold-state-1,before-put-commit-1,after-confirm-put-1
-- expect one: 1 | x
-- expect twice: 1
-- expect twice: 1
-- expect twice: NULL
-- expect total: 3 | 3
-- expect topic: {"id":1,"k":"a"}
-- expect topic: {"id":2,"k":"b"}
-- expect topic: {"id":0,"k":"none"}
-- expect topic: {"id":0,"k":"none"}
-- expect paired: 2
-- expect numbered: 5 | 2
-- expect numbered: 7 | 1
CREATE TABLE events ( id BIGINT, k STRING ) WITH ('connector' = 'kafka', 'topic' = 'events', 'properties.bootstrap.servers' = 'x', 'format' = 'json');
CREATE TABLE topic ( id BIGINT, k STRING ) WITH ('connector' = 'kafka', 'topic' = 'topic', 'properties.bootstrap.servers' = 'x', 'format' = 'json');
CREATE VIEW names AS SELECT * FROM (VALUES (0, 'none'), (0, 'none')) AS t(n, name);
CREATE MATERIALIZED VIEW one AS SELECT 1 AS n, 'x' AS t;
CREATE MATERIALIZED VIEW twice AS VALUES (1), (1), (NULL);
CREATE MATERIALIZED VIEW total AS SELECT COUNT(*) n, SUM(v) s FROM (VALUES (1), (1), (1)) AS t(v);
CREATE MATERIALIZED VIEW paired AS SELECT a.v FROM (VALUES (1), (2)) AS a(v) JOIN (VALUES (2), (3)) AS b(v) ON a.v = b.v;
CREATE MATERIALIZED VIEW numbered AS SELECT v, ROW_NUMBER() OVER (ORDER BY v DESC) n FROM (VALUES (5), (7)) AS t(v);
CREATE MATERIALIZED VIEW once AS SELECT UUID() IS NOT NULL AS made, PROCTIME() > TIMESTAMP '2020-01-01 00:00:00' AS now;
CREATE MATERIALIZED VIEW closed AS SELECT COUNT(*) n FROM TABLE(TUMBLE((SELECT v, PROCTIME() AS p FROM (VALUES (1), (2)) AS t(v)), DESCRIPTOR(p), INTERVAL '1' DAY)) GROUP BY window_start, window_end;
INSERT INTO topic SELECT id, k FROM events UNION ALL SELECT n, name FROM names;
