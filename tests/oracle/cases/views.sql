-- Views below and above windows.
-- input events: rows=200 partitions=1 disorder=3000
-- late: some
CREATE TABLE events ( id BIGINT, ts TIMESTAMP(3), k STRING, v INT, f DOUBLE, b BOOLEAN,
  WATERMARK FOR ts AS ts )
WITH ('connector' = 'kafka', 'topic' = 'events', 'properties.bootstrap.servers' = 'x', 'format' = 'json');
CREATE TABLE out ( w TIMESTAMP(3), name STRING, share DOUBLE, ids BIGINT ) WITH ('connector' = 'kafka', 'topic' = 'out', 'properties.bootstrap.servers' = 'x', 'format' = 'json');
CREATE VIEW positive AS SELECT id AS id, ts AS happened, k AS name, v FROM events WHERE v > 0;
CREATE VIEW per_name AS SELECT window_start AS w, name, COUNT(*) AS n, SUM(v) AS total, SUM(id) AS ids
  FROM TABLE(TUMBLE(TABLE positive, DESCRIPTOR(happened), INTERVAL '2' SECOND)) GROUP BY window_start, window_end, name;
INSERT INTO out SELECT w, CONCAT('name ', name), CAST(total AS DOUBLE) / n, ids FROM per_name WHERE n > 1;
