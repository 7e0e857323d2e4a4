---- a table is written, shown and described
CREATE TABLE orders (
  id BIGINT NOT NULL COMMENT 'the key',
  price DECIMAL(10, 2),
  ts TIMESTAMP(3),
  twice AS price * 2,
  pt AS PROCTIME(),
  at TIMESTAMP_LTZ(3) METADATA FROM 'timestamp' VIRTUAL,
  WATERMARK FOR ts AS ts - INTERVAL '5' SECOND
) WITH ('connector' = 'kafka', 'topic' = 'orders', 'format' = 'json');
SHOW TABLES;
DESCRIBE orders;
SHOW CREATE TABLE orders;
-- files
---- a key is shown
CREATE TABLE u (a INT, `b c` STRING, v DOUBLE, PRIMARY KEY (a, `b c`) NOT ENFORCED)
WITH ('connector' = 'upsert-kafka', 'topic' = 'u', 'key.format' = 'json', 'value.format' = 'json');
DESC u;
SHOW COLUMNS FROM u LIKE '%c';
SHOW COLUMNS IN u NOT LIKE '%c';
---- what was declared is there in the next process
CREATE TABLE t (a INT) WITH ('connector' = 'blackhole');
CREATE VIEW v AS SELECT a + 1 AS b FROM t;
CREATE FUNCTION f(x INT) RETURNS INT AS x + 1;
CREATE TEMPORARY TABLE gone (a INT) WITH ('connector' = 'blackhole');
SHOW TABLES;
-- reopen
SHOW TABLES;
SHOW VIEWS;
SHOW USER FUNCTIONS;
DESCRIBE v;
---- secrets are masked, references stay
CREATE TABLE t (a INT) WITH ('connector' = 'kafka', 'topic' = 't', 'format' = 'json',
  'properties.sasl.username' = '${env:NO_SUCH_USER:-me}', 'properties.sasl.password' = 'hunter2',
  'properties.sasl.mechanism' = 'PLAIN', 'properties.security.protocol' = 'SASL_PLAINTEXT');
