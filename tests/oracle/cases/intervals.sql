-- Joins whose sides may only be so far apart in time: append-only, state bounded by the watermark.
-- input events: rows=110 partitions=1 disorder=900 seed=6
-- input others: rows=90 partitions=1 disorder=900 nulls=0.05 seed=7
CREATE TABLE events ( id BIGINT, ts TIMESTAMP(3), k STRING, v INT, f DOUBLE, b BOOLEAN, WATERMARK FOR ts AS ts - INTERVAL '1' SECOND )
WITH ('connector' = 'kafka', 'topic' = 'events', 'properties.bootstrap.servers' = 'x', 'format' = 'json');
CREATE TABLE others ( id BIGINT, ts TIMESTAMP(3), k STRING, v INT, f DOUBLE, b BOOLEAN, WATERMARK FOR ts AS ts - INTERVAL '1' SECOND )
WITH ('connector' = 'kafka', 'topic' = 'others', 'properties.bootstrap.servers' = 'x', 'format' = 'json');
CREATE TABLE topic ( id BIGINT, oid BIGINT ) WITH ('connector' = 'kafka', 'topic' = 'topic', 'properties.bootstrap.servers' = 'x', 'format' = 'json');
INSERT INTO topic SELECT e.id, o.id FROM events e JOIN others o ON e.k = o.k AND e.ts BETWEEN o.ts - INTERVAL '0.3' SECOND AND o.ts + INTERVAL '0.2' SECOND;
CREATE MATERIALIZED VIEW same_time AS SELECT e.id, o.id oid FROM events e JOIN others o ON e.ts = o.ts;
CREATE MATERIALIZED VIEW no_key AS SELECT e.id, o.id oid FROM events e JOIN others o ON o.ts >= e.ts AND o.ts < e.ts + INTERVAL '0.1' SECOND;
CREATE MATERIALIZED VIEW half AS SELECT e.id, o.id oid FROM events e JOIN others o ON e.k = o.k AND e.v = o.v AND e.ts > o.ts;
CREATE MATERIALIZED VIEW left_interval AS SELECT e.id, o.id oid FROM events e LEFT JOIN others o ON e.k = o.k AND o.ts BETWEEN e.ts AND e.ts + INTERVAL '0.2' SECOND;
CREATE MATERIALIZED VIEW right_interval AS SELECT e.id, o.id oid FROM events e RIGHT JOIN others o ON e.k = o.k AND o.ts BETWEEN e.ts - INTERVAL '0.1' SECOND AND e.ts + INTERVAL '0.2' SECOND;
CREATE MATERIALIZED VIEW anti_interval AS SELECT e.id FROM events e WHERE NOT EXISTS (SELECT 1 FROM others o WHERE e.k = o.k AND o.ts BETWEEN e.ts - INTERVAL '0.2' SECOND AND e.ts + INTERVAL '0.2' SECOND);
CREATE MATERIALIZED VIEW semi_interval AS SELECT e.id FROM events e WHERE EXISTS (SELECT 1 FROM others o WHERE e.k = o.k AND o.ts BETWEEN e.ts - INTERVAL '0.2' SECOND AND e.ts + INTERVAL '0.2' SECOND);
CREATE MATERIALIZED VIEW full_interval AS SELECT e.id, o.id oid FROM events e FULL JOIN others o ON e.k = o.k AND o.ts BETWEEN e.ts - INTERVAL '0.2' SECOND AND e.ts + INTERVAL '0.2' SECOND;
CREATE MATERIALIZED VIEW windows_of_pairs AS SELECT window_start, COUNT(*) n, SUM(id) ids FROM TABLE(TUMBLE((SELECT e.id, e.ts FROM events e JOIN others o ON e.k = o.k AND o.ts BETWEEN e.ts - INTERVAL '0.5' SECOND AND e.ts + INTERVAL '0.5' SECOND), DESCRIPTOR(ts), INTERVAL '1' SECOND)) GROUP BY window_start, window_end;
