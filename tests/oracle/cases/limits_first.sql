-- LIMIT without ORDER BY: the first rows that come stay, with OFFSET, FETCH FIRST, below something else; by hand.
-- row events/0: {"id": 1, "ts": "2024-05-01 12:00:00", "v": 3}
-- row events/0: {"id": 2, "ts": "2024-05-01 12:00:01", "v": 5}
-- row events/0: {"id": 3, "ts": "2024-05-01 12:00:02"}
-- row events/0: {"id": 4, "ts": "2024-05-01 12:00:03", "v": 1}
-- row events/0: {"id": 5, "ts": "2024-05-01 12:00:04", "v": 9}
-- expect first: 1
-- expect first: 2
-- expect skipped: 3
-- expect skipped: 4
-- expect fetched: 1
-- expect behind: 4
-- expect behind: 5
-- expect filtered: 4
-- expect below: 3 | 8
-- late: never
CREATE TABLE events ( id BIGINT, ts TIMESTAMP(3), v INT, WATERMARK FOR ts AS ts )
WITH ('connector' = 'kafka', 'topic' = 'events', 'properties.bootstrap.servers' = 'x', 'format' = 'json');
CREATE MATERIALIZED VIEW first AS SELECT id FROM events LIMIT 2;
CREATE MATERIALIZED VIEW skipped AS SELECT id FROM events LIMIT 2 OFFSET 2;
CREATE MATERIALIZED VIEW fetched AS SELECT id FROM events FETCH FIRST ROW ONLY;
CREATE MATERIALIZED VIEW behind AS SELECT id FROM events OFFSET 3;
CREATE MATERIALIZED VIEW filtered AS SELECT id FROM events WHERE v < 3 LIMIT 3;
CREATE MATERIALIZED VIEW below AS SELECT COUNT(*) n, SUM(v) s FROM (SELECT v FROM events LIMIT 3);
