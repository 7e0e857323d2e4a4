-- Answers that are Flink's and not DataFusion's, kept up to date: averages of integers, texts of values, lists, NULLs; by hand.
-- row events/0: {"id": 1, "ts": "2024-05-01 12:00:00", "k": "a", "v": 4, "f": 0.5, "b": true}
-- row events/0: {"id": 2, "ts": "2024-05-01 12:00:01", "k": "a", "v": 5, "f": 1e10, "b": false}
-- row events/0: {"id": 3, "ts": "2024-05-01 12:00:02", "k": "b", "v": -7, "f": null, "b": null}
-- row events/0: {"id": 4, "ts": "2024-05-01 12:00:03.5", "k": "b", "v": null, "b": true}
-- expect averages: a | 4 | 4 | 2
-- expect averages: b | -7 | -7 | 1
-- expect again: -1
-- expect joined: 1 | 0
-- expect joined: 2 | 1
-- expect texts: 1 | TRUE | 0.5 | 2024-05-01 12:00:00.000 | 2024
-- expect texts: 2 | FALSE | 1.0E10 | 2024-05-01 12:00:01.000 | 2024
-- expect texts: 3 | NULL | NULL | 2024-05-01 12:00:02.000 | 2024
-- expect texts: 4 | TRUE | NULL | 2024-05-01 12:00:03.500 | 2024
-- expect by_text: FALSE | 1
-- expect by_text: NULL | 1
-- expect by_text: TRUE | 2
-- expect largest: 1 | 4
-- expect largest: 2 | 5
-- expect largest: 3 | 3
-- expect largest: 4 | NULL
-- expect percentiles: a | 4.500000000e0 | 5.000000000e-1
-- expect percentiles: b | -7.000000000e0 | NULL
-- expect over: 1 | 4
-- expect over: 2 | 4
-- expect over: 3 | -7
-- expect over: 4 | -7
CREATE TABLE events ( id BIGINT, ts TIMESTAMP(3), k STRING, v INT, f DOUBLE, b BOOLEAN, WATERMARK FOR ts AS ts )
WITH ('connector' = 'kafka', 'topic' = 'events', 'properties.bootstrap.servers' = 'x', 'format' = 'json', 'scan.bounded.mode' = 'latest-offset');
CREATE MATERIALIZED VIEW averages AS SELECT k, AVG(v) a, AVG(DISTINCT v) d, COUNT(v) n FROM events GROUP BY k HAVING AVG(v) < 5;
CREATE MATERIALIZED VIEW again AS SELECT AVG(a) a FROM (SELECT k, AVG(v) a FROM events GROUP BY k);
CREATE MATERIALIZED VIEW joined AS SELECT e.id, e.v - t.a d FROM events e JOIN (SELECT k, AVG(v) a FROM events GROUP BY k) t ON e.k = t.k WHERE t.a > (SELECT AVG(v) FROM events);
CREATE MATERIALIZED VIEW texts AS SELECT id, CAST(b AS STRING) b, CAST(f AS STRING) f, CAST(ts AS STRING) t, CAST(ts AS VARCHAR(4)) y FROM events;
CREATE MATERIALIZED VIEW by_text AS SELECT CAST(b AS STRING) b, COUNT(*) n FROM events GROUP BY CAST(b AS STRING);
CREATE MATERIALIZED VIEW largest AS SELECT id, GREATEST(v, CAST(id AS INT)) m FROM events;
CREATE MATERIALIZED VIEW percentiles AS SELECT k, PERCENTILE(v, 0.5) p, VARIANCE(v) s FROM events GROUP BY k;
CREATE MATERIALIZED VIEW over AS SELECT id, AVG(v) OVER (PARTITION BY k ORDER BY ts) a FROM events;
