-- What is written by key: to a topic of upserts, of changes, and from rows that are only added.
-- input users: rows=150 partitions=2 upserts=9 deletes=0.3 nulls=0.1 seed=4
-- input events: rows=80 partitions=1 seed=5
CREATE TABLE users ( id BIGINT, ts TIMESTAMP(3), k STRING, v INT, f DOUBLE, b BOOLEAN, PRIMARY KEY (id) NOT ENFORCED )
WITH ('connector' = 'upsert-kafka', 'topic' = 'users', 'properties.bootstrap.servers' = 'x', 'key.format' = 'json', 'value.format' = 'json', 'value.fields-include' = 'EXCEPT_KEY');
CREATE TABLE events ( id BIGINT, ts TIMESTAMP(3), k STRING, v INT, f DOUBLE, b BOOLEAN ) WITH ('connector' = 'kafka', 'topic' = 'events', 'properties.bootstrap.servers' = 'x', 'format' = 'json');
CREATE TABLE copied ( id BIGINT, k STRING, w BIGINT, PRIMARY KEY (id) NOT ENFORCED )
WITH ('connector' = 'upsert-kafka', 'topic' = 'copied', 'properties.bootstrap.servers' = 'x', 'key.format' = 'raw', 'value.format' = 'json');
CREATE TABLE counts ( k STRING, n BIGINT, s BIGINT, PRIMARY KEY (k) NOT ENFORCED )
WITH ('connector' = 'upsert-kafka', 'topic' = 'counts', 'properties.bootstrap.servers' = 'x', 'key.format' = 'json', 'value.format' = 'json', 'value.fields-include' = 'EXCEPT_KEY');
CREATE TABLE latest ( k STRING, id BIGINT, PRIMARY KEY (k) NOT ENFORCED )
WITH ('connector' = 'upsert-kafka', 'topic' = 'latest', 'properties.bootstrap.servers' = 'x', 'key.format' = 'json', 'value.format' = 'json');
CREATE TABLE changes ( k STRING, v INT ) WITH ('connector' = 'kafka', 'topic' = 'changes', 'properties.bootstrap.servers' = 'x', 'format' = 'debezium-json');
CREATE TABLE sums ( k STRING, s BIGINT, PRIMARY KEY (k) NOT ENFORCED ) WITH ('connector' = 'kafka', 'topic' = 'sums', 'properties.bootstrap.servers' = 'x', 'format' = 'debezium-json');
INSERT INTO copied SELECT id, k, v * 2 FROM users WHERE v > -20;
INSERT INTO counts SELECT k, COUNT(*), SUM(v) FROM users WHERE k IS NOT NULL GROUP BY k;
INSERT INTO latest SELECT k, id FROM events;
INSERT INTO changes SELECT k, v FROM users;
INSERT INTO sums SELECT k, SUM(v) FROM events GROUP BY k;
