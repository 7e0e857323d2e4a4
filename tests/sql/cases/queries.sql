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
---- numbers are as exact as they are written
SELECT CAST(0.5 AS DECIMAL(38, 38)) AS a, CAST(-(0.1) AS DECIMAL(38, 38)) AS b, TRY_CAST(99999999999999999999999999999999999999 AS DECIMAL(38, 0)) AS c, CAST(1.005 AS DECIMAL(10, 2)) AS d;
SELECT CAST(0.5 AS DECIMAL) AS a, CAST(12.5 AS NUMERIC) AS b, TYPEOF(CAST(1 AS DEC)) AS c, TYPEOF(CAST(1 AS DEC(7, 3))) AS d, CAST(1.5 AS DECIMAL(3)) AS e, CAST(1e2 AS DECIMAL(10, 2)) AS f;
SELECT 99999999999999999999 AS a, TYPEOF(99999999999999999999) AS b, TYPEOF(9223372036854775807) AS c, TYPEOF(9223372036854775808) AS d, TYPEOF(-9223372036854775808) AS e, 18446744073709551615 - 1 AS f;
CREATE TABLE t (a DECIMAL(38, 38), b DOUBLE, c DECIMAL(38, 0), d DECIMAL(5, 2)) WITH ('connector' = 'kafka', 'topic' = 't', 'format' = 'json');
INSERT INTO t VALUES (0.1, 0.1, 99999999999999999999999999999999999999, 1.125), (-.5, 2, -3, 4), (CAST('0.3' AS DECIMAL(38, 38)), 3.5, 1e3, NULL);
INSERT INTO t (d, a) VALUES (1.005, 0.30000000000000004);
SELECT * FROM t;
INSERT INTO t (d) VALUES (1), (1000.5);
---- a default of LAG and LEAD that is no literal
SELECT id, LAG(f, 1, id) OVER w AS a, LEAD(f, 1, id * 100) OVER (ORDER BY id) AS b, LAG(f, 1, id) IGNORE NULLS OVER (ORDER BY id) AS c, LAG(f, 1, -7) OVER w AS d FROM (VALUES (1, 10), (2, NULL), (3, 30)) t(id, f) WINDOW w AS (ORDER BY id);
---- a recursive query has the types of its first part
WITH RECURSIVE r AS (SELECT 1 AS n, CAST(0.5 AS DECIMAL(10, 2)) AS v UNION ALL SELECT n + 1, CAST(0.125 AS DECIMAL(10, 3)) FROM r WHERE n < 2) SELECT * FROM r;
WITH RECURSIVE r AS (SELECT 1 AS n, CAST(0.5 AS DECIMAL(38, 38)) AS v UNION ALL SELECT n + 1, CAST(7 AS DECIMAL(38, 0)) FROM r WHERE n < 2) SELECT * FROM r;
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
CREATE TABLE o (a INT, ts TIMESTAMP(3), pt AS PROCTIME(), WATERMARK FOR ts AS ts) WITH ('connector' = 'kafka', 'topic' = 'o', 'format' = 'json');
CREATE TABLE c (a INT) WITH ('connector' = 'kafka', 'topic' = 'c', 'format' = 'json');
CREATE TABLE f (a INT, word STRING) WITH ('connector' = 'filesystem', 'path' = 'tests/sql/words.csv', 'format' = 'csv');
CREATE TABLE fresh (a INT, word STRING) WITH ('connector' = 'filesystem', 'path' = 'tests/sql/words.csv', 'format' = 'csv', 'source.monitor-interval' = '1 s');
CREATE VIEW w AS SELECT a, UPPER(word) AS word FROM f;
CREATE VIEW timed AS SELECT *, PROCTIME() AS seen FROM c;
SELECT o.a FROM o JOIN c FOR SYSTEM_TIME AS OF o.pt AS x ON o.a = x.a;
SELECT o.a FROM o JOIN fresh FOR SYSTEM_TIME AS OF o.pt AS x ON o.a = x.a;
SELECT o.a FROM o JOIN f FOR SYSTEM_TIME AS OF o.ts AS x ON o.a = x.a;
SELECT o.a FROM o
  LEFT JOIN f FOR SYSTEM_TIME AS OF o.a AS x ON o.a = x.a;
