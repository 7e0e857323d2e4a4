-- A ROW is cast and inserted by the places of its fields, whatever they are called, also within rows, arrays and maps; times within them keep
-- their digits; by hand.
-- row events/0: {"id": 1, "r": {"a": 1, "b": 2, "t": "1969-12-31 23:59:59.987"}, "l": [{"a": 3, "b": 4, "t": "2024-05-01 12:00:00.05"}], "m": {"k": "1969-12-31 23:59:59.12345678"}}
-- row events/0: {"id": 2, "r": null, "l": [null, {"a": null, "b": 6, "t": null}], "m": null}
-- late: never
-- expect declared: 1 | {a: 1, b: 2, t: 1969-12-31T23:59:59} | [{a: 3, b: 4, t: 2024-05-01T12:00:00}] | {k: 1969-12-31T23:59:59.123456700}
-- expect declared: 2 | NULL | [NULL, {a: NULL, b: 6, t: NULL}] | NULL
-- expect cast: 1 | {b: 1, a: 2, z: 1969-12-31T23:59:59} | [{x: 3, y: {y: 4}}] | {k: 1969-12-31T23:59:59.100}
-- expect cast: 2 | NULL | [NULL, {x: NULL, y: {y: 6}}] | NULL
-- expect fields: 1 | 1 | 4 | 3
-- expect fields: 2 | NULL | NULL | NULL
-- expect topic: {"id":1,"r":{"b":1,"a":2,"u":"1969-12-31 23:59:59.9"},"l":[{"x":3,"y":4,"z":"2024-05-01 12:00:00"}]}
-- expect topic: {"id":2,"r":null,"l":[null,{"x":null,"y":6,"z":null}]}
CREATE TABLE events ( id BIGINT, r ROW<a INT, b INT, t TIMESTAMP(0)>, l ARRAY<ROW<a INT, b INT, t TIMESTAMP(1)>>, m MAP<STRING, TIMESTAMP(7)> )
WITH ('connector' = 'kafka', 'topic' = 'events', 'properties.bootstrap.servers' = 'x', 'format' = 'json');
CREATE TABLE topic ( id BIGINT, r ROW<b INT, a BIGINT, u TIMESTAMP(1)>, l ARRAY<ROW<x INT, y INT, z TIMESTAMP(0)>> )
WITH ('connector' = 'kafka', 'topic' = 'topic', 'properties.bootstrap.servers' = 'x', 'format' = 'json');
CREATE MATERIALIZED VIEW declared AS SELECT * FROM events;
CREATE MATERIALIZED VIEW cast AS SELECT id, CAST(r AS ROW<b INT, a BIGINT, z TIMESTAMP(0)>) r,
  CAST(x AS ARRAY<ROW<x INT, y ROW<y INT>>>) l, CAST(m AS MAP<STRING, TIMESTAMP(1)>) m
  FROM (SELECT id, r, m, CASE WHEN id = 1 THEN ARRAY[ROW(3, ROW(4))] ELSE ARRAY[NULL, ROW(CAST(NULL AS BIGINT), ROW(6))] END AS x FROM events);
CREATE MATERIALIZED VIEW fields AS SELECT id, (CAST(r AS ROW<b INT, a INT, t TIMESTAMP(3)>)).b AS b, l[1].b AS c, L[1].A AS d FROM events;
INSERT INTO topic SELECT id, CASE WHEN id = 1 THEN CAST(ROW(1, 2, TIMESTAMP '1969-12-31 23:59:59.987') AS ROW<a INT, b INT, t TIMESTAMP(3)>) END, l FROM events;
