-- Event time is a computed column, and so is a key.
-- input events: rows=200 partitions=1 disorder=2500
-- late: some
CREATE TABLE events ( id BIGINT, ts STRING, v INT, at AS TO_TIMESTAMP(ts), sort AS v % 3,
  WATERMARK FOR at AS at - INTERVAL '1' SECOND )
WITH ('connector' = 'kafka', 'topic' = 'events', 'properties.bootstrap.servers' = 'x', 'format' = 'json');
CREATE TABLE out ( window_start TIMESTAMP(3), sort INT, ids BIGINT ) WITH ('connector' = 'kafka', 'topic' = 'out', 'properties.bootstrap.servers' = 'x', 'format' = 'json');
INSERT INTO out SELECT window_start, sort, SUM(id) FROM TABLE(TUMBLE(TABLE events, DESCRIPTOR(at), INTERVAL '1' SECOND)) GROUP BY window_start, window_end, sort;