SELECT o.a FROM o JOIN f FOR SYSTEM_TIME AS OF x.a AS x ON o.a = x.a;
SELECT o.a FROM o RIGHT JOIN f FOR SYSTEM_TIME AS OF o.pt AS x ON o.a = x.a;
SELECT o.a FROM o, f FOR SYSTEM_TIME AS OF o.pt AS x WHERE o.a = x.a;
SELECT a FROM f FOR SYSTEM_TIME AS OF TIMESTAMP '2024-05-01 12:00:00';
INSERT INTO o VALUES (1, TIMESTAMP '2024-05-01 12:00:00'), (2, TIMESTAMP '2024-05-01 12:00:00');
SELECT a, CURRENT_WATERMARK(ts) AS w FROM o WHERE CURRENT_WATERMARK(ts) IS NULL OR ts > CURRENT_WATERMARK(ts) ORDER BY a;
SELECT a, CURRENT_WATERMARK(a) AS w FROM o;
EXPLAIN SELECT a, CURRENT_WATERMARK(ts) AS w FROM o EMIT CHANGES;
SELECT o.a, x.word FROM o LEFT JOIN f FOR SYSTEM_TIME AS OF o.pt AS x ON o.a = x.a ORDER BY o.a;
EXPLAIN SELECT o.a, x.word FROM o JOIN f FOR SYSTEM_TIME AS OF o.pt AS x ON o.a = x.a AND x.word <> 'b' EMIT CHANGES;
EXPLAIN SELECT t.a, w.word, f.a FROM timed AS t LEFT JOIN w FOR SYSTEM_TIME AS OF t.seen ON t.a = w.a
  JOIN f FOR SYSTEM_TIME AS OF t.seen ON f.a = t.a EMIT CHANGES;
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
---- joins with USING
CREATE TABLE a (id INT, x INT) WITH ('connector' = 'kafka', 'topic' = 'a', 'format' = 'json');
CREATE TABLE c (y INT, id INT) WITH ('connector' = 'kafka', 'topic' = 'c', 'format' = 'json');
CREATE TABLE d (ID INT, z INT) WITH ('connector' = 'kafka', 'topic' = 'd', 'format' = 'json');
INSERT INTO a VALUES (1, 10), (3, 30);
INSERT INTO c VALUES (100, 1), (700, 7);
INSERT INTO d VALUES (1, 1000), (7, 7000);
SELECT * FROM a FULL JOIN c USING (id) ORDER BY id;
SELECT * FROM c RIGHT JOIN a USING (id) ORDER BY id;
SELECT * FROM a NATURAL LEFT JOIN c ORDER BY id;
SELECT * FROM a NATURAL JOIN (VALUES (1), (2)) AS e (w) ORDER BY id, w;
SELECT * FROM a FULL JOIN c USING (id) FULL JOIN d USING (id) ORDER BY id;
SELECT * FROM a FULL JOIN (c FULL JOIN d USING (id)) USING (id) ORDER BY id;
SELECT id, x, a.id, c.id FROM a FULL JOIN c USING (id) WHERE id > 1 ORDER BY id DESC;
SELECT id + 1, COUNT(*) AS n FROM a FULL JOIN c USING (ID) GROUP BY id HAVING id < 5 ORDER BY id + 1;
SELECT id FROM a JOIN c USING (id) JOIN d USING (id);
SELECT c.*, d.z FROM a JOIN c USING (id) JOIN d ON d.ID = id;
SELECT j.* FROM (a FULL JOIN c USING (id)) AS j ORDER BY id;
SELECT id, (SELECT SUM(z) FROM d WHERE d.ID = id) AS s FROM a FULL JOIN c USING (id) ORDER BY id;
SELECT id FROM a FULL JOIN c USING (id) WHERE id IN (SELECT ID FROM d) ORDER BY id;
SELECT ID FROM a FULL JOIN c USING (id) WHERE id IN (SELECT y / 100 FROM c) ORDER BY id;
WITH q AS (SELECT * FROM a FULL JOIN c USING (id)) SELECT * FROM q FULL JOIN d USING (id) ORDER BY id;
SELECT * EXCLUDE (x) FROM a FULL JOIN c USING (id) ORDER BY id;
SELECT * REPLACE (x + 1 AS x) FROM a FULL JOIN c USING (id) ORDER BY id;
SELECT x AS id FROM a FULL JOIN c USING (id) ORDER BY id NULLS LAST;
SELECT id FROM a UNION ALL SELECT id FROM a FULL JOIN c USING (id) ORDER BY id;
WITH RECURSIVE t AS (SELECT 1 AS id, 0 AS n UNION ALL SELECT id + 2, n + 1 FROM t JOIN a USING (id) WHERE n < 5) SELECT * FROM t;
SELECT id, u FROM (SELECT id, ARRAY[id, x] AS r FROM a) a CROSS JOIN UNNEST(a.r) AS t (u) RIGHT JOIN c USING (id) ORDER BY id, u;
SELECT id FROM a JOIN c ON a.id = c.id JOIN d USING (id);
SELECT id FROM a JOIN c USING (idd);
SELECT id FROM a JOIN c USING (id), d AS e (id, z);
---- errors of expressions are named
CREATE TABLE t (id INT, v INT, s STRING) WITH ('connector' = 'kafka', 'topic' = 't', 'format' = 'json');
INSERT INTO t VALUES (1, 0, 'x');
SELECT 100 * id / v AS share FROM t;
SELECT id / v AS a, id % v AS b FROM t;
SELECT id FROM t WHERE 5 / v > 1;
SELECT SUM(id) / SUM(v) AS a FROM t;
SELECT CAST(s AS INT) AS n FROM t;
SELECT id / NULLIF(v, 0) AS a, TRY_CAST(s AS INT) AS n FROM t;
---- subqueries that cannot be joined say what to write
CREATE TABLE t (id INT, x INT) WITH ('connector' = 'kafka', 'topic' = 't', 'format' = 'json');
CREATE TABLE s (id INT, y INT) WITH ('connector' = 'kafka', 'topic' = 's', 'format' = 'json');
INSERT INTO t VALUES (1, 2), (3, 4);
INSERT INTO s VALUES (1, 2), (2, 9), (2, 5);
SELECT id, (SELECT COUNT(*) FROM s WHERE s.id < t.id) AS n FROM t;
SELECT t.id, COUNT(s.id) AS n FROM t LEFT JOIN s ON s.id < t.id GROUP BY t.id ORDER BY t.id;
SELECT t.id, l.n FROM t LEFT JOIN LATERAL (SELECT COUNT(*) AS n FROM s WHERE s.id < t.id) AS l ON TRUE;
SELECT t.id, l.y FROM t, LATERAL (SELECT y FROM s WHERE s.id = t.id ORDER BY y DESC LIMIT 1) AS l;
SELECT t.id, n.y FROM t JOIN (SELECT *, ROW_NUMBER() OVER (PARTITION BY id ORDER BY y DESC) AS rn FROM s) AS n ON n.id = t.id AND n.rn <= 3;
SELECT id, (id, x) IN (SELECT id, y FROM s) AS found FROM t;
SELECT id, EXISTS (SELECT 1 FROM s WHERE s.id = t.id AND s.y = t.x) AS found FROM t ORDER BY id;
SELECT id FROM t WHERE (id, x) = (1, 2, 3);
SELECT id FROM t WHERE (id, x) IN (1, 2);
SELECT id, (SELECT y FROM s) AS y FROM t;
---- a filter inside over
CREATE TABLE t (id INT, v INT) WITH ('connector' = 'kafka', 'topic' = 't', 'format' = 'json');
INSERT INTO t VALUES (1, 10), (2, 20), (3, 30);
SELECT id, COUNT(*) FILTER (WHERE v > 10) OVER (ORDER BY id) AS n, COUNT() FILTER (WHERE v < 30) OVER (ORDER BY id) AS m FROM t;
SELECT id, ARRAY_AGG(v) FILTER (WHERE v > 10) OVER (ORDER BY id) AS n FROM t;
---- random numbers with a seed
SELECT v, RAND_INTEGER(42, 10) AS r, RAND_INTEGER(v, 16) AS s FROM (VALUES (1), (2), (3)) AS t (v) ORDER BY v;
SELECT RAND(42) AS a, RAND(42) AS b;
SELECT RAND(42) AS a;
---- functions without a similar name
SELECT f(1);
---- names that several tables have
CREATE TABLE a (id INT, x INT) WITH ('connector' = 'kafka', 'topic' = 'a', 'format' = 'json');
CREATE TABLE b (id INT, y INT) WITH ('connector' = 'kafka', 'topic' = 'b', 'format' = 'json');
SELECT x, id FROM a JOIN b ON a.x = b.y;
SELECT x FROM a JOIN b ON a.x = b.y WHERE Id > 1;
SELECT x FROM a, (SELECT y AS x FROM b) AS s GROUP BY x;
SELECT COUNT(*) FROM a AS one, a AS other, b AS third WHERE x = 3 ORDER BY id;
---- the row that a job fails over
CREATE TABLE t (id INT, v INT, s STRING) WITH ('connector' = 'kafka', 'topic' = 't', 'format' = 'json');
CREATE TABLE o (id INT, r INT) WITH ('connector' = 'kafka', 'topic' = 'o', 'format' = 'json');
INSERT INTO t VALUES (1, 2, 'a'), (2, 5, '7'), (3, 0, 'b'), (4, 1, 'c');
INSERT INTO o SELECT id, 10 / v FROM t;
SELECT * FROM o;
---- the row of a cast
CREATE TABLE t (id INT, v INT, s STRING) WITH ('connector' = 'kafka', 'topic' = 't', 'format' = 'json');
CREATE TABLE o (v INT, r BIGINT, PRIMARY KEY (v) NOT ENFORCED) WITH ('connector' = 'upsert-kafka', 'topic' = 'o', 'key.format' = 'json', 'value.format' = 'json');
INSERT INTO t VALUES (1, 2, '1'), (2, 5, '7'), (3, 0, 'x'), (4, 1, '3');
INSERT INTO o SELECT v, SUM(CAST(s AS INT)) FROM t GROUP BY v;
SELECT * FROM o;
---- the row with which a group fails
CREATE TABLE t (id INT, v INT, s STRING) WITH ('connector' = 'kafka', 'topic' = 't', 'format' = 'json');
CREATE TABLE o (v INT, r BIGINT, PRIMARY KEY (v) NOT ENFORCED) WITH ('connector' = 'upsert-kafka', 'topic' = 'o', 'key.format' = 'json', 'value.format' = 'json');
INSERT INTO t VALUES (1, 2, 'a'), (2, 5, 'a'), (3, 2, 'b'), (4, 5, 'c'), (5, 7, 'c');
INSERT INTO o SELECT v, 100 / (COUNT(*) - 2) FROM t WHERE id <> 3 GROUP BY v;
SELECT * FROM o;
---- sums that are beyond BIGINT on the way alone
SELECT SUM(v) AS s, AVG(v) AS a, SUM(v) OVER () AS o FROM (VALUES (9223372036854775807)) AS t (v) GROUP BY v;
SELECT SUM(v) AS s, AVG(v) AS a FROM (VALUES (9223372036854775807), (9223372036854775807), (-9223372036854775807)) AS t (v);
SELECT AVG(v) AS a FROM (VALUES (9223372036854775807), (9223372036854775807)) AS t (v);
SELECT SUM(v) AS s FROM (VALUES (9223372036854775807), (1)) AS t (v);
