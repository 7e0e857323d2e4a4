-- A FULL JOIN within an interval of time is final row by row, also into a sink that only appends.
-- input events: rows=80 partitions=1 disorder=900 nulls=0.1 seed=41
-- input others: rows=70 partitions=1 disorder=900 nulls=0.1 first=1000 seed=42
-- row a/0: {"id": 1, "ts": "2024-05-01 12:00:00", "k": "x"}
-- row a/0: {"id": 2, "ts": "2024-05-01 12:00:05", "k": "y"}
-- row b/0: {"id": 11, "ts": "2024-05-01 12:00:01", "k": "x"}
-- row b/0: {"id": 12, "ts": "2024-05-01 12:00:09", "k": "y"}
-- row b/0: {"id": 13, "ts": "2024-05-01 12:00:09"}
-- expect by_hand: {"a":1,"b":11}
-- expect by_hand: {"a":2,"b":null}
-- expect by_hand: {"a":null,"b":12}
-- expect by_hand: {"a":null,"b":13}
CREATE TABLE events ( id BIGINT, ts TIMESTAMP(3), k STRING, v INT, WATERMARK FOR ts AS ts - INTERVAL '1' SECOND )
WITH ('connector' = 'kafka', 'topic' = 'events', 'properties.bootstrap.servers' = 'x', 'format' = 'json');
CREATE TABLE others ( id BIGINT, ts TIMESTAMP(3), k STRING, v INT, WATERMARK FOR ts AS ts - INTERVAL '1' SECOND )
WITH ('connector' = 'kafka', 'topic' = 'others', 'properties.bootstrap.servers' = 'x', 'format' = 'json');
CREATE TABLE a ( id BIGINT, ts TIMESTAMP(3), k STRING, WATERMARK FOR ts AS ts ) WITH ('connector' = 'kafka', 'topic' = 'a', 'properties.bootstrap.servers' = 'x', 'format' = 'json');
CREATE TABLE b ( id BIGINT, ts TIMESTAMP(3), k STRING, WATERMARK FOR ts AS ts ) WITH ('connector' = 'kafka', 'topic' = 'b', 'properties.bootstrap.servers' = 'x', 'format' = 'json');
CREATE TABLE by_hand ( a BIGINT, b BIGINT ) WITH ('connector' = 'kafka', 'topic' = 'by_hand', 'properties.bootstrap.servers' = 'x', 'format' = 'json');
CREATE TABLE appended ( id BIGINT, oid BIGINT, k STRING ) WITH ('connector' = 'kafka', 'topic' = 'appended', 'properties.bootstrap.servers' = 'x', 'format' = 'json');
CREATE VIEW joined AS SELECT e.id, o.id AS oid, COALESCE(e.k, o.k) AS k FROM events e FULL JOIN others o ON e.k = o.k AND o.ts BETWEEN e.ts - INTERVAL '0.2' SECOND AND e.ts + INTERVAL '0.3' SECOND;
INSERT INTO by_hand SELECT a.id, b.id FROM a FULL JOIN b ON a.k = b.k AND b.ts BETWEEN a.ts AND a.ts + INTERVAL '2' SECOND;
INSERT INTO appended SELECT * FROM joined;
CREATE MATERIALIZED VIEW counted AS SELECT k, COUNT(*) n, COUNT(id) l, COUNT(oid) r FROM joined GROUP BY k;
CREATE MATERIALIZED VIEW unequal AS SELECT e.id, o.id oid FROM events e FULL JOIN others o ON e.k = o.k AND o.ts BETWEEN e.ts AND e.ts + INTERVAL '0.3' SECOND AND e.v < o.v;
