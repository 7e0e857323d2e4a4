-- The clock at which a row entered, and windows by it.
-- input events: rows=150 partitions=2 nulls=0.05 disorder=3000
CREATE TABLE events ( id BIGINT, ts TIMESTAMP(3), k STRING, v INT, entered BIGINT, at AS PROCTIME() )
WITH ('connector' = 'kafka', 'topic' = 'events', 'properties.bootstrap.servers' = 'x', 'format' = 'json');
CREATE VIEW entries AS SELECT id, k, v, entered, PROCTIME() AS p_time FROM events;
CREATE MATERIALIZED VIEW clocks AS SELECT id, at FROM events;
CREATE MATERIALIZED VIEW copies AS SELECT id, k, PROCTIME() AS p, at AS q, CAST(PROCTIME() AS TIMESTAMP(3)) AS l FROM events WHERE v > 10;
CREATE MATERIALIZED VIEW tumbling AS SELECT k, window_start, window_end, COUNT(*) n, SUM(v) s
FROM TABLE(TUMBLE(TABLE entries, DESCRIPTOR(p_time), INTERVAL '1' SECOND)) GROUP BY k, window_start, window_end;
CREATE MATERIALIZED VIEW tumbling_table AS SELECT window_start, window_end, COUNT(*) n, MAX(at) newest
FROM TABLE(TUMBLE(TABLE events, DESCRIPTOR(at), INTERVAL '2' SECOND)) GROUP BY window_start, window_end;
CREATE MATERIALIZED VIEW hopping AS SELECT window_start, window_end, COUNT(*) n
FROM TABLE(HOP(TABLE events, DESCRIPTOR(at), INTERVAL '1' SECOND, INTERVAL '3' SECOND)) GROUP BY window_start, window_end;
CREATE MATERIALIZED VIEW cumulating AS SELECT window_start, window_end, COUNT(*) n
FROM TABLE(CUMULATE(TABLE events, DESCRIPTOR(at), INTERVAL '1' SECOND, INTERVAL '4' SECOND)) GROUP BY window_start, window_end;
CREATE MATERIALIZED VIEW sessions AS SELECT k, window_start, window_end, COUNT(*) n
FROM TABLE(SESSION(TABLE events PARTITION BY k, DESCRIPTOR(at), INTERVAL '1' SECOND)) GROUP BY k, window_start, window_end;
CREATE MATERIALIZED VIEW grouped AS SELECT k, TUMBLE_END(PROCTIME(), INTERVAL '1' SECOND) AS window_end, COUNT(*) n
FROM events GROUP BY k, TUMBLE(PROCTIME(), INTERVAL '1' SECOND);
CREATE MATERIALIZED VIEW by_time AS SELECT FLOOR(CAST(PROCTIME() AS TIMESTAMP(3)) TO SECOND) AS s, COUNT(*) n, MIN(PROCTIME()) first FROM events GROUP BY FLOOR(CAST(PROCTIME() AS TIMESTAMP(3)) TO SECOND);
CREATE MATERIALIZED VIEW recent_windows AS SELECT * FROM (
  SELECT window_end, COUNT(*) n FROM TABLE(TUMBLE(TABLE events, DESCRIPTOR(at), INTERVAL '1' SECOND)) GROUP BY window_start, window_end)
WHERE window_end > now() - INTERVAL '5' SECOND;
-- A retraction takes back the clock that was inserted, so there is one group for each key.
CREATE MATERIALIZED VIEW remembered AS SELECT COUNT(*) n FROM (
  SELECT k, seen, SUM(n) s FROM (SELECT k, n, now() AS seen FROM (SELECT k, COUNT(*) n FROM events GROUP BY k)) GROUP BY k, seen);
CREATE MATERIALIZED VIEW sets_by_time AS SELECT k, FLOOR(CAST(PROCTIME() AS TIMESTAMP(3)) TO SECOND) AS s, COUNT(*) n, MAX(PROCTIME()) newest, GROUPING(k) g
FROM events GROUP BY ROLLUP (k, FLOOR(CAST(PROCTIME() AS TIMESTAMP(3)) TO SECOND));
