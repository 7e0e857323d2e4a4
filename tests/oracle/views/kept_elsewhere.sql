-- Views that one job keeps, read by another one: what comes out is the batch answer over the views' queries.
-- input events: rows=90 partitions=2 disorder=400 nulls=0.1 seed=21
CREATE TABLE events ( id BIGINT, ts TIMESTAMP(3), k STRING, v INT, WATERMARK FOR ts AS ts - INTERVAL '1' SECOND ) WITH ('connector' = 'kafka', 'topic' = 'events', 'properties.bootstrap.servers' = 'x', 'format' = 'json');
CREATE TABLE sums (k STRING, s BIGINT, PRIMARY KEY (k) NOT ENFORCED) WITH ('connector' = 'upsert-kafka', 'topic' = 'sums', 'properties.bootstrap.servers' = 'x', 'key.format' = 'json', 'value.format' = 'json');
CREATE TABLE large (id BIGINT, v INT) WITH ('connector' = 'kafka', 'topic' = 'large', 'properties.bootstrap.servers' = 'x', 'format' = 'json');
CREATE TABLE met (id BIGINT, s BIGINT) WITH ('connector' = 'kafka', 'topic' = 'met', 'properties.bootstrap.servers' = 'x', 'format' = 'debezium-json');
CREATE TABLE again (n BIGINT, ks BIGINT, PRIMARY KEY (n) NOT ENFORCED) WITH ('connector' = 'upsert-kafka', 'topic' = 'again', 'properties.bootstrap.servers' = 'x', 'key.format' = 'json', 'value.format' = 'json');
CREATE TABLE windows (e TIMESTAMP(3), n BIGINT) WITH ('connector' = 'kafka', 'topic' = 'windows', 'properties.bootstrap.servers' = 'x', 'format' = 'json');
CREATE MATERIALIZED VIEW by_key AS SELECT k, SUM(v) s, COUNT(*) n FROM events GROUP BY k;
CREATE MATERIALIZED VIEW big AS SELECT id, k, v FROM events WHERE v > 60;
CREATE MATERIALIZED VIEW timed AS SELECT id, ts, v FROM events WHERE ts IS NOT NULL;
INSERT INTO sums SELECT k, s FROM by_key WHERE k IS NOT NULL;
INSERT INTO large SELECT id, v FROM big;
INSERT INTO met SELECT b.id, y.s FROM big b JOIN by_key y ON b.k = y.k;
INSERT INTO again SELECT n, COUNT(*) FROM by_key GROUP BY n;
INSERT INTO windows SELECT window_end, COUNT(*) FROM TABLE(TUMBLE(TABLE timed, DESCRIPTOR(ts), INTERVAL '1' SECOND)) GROUP BY window_start, window_end;
