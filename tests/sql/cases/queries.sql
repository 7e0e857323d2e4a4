---- select without a table
SELECT 1 + 1 AS two, 'it''s' AS text, TRUE AS yes, NULL AS nothing;
---- values
VALUES (1, 'a'), (2, 'b');
---- with
WITH a AS (SELECT 1 AS x UNION ALL SELECT 2), b AS (SELECT x * 10 AS y FROM a) SELECT y FROM b ORDER BY y DESC;
---- comments anywhere
/* first */ SELECT -- one
  1 /* in the middle */ AS a, -- two; with a semicolon
  /* 'quoted' */ 2 AS b -- the last
;
-- behind
---- a name of WITH hides a table
CREATE TABLE t (a INT) WITH ('connector' = 'kafka', 'topic' = 't', 'format' = 'json');
INSERT INTO t VALUES (1);
WITH t AS (SELECT 2 AS a) SELECT * FROM t;
SELECT * FROM t;
---- types of rows
CREATE TABLE t (
  r ROW<a INT, b ROW<c STRING, d ARRAY<INT>>>, m MAP<STRING, INT>, l ARRAY<ROW<x INT>>, d DECIMAL(10, 2), by BYTES,
  ts TIMESTAMP(3), ltz TIMESTAMP_LTZ(3), da DATE, ti TIME(0), f FLOAT, s SMALLINT, y TINYINT, bo BOOLEAN, c CHAR(3), v VARCHAR(10)
) WITH ('connector' = 'kafka', 'topic' = 't', 'format' = 'json');
DESCRIBE t;
INSERT INTO t (r, m, d, ts) VALUES (ROW(1, ROW('x', ARRAY[1, 2])), MAP['k', 5], 1.5, TIMESTAMP '2024-05-01 12:00:00');
SELECT r.a, t.r.b.c, r.b.d[1] AS first, m['k'] AS k, d, ts, l FROM t;
---- a row with a star
CREATE TABLE t (a INT, b INT) WITH ('connector' = 'kafka', 'topic' = 't', 'format' = 'json');
INSERT INTO t VALUES (1, 2);
SELECT t.*, a + b AS c FROM t;
SELECT x.* FROM t AS x;
---- tumbling windows in every form
CREATE TABLE t (v INT, ts TIMESTAMP(3), WATERMARK FOR ts AS ts) WITH ('connector' = 'kafka', 'topic' = 't', 'format' = 'json');
INSERT INTO t VALUES (1, TIMESTAMP '2024-05-01 12:00:01'), (2, TIMESTAMP '2024-05-01 12:00:02'), (3, TIMESTAMP '2024-05-01 12:00:05');
SELECT window_start, window_end, SUM(v) AS s FROM TABLE(TUMBLE(TABLE t, DESCRIPTOR(ts), INTERVAL '3' SECONDS)) GROUP BY window_start, window_end;
SELECT window_start, SUM(v) AS s FROM TUMBLE(TABLE t, DESCRIPTOR(ts), INTERVAL '3' SECOND) GROUP BY window_start, window_end;
SELECT window_start, SUM(v) AS s FROM TABLE(TUMBLE(DATA => TABLE t, TIMECOL => DESCRIPTOR(ts), SIZE => INTERVAL '3' SECOND)) GROUP BY window_start, window_end;
SELECT window_start, SUM(v) AS s FROM TUMBLE(SIZE => INTERVAL '3' SECOND, DATA => TABLE t, TIMECOL => DESCRIPTOR(TS), "OFFSET" => INTERVAL '1' SECOND) GROUP BY window_start, window_end;
SELECT TUMBLE_START(ts, INTERVAL '3' SECOND) AS w, TUMBLE_END(ts, INTERVAL '3' SECOND) AS e, SUM(v) AS s FROM t GROUP BY TUMBLE(ts, INTERVAL '3' SECOND);
---- hopping and growing windows
CREATE TABLE t (v INT, ts TIMESTAMP(3), WATERMARK FOR ts AS ts) WITH ('connector' = 'kafka', 'topic' = 't', 'format' = 'json');
INSERT INTO t VALUES (1, TIMESTAMP '2024-05-01 12:00:01'), (2, TIMESTAMP '2024-05-01 12:00:05');
SELECT window_start, window_end, SUM(v) AS s FROM HOP(TABLE t, DESCRIPTOR(ts), INTERVAL '2' SECOND, INTERVAL '4' SECOND) GROUP BY window_start, window_end;
SELECT HOP_START(ts, INTERVAL '2' SECOND, INTERVAL '4' SECOND) AS w, SUM(v) AS s FROM t GROUP BY HOP(ts, INTERVAL '2' SECOND, INTERVAL '4' SECOND);
SELECT window_start, window_end, SUM(v) AS s FROM CUMULATE(TABLE t, DESCRIPTOR(ts), INTERVAL '2' SECOND, INTERVAL '6' SECOND) GROUP BY window_start, window_end;
---- sessions
CREATE TABLE t (k INT, v INT, ts TIMESTAMP(3), WATERMARK FOR ts AS ts) WITH ('connector' = 'kafka', 'topic' = 't', 'format' = 'json');
INSERT INTO t VALUES (1, 1, TIMESTAMP '2024-05-01 12:00:01'), (1, 2, TIMESTAMP '2024-05-01 12:00:02'), (1, 4, TIMESTAMP '2024-05-01 12:01:00'), (2, 8, TIMESTAMP '2024-05-01 12:00:01');
SELECT window_start, window_end, k, SUM(v) AS s FROM SESSION(TABLE t PARTITION BY k, DESCRIPTOR(ts), INTERVAL '10' SECOND) GROUP BY window_start, window_end, k;
SELECT SESSION_START(ts, INTERVAL '10' SECOND) AS w, k, SUM(v) AS s FROM t GROUP BY SESSION(ts, INTERVAL '10' SECOND), k;
---- windows over a table of another database
CREATE DATABASE d;
CREATE TABLE d.t (v INT, ts TIMESTAMP(3), WATERMARK FOR ts AS ts) WITH ('connector' = 'kafka', 'topic' = 't', 'format' = 'json');
INSERT INTO d.t VALUES (1, TIMESTAMP '2024-05-01 12:00:01');
SELECT window_start, SUM(v) AS s FROM TABLE(TUMBLE(TABLE d.t, DESCRIPTOR(ts), INTERVAL '3' SECOND)) GROUP BY window_start, window_end;
SELECT TUMBLE_START(ts, INTERVAL '3' SECOND) AS w, SUM(t.v) AS s FROM d.t GROUP BY TUMBLE(ts, INTERVAL '3' SECOND);
---- a job between databases
CREATE DATABASE a;
CREATE DATABASE b;
CREATE TABLE a.t (v INT) WITH ('connector' = 'kafka', 'topic' = 'at', 'format' = 'json');
CREATE TABLE b.t (v INT, n BIGINT, PRIMARY KEY (v) NOT ENFORCED) WITH ('connector' = 'upsert-kafka', 'topic' = 'bt', 'key.format' = 'json', 'value.format' = 'json');
INSERT INTO a.t VALUES (1), (1), (2);
INSERT INTO b.t SELECT v, COUNT(*) FROM a.t GROUP BY v;
SELECT * FROM b.t;
---- a statement set
CREATE TABLE s (v INT) WITH ('connector' = 'kafka', 'topic' = 's', 'format' = 'json');
CREATE TABLE a (v INT) WITH ('connector' = 'kafka', 'topic' = 'a', 'format' = 'json');
CREATE TABLE b (v INT) WITH ('connector' = 'kafka', 'topic' = 'b', 'format' = 'json');
INSERT INTO s VALUES (1), (2);
EXECUTE STATEMENT SET BEGIN
  INSERT INTO a SELECT v FROM s;
  INSERT INTO b SELECT v * 10 FROM s;
