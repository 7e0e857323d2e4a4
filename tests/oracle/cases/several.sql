-- Several INSERTs share a source; a row can be late for one and not for the other; two write to one topic.
-- input events: rows=220 partitions=1 disorder=5000 seed=6
-- late: some
CREATE TABLE events ( id BIGINT, ts TIMESTAMP(3), k STRING, v INT, f DOUBLE, b BOOLEAN,
  WATERMARK FOR ts AS ts )
WITH ('connector' = 'kafka', 'topic' = 'events', 'properties.bootstrap.servers' = 'x', 'format' = 'json');
CREATE TABLE short ( window_start TIMESTAMP(3), n BIGINT, ids BIGINT ) WITH ('connector' = 'kafka', 'topic' = 'short', 'properties.bootstrap.servers' = 'x', 'format' = 'json');
CREATE TABLE long ( window_start TIMESTAMP(3), k STRING, ids BIGINT ) WITH ('connector' = 'kafka', 'topic' = 'long', 'properties.bootstrap.servers' = 'x', 'format' = 'json');
CREATE TABLE rows_of_a ( id BIGINT, v INT ) WITH ('connector' = 'kafka', 'topic' = 'rows_of_a', 'properties.bootstrap.servers' = 'x', 'format' = 'json');
INSERT INTO short SELECT window_start, COUNT(*), SUM(id) FROM TABLE(TUMBLE(TABLE events, DESCRIPTOR(ts), INTERVAL '1' SECOND)) GROUP BY window_start, window_end;
INSERT INTO long SELECT window_start, k, SUM(id) FROM TABLE(TUMBLE(TABLE events, DESCRIPTOR(ts), INTERVAL '10' SECOND)) GROUP BY window_start, window_end, k;
INSERT INTO rows_of_a SELECT id, v FROM events WHERE k = 'a';
INSERT INTO short SELECT window_start, -COUNT(*), SUM(id) FROM TABLE(TUMBLE(TABLE events, DESCRIPTOR(ts), INTERVAL '3' SECOND)) WHERE v > 0 GROUP BY window_start, window_end;
