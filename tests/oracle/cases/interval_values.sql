-- Intervals as values: between times, literal, in aggregates, and as texts in a topic; by hand.
-- row events/0: {"id": 1, "a": "2024-05-01 12:00:00", "b": "2024-05-01 13:00:00.5", "k": "x"}
-- row events/0: {"id": 2, "a": "2024-05-01 12:00:00", "b": "2024-04-30 12:00:00", "k": "x"}
-- row events/0: {"id": 3, "a": null, "b": "2024-05-01 13:00:00.5", "k": "y"}
-- late: never
-- expect between: 1 | PT3600.5S | 1 days 2 hours 3 mins 4.500000000 secs
-- expect between: 2 | -PT86400S | 1 days 2 hours 3 mins 4.500000000 secs
-- expect between: 3 | NULL | 1 days 2 hours 3 mins 4.500000000 secs
-- expect longest: x | PT3600.5S | -PT86400S
-- expect longest: y | NULL | NULL
-- expect topic: {"id":1,"between":"0 days 1 hours 0 mins 0.500 secs","literal":"1 days 2 hours 3 mins 4.500000000 secs","back":"2024-05-01 14:00:01"}
-- expect topic: {"id":2,"between":"-1 days 0 hours 0 mins 0.000 secs","literal":"1 days 2 hours 3 mins 4.500000000 secs","back":"2024-04-29 12:00:00"}
-- expect topic: {"id":3,"between":null,"literal":"1 days 2 hours 3 mins 4.500000000 secs","back":null}
CREATE TABLE events ( id BIGINT, a TIMESTAMP(3), b TIMESTAMP(3), k STRING )
WITH ('connector' = 'kafka', 'topic' = 'events', 'properties.bootstrap.servers' = 'x', 'format' = 'json');
CREATE TABLE topic ( id BIGINT, `between` STRING, literal STRING, back TIMESTAMP(3) ) WITH ('connector' = 'kafka', 'topic' = 'topic', 'properties.bootstrap.servers' = 'x', 'format' = 'json');
CREATE MATERIALIZED VIEW `between` AS SELECT id, b - a AS d, INTERVAL '1 02:03:04.5' DAY TO SECOND AS l FROM events;
CREATE MATERIALIZED VIEW longest AS SELECT k, MAX(b - a) AS hi, MIN(b - a) AS lo FROM events GROUP BY k;
CREATE MATERIALIZED VIEW matching AS SELECT id FROM events WHERE b - a > INTERVAL '1' HOUR;
INSERT INTO topic SELECT id, CAST(b - a AS STRING), CAST(INTERVAL '1 02:03:04.5' DAY TO SECOND AS STRING), b + (b - a) FROM events;