END;
SELECT * FROM a;
SELECT * FROM b;
---- the old form of a statement set
CREATE TABLE s (v INT) WITH ('connector' = 'kafka', 'topic' = 's', 'format' = 'json');
CREATE TABLE a (v INT) WITH ('connector' = 'kafka', 'topic' = 'a', 'format' = 'json');
INSERT INTO s VALUES (1);
BEGIN STATEMENT SET;
INSERT INTO a SELECT v FROM s;
INSERT INTO a SELECT v + 1 FROM s;
END;
SELECT * FROM a;
---- execute insert
CREATE TABLE a (v INT) WITH ('connector' = 'kafka', 'topic' = 'a', 'format' = 'json');
EXECUTE INSERT INTO a SELECT 5;
SELECT * FROM a;
---- explain
CREATE TABLE s (v INT) WITH ('connector' = 'kafka', 'topic' = 's', 'format' = 'json');
CREATE TABLE p (v INT) WITH ('connector' = 'print');
EXPLAIN INSERT INTO p SELECT v + 1 FROM s WHERE v > 1;
EXPLAIN CHANGELOG_MODE SELECT v, COUNT(*) AS n FROM s GROUP BY v EMIT CHANGES;
EXPLAIN PLAN FOR SELECT v FROM s EMIT CHANGES;
---- insert into some columns
CREATE TABLE t (a INT, b STRING, c DOUBLE) WITH ('connector' = 'kafka', 'topic' = 't', 'format' = 'json');
INSERT INTO t (c, a) VALUES (1.5, 1);
INSERT INTO t (d) VALUES (1);
INSERT INTO t (a, b) VALUES (1);
SELECT * FROM t;
---- insert into what cannot be written
CREATE TABLE g (a INT) WITH ('connector' = 'datagen', 'number-of-rows' = '1');
CREATE VIEW v AS SELECT 1 AS a;
INSERT INTO g VALUES (1);
INSERT INTO v VALUES (1);
INSERT INTO nothing VALUES (1);
---- a version of a table
CREATE TABLE o (a INT, pt AS PROCTIME()) WITH ('connector' = 'kafka', 'topic' = 'o', 'format' = 'json');
CREATE TABLE c (a INT) WITH ('connector' = 'kafka', 'topic' = 'c', 'format' = 'json');
SELECT o.a FROM o JOIN c FOR SYSTEM_TIME AS OF o.pt AS x ON o.a = x.a;
---- a view that broke
CREATE TABLE t (a INT, b INT) WITH ('connector' = 'kafka', 'topic' = 't', 'format' = 'json');
CREATE VIEW v AS
  SELECT a,
         b FROM t;
