-- Sums of BIGINTs of which a part is beyond BIGINT and the whole is not: over rows, over changes, in windows, OVER windows and averages, however
-- the rows are cut into epochs.
-- row events/0: {"id": 1, "k": "a", "v": 9223372036854775807, "ts": "2024-05-01 12:00:00"}
-- row events/0: {"id": 2, "k": "b", "v": 9223372036854775807, "ts": "2024-05-01 12:00:01"}
-- row events/1: {"id": 3, "k": "a", "v": -9223372036854775807, "ts": "2024-05-01 12:00:02"}
-- row events/0: {"id": 4, "k": "b", "v": -9223372036854775807, "ts": "2024-05-01 12:00:03"}
-- row events/1: {"id": 5, "k": "a", "v": 7, "ts": "2024-05-01 12:00:12"}
-- row events/0: {"id": 6, "k": "b", "v": 9223372036854775807, "ts": "2024-05-01 12:00:13"}
-- row events/0: {"id": 7, "k": "b", "v": -9223372036854775807, "ts": "2024-05-01 12:00:14"}
-- row events/0: {"id": 8, "k": "b", "v": 1, "ts": "2024-05-01 12:00:20"}
-- row events/1: {"id": 9, "k": "c", "v": 2, "ts": "2024-05-01 12:00:20"}
-- late: never
-- expect averages: a | 2
-- expect averages: b | 0
-- expect averages: c | 2
-- expect in_windows: 2024-05-01T12:00:00 | 0 | 0
-- expect in_windows: 2024-05-01T12:00:10 | 7 | 2
-- expect in_windows: 2024-05-01T12:00:20 | 3 | 1
CREATE TABLE events ( id BIGINT, k STRING, v BIGINT, ts TIMESTAMP(3), WATERMARK FOR ts AS ts - INTERVAL '30' SECOND )
WITH ('connector' = 'kafka', 'topic' = 'events', 'properties.bootstrap.servers' = 'x', 'format' = 'json', 'scan.bounded.mode' = 'latest-offset');
CREATE MATERIALIZED VIEW averages AS SELECT k, AVG(v) a FROM events GROUP BY k;
CREATE MATERIALIZED VIEW in_windows AS SELECT window_start, SUM(v) s, AVG(v) a FROM TABLE(TUMBLE(TABLE events, DESCRIPTOR(ts), INTERVAL '10' SECOND)) GROUP BY window_start, window_end;
CREATE MATERIALIZED VIEW hops AS SELECT window_start, SUM(v) s, AVG(v) a, COUNT(*) n FROM TABLE(HOP(TABLE events, DESCRIPTOR(ts), INTERVAL '10' SECOND, INTERVAL '20' SECOND)) GROUP BY window_start, window_end;
CREATE MATERIALIZED VIEW by_key AS SELECT k, SUM(v) s, AVG(v) a FROM events GROUP BY k;
CREATE MATERIALIZED VIEW of_changes AS SELECT SUM(CASE WHEN p = 0 THEN m ELSE -m END) s, AVG(CASE WHEN p = 0 THEN m ELSE -m END) a, COUNT(*) n FROM (SELECT id % 2 AS p, MAX(v) AS m FROM events WHERE v > 0 AND id > 2 GROUP BY id % 2);
CREATE MATERIALIZED VIEW over_rows AS SELECT id, AVG(v) OVER (PARTITION BY k ORDER BY id) a, SUM(v) OVER (PARTITION BY k ORDER BY id) s FROM events;
CREATE MATERIALIZED VIEW distinct_ones AS SELECT k, AVG(DISTINCT v) a, SUM(DISTINCT v) s FROM events WHERE id > 4 GROUP BY k;
