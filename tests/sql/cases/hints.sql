---- options of one use
CREATE TABLE t (a INT) WITH ('connector' = 'kafka', 'topic' = 'one', 'format' = 'json');
INSERT INTO t VALUES (1);
INSERT INTO t /*+ OPTIONS('topic' = 'two') */ VALUES (2);
SELECT * FROM t;
SELECT * FROM t /*+ OPTIONS('topic' = 'two') */;
SELECT t.a, u.a AS b FROM t, t /*+ options('topic'='two') */ AS u;
SELECT t.a FROM t /*+ OPTIONS('topic' = 'two') */ WHERE t.a > 1;
SHOW CREATE TABLE t;
---- in a job
CREATE TABLE s (a INT) WITH ('connector' = 'kafka', 'topic' = 's', 'format' = 'json');
CREATE TABLE t (a INT) WITH ('connector' = 'kafka', 'topic' = 't', 'format' = 'json');
INSERT INTO s /*+ OPTIONS('topic' = 's2') */ VALUES (7);
INSERT INTO t /*+ OPTIONS('topic' = 't2') */ SELECT a * 2 FROM s /*+ OPTIONS('topic' = 's2') */;
SELECT * FROM t /*+ OPTIONS('topic' = 't2') */;
---- in a view and a window
CREATE TABLE t (a INT, ts TIMESTAMP(3), WATERMARK FOR ts AS ts) WITH ('connector' = 'kafka', 'topic' = 't', 'format' = 'json');
INSERT INTO t /*+ OPTIONS('topic' = 'w') */ VALUES (1, TIMESTAMP '2024-05-01 12:00:00'), (2, TIMESTAMP '2024-05-01 12:00:01');
CREATE VIEW v AS SELECT a FROM t /*+ OPTIONS('topic' = 'w') */;
SELECT SUM(a) AS s FROM v;
SELECT window_start, SUM(a) AS s FROM TUMBLE(TABLE t /*+ OPTIONS('topic' = 'w') */, DESCRIPTOR(ts), INTERVAL '1' MINUTE) GROUP BY window_start, window_end;
---- an option that is unknown
CREATE TABLE t (a INT) WITH ('connector' = 'kafka', 'topic' = 't', 'format' = 'json');
SELECT * FROM t /*+ OPTIONS('topik' = 'two') */;
---- on what has no options
CREATE VIEW v AS SELECT 1 AS a;
SELECT * FROM v /*+ OPTIONS('a' = 'b') */;
WITH w AS (SELECT 1 AS a) SELECT * FROM w /*+ OPTIONS('a' = 'b') */;
SELECT * FROM nothing /*+ OPTIONS('a' = 'b') */;
---- secrets in hints
CREATE TABLE t (a INT) WITH ('connector' = 'kafka', 'topic' = 't', 'format' = 'json');
EXPLAIN SELECT a FROM t /*+ OPTIONS('properties.sasl.password' = 'hunter2', 'topic' = 'x') */ EMIT CHANGES;
---- a hint in the wrong place
SELECT /*+ OPTIONS('a' = 'b') */ 1;
---- a state ttl
SELECT /*+ STATE_TTL('a' = '1 d') */ 1;
---- how a join runs
SELECT /*+ BROADCAST(t) */ * FROM t;
---- how a lookup runs
CREATE TABLE t (a INT) WITH ('connector' = 'kafka', 'topic' = 't', 'format' = 'json');
SELECT /*+ LOOKUP('table' = 't', 'retry-predicate' = 'lookup_miss') */ * FROM t /*+ LOOKUP('table' = 't'), OPTIONS('topic' = 'x') */;
SELECT /*+ LOOKUP(t) */ * FROM t;
---- an unknown hint
SELECT /*+ SHUFLE_HASH(t) */ * FROM t;
---- half a hint
SELECT * FROM t /*+ OPTIONS('a' = ) */;
---- twice the same option
SELECT * FROM t /*+ OPTIONS('a' = 'b', 'a' = 'c') */;
---- a comment that is no hint
SELECT /* + OPTIONS('a' = 'b') */ 1 AS a;
