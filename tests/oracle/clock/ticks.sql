-- Filters that are evaluated for all rows at every tick.
-- input events: rows=80 partitions=2 nulls=0.05 disorder=3000
CREATE TABLE events ( id BIGINT, ts TIMESTAMP(3), k STRING, v INT, entered BIGINT, at AS PROCTIME(), d AS CAST(TIMESTAMPADD(HOUR, v, ts) AS DATE) )
WITH ('connector' = 'kafka', 'topic' = 'events', 'properties.bootstrap.servers' = 'x', 'format' = 'json');
CREATE MATERIALIZED VIEW clocks AS SELECT id, at FROM events;
CREATE MATERIALIZED VIEW odd AS SELECT id FROM events WHERE MOD(EXTRACT(SECOND FROM now()), 2) = MOD(id, 2);
CREATE MATERIALIZED VIEW other_days AS SELECT id, d FROM events WHERE d <> CURRENT_DATE;
CREATE MATERIALIZED VIEW outside AS SELECT id FROM events WHERE ts NOT BETWEEN now() - INTERVAL '2' SECOND AND now() AND v > 0;
CREATE MATERIALIZED VIEW groups_by_day AS
SELECT k, n FROM (SELECT k, COUNT(*) n FROM events GROUP BY k) WHERE n <> 3 AND MOD(n, 3) <> MOD(EXTRACT(SECOND FROM now()), 3);
-- The clock as a column that goes on.
CREATE MATERIALIZED VIEW left_pairs AS SELECT a.id, b.id AS other FROM events a LEFT JOIN events b
  ON a.k = b.k AND a.v = b.v AND b.ts > a.ts - (now() - a.ts) AND a.id <> b.id;
CREATE MATERIALIZED VIEW fresh_only AS SELECT a.id, b.id AS other FROM events a LEFT JOIN events b ON a.v = b.v AND a.ts > now() - INTERVAL '2' SECOND;
CREATE MATERIALIZED VIEW full_pairs AS SELECT a.id, b.id AS other FROM (SELECT * FROM events WHERE v > 50) a FULL JOIN (SELECT * FROM events WHERE v < 60) b
  ON a.k = b.k AND a.ts - INTERVAL '1' SECOND < b.ts AND MOD(EXTRACT(SECOND FROM now()), 2) = MOD(a.id + b.id, 2);
CREATE MATERIALIZED VIEW alone AS SELECT id, v FROM events a
WHERE NOT EXISTS (SELECT 1 FROM events b WHERE a.v = b.v AND b.id > a.id AND b.ts > a.ts - (now() - a.ts));
CREATE MATERIALIZED VIEW in_days AS SELECT a.id, b.id AS other FROM events a RIGHT JOIN events b ON a.k = b.k AND a.id < b.id AND a.d <> CURRENT_DATE AND b.d > a.d;
CREATE MATERIALIZED VIEW nearest AS SELECT id FROM events WHERE v > 20 ORDER BY ABS(UNIX_TIMESTAMP(ts) - UNIX_TIMESTAMP()), id LIMIT 3;
CREATE MATERIALIZED VIEW chains AS WITH RECURSIVE r AS (
  SELECT id, 0 AS n FROM events WHERE MOD(v, 7) = 1 AND ts > now() - INTERVAL '3' SECOND
  UNION ALL SELECT e.id, r.n + 1 FROM r JOIN events e ON e.id = r.id + 1 WHERE r.n < 3 AND MOD(EXTRACT(SECOND FROM now()), 2) = MOD(e.v, 2)) SELECT id, n FROM r;
