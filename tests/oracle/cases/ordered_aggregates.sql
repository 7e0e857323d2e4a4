-- ARRAY_AGG, STRING_AGG and LISTAGG with an order of their own, in every kind of window and without one.
-- input events: rows=120 partitions=1 nulls=0.2 disorder=900 seed=31
-- row small/0: {"id": 1, "ts": "2024-05-01 12:00:00", "k": "a", "v": 3}
-- row small/0: {"id": 2, "ts": "2024-05-01 12:00:01", "k": "b", "v": 1}
-- row small/0: {"id": 3, "ts": "2024-05-01 12:00:02", "k": "a"}
-- row small/0: {"id": 4, "ts": "2024-05-01 12:00:03", "k": "a", "v": 2}
-- row small/0: {"id": 5, "ts": "2024-05-01 12:00:30", "k": "b", "v": 7}
-- expect by_hand: 2024-05-01T12:00:00 | [4, 1] | [4, 3, 2, 1] | b,a,a,a | [a, b] | a,b,a,a
-- expect by_hand: 2024-05-01T12:00:30 | NULL | [5] | b | [b] | b
CREATE TABLE events ( id BIGINT, ts TIMESTAMP(3), k STRING, v INT, f DOUBLE, b BOOLEAN, WATERMARK FOR ts AS ts - INTERVAL '1' SECOND )
WITH ('connector' = 'kafka', 'topic' = 'events', 'properties.bootstrap.servers' = 'x', 'format' = 'json');
CREATE TABLE small ( id BIGINT, ts TIMESTAMP(3), k STRING, v INT, WATERMARK FOR ts AS ts )
WITH ('connector' = 'kafka', 'topic' = 'small', 'properties.bootstrap.servers' = 'x', 'format' = 'json');
CREATE MATERIALIZED VIEW by_hand AS SELECT window_start, ARRAY_AGG(id ORDER BY v) FILTER (WHERE v BETWEEN 2 AND 5) a, ARRAY_AGG(id ORDER BY id DESC) FILTER (WHERE TRUE) b,
 STRING_AGG(k, ',' ORDER BY k DESC, id) s, ARRAY_AGG(DISTINCT k ORDER BY k) d, STRING_AGG(k, ',' ORDER BY id) t FROM TABLE(TUMBLE(TABLE small, DESCRIPTOR(ts), INTERVAL '10' SECOND)) GROUP BY window_start, window_end;
CREATE MATERIALIZED VIEW tumble AS SELECT window_start, k, ARRAY_AGG(id ORDER BY v, id) a FROM TABLE(TUMBLE(TABLE events, DESCRIPTOR(ts), INTERVAL '1' SECOND)) GROUP BY window_start, window_end, k;
CREATE MATERIALIZED VIEW hop AS SELECT window_start, ARRAY_AGG(id ORDER BY v DESC NULLS LAST, id) a, STRING_AGG(k, ',' ORDER BY k, id) s, COUNT(*) n FROM TABLE(HOP(TABLE events, DESCRIPTOR(ts), INTERVAL '1' SECOND, INTERVAL '3' SECOND)) GROUP BY window_start, window_end;
CREATE MATERIALIZED VIEW cumulate AS SELECT window_start, window_end, LISTAGG(k, ';' ORDER BY id DESC) s, SUM(v) v FROM TABLE(CUMULATE(TABLE events, DESCRIPTOR(ts), INTERVAL '1' SECOND, INTERVAL '3' SECOND)) GROUP BY window_start, window_end;
CREATE MATERIALIZED VIEW session AS SELECT k, window_start, ARRAY_AGG(v ORDER BY v NULLS FIRST, id DESC) a, ARRAY_AGG(id ORDER BY id) i FROM TABLE(SESSION(TABLE events PARTITION BY k, DESCRIPTOR(ts), INTERVAL '400' MILLISECOND)) GROUP BY k, window_start, window_end;
CREATE MATERIALIZED VIEW distincts AS SELECT window_start, ARRAY_AGG(DISTINCT v ORDER BY v DESC) a, STRING_AGG(DISTINCT k, ',' ORDER BY k) s FROM TABLE(TUMBLE(TABLE events, DESCRIPTOR(ts), INTERVAL '2' SECOND)) GROUP BY window_start, window_end;
CREATE MATERIALIZED VIEW filtered AS SELECT window_start, ARRAY_AGG(id ORDER BY f, id) FILTER (WHERE b) a, ARRAY_AGG(id ORDER BY f DESC, id DESC) FILTER (WHERE NOT b) c FROM TABLE(HOP(TABLE events, DESCRIPTOR(ts), INTERVAL '1' SECOND, INTERVAL '2' SECOND)) GROUP BY window_start, window_end;
CREATE MATERIALIZED VIEW firsts AS SELECT window_start, FIRST_VALUE(id ORDER BY v, id) a, LAST_VALUE(id ORDER BY f, id) c FROM TABLE(TUMBLE(TABLE events, DESCRIPTOR(ts), INTERVAL '1' SECOND)) GROUP BY window_start, window_end;
CREATE MATERIALIZED VIEW keyed AS SELECT k, ARRAY_AGG(id ORDER BY v, id) a, STRING_AGG(CAST(id AS STRING), ',' ORDER BY id DESC) s FROM events GROUP BY k;
CREATE MATERIALIZED VIEW over_changes AS SELECT n, ARRAY_AGG(k ORDER BY k) a FROM (SELECT k, COUNT(*) n FROM events GROUP BY k) GROUP BY n;
CREATE MATERIALIZED VIEW filtered_rows AS SELECT window_start, ARRAY_AGG(id ORDER BY v, id) a FROM TABLE(TUMBLE(TABLE events, DESCRIPTOR(ts), INTERVAL '1' SECOND)) WHERE v > 10 GROUP BY window_start, window_end;
