-- Functions of ours in a projection, a filter, a key and an aggregate: the plans go through the codec.
-- input events: rows=160 partitions=2 nulls=0.1 seed=13
-- late: never
CREATE TABLE events ( id BIGINT, ts TIMESTAMP(3), k STRING, v INT, f DOUBLE, b BOOLEAN,
  hour_of AS HOUR(ts), day_of AS DATE_FORMAT(ts, 'yyyy-MM-dd'), WATERMARK FOR ts AS TIMESTAMPADD(SECOND, -1, ts) )
WITH ('connector' = 'kafka', 'topic' = 'events', 'properties.bootstrap.servers' = 'x', 'format' = 'json');
CREATE TABLE out ( id BIGINT, a STRING, b STRING, c BIGINT, d STRING, e INT ) WITH ('connector' = 'kafka', 'topic' = 'out', 'properties.bootstrap.servers' = 'x', 'format' = 'json');
CREATE TABLE totals ( s STRING, d STRING, n BIGINT, ids BIGINT ) WITH ('connector' = 'kafka', 'topic' = 'totals', 'properties.bootstrap.servers' = 'x', 'format' = 'json');
INSERT INTO out SELECT id, SPLIT_INDEX(CONCAT('x/', k, '/y'), '/', 1), REGEXP_EXTRACT(k, '(a|b)', 1), EXTRACT(SECOND FROM ts),
  JSON_VALUE(CONCAT('{"k": "', k, '"}'), '$.k'), TIMESTAMPDIFF(SECOND, FLOOR(ts TO MINUTE), ts)
FROM events WHERE MOD(id, 2) = 0 AND IF(b, TRUE, v > 0) AND DATE_FORMAT(ts, 'HH:mm') >= '12:00';
INSERT INTO totals SELECT DATE_FORMAT(TUMBLE_START(ts, INTERVAL '2' SECOND), 'HH:mm:ss'), day_of, COUNT(*) FILTER (WHERE REGEXP(k, 'a|b')), SUM(id)
FROM events WHERE hour_of = 12 GROUP BY TUMBLE(ts, INTERVAL '2' SECOND), day_of;
