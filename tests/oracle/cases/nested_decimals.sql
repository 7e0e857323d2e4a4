-- DECIMALs within arrays, rows and maps whose common type has more than 38 digits: as those of plain columns; by hand.
-- row events/0: {"id": 1, "w": 99999999999999999999999999999999999999, "f": "0.5"}
-- row events/0: {"id": 2, "w": 1, "f": "0.49999999999999999999999999999999999999"}
-- row events/0: {"id": 3, "w": null, "f": "-0.5"}
-- late: never
-- expect united: 1 | [99999999999999999999999999999999999999]
-- expect united: 1 | [1]
-- expect united: 2 | [1]
-- expect united: 2 | [0]
-- expect united: 3 | [NULL]
-- expect united: 3 | [-1]
-- expect rows: 1 | {w: 99999999999999999999999999999999999999, n: 1}
-- expect rows: 2 | {w: 0, n: 7}
-- expect rows: 3 | {w: -1, n: 7}
-- expect maps: 1 | {k: 99999999999999999999999999999999999999}
-- expect maps: 2 | {k: 1}
-- expect maps: 3 | {k: -1}
-- expect deep: 1 | [[99999999999999999999999999999999999999], [1]]
-- expect deep: 2 | [[1], [0]]
-- expect deep: 3 | [[NULL], [-1]]
-- expect distinct_ones: [99999999999999999999999999999999999999]
-- expect distinct_ones: [1]
-- expect distinct_ones: [0]
-- expect distinct_ones: [NULL]
-- expect distinct_ones: [-1]
CREATE TABLE events ( id BIGINT, w DECIMAL(38, 0), f DECIMAL(38, 38) )
WITH ('connector' = 'kafka', 'topic' = 'events', 'properties.bootstrap.servers' = 'x', 'format' = 'json');
CREATE MATERIALIZED VIEW united AS SELECT id, ARRAY[w] AS n FROM events UNION ALL SELECT id, ARRAY[f] FROM events;
CREATE MATERIALIZED VIEW rows AS SELECT id, CASE WHEN id = 1 THEN CAST(ROW(w, id) AS ROW<w DECIMAL(38, 0), n BIGINT>) ELSE CAST(ROW(f, 7) AS ROW<w DECIMAL(38, 38), n INT>) END AS r FROM events;
CREATE MATERIALIZED VIEW maps AS SELECT id, COALESCE(CASE WHEN id < 3 THEN MAP['k', w] END, MAP['k', f]) AS m FROM events;
CREATE MATERIALIZED VIEW deep AS SELECT id, ARRAY[ARRAY[w], ARRAY[f]] AS a FROM events;
CREATE MATERIALIZED VIEW distinct_ones AS SELECT ARRAY[w] AS n FROM events UNION SELECT ARRAY[f] FROM events;
