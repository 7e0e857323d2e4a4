-- CREATE TABLE ... AS of ranks: plain OVER by time and by value, deduplication, top-N, NTILE, APPROX_DISTINCT; their types are BIGINT; by hand.
-- row events/0: {"id": 1, "ts": "2024-05-01 12:00:01", "k": "a", "v": 5}
-- row events/0: {"id": 2, "ts": "2024-05-01 12:00:02", "k": "b", "v": 3}
-- row events/0: {"id": 3, "ts": "2024-05-01 12:00:02", "k": "a", "v": 7}
-- row events/0: {"id": 4, "ts": "2024-05-01 12:00:03", "k": "a", "v": 3}
-- row events/0: {"id": 5, "ts": "2024-05-01 12:00:03", "k": "b", "v": 1}
-- late: never
-- expect numbered: {"id":1,"n":-1,"r":1,"d":1}
-- expect numbered: {"id":2,"n":-1,"r":2,"d":2}
-- expect numbered: {"id":3,"n":0,"r":2,"d":2}
-- expect numbered: {"id":4,"n":1,"r":4,"d":3}
-- expect numbered: {"id":5,"n":0,"r":4,"d":3}
-- expect first_of: {"id":1,"k":"a"}
-- expect first_of: {"id":2,"k":"b"}
-- expect last_of: {"k":"a"} {"k":"a","id":4,"v":3}
-- expect last_of: {"k":"b"} {"k":"b","id":5,"v":1}
-- expect best: {"k":"a","n":1} {"k":"a","n":1,"id":3,"v":7}
-- expect best: {"k":"a","n":2} {"k":"a","n":2,"id":1,"v":5}
-- expect best: {"k":"b","n":1} {"k":"b","n":1,"id":2,"v":3}
-- expect best: {"k":"b","n":2} {"k":"b","n":2,"id":5,"v":1}
-- expect quarters: {"id":1} {"id":1,"t":1,"r":-1}
-- expect quarters: {"id":2} {"id":2,"t":2,"r":-1}
-- expect quarters: {"id":3} {"id":3,"t":1,"r":0}
-- expect quarters: {"id":4} {"id":4,"t":2,"r":-2}
-- expect quarters: {"id":5} {"id":5,"t":3,"r":-2}
-- expect kinds: {"k":"a"} {"k":"a","n":-1}
-- expect kinds: {"k":"b"} {"k":"b","n":-2}
CREATE TABLE events ( id BIGINT, ts TIMESTAMP(3), k STRING, v INT, WATERMARK FOR ts AS ts - INTERVAL '1' SECOND )
WITH ('connector' = 'kafka', 'topic' = 'events', 'properties.bootstrap.servers' = 'x', 'format' = 'json');
CREATE TABLE numbered WITH ('connector' = 'kafka', 'topic' = 'numbered', 'properties.bootstrap.servers' = 'x', 'format' = 'json')
AS SELECT id, ROW_NUMBER() OVER (PARTITION BY k ORDER BY ts) - 2 AS n, RANK() OVER (ORDER BY ts) AS r, DENSE_RANK() OVER (ORDER BY ts) AS d FROM events;
CREATE TABLE first_of WITH ('connector' = 'kafka', 'topic' = 'first_of', 'properties.bootstrap.servers' = 'x', 'format' = 'json')
AS SELECT id, k FROM (SELECT *, ROW_NUMBER() OVER (PARTITION BY k ORDER BY ts) AS n FROM events) WHERE n = 1;
CREATE TABLE last_of (PRIMARY KEY (k) NOT ENFORCED) WITH ('connector' = 'upsert-kafka', 'topic' = 'last_of', 'properties.bootstrap.servers' = 'x', 'key.format' = 'json', 'value.format' = 'json')
AS SELECT k, id, v FROM (SELECT *, ROW_NUMBER() OVER (PARTITION BY k ORDER BY ts DESC) AS n FROM events) WHERE n = 1;
CREATE TABLE best (PRIMARY KEY (k, n) NOT ENFORCED) WITH ('connector' = 'upsert-kafka', 'topic' = 'best', 'properties.bootstrap.servers' = 'x', 'key.format' = 'json', 'value.format' = 'json')
AS SELECT k, n, id, v FROM (SELECT *, ROW_NUMBER() OVER (PARTITION BY k ORDER BY v DESC) AS n FROM events) WHERE n <= 2;
CREATE TABLE quarters (PRIMARY KEY (id) NOT ENFORCED) WITH ('connector' = 'upsert-kafka', 'topic' = 'quarters', 'properties.bootstrap.servers' = 'x', 'key.format' = 'json', 'value.format' = 'json')
AS SELECT id, NTILE(3) OVER (ORDER BY k, id) AS t, RANK() OVER (PARTITION BY k ORDER BY v) - 3 AS r FROM events;
CREATE TABLE kinds (PRIMARY KEY (k) NOT ENFORCED) WITH ('connector' = 'upsert-kafka', 'topic' = 'kinds', 'properties.bootstrap.servers' = 'x', 'key.format' = 'json', 'value.format' = 'json')
AS SELECT k, APPROX_DISTINCT(v) - 4 AS n FROM events GROUP BY k;
