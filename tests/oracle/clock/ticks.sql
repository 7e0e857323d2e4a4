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
