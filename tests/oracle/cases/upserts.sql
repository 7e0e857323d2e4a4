-- Queries over the newest row of each key, where keys also go, and records come a second time.
-- input users: rows=130 partitions=2 upserts=14 deletes=0.25 repeats=0.1 nulls=0.1
-- late: never
CREATE TABLE users ( id BIGINT, ts TIMESTAMP(3), k STRING, v INT, f DOUBLE, b BOOLEAN, WATERMARK FOR ts AS ts, PRIMARY KEY (id) NOT ENFORCED )
WITH ('connector' = 'upsert-kafka', 'topic' = 'users', 'properties.bootstrap.servers' = 'x', 'key.format' = 'json', 'value.format' = 'json');
CREATE MATERIALIZED VIEW now_there AS SELECT * FROM users;
CREATE MATERIALIZED VIEW keyless AS SELECT k, b FROM users;
CREATE MATERIALIZED VIEW counted AS SELECT COUNT(*) n FROM users;
CREATE MATERIALIZED VIEW by_key AS SELECT k, COUNT(*) n, COUNT(v) nv, SUM(v) s, MIN(v) lo, MAX(v) hi, AVG(f) a FROM users GROUP BY k;
CREATE MATERIALIZED VIEW filtered AS SELECT id, v * 2 w FROM users WHERE v > 10 AND k <> 'a';
CREATE MATERIALIZED VIEW distinct_keys AS SELECT DISTINCT k FROM users;
CREATE MATERIALIZED VIEW self_join AS SELECT a.id, b.id bid FROM users a JOIN users b ON a.k = b.k AND a.v < b.v;
CREATE MATERIALIZED VIEW first_two AS SELECT id, k, v FROM (SELECT id, k, v, ROW_NUMBER() OVER (PARTITION BY k ORDER BY v DESC) r FROM users) WHERE r <= 2;
CREATE MATERIALIZED VIEW three AS SELECT id, v FROM users ORDER BY v LIMIT 3;
CREATE MATERIALIZED VIEW per_window AS SELECT window_start, COUNT(*) n FROM TABLE(TUMBLE(TABLE users, DESCRIPTOR(ts), INTERVAL '2' SECOND)) GROUP BY window_start, window_end;
