---- a mistyped statement
SELCT 1;
---- a mistyped clause
SELECT a FORM t;
---- a mistyped keyword in DDL
CREATE TABEL t (a INT);
---- nothing to create
CREATE;
---- nothing to drop
DROP;
---- a table without columns
CREATE TABLE t;
---- empty columns
CREATE TABLE t () WITH ('connector' = 'print');
---- a comma too many
CREATE TABLE t (a INT,) WITH ('connector' = 'print');
---- a comma too few
CREATE TABLE t (a INT b INT) WITH ('connector' = 'print');
---- an option without a value
CREATE TABLE t (a INT) WITH ('connector');
---- an option without quotes
CREATE TABLE t (a INT) WITH (connector = 'print');
---- a value without quotes
CREATE TABLE t (a INT) WITH ('connector' = print);
---- an option twice
CREATE TABLE t (a INT) WITH ('connector' = 'print', 'connector' = 'kafka');
---- a column twice
CREATE TABLE t (a INT, a STRING) WITH ('connector' = 'print');
---- an unknown type
CREATE TABLE t (a STRNG) WITH ('connector' = 'print');
---- a type of another system
CREATE TABLE t (a TEXT) WITH ('connector' = 'print');
---- a type that is missing
CREATE TABLE t (a MULTISET<INT>) WITH ('connector' = 'print');
---- a precision out of range
CREATE TABLE t (a DECIMAL(40, 2)) WITH ('connector' = 'print');
---- a scale above the precision
CREATE TABLE t (a DECIMAL(4, 5)) WITH ('connector' = 'print');
---- a time zone per value
CREATE TABLE t (a TIMESTAMP(3) WITH TIME ZONE) WITH ('connector' = 'print');
---- an array that is not closed
CREATE TABLE t (a ARRAY<INT) WITH ('connector' = 'print');
---- a map without values
CREATE TABLE t (a MAP<INT>) WITH ('connector' = 'print');
---- a row with a field twice
CREATE TABLE t (a ROW<x INT, x INT>) WITH ('connector' = 'print');
---- a default
CREATE TABLE t (a INT DEFAULT 1) WITH ('connector' = 'print');
---- a key that is enforced
CREATE TABLE t (a INT, PRIMARY KEY (a)) WITH ('connector' = 'print');
---- a key of an unknown column
CREATE TABLE t (a INT, PRIMARY KEY (b) NOT ENFORCED) WITH ('connector' = 'print');
---- two keys
CREATE TABLE t (a INT PRIMARY KEY NOT ENFORCED, b INT PRIMARY KEY NOT ENFORCED) WITH ('connector' = 'print');
---- a key of a computed column
CREATE TABLE t (a INT, b AS a + 1, PRIMARY KEY (b) NOT ENFORCED) WITH ('connector' = 'print');
---- unique
CREATE TABLE t (a INT, UNIQUE (a)) WITH ('connector' = 'print');
---- two watermarks
CREATE TABLE t (a TIMESTAMP(3), WATERMARK FOR a AS a, WATERMARK FOR a AS a) WITH ('connector' = 'print');
---- a watermark of an unknown column
CREATE TABLE t (a TIMESTAMP(3), WATERMARK FOR b AS b) WITH ('connector' = 'print');
---- a watermark of a text
CREATE TABLE t (a STRING, WATERMARK FOR a AS a) WITH ('connector' = 'print');
---- a watermark of a field
CREATE TABLE t (r ROW<ts TIMESTAMP(3)>, WATERMARK FOR r.ts AS r.ts) WITH ('connector' = 'print');
---- metadata without quotes
CREATE TABLE t (a INT METADATA FROM offset) WITH ('connector' = 'print');
---- distributed
CREATE TABLE t (a INT) DISTRIBUTED BY (a) WITH ('connector' = 'print');
---- partitions that are not there
CREATE TABLE t (a INT) PARTITIONED BY (b) WITH ('connector' = 'print');
---- a catalog
CREATE CATALOG c WITH ('type' = 'jdbc');
---- another catalog
SELECT * FROM c.d.t;
---- too many parts
CREATE TABLE a.b.c.d (a INT) WITH ('connector' = 'print');
---- a model
CREATE MODEL m;
---- a stream
CREATE STREAM s (a INT);
---- a materialized table
CREATE MATERIALIZED TABLE t AS SELECT 1;
---- insert overwrite
INSERT OVERWRITE t SELECT 1;
---- insert into a partition
INSERT INTO t PARTITION (p = 1) SELECT 1;
---- insert without a query
INSERT INTO t;
---- insert with a text for a name
INSERT INTO 't' SELECT 1;
---- match recognize
SELECT * FROM t MATCH_RECOGNIZE (PARTITION BY k ORDER BY ts MEASURES A.v AS v ONE ROW PER MATCH AFTER MATCH SKIP PAST LAST ROW PATTERN (A B+) DEFINE A AS A.v > 1) AS m;
---- update
UPDATE t SET a = 1;
---- delete
DELETE FROM t;
---- truncate
TRUNCATE TABLE t;
---- analyze
ANALYZE TABLE t COMPUTE STATISTICS;
---- a plan
COMPILE PLAN 'f' FOR INSERT INTO t SELECT 1;
---- a jar
ADD JAR 'x.jar';
---- jars
SHOW JARS;
---- modules
LOAD MODULE hive;
---- a procedure
CALL sys.f();
---- stop a job
STOP JOB 'x';
---- end of nothing
END;
---- a set that is not closed
EXECUTE STATEMENT SET BEGIN INSERT INTO t SELECT 1;
---- a set with a query
EXECUTE STATEMENT SET BEGIN SELECT 1; END;
---- a set in a set
BEGIN STATEMENT SET; BEGIN STATEMENT SET; END;
---- a text without an end
SELECT 'a;
---- a name without an end
SELECT `a;
---- a comment without an end
SELECT 1 /* a;
---- a bracket without an end
SELECT (1 + 2;
---- a bracket too many
SELECT 1);
---- emit something
SELECT 1 EMIT CHANGE;
---- two queries without a semicolon
SELECT 1
SELECT 2;
---- an alias that is a text
SELECT 1 AS 'a';
---- a group window that is not grouped
SELECT TUMBLE_START(ts, INTERVAL '1' HOUR) FROM t;
---- an unknown unit
SELECT TIMESTAMPDIFF(DAYS, a, b) FROM t;
---- set without a value
SET 'a';
---- a key with blanks
SET a b = c;
---- show something
SHOW TABELS;
---- describe without a name
DESCRIBE;
---- use without a name
USE;
---- like without a pattern
SHOW TABLES LIKE a;
---- like features that clash
CREATE TABLE t LIKE s (INCLUDING ALL EXCLUDING ALL);
---- like with something else
CREATE TABLE t LIKE s (INCLUDING EVERYTHING);
---- alter something
ALTER TABLE t FROB x;
---- alter a database
ALTER DATABASE d SET ('a' = 'b');
---- external without a format
CREATE EXTERNAL TABLE t (a INT) LOCATION 'x';
---- a dot in a database
CREATE DATABASE `a.b`;
---- explain nothing
EXPLAIN SET a = b;
---- a file of another script
-- a comment
SET 'a' = 'b';
CREATE TABLE t (
  a INT,
  b STIRNG
);
---- an unknown connector
CREATE TABLE t (a INT) WITH ('connector' = 'kafak');
---- an unknown option
CREATE TABLE t (a INT) WITH ('connector' = 'print',
  'print-identifer' = 'x');
---- no connector
CREATE TABLE t (a INT);
---- an unknown format
CREATE TABLE t (a INT) WITH ('connector' = 'kafka', 'topic' = 't', 'format' = 'jsno');
---- a table that is not there
CREATE TABLE orders (a INT) WITH ('connector' = 'print');
SELECT * FROM order_s;
---- a column that is not there
SELECT a,
       bb
FROM (SELECT 1 AS a, 2 AS b);
---- a column of a table that is not there
SELECT x.a FROM (SELECT 1 AS a) AS t;
---- a column in where
SELECT a FROM (SELECT 1 AS a) WHERE c = 1;
---- a column in group by
SELECT COUNT(*) FROM (SELECT 1 AS a) GROUP BY c;
---- a column in order by
SELECT a FROM (SELECT 1 AS a) ORDER BY c;
---- a function that is not there
SELECT uper('a');
---- a function with wrong arguments
SELECT UPPER(1, 2);
---- types that do not go together
SELECT 'a' + INTERVAL '1' DAY;
---- a column that is not grouped
SELECT a, COUNT(*) FROM (SELECT 1 AS a, 2 AS b) GROUP BY b;
---- unions of different widths
SELECT 1 UNION ALL SELECT 1, 2;
---- a window over no time
CREATE TABLE t (a INT) WITH ('connector' = 'kafka', 'topic' = 't', 'format' = 'json');
SELECT * FROM TUMBLE(TABLE t, DESCRIPTOR(a), INTERVAL '1' HOUR);
---- a window over an unknown column
CREATE TABLE t (a INT) WITH ('connector' = 'kafka', 'topic' = 't', 'format' = 'json');
SELECT * FROM TUMBLE(TABLE t, DESCRIPTOR(b), INTERVAL '1' HOUR);
---- a window with an unknown argument
CREATE TABLE t (ts TIMESTAMP(3)) WITH ('connector' = 'kafka', 'topic' = 't', 'format' = 'json');
SELECT * FROM TUMBLE(DATA => TABLE t, TIME => DESCRIPTOR(ts), SIZE => INTERVAL '1' HOUR);
---- a window of months
CREATE TABLE t (ts TIMESTAMP(3)) WITH ('connector' = 'kafka', 'topic' = 't', 'format' = 'json');
SELECT * FROM TUMBLE(TABLE t, DESCRIPTOR(ts), INTERVAL '1' MONTH);
---- a computed column that does not plan
CREATE TABLE t (a INT, b AS c + 1) WITH ('connector' = 'kafka', 'topic' = 't', 'format' = 'json');
SELECT * FROM t;
---- an insert of another width
CREATE TABLE t (a INT) WITH ('connector' = 'blackhole');
INSERT INTO t SELECT 1, 2;
---- an insert of another type
CREATE TABLE t (a ARRAY<INT>) WITH ('connector' = 'blackhole');
INSERT INTO t SELECT TRUE;
---- changes into a table that only grows
CREATE TABLE s (a INT) WITH ('connector' = 'kafka', 'topic' = 's', 'format' = 'json');
CREATE TABLE t (a INT, n BIGINT) WITH ('connector' = 'kafka', 'topic' = 't', 'format' = 'json');
INSERT INTO s VALUES (1);
INSERT INTO t SELECT a, COUNT(*) FROM s GROUP BY a;
---- a variable of the environment
CREATE TABLE t (a INT) WITH ('connector' = 'kafka', 'topic' = '${env:MILLSTREAM_NO_SUCH}', 'format' = 'json');
---- a file that is not there
CREATE TABLE t (a INT) WITH ('connector' = 'kafka', 'topic' = '${file:/no/such/file}', 'format' = 'json');
---- a password in an error
CREATE TABLE t (a INT) WITH ('connector' = 'kafka', 'topic' = 't', 'pasword' = 'hunter2', 'format' = 'json');
---- the wrong number of view columns
CREATE VIEW v (a, b) AS SELECT 1;
SELECT * FROM v;
---- a column of intervals
CREATE TABLE t (a INTERVAL DAY) WITH ('connector' = 'kafka', 'topic' = 't', 'format' = 'json');
---- a query whose columns are intervals
CREATE TABLE t WITH ('connector' = 'kafka', 'topic' = 't', 'format' = 'json') AS SELECT 1 AS a, INTERVAL '1' DAY AS i;
CREATE TABLE t WITH ('connector' = 'kafka', 'topic' = 't', 'format' = 'csv') AS SELECT ARRAY[TIMESTAMP '2024-01-02 00:00:00' - TIMESTAMP '2024-01-01 00:00:00'] AS waited;
---- the share of a percentile
SELECT PERCENTILE_CONT(1.5) WITHIN GROUP (ORDER BY v) FROM (VALUES (1), (2)) AS t(v);
SELECT PERCENTILE(v, v) FROM (VALUES (1), (2)) AS t(v);
SELECT PERCENTILE(v, CAST(NULL AS DOUBLE)) FROM (VALUES (1), (2)) AS t(v);
