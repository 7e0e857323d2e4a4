-- A stream joined with files, which do not change here: each row meets them once, in every form of a join.
-- late: never
-- input events: rows=80 partitions=2 nulls=0.1 seed=4
CREATE TABLE events ( id BIGINT, ts TIMESTAMP(3), k STRING, v INT, f DOUBLE, b BOOLEAN, WATERMARK FOR ts AS ts - INTERVAL '1' HOUR )
WITH ('connector' = 'kafka', 'topic' = 'events', 'properties.bootstrap.servers' = 'x', 'format' = 'json');
CREATE TABLE prices ( k STRING, since INT, price INT, name STRING )
WITH ('connector' = 'filesystem', 'path' = 'tests/oracle/static/prices.csv', 'format' = 'csv', 'csv.header' = 'true');
CREATE TABLE kinds ( name STRING, kind STRING )
WITH ('connector' = 'filesystem', 'path' = 'tests/oracle/static/kinds.csv', 'format' = 'csv', 'csv.header' = 'true');
CREATE VIEW named AS SELECT p.k, p.price, p.name, n.kind FROM prices p LEFT JOIN kinds n ON p.name = n.name WHERE p.since = 0;
CREATE MATERIALIZED VIEW inner_join AS SELECT e.id, e.k, p.price, p.name FROM events e JOIN prices p ON e.k = p.k;
CREATE MATERIALIZED VIEW left_join AS SELECT e.id, e.k, p.price FROM events e LEFT JOIN prices p ON e.k = p.k AND e.v >= p.since;
CREATE MATERIALIZED VIEW right_join AS SELECT e.id, p.price, e.k FROM prices p RIGHT JOIN events e ON e.k = p.k AND p.price > 10;
CREATE MATERIALIZED VIEW first_written AS SELECT p.price, e.id, p.name FROM prices p JOIN events e ON e.k = p.k WHERE p.since < e.v;
CREATE MATERIALIZED VIEW semi_join AS SELECT id, k FROM events WHERE k IN (SELECT k FROM prices WHERE price > 10);
CREATE MATERIALIZED VIEW anti_join AS SELECT id, k FROM events e WHERE NOT EXISTS (SELECT 1 FROM prices p WHERE p.k = e.k);
CREATE MATERIALIZED VIEW not_in AS SELECT id, k FROM events WHERE k NOT IN (SELECT k FROM prices WHERE k IS NOT NULL);
CREATE MATERIALIZED VIEW not_in_null AS SELECT id, k FROM events WHERE k NOT IN (SELECT k FROM prices);
CREATE MATERIALIZED VIEW either_in AS SELECT id, k FROM events WHERE v > 50 OR k IN (SELECT k FROM prices);
CREATE MATERIALIZED VIEW crossed AS SELECT e.id, n.kind FROM events e CROSS JOIN kinds n;
CREATE MATERIALIZED VIEW unequal AS SELECT e.id, p.since, p.name FROM events e JOIN prices p ON e.v < p.price;
CREATE MATERIALIZED VIEW scalar AS SELECT id, v, (SELECT MAX(price) FROM prices) AS most FROM events;
CREATE MATERIALIZED VIEW above_average AS SELECT id, v FROM events WHERE v > (SELECT AVG(price) FROM prices);
CREATE MATERIALIZED VIEW correlated AS SELECT id, k, (SELECT SUM(price) FROM prices p WHERE p.k = e.k) AS total FROM events e;
CREATE MATERIALIZED VIEW of_view AS SELECT e.id, n.kind, n.price FROM events e LEFT JOIN named n ON e.k = n.k;
CREATE MATERIALIZED VIEW of_aggregate AS SELECT e.id, p.n, p.most FROM events e JOIN (SELECT k, COUNT(*) AS n, MAX(price) AS most FROM prices GROUP BY k) p ON e.k = p.k;
CREATE MATERIALIZED VIEW of_top AS SELECT e.id, p.price FROM events e JOIN (SELECT * FROM prices ORDER BY price DESC NULLS LAST LIMIT 3) p ON e.k = p.k;
CREATE MATERIALIZED VIEW of_union AS SELECT e.id, u.name FROM events e JOIN (SELECT k, name FROM prices UNION SELECT name, kind FROM kinds) u ON e.k = u.k;
CREATE MATERIALIZED VIEW of_ranks AS SELECT e.id, p.price FROM events e JOIN (SELECT *, ROW_NUMBER() OVER (PARTITION BY k ORDER BY since DESC) AS rn FROM prices) p ON e.k = p.k WHERE p.rn = 1;
CREATE MATERIALIZED VIEW several AS SELECT e.id, p.price, n.kind FROM prices p, kinds n, events e WHERE e.k = p.k AND p.name = n.name;
CREATE MATERIALIZED VIEW twice AS SELECT e.id, p.price, q.price AS other FROM events e LEFT JOIN prices p ON e.k = p.k LEFT JOIN prices q ON p.price = q.price - 1;
CREATE MATERIALIZED VIEW of_values AS SELECT e.id, x.word FROM events e LEFT JOIN (VALUES ('a', 'one'), ('b', 'two'), ('b', 'too')) AS x (k, word) ON e.k = x.k;
CREATE MATERIALIZED VIEW counted AS SELECT p.name, COUNT(*) AS n, SUM(e.v) AS v FROM events e LEFT JOIN prices p ON e.k = p.k GROUP BY p.name;
CREATE MATERIALIZED VIEW windowed AS SELECT window_start, window_end, name, COUNT(*) AS n FROM TABLE(TUMBLE(TABLE (SELECT e.*, p.name FROM events e LEFT JOIN prices p ON e.k = p.k AND p.since = 0), DESCRIPTOR(ts), INTERVAL '1' SECOND)) GROUP BY window_start, window_end, name;
CREATE MATERIALIZED VIEW after_windows AS SELECT w.window_start, w.k, w.n, p.price FROM (SELECT window_start, window_end, k, COUNT(*) AS n FROM TABLE(TUMBLE(TABLE events, DESCRIPTOR(ts), INTERVAL '1' SECOND)) GROUP BY window_start, window_end, k) w LEFT JOIN prices p ON w.k = p.k;
CREATE MATERIALIZED VIEW of_changes AS SELECT c.k, c.n, p.price FROM (SELECT k, COUNT(*) AS n FROM events GROUP BY k) c LEFT JOIN prices p ON c.k = p.k;
CREATE MATERIALIZED VIEW changes_in AS SELECT k, n FROM (SELECT k, COUNT(*) AS n FROM events GROUP BY k) c WHERE n IN (SELECT price FROM prices);
CREATE MATERIALIZED VIEW changes_not_in AS SELECT k, n FROM (SELECT k, COUNT(*) AS n FROM events GROUP BY k) c WHERE n NOT IN (SELECT price FROM prices WHERE price IS NOT NULL);
CREATE MATERIALIZED VIEW changes_first_written AS SELECT p.price, c.n FROM prices p JOIN (SELECT v, COUNT(*) AS n FROM events GROUP BY v) c ON p.price = c.n;
CREATE MATERIALIZED VIEW changes_of_values AS SELECT c.k, c.n, x.word FROM (SELECT k, COUNT(*) AS n FROM events GROUP BY k) c JOIN (VALUES ('a', 'one'), ('b', 'two')) AS x (k, word) ON c.k = x.k;
CREATE MATERIALIZED VIEW preserved AS SELECT p.k, p.price, e.id FROM prices p LEFT JOIN events e ON e.k = p.k AND e.v > 90;
CREATE MATERIALIZED VIEW of_both AS SELECT p.k, p.price, e.id FROM prices p FULL JOIN events e ON e.k = p.k AND e.v > 90;
CREATE MATERIALIZED VIEW united AS SELECT k, v FROM events UNION ALL SELECT k, price FROM prices;
CREATE TABLE enriched ( id BIGINT, price INT ) WITH ('connector' = 'kafka', 'topic' = 'enriched', 'properties.bootstrap.servers' = 'x', 'format' = 'json');
INSERT INTO enriched SELECT e.id, p.price FROM events e LEFT JOIN prices p ON e.k = p.k;
