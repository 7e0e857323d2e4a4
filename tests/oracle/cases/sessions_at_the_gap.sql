-- Rows exactly the gap apart are one session, in the precision of the column.
-- input events: rows=0
-- late: never
-- row events/0: {"id":0,"ts":"2024-05-01 12:00:00.000000","k":"b"}
-- row events/0: {"id":1,"ts":"2024-05-01 12:00:00.100000","k":"a"}
-- row events/0: {"id":2,"ts":"2024-05-01 12:00:00.200000","k":"a"}
-- row events/0: {"id":3,"ts":"2024-05-01 12:00:00.200001","k":"b"}
-- row events/0: {"id":4,"ts":"2024-05-01 12:00:00.300002","k":"a"}
-- row events/0: {"id":5,"ts":"2024-05-01 12:00:00.299999","k":"a"}
-- row events/0: {"id":6,"ts":"2024-05-01 12:00:00.500000","k":"b"}
-- row events/0: {"id":7,"ts":"2024-05-01 12:00:00.700003","k":"a"}
-- row events/0: {"id":8,"ts":"2024-05-01 12:00:00.400000","k":"a"}
-- row events/0: {"id":9,"ts":"2024-05-01 12:00:00.800000","k":"b"}
-- row events/0: {"id":10,"ts":"2024-05-01 12:00:01.000000","k":"a"}
-- row events/0: {"id":11,"ts":"2024-05-01 12:00:01.100000","k":"a"}
-- row events/0: {"id":12,"ts":"2024-05-01 12:00:01.100001","k":"b"}
-- row events/0: {"id":13,"ts":"2024-05-01 12:00:01.100002","k":"a"}
-- row events/0: {"id":14,"ts":"2024-05-01 12:00:01.300002","k":"a"}
-- row events/0: {"id":15,"ts":"2024-05-01 12:00:00.900000","k":"b"}
-- row events/0: {"id":16,"ts":"2024-05-01 12:00:01.500000","k":"a"}
-- row events/0: {"id":17,"ts":"2024-05-01 12:00:01.600000","k":"a"}
-- row events/0: {"id":18,"ts":"2024-05-01 12:00:01.700000","k":"b"}
-- row events/0: {"id":19,"ts":"2024-05-01 12:00:01.900000","k":"a"}
-- row events/0: {"id":20,"ts":"2024-05-01 12:00:01.900100","k":"a"}
-- row events/0: {"id":21,"ts":"2024-05-01 12:00:02.000100","k":"b"}
-- row events/0: {"id":22,"ts":"2024-05-01 12:00:02.100101","k":"a"}
-- row events/0: {"id":23,"ts":"2024-05-01 12:00:02.300000","k":"a"}
-- row events/0: {"id":24,"ts":"2024-05-01 12:00:02.600000","k":"b"}
-- row events/0: {"id":25,"ts":"2024-05-01 12:00:02.700000","k":"a"}
-- row events/0: {"id":26,"ts":"2024-05-01 12:00:02.799999","k":"a"}
-- row events/0: {"id":27,"ts":"2024-05-01 12:00:02.999998","k":"b"}
-- row events/0: {"id":28,"ts":"2024-05-01 12:00:03.100000","k":"a"}
CREATE TABLE events ( id BIGINT, ts TIMESTAMP(6), k STRING, WATERMARK FOR ts AS ts - INTERVAL '0.5' SECOND )
WITH ('connector' = 'kafka', 'topic' = 'events', 'properties.bootstrap.servers' = 'x', 'format' = 'json');
CREATE MATERIALIZED VIEW tenths AS SELECT window_start, window_end, window_time, COUNT(*) n, SUM(id) ids FROM TABLE(SESSION(TABLE events, DESCRIPTOR(ts), INTERVAL '0.1' SECOND)) GROUP BY window_start, window_end, window_time;
CREATE MATERIALIZED VIEW fifths AS SELECT window_start, window_end, window_time, COUNT(*) n, SUM(id) ids FROM TABLE(SESSION(TABLE events, DESCRIPTOR(ts), INTERVAL '0.2' SECOND)) GROUP BY window_start, window_end, window_time;
CREATE MATERIALIZED VIEW thousandths AS SELECT window_start, window_end, window_time, COUNT(*) n, SUM(id) ids FROM TABLE(SESSION(TABLE events, DESCRIPTOR(ts), INTERVAL '0.001' SECOND)) GROUP BY window_start, window_end, window_time;
CREATE MATERIALIZED VIEW by_key AS SELECT window_start, window_end, k, COUNT(*) n, SUM(id) ids FROM TABLE(SESSION(TABLE events PARTITION BY k, DESCRIPTOR(ts), INTERVAL '0.2' SECOND)) GROUP BY window_start, window_end, k;
CREATE MATERIALIZED VIEW rows_of AS SELECT id, window_start, window_end, window_time FROM TABLE(SESSION(TABLE events, DESCRIPTOR(ts), INTERVAL '0.2' SECOND));
CREATE MATERIALIZED VIEW above AS SELECT window_start, COUNT(*) n, SUM(n) rows_in FROM TABLE(TUMBLE((SELECT window_time wt, n FROM (SELECT window_start, window_end, window_time, COUNT(*) n FROM TABLE(SESSION(TABLE events, DESCRIPTOR(ts), INTERVAL '0.1' SECOND)) GROUP BY window_start, window_end, window_time)), DESCRIPTOR(wt), INTERVAL '0.5' SECOND)) GROUP BY window_start, window_end;
CREATE MATERIALIZED VIEW changing AS SELECT window_start, window_end, COUNT(*) n, SUM(id) ids FROM TABLE(SESSION(TABLE events, DESCRIPTOR(ts), INTERVAL '0.2' SECOND)) GROUP BY window_start, window_end EMIT CHANGES;
