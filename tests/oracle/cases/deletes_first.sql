-- Records of a table without a key that take a row away before another one brings it.
-- row changes/0: {"before":{"id":1,"k":"a","v":10},"after":null,"op":"d"}
-- row changes/0: {"before":null,"after":{"id":2,"k":"a","v":20},"op":"c"}
-- row changes/0: {"before":null,"after":{"id":1,"k":"a","v":10},"op":"c"}
-- row changes/1: {"before":null,"after":{"id":3,"k":"b","v":30},"op":"c"}
-- row changes/1: {"before":{"id":3,"k":"b","v":30},"after":{"id":3,"k":"a","v":31},"op":"u"}
-- row changes/0: {"before":{"id":3,"k":"a","v":31},"after":{"id":3,"k":"b","v":32},"op":"u"}
-- row changes/0: {"before":{"id":4,"k":"b","v":40},"after":null,"op":"d"}
-- row changes/0: {"before":{"id":4,"k":"b","v":40},"after":null,"op":"d"}
-- row changes/1: {"before":null,"after":{"id":4,"k":"b","v":40},"op":"c"}
-- row changes/1: {"before":null,"after":{"id":4,"k":"b","v":40},"op":"c"}
-- row changes/1: {"before":null,"after":{"id":4,"k":"b","v":40},"op":"c"}
-- row changes/0: {"before":{"id":5,"k":"c","v":50},"after":null,"op":"d"}
-- row changes/0: {"before":{"id":6,"k":null,"v":null},"after":null,"op":"d"}
-- row changes/1: {"before":null,"after":{"id":6,"k":null,"v":null},"op":"c"}
-- row changes/1: {"before":{"id":2,"k":"a","v":20},"after":{"id":2,"k":"a","v":21},"op":"u"}
-- row changes/0: {"before":{"id":2,"k":"a","v":21},"after":{"id":2,"k":"c","v":22},"op":"u"}
-- late: never
-- expect out: {"id":2,"k":"c","v":22}
-- expect out: {"id":3,"k":"b","v":32}
-- expect out: {"id":4,"k":"b","v":40}
CREATE TABLE changes (id BIGINT, k STRING, v INT) WITH ('connector' = 'kafka', 'topic' = 'changes', 'properties.bootstrap.servers' = 'x', 'format' = 'debezium-json');
CREATE TABLE out (id BIGINT, k STRING, v INT) WITH ('connector' = 'kafka', 'topic' = 'out', 'properties.bootstrap.servers' = 'x', 'format' = 'debezium-json');
INSERT INTO out SELECT * FROM changes;
CREATE MATERIALIZED VIEW whole AS SELECT * FROM changes;
CREATE MATERIALIZED VIEW counted AS SELECT COUNT(*) n FROM changes;
CREATE MATERIALIZED VIEW by_key AS SELECT k, COUNT(*) n, SUM(v) s, MAX(v) hi, COUNT(DISTINCT id) ids FROM changes GROUP BY k;
CREATE MATERIALIZED VIEW filtered AS SELECT id, UPPER(k) u FROM changes WHERE v > 20;
CREATE MATERIALIZED VIEW some AS SELECT DISTINCT k FROM changes;
CREATE MATERIALIZED VIEW paired AS SELECT a.id, a.v, b.v w FROM changes a JOIN changes b ON a.k = b.k AND a.id < b.id;
CREATE MATERIALIZED VIEW without AS SELECT id FROM changes a WHERE NOT EXISTS (SELECT 1 FROM changes b WHERE b.k = a.k AND b.id < a.id);
CREATE MATERIALIZED VIEW latest AS SELECT id, k, v FROM (SELECT *, ROW_NUMBER() OVER (PARTITION BY k ORDER BY v DESC) rn FROM changes) WHERE rn = 1;
