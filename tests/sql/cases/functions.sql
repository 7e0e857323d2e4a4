---- a function is its expression
CREATE FUNCTION plus(x INT, y INT) RETURNS BIGINT AS x + y;
CREATE FUNCTION greet(who STRING) RETURN CONCAT('hello ', who);
SELECT plus(1, 2) AS a, greet('you') AS b, plus(1 + 1, 2 * 2) * 2 AS c;
SELECT plus(1, 2), greet('you');
SELECT PLUS(3, 4) AS d;
---- arguments are cast
CREATE FUNCTION half(x DOUBLE) RETURNS DECIMAL(10, 2) AS x / 2;
SELECT half(3) AS a, half('5') AS b;
---- functions of functions
CREATE FUNCTION f(x INT) AS x + 1;
CREATE FUNCTION g(x INT) AS f(f(x)) * 10;
SELECT g(1) AS a;
CREATE OR REPLACE FUNCTION f(x INT) AS x + 2;
SELECT g(1) AS a;
---- no function calls itself
CREATE FUNCTION f(x INT) AS f(x) + 1;
CREATE FUNCTION g(x INT) AS x;
CREATE FUNCTION h(x INT) AS g(x);
CREATE OR REPLACE FUNCTION g(x INT) AS h(x);
SELECT h(7) AS a;
---- aggregates and windows inside
CREATE TABLE t (k INT, v INT) WITH ('connector' = 'kafka', 'topic' = 't', 'format' = 'json');
INSERT INTO t VALUES (1, 10), (1, 20), (2, 5);
CREATE FUNCTION spread(x INT) AS MAX(x) - MIN(x);
SELECT k, spread(v) AS s FROM t GROUP BY k;
---- a column of the same name is another thing
CREATE TABLE t (x INT, y INT) WITH ('connector' = 'kafka', 'topic' = 't', 'format' = 'json');
INSERT INTO t VALUES (1, 2);
CREATE FUNCTION sub(x INT, y INT) AS x - y;
SELECT sub(y, x) AS a, sub(x, y) AS b FROM t;
---- in computed columns and watermarks
CREATE FUNCTION cents(x DECIMAL(10, 2)) RETURNS BIGINT AS x * 100;
CREATE FUNCTION earlier(ts TIMESTAMP(3)) AS ts - INTERVAL '5' SECOND;
CREATE TABLE t (p DECIMAL(10, 2), c AS cents(p), ts TIMESTAMP(3), WATERMARK FOR ts AS earlier(ts))
WITH ('connector' = 'kafka', 'topic' = 't', 'format' = 'json');
INSERT INTO t VALUES (1.25, TIMESTAMP '2024-05-01 12:00:00');
SELECT p, c FROM t;
DESCRIBE t;
DROP FUNCTION cents;
---- in a continuous query
CREATE FUNCTION twice(x INT) RETURNS INT AS x * 2;
CREATE TABLE s (v INT) WITH ('connector' = 'kafka', 'topic' = 's', 'format' = 'json');
CREATE TABLE t (v INT) WITH ('connector' = 'kafka', 'topic' = 't', 'format' = 'json');
INSERT INTO s VALUES (1), (2);
INSERT INTO t SELECT twice(v) FROM s WHERE twice(v) > 2;
SELECT * FROM t;
---- wrong calls
CREATE FUNCTION f(x INT, y INT) AS x + y;
SELECT f(1);
SELECT f(1, 2, 3);
SELECT f(DISTINCT 1, 2);
SELECT f(1, 2) OVER ();
SELECT nothing(1);
SELECT 1,
  sume(2);
---- functions in databases
CREATE DATABASE d;
CREATE FUNCTION d.f(x INT) AS x + 1;
CREATE FUNCTION g(x INT) AS x + 100;
SELECT d.f(1) AS a;
SELECT f(1) AS a;
USE d;
SELECT f(1) AS a, g(1) AS b;
CREATE FUNCTION h(x INT) AS f(x) + g(x);
USE default_database;
SELECT d.h(1) AS a;
SHOW USER FUNCTIONS;
SHOW USER FUNCTIONS FROM d;
-- files
---- temporary functions
CREATE TEMPORARY FUNCTION f(x INT) AS x + 1;
SELECT f(1) AS a;
DROP TEMPORARY FUNCTION f;
SELECT f(1) AS a;
CREATE TEMPORARY SYSTEM FUNCTION IF NOT EXISTS f(x INT) AS x + 2;
SELECT f(1) AS a;
-- reopen
SHOW USER FUNCTIONS;
---- a function is declared again
CREATE FUNCTION f(x INT) AS x + 1;
CREATE FUNCTION f(x INT) AS x + 1;
CREATE FUNCTION IF NOT EXISTS f(x INT) AS x + 2;
SELECT f(1) AS a;
DROP FUNCTION f;
DROP FUNCTION f;
DROP FUNCTION IF EXISTS f;
---- no parameters
CREATE FUNCTION pi4() RETURNS DOUBLE AS 0.785;
SELECT pi4() * 4 AS a;
---- functions of classes
CREATE FUNCTION f AS 'com.example.F' LANGUAGE JAVA USING JAR 'x.jar';
---- scripts in Python
CREATE TEMPORARY FUNCTION f AS 'a.b' LANGUAGE PYTHON;
---- a type that is none
CREATE FUNCTION f(x INTT) AS x;
