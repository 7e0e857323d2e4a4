-- Times around the beginning of 1970, with parts of milliseconds: all is cut downwards.
-- input events: rows=0
-- row events/0: {"id":0,"ts":"1970-01-01 00:00:00.000000","k":"a","v":0}
-- row events/0: {"id":1,"ts":"1969-12-31 23:59:58.500000","k":"b","v":1}
-- row events/0: {"id":2,"ts":"1969-12-31 23:59:58.500001","k":"a","v":2}
-- row events/0: {"id":3,"ts":"1969-12-31 23:59:58.999999","k":"b","v":3}
-- row events/0: {"id":4,"ts":"1969-12-31 23:59:59.000000","k":"a","v":0}
-- row events/0: {"id":5,"ts":"1969-12-31 23:59:59.000001","k":"b","v":1}
-- row events/0: {"id":6,"ts":"1969-12-31 23:59:59.499500","k":"a","v":2}
-- row events/0: {"id":7,"ts":"1969-12-31 23:59:59.999500","k":"b","v":3}
-- row events/0: {"id":8,"ts":"1969-12-31 23:59:59.999999","k":"a","v":0}
-- row events/0: {"id":9,"ts":"1970-01-01 00:00:00.000001","k":"b","v":1}
-- row events/0: {"id":10,"ts":"1970-01-01 00:00:00.000999","k":"a","v":2}
-- row events/0: {"id":11,"ts":"1970-01-01 00:00:00.001000","k":"b","v":3}
-- row events/0: {"id":12,"ts":"1969-12-31 23:59:59.999300","k":"a","v":0}
-- row events/0: {"id":13,"ts":"1969-12-31 23:59:59.001000","k":"b","v":1}
-- row events/0: {"id":14,"ts":"1970-01-01 00:00:00.400000","k":"a","v":2}
-- row events/0: {"id":15,"ts":"1970-01-01 00:00:00.500000","k":"b","v":3}
-- row events/0: {"id":16,"ts":"1969-12-31 23:59:59.998999","k":"a","v":0}
-- row events/0: {"id":17,"ts":"1970-01-01 00:00:01.000000","k":"b","v":1}
-- row events/0: {"id":18,"ts":"1970-01-01 00:00:01.000001","k":"a","v":2}
-- row events/0: {"id":19,"ts":"1970-01-01 00:00:01.499999","k":"b","v":3}
-- row events/0: {"id":20,"ts":"1970-01-01 00:00:01.500000","k":"a","v":0}
CREATE TABLE events ( id BIGINT, ts TIMESTAMP(6), k STRING, v INT, WATERMARK FOR ts AS ts - INTERVAL '2' SECOND )
WITH ('connector' = 'kafka', 'topic' = 'events', 'properties.bootstrap.servers' = 'x', 'format' = 'json');
CREATE MATERIALIZED VIEW windows AS SELECT window_start, window_end, window_time, COUNT(*) n, SUM(id) ids FROM TABLE(TUMBLE(TABLE events, DESCRIPTOR(ts), INTERVAL '0.001' SECOND)) GROUP BY window_start, window_end, window_time;
CREATE MATERIALIZED VIEW seconds AS SELECT CAST(ts AS TIMESTAMP(0)) s, COUNT(*) n FROM events GROUP BY CAST(ts AS TIMESTAMP(0));
CREATE MATERIALIZED VIEW days AS SELECT CAST(CAST(ts AS TIMESTAMP(3)) AS DATE) d, COUNT(*) n, MIN(CAST(ts AS TIMESTAMP(3))) lo FROM events GROUP BY CAST(CAST(ts AS TIMESTAMP(3)) AS DATE);
CREATE MATERIALIZED VIEW sessions AS SELECT window_start, window_end, COUNT(*) n, SUM(id) ids FROM TABLE(SESSION(TABLE events, DESCRIPTOR(ts), INTERVAL '0.001' SECOND)) GROUP BY window_start, window_end;
CREATE MATERIALIZED VIEW over_time AS SELECT id, COUNT(*) OVER (ORDER BY ts RANGE BETWEEN INTERVAL '0.5' SECOND PRECEDING AND CURRENT ROW) n FROM events;
CREATE MATERIALIZED VIEW pairs AS SELECT a.id, b.id bid FROM events a JOIN events b ON a.ts >= CAST(b.ts AS TIMESTAMP(3)) AND a.ts < CAST(b.ts AS TIMESTAMP(3)) + INTERVAL '0.001' SECOND;
CREATE TABLE out ( id BIGINT, ts TIMESTAMP(3) ) WITH ('connector' = 'kafka', 'topic' = 'out', 'properties.bootstrap.servers' = 'x', 'format' = 'json');
INSERT INTO out SELECT id, ts FROM events;
