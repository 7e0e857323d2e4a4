-- A job that reads nothing at all: it writes its rows once and finishes, wherever it was stopped; by hand.
-- input unread: rows=0
-- late: never
-- run: cuts= interval=0 stops=before-run-plans-1,after-fold-state-1,before-put-commit-1,after-confirm-put-1
-- run: cuts= interval=20 stops=before-write-rows-1,after-commit-rows-1
-- expect one: 1
-- expect topic: {"id":0,"k":"none"}
-- expect topic: {"id":0,"k":"none"}
CREATE TABLE topic ( id BIGINT, k STRING ) WITH ('connector' = 'kafka', 'topic' = 'topic', 'properties.bootstrap.servers' = 'x', 'format' = 'json');
CREATE VIEW names AS SELECT * FROM (VALUES (0, 'none'), (0, 'none')) AS t(n, name);
CREATE MATERIALIZED VIEW one AS SELECT 1 AS n;
INSERT INTO topic SELECT n, name FROM names;
