---- like takes everything over
CREATE TABLE s (a INT, ts TIMESTAMP(3), b AS a + 1, m BIGINT METADATA FROM 'offset' VIRTUAL, WATERMARK FOR ts AS ts - INTERVAL '1' SECOND)
COMMENT 'source' WITH ('connector' = 'kafka', 'topic' = 's', 'format' = 'json');
CREATE TABLE t WITH ('topic' = 't') LIKE s;
SHOW CREATE TABLE t;
-- files
---- like with columns and a key of its own
CREATE TABLE s (a INT, b STRING) WITH ('connector' = 'kafka', 'topic' = 's', 'format' = 'json');
CREATE TABLE t (c DOUBLE COMMENT 'more', PRIMARY KEY (a) NOT ENFORCED)
WITH ('connector' = 'upsert-kafka', 'key.format' = 'json', 'value.format' = 'json', 'topic' = 't') LIKE s (EXCLUDING OPTIONS);
SHOW CREATE TABLE t;
DESCRIBE t;
---- like without generated columns and watermark
CREATE TABLE s (a INT, ts TIMESTAMP(3), b AS a + 1, WATERMARK FOR ts AS ts) WITH ('connector' = 'datagen', 'rows-per-second' = '5');
CREATE TABLE t LIKE s (EXCLUDING ALL INCLUDING OPTIONS);
CREATE TABLE u LIKE s (EXCLUDING GENERATED EXCLUDING WATERMARKS);
CREATE TABLE v (b AS a + 2, WATERMARK FOR ts AS ts - INTERVAL '9' SECOND) LIKE s (OVERWRITING GENERATED OVERWRITING WATERMARKS);
SHOW CREATE TABLE t;
SHOW CREATE TABLE u;
SHOW CREATE TABLE v;
---- like that does not go together
CREATE TABLE s (a INT, ts TIMESTAMP(3), b AS a + 1, WATERMARK FOR ts AS ts) WITH ('connector' = 'datagen', 'rows-per-second' = '5');
CREATE TABLE t (a INT) LIKE s;
CREATE TABLE t (b AS a + 2) LIKE s;
CREATE TABLE t (WATERMARK FOR ts AS ts) LIKE s;
CREATE TABLE t WITH ('connector' = 'print') LIKE s (INCLUDING OPTIONS);
CREATE TABLE t LIKE s (EXCLUDING OPTIONS);
CREATE TABLE t (WATERMARK FOR tss AS tss) LIKE s (EXCLUDING WATERMARKS);
CREATE TABLE t LIKE nothing;
CREATE VIEW w AS SELECT 1 AS a;
CREATE TABLE t LIKE w;
---- like twice is the same declaration
CREATE TABLE s (a INT) WITH ('connector' = 'print');
CREATE TABLE t LIKE s;
CREATE TABLE t LIKE s;
CREATE TABLE IF NOT EXISTS t (b INT) LIKE s;
CREATE TEMPORARY TABLE u LIKE s;
SHOW CREATE TABLE u;
---- a table as a query
CREATE TABLE s (a INT NOT NULL, b STRING, d DECIMAL(5, 2), ts TIMESTAMP(3)) WITH ('connector' = 'kafka', 'topic' = 's', 'format' = 'json');
INSERT INTO s VALUES (1, 'x', 1.5, TIMESTAMP '2024-05-01 12:00:00'), (2, 'y', 2.5, TIMESTAMP '2024-05-01 12:00:01');
CREATE TABLE t WITH ('connector' = 'kafka', 'topic' = 't', 'format' = 'json') AS
SELECT a, UPPER(b) AS b, d * 2 AS twice, ts, COUNT(*) OVER () IS NULL AS no FROM s WHERE a > 0;
CREATE TABLE u WITH ('connector' = 'kafka', 'topic' = 'u', 'format' = 'json') AS SELECT a, UPPER(b) AS b, d * 2 AS twice, ts FROM s;
SHOW CREATE TABLE u;
SELECT * FROM u;
---- a table as a query with a key and columns of its own
CREATE TABLE s (a INT, b STRING) WITH ('connector' = 'kafka', 'topic' = 's', 'format' = 'json');
INSERT INTO s VALUES (1, 'x'), (1, 'y'), (2, 'z');
CREATE TABLE t (n BIGINT, more AS n + 1, PRIMARY KEY (a) NOT ENFORCED)
WITH ('connector' = 'upsert-kafka', 'topic' = 't', 'key.format' = 'json', 'value.format' = 'json')
AS SELECT a, COUNT(*) AS n FROM s GROUP BY a;
DESCRIBE t;
SELECT * FROM t;
---- a table as a query that does not plan
CREATE TABLE t WITH ('connector' = 'print') AS SELECT a FROM nothing;
CREATE TABLE t WITH ('connector' = 'blackhole') AS SELECT 1 AS a, 2 AS a;
CREATE TABLE t AS SELECT 1 AS a;
CREATE TABLE t (m INT METADATA) WITH ('connector' = 'print') AS SELECT 1 AS m;
SHOW TABLES;
---- a table as a query that ends at once
SET 'execution.runtime-mode' = 'batch';
CREATE TABLE t WITH ('connector' = 'kafka', 'topic' = 't', 'format' = 'json') AS SELECT 1 AS a UNION ALL SELECT 2;
SELECT * FROM t;
---- partitions are declared
CREATE TABLE t (a INT, day STRING) PARTITIONED BY (day) WITH ('connector' = 'filesystem', 'path' = 't', 'format' = 'csv');
CREATE TABLE u LIKE t;
SHOW CREATE TABLE u;
CREATE TABLE v LIKE t (EXCLUDING PARTITIONS);
SHOW CREATE TABLE v;
---- options are changed
CREATE TABLE t (a INT) WITH ('connector' = 'kafka', 'topic' = 't', 'format' = 'json', 'scan.startup.mode' = 'latest-offset');
ALTER TABLE t SET ('topic' = 'u', 'json.ignore-parse-errors' = 'true');
ALTER TABLE t RESET ('scan.startup.mode');
SHOW CREATE TABLE t;
ALTER TABLE t SET ('topik' = 'u');
ALTER TABLE t RESET ('connector');
ALTER TABLE t RESET ('format');
SHOW CREATE TABLE t;
-- files
---- a table is renamed
CREATE TABLE t (a INT) WITH ('connector' = 'kafka', 'topic' = 't', 'format' = 'json');
INSERT INTO t VALUES (1);
ALTER TABLE t RENAME TO u;
SELECT * FROM u;
SELECT * FROM t;
CREATE VIEW v AS SELECT * FROM u;
ALTER TABLE u RENAME TO w;
ALTER VIEW v RENAME TO vv;
ALTER TABLE u RENAME TO vv;
SELECT * FROM vv;
-- reopen
SELECT * FROM vv;
SHOW TABLES;
-- files
---- renaming stays in the database
CREATE DATABASE d;
CREATE TABLE d.t (a INT) WITH ('connector' = 'print');
ALTER TABLE d.t RENAME TO u;
SHOW TABLES FROM d;
ALTER TABLE d.u RENAME TO default_database.u;
SHOW TABLES;
SHOW TABLES FROM d;
-- files
---- columns are added, changed and dropped
CREATE TABLE t (a INT, b INT) WITH ('connector' = 'datagen', 'rows-per-second' = '5');
ALTER TABLE t ADD c STRING COMMENT 'new';
ALTER TABLE t ADD (d DOUBLE FIRST, e AS a + b AFTER a);
ALTER TABLE t ADD (ts TIMESTAMP(3), WATERMARK FOR ts AS ts - INTERVAL '1' SECOND);
ALTER TABLE t MODIFY b BIGINT NOT NULL FIRST;
DESCRIBE t;
ALTER TABLE t DROP (c, d);
ALTER TABLE t RENAME b TO bb;
ALTER TABLE t DROP e;
ALTER TABLE t RENAME b TO bb;
ALTER TABLE t MODIFY WATERMARK FOR ts AS ts;
ALTER TABLE t ADD PRIMARY KEY (bb) NOT ENFORCED;
SHOW CREATE TABLE t;
ALTER TABLE t DROP PRIMARY KEY;
ALTER TABLE t DROP WATERMARK;
ALTER TABLE t DROP CONSTRAINT x;
SHOW CREATE TABLE t;
---- changes that do not fit
CREATE TABLE t (a INT, ts TIMESTAMP(3), WATERMARK FOR ts AS ts) WITH ('connector' = 'datagen', 'rows-per-second' = '5');
ALTER TABLE t ADD a INT;
ALTER TABLE t MODIFY x INT;
ALTER TABLE t DROP ts;
ALTER TABLE t DROP x;
ALTER TABLE t RENAME x TO y;
ALTER TABLE t RENAME a TO ts;
ALTER TABLE t RENAME ts TO tss;
ALTER TABLE t ADD WATERMARK FOR ts AS ts;
ALTER TABLE t ADD b INT AFTER x;
ALTER TABLE t MODIFY ts STRING;
ALTER TABLE t MODIFY PRIMARY KEY (a) NOT ENFORCED;
ALTER TABLE nothing ADD b INT;
ALTER TABLE IF EXISTS nothing ADD b INT;
ALTER VIEW t AS SELECT 1;
DESCRIBE t;
---- a view is changed
CREATE TABLE t (a INT) WITH ('connector' = 'kafka', 'topic' = 't', 'format' = 'json');
INSERT INTO t VALUES (1);
CREATE VIEW v (b) AS SELECT a FROM t;
ALTER VIEW v AS SELECT a * 10 FROM t;
SELECT * FROM v;
SHOW CREATE VIEW v;
-- reopen
SELECT * FROM v;
---- external tables of DataFusion
CREATE EXTERNAL TABLE t (a INT, b STRING) STORED AS KAFKA LOCATION 'localhost:9092/top' OPTIONS ('format' = 'json');
INSERT INTO t VALUES (1, 'x');
SELECT * FROM t;
DESCRIBE t;
CREATE EXTERNAL TABLE t (a INT, b STRING) STORED AS KAFKA LOCATION 'localhost:9092/top' OPTIONS ('format' = 'json');
CREATE EXTERNAL TABLE u (a INT) STORED AS BLACKHOLE;
CREATE EXTERNAL TABLE v (a INT) STORED AS NOTHING LOCATION 'x';
SHOW TABLES;
DROP EXTERNAL TABLE t;
---- a temporary table hides another one
CREATE TABLE t (a INT) WITH ('connector' = 'print');
CREATE VIEW v AS SELECT * FROM t;
CREATE TEMPORARY TABLE t (b INT) WITH ('connector' = 'print');
DESCRIBE t;
DROP TEMPORARY TABLE t;
DESCRIBE t;
DROP TABLE t;
---- files that people edited
CREATE DATABASE d;
CREATE TABLE t (a INT) WITH ('connector' = 'print');
-- reopen
SHOW DATABASES;
SHOW TABLES;
---- what is kept of a table that is looked up
CREATE TABLE a (id INT) WITH ('connector' = 'filesystem', 'path' = 'tests/sql/words.csv', 'lookup.cache' = 'PARTIAL');
CREATE TABLE b (id INT) WITH ('connector' = 'filesystem', 'path' = 'tests/sql/words.csv', 'lookup.cache' = 'full');
CREATE TABLE c (id INT) WITH ('connector' = 'filesystem', 'path' = 'tests/sql/words.csv', 'lookup.full-cache.periodic-reload.interval' = '1 min');
CREATE TABLE d (id INT) WITH ('connector' = 'filesystem', 'path' = 'tests/sql/words.csv', 'lookup.cache' = 'ALL');
CREATE TABLE e (id INT) WITH ('connector' = 'filesystem', 'path' = 'tests/sql/words.csv', 'lookup.cache' = 'FULL', 'lookup.full-cache.periodic-reload.interval' = 'soon');
CREATE TABLE f (a INT, word STRING) WITH ('connector' = 'filesystem', 'path' = 'tests/sql/words.csv', 'lookup.cache' = 'none');
SELECT * FROM f;
