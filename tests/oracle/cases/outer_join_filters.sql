-- Conditions above outer joins, some of which let no row with NULL pass, so that the optimizer makes another join of them; by hand.
-- row t0/1: {"id":5,"k":"a","v":0,"w":0,"d":"2024-05-01"}
-- row t0/0: {"id":11,"k":"b","v":1,"w":0,"d":"2024-05-02"}
-- expect narrowed: 2024-05-02
-- expect narrowed_right: 2024-05-01
-- expect matched: 5 | 5
-- expect matched: 11 | 5
-- expect numbered: a | 1
-- expect numbered: b | 2
-- expect unmatched: NULL | 11
CREATE TABLE t0 ( id BIGINT, ts TIMESTAMP(3), k STRING, v INT, w BIGINT, d DATE, WATERMARK FOR ts AS ts )
WITH ('connector' = 'kafka', 'topic' = 't0', 'properties.bootstrap.servers' = 'x', 'format' = 'json');
CREATE MATERIALIZED VIEW narrowed AS SELECT a.d FROM t0 AS a FULL JOIN t0 AS b ON a.w = b.v WHERE (b.d BETWEEN DATE '2024-05-01' AND NULLIF(a.d, b.d));
CREATE MATERIALIZED VIEW narrowed_right AS SELECT b.d FROM t0 AS a RIGHT JOIN t0 AS b ON a.w = b.v WHERE b.d < NULLIF(a.d, b.d);
CREATE MATERIALIZED VIEW matched AS SELECT a.id, b.id bid FROM t0 AS a FULL JOIN t0 AS b ON a.w = b.v WHERE a.id > 0;
CREATE MATERIALIZED VIEW unmatched AS SELECT a.id, b.id bid FROM t0 AS a FULL JOIN t0 AS b ON a.w = b.v WHERE a.id IS NULL;
CREATE MATERIALIZED VIEW numbered AS SELECT b.k, ROW_NUMBER() OVER (ORDER BY b.k) r FROM (SELECT * FROM t0 WHERE id > 100) AS a RIGHT JOIN t0 AS b ON a.v = b.v WHERE b.d IS NOT NULL AND a.k IS NULL;
