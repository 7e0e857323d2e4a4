-- A view of so many commits that old ones are pruned: its state is written whole again after about a hundred.
-- input events: rows=330 partitions=1 nulls=0.1 seed=5
CREATE TABLE events ( id BIGINT, k STRING, v INT ) WITH ('connector' = 'kafka', 'topic' = 'events', 'properties.bootstrap.servers' = 'x', 'format' = 'json');
CREATE TABLE again (n BIGINT, ks BIGINT, PRIMARY KEY (n) NOT ENFORCED) WITH ('connector' = 'upsert-kafka', 'topic' = 'again', 'properties.bootstrap.servers' = 'x', 'key.format' = 'json', 'value.format' = 'json');
CREATE MATERIALIZED VIEW by_key AS SELECT k, SUM(v) s, COUNT(*) n FROM events GROUP BY k;
INSERT INTO again SELECT n, COUNT(*) FROM by_key GROUP BY n;
