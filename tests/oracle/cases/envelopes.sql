-- Changes as Debezium tells them: in full, and by key.
-- input rows: rows=140 partitions=2 envelopes=11 deletes=0.25 nulls=0.1 seed=7
-- late: never
CREATE TABLE changed ( id BIGINT, ts TIMESTAMP(3), k STRING, v INT, f DOUBLE, b BOOLEAN, WATERMARK FOR ts AS ts ) WITH ('connector' = 'kafka', 'topic' = 'rows', 'properties.bootstrap.servers' = 'x', 'format' = 'debezium-json');
CREATE TABLE keyed ( id BIGINT, ts TIMESTAMP(3), k STRING, v INT, f DOUBLE, b BOOLEAN, PRIMARY KEY (id) NOT ENFORCED ) WITH ('connector' = 'kafka', 'topic' = 'rows', 'properties.bootstrap.servers' = 'x', 'format' = 'debezium-json');
CREATE MATERIALIZED VIEW all_changed AS SELECT * FROM changed;
CREATE MATERIALIZED VIEW all_keyed AS SELECT id, v FROM keyed;
CREATE MATERIALIZED VIEW filtered AS SELECT id, UPPER(k) u FROM changed WHERE v > 0;
CREATE MATERIALIZED VIEW by_key AS SELECT k, COUNT(*) n, SUM(v) s, MAX(v) hi FROM changed GROUP BY k;
CREATE MATERIALIZED VIEW by_flag AS SELECT b, COUNT(*) n FROM keyed GROUP BY b;
CREATE MATERIALIZED VIEW joined AS SELECT c.id, c.v, k.v kv FROM changed c JOIN keyed k ON c.id = k.id;
CREATE MATERIALIZED VIEW united AS SELECT k FROM changed UNION ALL SELECT k FROM keyed WHERE v > 0;