SHOW CREATE TABLE t;
---- like and not like
CREATE TABLE apple (a INT) WITH ('connector' = 'blackhole');
CREATE TABLE banana (a INT) WITH ('connector' = 'blackhole');
CREATE TABLE Apricot (a INT) WITH ('connector' = 'blackhole');
SHOW TABLES LIKE 'a%';
SHOW TABLES NOT LIKE 'a%';
SHOW TABLES ILIKE 'A%';
---- databases
CREATE DATABASE shop COMMENT 'all of it';
CREATE DATABASE IF NOT EXISTS shop;
CREATE TABLE shop.t (a INT) WITH ('connector' = 'print');
USE shop;
CREATE TABLE u (a INT) WITH ('connector' = 'print');
SHOW TABLES;
SHOW CURRENT DATABASE;
SHOW DATABASES;
SHOW TABLES FROM default_database;
USE default_catalog.default_database;
SHOW TABLES;
SHOW TABLES IN shop;
-- files
---- a database that is not there
USE nowhere;
CREATE TABLE shoop.t (a INT) WITH ('connector' = 'print');
CREATE DATABASE shop;
CREATE TABLE shoop.t (a INT) WITH ('connector' = 'print');
SHOW TABLES FROM shoop;
USE Shop;
SHOW CURRENT DATABASE;
---- dropping a database
CREATE DATABASE d;
CREATE TABLE d.t (a INT) WITH ('connector' = 'print');
DROP DATABASE d;
USE d;
DROP DATABASE d CASCADE;
USE default_database;
DROP DATABASE d CASCADE;
DROP DATABASE d;
DROP DATABASE IF EXISTS d;
DROP DATABASE default_database;
SHOW DATABASES;
-- files
---- a database that others use is not dropped
CREATE DATABASE d;
CREATE TABLE d.t (a INT) WITH ('connector' = 'datagen', 'number-of-rows' = '1');
CREATE VIEW v AS SELECT a FROM d.t;
DROP DATABASE d CASCADE;
DROP VIEW v;
DROP DATABASE d CASCADE;
---- views in a database see that database
CREATE DATABASE d;
CREATE TABLE t (a INT) WITH ('connector' = 'kafka', 'topic' = 'one', 'format' = 'json');
CREATE TABLE d.t (a INT) WITH ('connector' = 'kafka', 'topic' = 'two', 'format' = 'json');
INSERT INTO t VALUES (1);
INSERT INTO d.t VALUES (2);
USE d;
CREATE VIEW v AS SELECT a, t.a * 10 AS b FROM t;
USE default_database;
SELECT * FROM d.v;
SELECT t.a, o.a AS other FROM t JOIN d.t AS o ON t.a < o.a;
-- reopen
SELECT * FROM d.v;
SELECT d.t.* FROM d.t;
USE d;
SELECT * FROM t;
SELECT * FROM default_database.t;
---- who uses it
CREATE TABLE t (a INT) WITH ('connector' = 'datagen', 'number-of-rows' = '1');
CREATE FUNCTION f(x INT) RETURNS INT AS x + 1;
CREATE FUNCTION g(x INT) AS f(x) + 1;
CREATE VIEW v AS SELECT g(a) AS b FROM t;
CREATE VIEW w AS WITH t AS (SELECT 1 AS a) SELECT * FROM t;
DROP TABLE t;
DROP FUNCTION f;
DROP FUNCTION g;
DROP VIEW v;
DROP FUNCTION g;
DROP FUNCTION f;
DROP TABLE t;
SHOW TABLES;
---- a table of bad records is in use
CREATE TABLE bad (`value` BYTES, error STRING) WITH ('connector' = 'kafka', 'topic' = 'bad', 'format' = 'json');
CREATE TABLE t (a INT) WITH ('connector' = 'kafka', 'topic' = 't', 'format' = 'json', 'on-error' = 'dead-letter', 'dead-letter.table' = 'bad');
DROP TABLE bad;
---- the wrong kind
CREATE TABLE t (a INT) WITH ('connector' = 'print');
CREATE VIEW v AS SELECT 1 AS a;
CREATE FUNCTION f() AS 1;
DROP VIEW t;
DROP TABLE v;
DROP TABLE f;
DROP MATERIALIZED VIEW v;
DROP FUNCTION t;
DROP TABLE tt;
DROP TABLE IF EXISTS tt;
DROP TABLE IF EXISTS nowhere.t;
SHOW CREATE VIEW t;
SHOW CREATE TABLE f;
SHOW CREATE FUNCTION f;
DESCRIBE nothing;
---- created again
CREATE TABLE t (a INT) WITH ('connector' = 'print');
create table t(a INT) with ('connector'='print');
CREATE TABLE IF NOT EXISTS t (b INT) WITH ('connector' = 'print');
DESCRIBE t;
CREATE OR REPLACE TABLE t (b INT) WITH ('connector' = 'print');
DESCRIBE t;
CREATE VIEW t AS SELECT 1;
---- names that need quotes
CREATE TABLE `a.b` (`x.y` INT, `select` INT) WITH ('connector' = 'kafka', 'topic' = 't', 'format' = 'json');
CREATE TABLE `größe ü` (a INT) WITH ('connector' = 'print');
INSERT INTO `a.b` VALUES (1, 2);
SELECT `x.y` + `select` AS s FROM `a.b`;
SELECT `a.b`.`x.y` FROM `a.b`;
SHOW TABLES;
DESCRIBE `a.b`;
-- files
---- names in another case
CREATE TABLE Orders (Id INT, Price INT, r ROW<Inner_a INT>) WITH ('connector' = 'kafka', 'topic' = 'o', 'format' = 'json');
INSERT INTO ORDERS VALUES (1, 10, ROW(5));
SELECT ID, orders.PRICE, o.id FROM ORDERS, orders AS O WHERE o.PRICE = Orders.price;
SELECT id, SUM(price) AS total FROM orders GROUP BY ID HAVING sum(PRICE) > 1 ORDER BY ID;
SELECT R.Inner_a FROM orders;
SELECT Prise FROM orders;
SELECT o.prise FROM orders AS o;
SELECT x.price FROM orders AS o;
---- names that can mean several
CREATE TABLE t (a INT) WITH ('connector' = 'print');
CREATE TABLE T (a INT) WITH ('connector' = 'print');
SELECT * FROM t2;
CREATE TABLE u (id INT, ID INT) WITH ('connector' = 'kafka', 'topic' = 'o', 'format' = 'json');
INSERT INTO u VALUES (1, 2);
SELECT id, ID FROM u;
SELECT Id FROM u;
---- what is shown
SHOW CATALOGS;
SHOW CURRENT CATALOG;
USE CATALOG default_catalog;
SHOW JOBS;
SET 'pipeline.name' = 'p';
SET;
RESET;
SET;
SHOW FUNCTIONS LIKE 'regexp_re%';
SHOW MATERIALIZED VIEWS;
