-- MIN and MAX over what comes and goes: the extreme steps back, groups vanish, NULLs, filters, ties, several types, none but NULLs.
-- input events: rows=70 partitions=2 nulls=0.2 disorder=900 seed=61
-- input users: rows=120 upserts=12 deletes=0.3 seed=62
CREATE TABLE events ( id BIGINT NOT NULL, ts TIMESTAMP(3), k STRING, v INT, f DOUBLE, b BOOLEAN, WATERMARK FOR ts AS ts - INTERVAL '1' SECOND )
WITH ('connector' = 'kafka', 'topic' = 'events', 'properties.bootstrap.servers' = 'x', 'format' = 'json');
CREATE TABLE users ( id BIGINT, ts TIMESTAMP(3), k STRING, v INT, f DOUBLE, b BOOLEAN, PRIMARY KEY (id) NOT ENFORCED )
WITH ('connector' = 'upsert-kafka', 'topic' = 'users', 'properties.bootstrap.servers' = 'x', 'key.format' = 'json', 'value.format' = 'json');
CREATE VIEW per_key AS SELECT k, b, COUNT(*) AS n, SUM(v) AS s FROM events GROUP BY k, b;
CREATE MATERIALIZED VIEW by_flag AS SELECT b, MIN(n) lo, MAX(n) hi, MIN(s) slo, MAX(s) shi, COUNT(*) c, SUM(n) t FROM per_key GROUP BY b;
CREATE MATERIALIZED VIEW of_users AS SELECT b, MAX(v) hi, MIN(v) lo, MAX(k) khi, MIN(k) klo, MAX(ts) latest, COUNT(v) c FROM users GROUP BY b;
CREATE MATERIALIZED VIEW sums_beside AS SELECT k, MAX(v) hi, AVG(v) a, COUNT(*) n FROM users GROUP BY k;
CREATE MATERIALIZED VIEW filtered AS SELECT k, MAX(v) FILTER (WHERE b) hi, MIN(v) FILTER (WHERE v > 20) lo, MIN(v) FILTER (WHERE id < 0) never FROM users GROUP BY k;
CREATE MATERIALIZED VIEW altogether AS SELECT MAX(v) hi, MIN(ts) first, MAX(b) any_b, MIN(CAST(v AS DECIMAL(8, 2))) d FROM users;
CREATE MATERIALIZED VIEW nothing AS SELECT MAX(v) hi, COUNT(*) c FROM users WHERE id < 0;
CREATE MATERIALIZED VIEW nothing_of_changes AS SELECT MAX(n) hi, MIN(k) lo FROM per_key WHERE n < 0;
CREATE MATERIALIZED VIEW grouped_values AS SELECT v % 3 r, MAX(id) hi, MIN(v % 3) same FROM users GROUP BY v % 3;
CREATE MATERIALIZED VIEW histogram AS SELECT n, MIN(k) lo, MAX(k) hi FROM per_key GROUP BY n;
CREATE MATERIALIZED VIEW stacked AS SELECT hi, COUNT(*) c, MAX(b) bs FROM (SELECT k, b, MAX(v) hi FROM users GROUP BY k, b) GROUP BY hi;
CREATE MATERIALIZED VIEW largest AS SELECT MAX(hi) m, MIN(hi) l FROM (SELECT k, MAX(v) hi FROM users GROUP BY k);
CREATE MATERIALIZED VIEW having_large AS SELECT k FROM users GROUP BY k HAVING MAX(v) > 40;
CREATE MATERIALIZED VIEW floats AS SELECT k, MAX(f) hi, MIN(f) lo FROM users GROUP BY k;
CREATE MATERIALIZED VIEW beside_distinct AS SELECT k, MAX(v) hi, COUNT(DISTINCT v % 4) n FROM users GROUP BY k;
CREATE MATERIALIZED VIEW emptied AS SELECT MAX(v) hi, MIN(k) lo, COUNT(*) c FROM users WHERE id = 3 AND v > 30;
