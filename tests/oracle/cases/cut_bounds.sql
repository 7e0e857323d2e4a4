-- Interval joins whose bounds cut times: casts, FLOOR, CEIL, DATE_TRUNC.
-- input events: rows=120 partitions=1 disorder=900 step=230 seed=23
-- input others: rows=110 partitions=1 disorder=900 step=250 seed=24
CREATE TABLE events ( id BIGINT, ts TIMESTAMP(3), k STRING, v INT, f DOUBLE, b BOOLEAN, WATERMARK FOR ts AS ts - INTERVAL '1' SECOND )
WITH ('connector' = 'kafka', 'topic' = 'events', 'properties.bootstrap.servers' = 'x', 'format' = 'json');
CREATE TABLE others ( id BIGINT, ts TIMESTAMP(3), k STRING, v INT, f DOUBLE, b BOOLEAN, WATERMARK FOR ts AS ts - INTERVAL '1' SECOND )
WITH ('connector' = 'kafka', 'topic' = 'others', 'properties.bootstrap.servers' = 'x', 'format' = 'json');
CREATE MATERIALIZED VIEW casts AS SELECT e.id, o.id oid FROM events e JOIN others o ON e.ts >= CAST(o.ts AS TIMESTAMP(0)) AND e.ts <= CAST(o.ts AS TIMESTAMP(0)) + INTERVAL '1' SECOND;
CREATE MATERIALIZED VIEW casts_of_both AS SELECT e.id, o.id oid FROM events e LEFT JOIN others o ON e.k = o.k AND CAST(e.ts AS TIMESTAMP(0)) BETWEEN CAST(o.ts AS TIMESTAMP(0)) - INTERVAL '1' SECOND AND CAST(o.ts AS TIMESTAMP(0));
CREATE MATERIALIZED VIEW equal_seconds AS SELECT e.id, o.id oid FROM events e JOIN others o ON FLOOR(e.ts TO SECOND) = FLOOR(o.ts TO SECOND);
CREATE MATERIALIZED VIEW equal_casts AS SELECT e.id, o.id oid FROM events e JOIN others o ON CAST(e.ts AS TIMESTAMP(0)) = CAST(o.ts AS TIMESTAMP(0)) AND e.k = o.k;
CREATE MATERIALIZED VIEW floor_and_ceil AS SELECT e.id, o.id oid FROM events e JOIN others o ON e.ts BETWEEN FLOOR(o.ts TO SECOND) AND CEIL(o.ts TO SECOND) + INTERVAL '1' SECOND;
CREATE MATERIALIZED VIEW truncated AS SELECT e.id, o.id oid FROM events e RIGHT JOIN others o ON e.k = o.k AND DATE_TRUNC('second', e.ts) <= o.ts AND o.ts <= INTERVAL '2' SECOND + DATE_TRUNC('second', e.ts);
CREATE MATERIALIZED VIEW parts AS SELECT e.id, o.id oid FROM events e JOIN others o ON e.ts > o.ts - INTERVAL '0.0015' SECOND AND e.ts < o.ts + INTERVAL '0.2005' SECOND;
CREATE MATERIALIZED VIEW days AS SELECT COUNT(*) n FROM events e JOIN others o ON e.k = o.k AND CAST(e.ts AS DATE) = CAST(o.ts AS DATE);
CREATE MATERIALIZED VIEW windows AS SELECT window_start, COUNT(*) n FROM TABLE(TUMBLE((SELECT e.ts at, o.id FROM events e JOIN others o ON e.ts >= CAST(o.ts AS TIMESTAMP(0)) AND e.ts <= CAST(o.ts AS TIMESTAMP(0)) + INTERVAL '1' SECOND), DESCRIPTOR(at), INTERVAL '2' SECOND)) GROUP BY window_start, window_end;
