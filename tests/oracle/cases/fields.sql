-- Fields of a ROW are columns of their own name: through a view, in keys, conditions, functions, and twice in one query; by hand.
-- row events/0: {"id": 1, "ts": "2024-05-01 12:00:00.000", "a": {"id": 10, "k": "x", "in": {"v": 1}}, "b": {"id": 20}}
-- row events/0: {"id": 2, "ts": "2024-05-01 12:00:00.500", "a": {"id": 11, "k": "y", "in": {"v": 2}}, "b": {"id": 21}}
-- row events/0: {"id": 3, "ts": "2024-05-01 12:00:00.700", "a": {"id": 12, "k": "x", "in": {"v": 4}}, "b": null}
-- row events/0: {"id": 4, "ts": "2024-05-01 12:00:01.000", "a": {"id": 13, "k": "x", "in": null}, "b": {"id": 23}}
-- row events/0: {"id": 5, "ts": "2024-05-01 12:00:02.000", "a": null, "b": {"id": 24}}
-- row events/0: {"id": 6, "ts": "2024-05-01 12:00:02.000", "a": {"id": 14, "k": "z", "in": {"v": 9}}, "b": {"id": 9}}
-- expect pairs: {"a":10,"b":20,"upper":"X"}
-- expect pairs: {"a":11,"b":21,"upper":"Y"}
-- expect pairs: {"a":13,"b":23,"upper":"X"}
-- expect sums: {"window_start":"2024-05-01 12:00:00","k":"x","v":5,"most":4}
-- expect sums: {"window_start":"2024-05-01 12:00:00","k":"y","v":2,"most":2}
-- expect sums: {"window_start":"2024-05-01 12:00:01","k":"x","v":null,"most":null}
-- expect sums: {"window_start":"2024-05-01 12:00:02","k":"z","v":9,"most":9}
-- expect direct: {"k":"x","n":2}
-- expect direct: {"k":"x","n":1}
-- expect direct: {"k":"y","n":1}
-- expect direct: {"k":"z","n":1}
-- expect direct: {"k":null,"n":1}
-- late: never
CREATE TABLE events ( id BIGINT, ts TIMESTAMP(3), a ROW<id INT, k STRING, `in` ROW<v INT>>, b ROW<id INT>,
  double AS a.`in`.v * 2, WATERMARK FOR ts AS ts )
WITH ('connector' = 'kafka', 'topic' = 'events', 'properties.bootstrap.servers' = 'x', 'format' = 'json');
CREATE VIEW as_are AS SELECT a.id, a.k, events.a.`in`.v, ts, double FROM events WHERE a.id > 0;
CREATE TABLE pairs ( a INT, b INT, upper STRING ) WITH ('connector' = 'kafka', 'topic' = 'pairs', 'properties.bootstrap.servers' = 'x', 'format' = 'json');
CREATE TABLE sums ( window_start TIMESTAMP(3), k STRING, v INT, most INT ) WITH ('connector' = 'kafka', 'topic' = 'sums', 'properties.bootstrap.servers' = 'x', 'format' = 'json');
CREATE TABLE direct ( k STRING, n BIGINT ) WITH ('connector' = 'kafka', 'topic' = 'direct', 'properties.bootstrap.servers' = 'x', 'format' = 'json');
INSERT INTO pairs SELECT a.id, b.id, UPPER(a.k) FROM events WHERE b.id > a.id;
INSERT INTO sums SELECT window_start, k, SUM(v), MAX(double) / 2
FROM TABLE(TUMBLE(TABLE as_are, DESCRIPTOR(ts), INTERVAL '1' SECOND)) GROUP BY window_start, window_end, k;
INSERT INTO direct SELECT a.k, COUNT(*)
FROM TABLE(TUMBLE(TABLE events, DESCRIPTOR(ts), INTERVAL '1' SECOND)) GROUP BY window_start, window_end, a.k;
