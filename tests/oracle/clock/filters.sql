-- Filters that let a row pass for one span of the clock.
-- input events: rows=150 partitions=2 nulls=0.05 disorder=3000
CREATE TABLE events ( id BIGINT, ts TIMESTAMP(3), k STRING, v INT, entered BIGINT, at AS PROCTIME(),
  far AS TIMESTAMPADD(HOUR, v, ts), d AS CAST(TIMESTAMPADD(HOUR, v, ts) AS DATE) )
WITH ('connector' = 'kafka', 'topic' = 'events', 'properties.bootstrap.servers' = 'x', 'format' = 'json');
CREATE MATERIALIZED VIEW clocks AS SELECT id, at FROM events;
CREATE MATERIALIZED VIEW recent AS SELECT id, v FROM events WHERE ts > now() - INTERVAL '2' SECOND;
CREATE MATERIALIZED VIEW recent_or_equal AS SELECT id FROM events WHERE ts >= CURRENT_TIMESTAMP - INTERVAL '2' SECOND AND v > 0;
CREATE MATERIALIZED VIEW old_enough AS SELECT id FROM events WHERE CAST(ts AS TIMESTAMP_LTZ(3)) + INTERVAL '1' SECOND <= now();
CREATE MATERIALIZED VIEW around AS SELECT id FROM events WHERE ts BETWEEN now() - INTERVAL '3' SECOND AND now() + INTERVAL '1' SECOND;
CREATE MATERIALIZED VIEW flipped AS SELECT id FROM events WHERE NOT (now() - INTERVAL '1' SECOND >= ts);
CREATE MATERIALIZED VIEW local_time AS SELECT id FROM events WHERE ts < LOCALTIMESTAMP AND ts + INTERVAL '4' SECOND > LOCALTIMESTAMP;
CREATE MATERIALIZED VIEW today AS SELECT id, d FROM events WHERE d = CURRENT_DATE;
CREATE MATERIALIZED VIEW before_today AS SELECT id, d FROM events WHERE d < CURRENT_DATE;
CREATE MATERIALIZED VIEW this_month AS SELECT id, far FROM events WHERE far > now() - INTERVAL '1' MONTH AND far <= now();
CREATE MATERIALIZED VIEW either AS SELECT id, v FROM events WHERE ts > now() - INTERVAL '1' SECOND OR v > 60;
CREATE MATERIALIZED VIEW in_seconds AS SELECT id FROM events WHERE UNIX_TIMESTAMP(ts) > UNIX_TIMESTAMP() - 2;
CREATE MATERIALIZED VIEW this_hour AS SELECT id FROM events WHERE FLOOR(far TO HOUR) = FLOOR(CAST(now() AS TIMESTAMP(3)) TO HOUR);
CREATE MATERIALIZED VIEW counts AS SELECT k, COUNT(*) n, SUM(v) s, MAX(v) m FROM events WHERE ts > now() - INTERVAL '2' SECOND GROUP BY k;
CREATE MATERIALIZED VIEW quiet AS
SELECT k, newest, n FROM (SELECT k, MAX(ts) newest, COUNT(*) n FROM events GROUP BY k) WHERE newest < now() - INTERVAL '1' SECOND;
CREATE MATERIALIZED VIEW pairs AS SELECT a.id, b.id AS other FROM events a JOIN events b ON a.k = b.k AND a.v = b.v
WHERE a.ts > now() - INTERVAL '1' SECOND AND b.ts + INTERVAL '2' SECOND > now();
CREATE MATERIALIZED VIEW both_sides AS SELECT a.id, b.id AS other FROM events a JOIN events b ON a.v = b.v AND a.ts + INTERVAL '2' SECOND > now() - (b.ts - a.ts);
CREATE MATERIALIZED VIEW best AS SELECT k, id, v FROM (
  SELECT k, id, v, ts, ROW_NUMBER() OVER (PARTITION BY k ORDER BY v DESC) AS rn FROM events WHERE ts > now() - INTERVAL '2' SECOND) WHERE rn <= 2;
CREATE MATERIALIZED VIEW by_filter AS SELECT k, COUNT(*) n, COUNT(*) FILTER (WHERE ts > now() - INTERVAL '2' SECOND) fresh,
  SUM(v) FILTER (WHERE ts > now() - INTERVAL '2' SECOND) fresh_sum, MAX(v) FILTER (WHERE ts > now() - INTERVAL '1' SECOND AND v < 50) low,
  COUNT(DISTINCT v) FILTER (WHERE ts + INTERVAL '1' SECOND < now()) old, MIN(id) FILTER (WHERE v > 50) first FROM events GROUP BY k;
CREATE MATERIALIZED VIEW by_filter_alone AS SELECT COUNT(*) FILTER (WHERE ts > now() - INTERVAL '1' SECOND) fresh FROM events;
CREATE MATERIALIZED VIEW sets_by_filter AS SELECT k, MOD(v, 3) m, COUNT(*) FILTER (WHERE ts > now() - INTERVAL '2' SECOND) fresh, SUM(v) s
FROM events GROUP BY GROUPING SETS ((k), (MOD(v, 3)), ());
