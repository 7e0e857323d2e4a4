-- Times of fewer digits than their unit has, declared and in CAST, of numbers and within rows and arrays, before 1970; windows by them; by hand.
-- row events/0: {"id": 1, "ts": "1969-12-31 23:59:58.987", "t1": "1969-12-31 23:59:59.987", "t4": "1969-12-31 23:59:59.98765", "l0": "1969-12-31 23:59:59.999Z"}
-- row events/0: {"id": 2, "ts": "1969-12-31 23:59:59.001", "t1": "2024-05-01 12:00:00.05", "t4": "2024-05-01 12:00:00.99999", "l0": "2024-05-01 12:00:00.5Z"}
-- row events/0: {"id": 3, "ts": "1969-12-31 23:59:59.999", "t1": null, "t4": null, "l0": null}
-- row events/0: {"id": 4, "ts": "1970-01-01 00:00:03.5", "t1": null, "t4": null, "l0": null}
-- late: never
-- expect declared: 1 | 1969-12-31T23:59:58 | 1969-12-31T23:59:59.900 | 1969-12-31T23:59:59.987600 | 1969-12-31T23:59:59Z
-- expect declared: 2 | 1969-12-31T23:59:59 | 2024-05-01T12:00:00 | 2024-05-01T12:00:00.999900 | 2024-05-01T12:00:00Z
-- expect declared: 3 | 1969-12-31T23:59:59 | NULL | NULL | NULL
-- expect declared: 4 | 1970-01-01T00:00:03 | NULL | NULL | NULL
-- expect cast: 1 | 1969-12-31T23:59:59.900 | 1969-12-31T23:59:59.980 | [1969-12-31T23:59:59.987] | {a: 1969-12-31T23:59:59.987} | 1969-12-31T23:59:59
-- expect cast: 2 | 2024-05-01T12:00:00.900 | 2024-05-01T12:00:00.990 | [2024-05-01T12:00:00.999] | {a: 2024-05-01T12:00:00.999} | 2024-05-01T12:00:00
-- expect windows: 1969-12-31T23:59:58 | 1
-- expect windows: 1969-12-31T23:59:59 | 2
-- expect windows: 1970-01-01T00:00:03 | 1
-- expect second: 2 | 1969-12-31T23:59:59
-- expect second: 3 | 1969-12-31T23:59:59
-- expect topic: {"id":1,"t0":"1969-12-31 23:59:59","t2":"1969-12-31 23:59:59.98"}
-- expect topic: {"id":2,"t0":"2024-05-01 12:00:00","t2":"2024-05-01 12:00:00.99"}
CREATE TABLE events ( id BIGINT, ts TIMESTAMP(0), t1 TIMESTAMP(1), t4 TIMESTAMP(4), l0 TIMESTAMP_LTZ(0), WATERMARK FOR ts AS ts )
WITH ('connector' = 'kafka', 'topic' = 'events', 'properties.bootstrap.servers' = 'x', 'format' = 'json', 'json.timestamp-format.standard' = 'SQL');
CREATE TABLE topic ( id BIGINT, t0 TIMESTAMP(0), t2 TIMESTAMP(2) ) WITH ('connector' = 'kafka', 'topic' = 'topic', 'properties.bootstrap.servers' = 'x', 'format' = 'json');
CREATE MATERIALIZED VIEW declared AS SELECT * FROM events;
CREATE MATERIALIZED VIEW cast AS SELECT id, CAST(t4 AS TIMESTAMP(1)) a, CAST(t4 AS TIMESTAMP(2)) b, CAST(ARRAY[t4] AS ARRAY<TIMESTAMP(3)>) c, CAST(MAP['a', t4] AS MAP<STRING, TIMESTAMP(3)>) d, CAST(t4 AS TIMESTAMP(0)) e FROM events WHERE t4 IS NOT NULL;
CREATE MATERIALIZED VIEW windows AS SELECT window_start, COUNT(*) n FROM TABLE(TUMBLE(TABLE events, DESCRIPTOR(ts), INTERVAL '1' SECOND)) GROUP BY window_start, window_end;
CREATE MATERIALIZED VIEW second AS SELECT id, ts FROM events WHERE ts = TIMESTAMP '1969-12-31 23:59:59';
INSERT INTO topic SELECT id, t4, t4 FROM events WHERE t4 IS NOT NULL;
