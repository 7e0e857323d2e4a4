-- Of a ROW one query reads a field, one the ROW around it, one all of it, and the watermark a field that no query names; by hand.
-- row events/0: {"id": 1, "kind": 1, "a": {"ts": "2024-05-01 12:00:00.000", "k": "x", "in": {"v": 1, "w": 7}}, "b": null}
-- row events/0: {"id": 2, "kind": 2, "a": null, "b": {"ts": "2024-05-01 12:00:00.500", "v": 5}}
-- row events/0: {"id": 3, "kind": 2, "b": {"ts": "2024-05-01 12:00:00.700", "v": 6}}
-- row events/0: {"id": 4, "kind": 1, "a": {"ts": "2024-05-01 12:00:01.000", "k": "y", "in": null}}
-- row events/0: {"id": 5, "kind": 1, "a": {"ts": "2024-05-01 12:00:01.900", "in": {"w": 8}}}
-- row events/0: {"id": 6, "kind": 2, "a": null, "b": {"ts": "2024-05-01 12:00:09.000"}}
-- expect sums: {"end":"2024-05-01 12:00:01","v":11}
-- expect sums: {"end":"2024-05-01 12:00:10","v":null}
-- expect inner: {"id":1,"in":{"v":1,"w":7},"w":8}
-- expect inner: {"id":5,"in":{"v":null,"w":8},"w":9}
-- expect whole: {"id":1,"a":{"ts":"2024-05-01 12:00:00","k":"x","in":{"v":1,"w":7}},"k":"x"}
-- expect whole: {"id":4,"a":{"ts":"2024-05-01 12:00:01","k":"y","in":null},"k":"y"}
-- expect whole: {"id":5,"a":{"ts":"2024-05-01 12:00:01.9","k":null,"in":{"v":null,"w":8}},"k":null}
-- late: never
CREATE TABLE events ( id BIGINT, kind INT, a ROW<ts TIMESTAMP(3), k STRING, `in` ROW<v INT, w INT>>, b ROW<ts TIMESTAMP(3), v INT>,
  ts AS CASE WHEN kind = 1 THEN a.ts ELSE b.ts END, WATERMARK FOR ts AS ts - INTERVAL '1' SECOND )
WITH ('connector' = 'kafka', 'topic' = 'events', 'properties.bootstrap.servers' = 'x', 'format' = 'json');
CREATE TABLE sums ( `end` TIMESTAMP(3), v BIGINT ) WITH ('connector' = 'kafka', 'topic' = 'sums', 'properties.bootstrap.servers' = 'x', 'format' = 'json');
CREATE TABLE `inner` ( id BIGINT, `in` ROW<v INT, w INT>, w INT ) WITH ('connector' = 'kafka', 'topic' = 'inner', 'properties.bootstrap.servers' = 'x', 'format' = 'json');
CREATE TABLE whole ( id BIGINT, a ROW<ts TIMESTAMP(3), k STRING, `in` ROW<v INT, w INT>>, k STRING ) WITH ('connector' = 'kafka', 'topic' = 'whole', 'properties.bootstrap.servers' = 'x', 'format' = 'json');
INSERT INTO sums SELECT window_end, SUM(b.v) FROM TABLE(TUMBLE(TABLE events, DESCRIPTOR(ts), INTERVAL '1' SECOND)) WHERE kind = 2 GROUP BY window_start, window_end;
INSERT INTO `inner` SELECT id, a.`in`, a.`in`.w + 1 FROM events WHERE a.`in`.w > 0;
INSERT INTO whole SELECT id, a, a.k FROM events WHERE a IS NOT NULL;
