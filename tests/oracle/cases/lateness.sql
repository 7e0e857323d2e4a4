-- Allowed lateness: a window answers when it ends, and once more for each row that comes soon enough after that.
-- input events: rows=220 partitions=1 disorder=6000 seed=53
-- late: some
SET 'table.exec.emit.allow-lateness' = '2 s';
CREATE TABLE events ( id BIGINT, ts TIMESTAMP(3), k STRING, v INT, f DOUBLE, b BOOLEAN, WATERMARK FOR ts AS ts - INTERVAL '1' SECOND )
WITH ('connector' = 'kafka', 'topic' = 'events', 'properties.bootstrap.servers' = 'x', 'format' = 'json');
CREATE TABLE out ( window_start TIMESTAMP(3), window_end TIMESTAMP(3), n BIGINT, s BIGINT ) WITH ('connector' = 'kafka', 'topic' = 'out', 'properties.bootstrap.servers' = 'x', 'format' = 'debezium-json');
CREATE MATERIALIZED VIEW tumbling AS SELECT window_start, window_end, k, COUNT(*) n, SUM(id) s, MAX(v) hi FROM TABLE(TUMBLE(TABLE events, DESCRIPTOR(ts), INTERVAL '2' SECOND)) GROUP BY window_start, window_end, k;
CREATE MATERIALIZED VIEW hopping AS SELECT window_start, window_end, COUNT(DISTINCT k) n, SUM(id) s FROM TABLE(HOP(TABLE events, DESCRIPTOR(ts), INTERVAL '1' SECOND, INTERVAL '3' SECOND)) GROUP BY window_start, window_end;
CREATE MATERIALIZED VIEW changing AS SELECT window_end, COUNT(DISTINCT v % 5) n, SUM(id) s FROM TABLE(TUMBLE(TABLE events, DESCRIPTOR(ts), INTERVAL '3' SECOND)) GROUP BY window_start, window_end EMIT CHANGES;
CREATE MATERIALIZED VIEW counted AS SELECT n, COUNT(*) windows FROM (SELECT window_end, COUNT(id) n FROM TABLE(TUMBLE(TABLE events, DESCRIPTOR(ts), INTERVAL '1' SECOND)) GROUP BY window_start, window_end) GROUP BY n;
INSERT INTO out SELECT window_start, window_end, COUNT(*), SUM(id) FROM TABLE(TUMBLE(TABLE events, DESCRIPTOR(ts), INTERVAL '2' SECOND)) GROUP BY window_start, window_end;
