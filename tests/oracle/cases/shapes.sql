-- Keys that are expressions, results that are computed, and a window that only its end names; by hand.
-- row events/0: {"id": 1, "ts": "2024-05-01 12:00:00.000", "v": 1}
-- row events/0: {"id": 2, "ts": "2024-05-01 12:00:00.999", "v": 2}
-- row events/0: {"id": 3, "ts": "2024-05-01 12:00:01.000", "v": 3}
-- row events/0: {"id": 4, "ts": "2024-05-01 12:00:00.500", "v": 4}
-- row events/0: {"id": 5, "ts": "1969-12-31 23:59:59.999", "v": 5}
-- row events/0: {"id": 6, "ts": "2024-05-01 12:00:02.000", "v": null}
-- row events/0: {"id": 7}
-- row events/0: {"broken
-- row events/0: {"id": 8, "ts": "2024-05-01 12:00:02.000", "v": 7}
-- expect out: {"window_end":"1970-01-01 00:00:00","odd":1,"n":1,"total":10,"ids":5}
-- expect out: {"window_end":"2024-05-01 12:00:01","odd":0,"n":2,"total":12,"ids":6}
-- expect out: {"window_end":"2024-05-01 12:00:01","odd":1,"n":1,"total":2,"ids":1}
-- expect out: {"window_end":"2024-05-01 12:00:02","odd":1,"n":1,"total":6,"ids":3}
-- expect out: {"window_end":"2024-05-01 12:00:03","odd":null,"n":1,"total":null,"ids":6}
-- expect out: {"window_end":"2024-05-01 12:00:03","odd":1,"n":1,"total":14,"ids":8}
-- late: some
CREATE TABLE events ( id BIGINT, ts TIMESTAMP(3), k STRING, v INT, f DOUBLE, b BOOLEAN,
  WATERMARK FOR ts AS ts )
WITH ('connector' = 'kafka', 'topic' = 'events', 'properties.bootstrap.servers' = 'x', 'format' = 'json');
CREATE TABLE out ( window_end TIMESTAMP(3), odd INT, n BIGINT, total BIGINT, ids BIGINT ) WITH ('connector' = 'kafka', 'topic' = 'out', 'properties.bootstrap.servers' = 'x', 'format' = 'json');
INSERT INTO out SELECT window_end, v % 2, COUNT(*), SUM(v) * 2, SUM(id)
FROM TABLE(TUMBLE(TABLE events, DESCRIPTOR(ts), INTERVAL '1' SECOND)) GROUP BY window_end, v % 2;