ALTER TABLE t DROP b;
SELECT * FROM v;
---- a view of a view
CREATE TABLE t (a INT) WITH ('connector' = 'kafka', 'topic' = 't', 'format' = 'json');
INSERT INTO t VALUES (1);
CREATE VIEW v (b) AS SELECT a + 1 FROM t;
CREATE VIEW w AS SELECT B * 10 AS c FROM V;
SELECT * FROM w;
DROP VIEW v;
---- two views that need each other
CREATE VIEW v AS SELECT 1 AS a;
CREATE VIEW w AS SELECT a FROM v;
CREATE OR REPLACE VIEW v AS SELECT a FROM w;
SELECT * FROM v;
---- a materialized view
CREATE TABLE t (k INT, v INT) WITH ('connector' = 'kafka', 'topic' = 't', 'format' = 'json');
INSERT INTO t VALUES (1, 10), (1, 20), (2, 5);
CREATE MATERIALIZED VIEW m AS SELECT k, SUM(v) AS s FROM t GROUP BY k;
SELECT * FROM m;
SHOW MATERIALIZED VIEWS;
DROP VIEW m;
DROP MATERIALIZED VIEW m;
---- group by an alias and a number
CREATE TABLE t (k INT, v INT) WITH ('connector' = 'kafka', 'topic' = 't', 'format' = 'json');
INSERT INTO t VALUES (1, 10), (1, 20), (2, 5);
SELECT k % 2 AS odd, SUM(v) AS s FROM t GROUP BY k % 2;
SELECT K AS key, COUNT(*) AS n FROM t GROUP BY k ORDER BY 1;
---- joins and names in another case
CREATE TABLE Users (Id INT, Name STRING) WITH ('connector' = 'kafka', 'topic' = 'u', 'format' = 'json');
CREATE TABLE Orders (UserId INT, Total INT) WITH ('connector' = 'kafka', 'topic' = 'o', 'format' = 'json');
INSERT INTO Users VALUES (1, 'Ann'), (2, 'Bob');
INSERT INTO Orders VALUES (1, 5), (1, 7);
SELECT u.name, SUM(o.total) AS total FROM users u JOIN orders o ON u.ID = o.userid GROUP BY U.NAME;
SELECT NAME FROM users WHERE id NOT IN (SELECT userid FROM orders);
SELECT name, (SELECT MAX(total) FROM orders WHERE userid = users.id) AS most FROM users;
---- elements of arrays and maps
CREATE TABLE t (id INT, tags ARRAY<STRING>, m MAP<STRING, INT>) WITH ('connector' = 'kafka', 'topic' = 't', 'format' = 'json');
INSERT INTO t VALUES (1, ARRAY['x', 'y'], MAP['p', 7]), (2, ARRAY['z'], MAP['q', 8, 'r', 9]);
SELECT id, tag FROM t CROSS JOIN UNNEST(tags) AS u (tag);
SELECT id, tag, n FROM t CROSS JOIN UNNEST(tags) WITH ORDINALITY AS u (tag, n);
SELECT id, u.* FROM t, LATERAL UNNEST(m) WITH ORDINALITY AS u (k, v, n) WHERE n > 1;
SELECT * FROM t LEFT JOIN UNNEST(tags) WITH ORDINALITY AS u (tag, n) ON TRUE WHERE id = 1;
SELECT * FROM UNNEST(ARRAY['a', 'b']) WITH ORDINALITY AS u (v, n);
SELECT * FROM UNNEST(ARRAY[1]) WITH ORDINALITY;
SELECT * FROM UNNEST(ARRAY[1]) WITH ORDINALITY AS u (v);
SELECT * FROM t CROSS JOIN UNNEST(id) AS u (v);
SELECT id, (SELECT MAX(tag) FROM UNNEST(t.tags) AS u (tag)) FROM t;
SELECT * FROM t CROSS JOIN (SELECT tag FROM UNNEST(t.tags) AS u (tag) WHERE tag > 'x');
---- a filter inside over
CREATE TABLE t (id INT, v INT) WITH ('connector' = 'kafka', 'topic' = 't', 'format' = 'json');
INSERT INTO t VALUES (1, 10), (2, 20), (3, 30);
SELECT id, COUNT(*) FILTER (WHERE v > 10) OVER (ORDER BY id) AS n, COUNT() FILTER (WHERE v < 30) OVER (ORDER BY id) AS m FROM t;
SELECT id, ARRAY_AGG(v) FILTER (WHERE v > 10) OVER (ORDER BY id) AS n FROM t;
---- random numbers with a seed
SELECT v, RAND_INTEGER(42, 10) AS r, RAND_INTEGER(v, 16) AS s FROM (VALUES (1), (2), (3)) AS t (v) ORDER BY v;
SELECT RAND(42) AS a, RAND(42) AS b;
SELECT RAND(42) AS a;
---- names that nobody means
SELECT f(1);
