-- A row without a partner gets one later, and its row with NULL goes; on each side, and when the partner is an aggregate; by hand.
-- run: cuts=1,2,3,4,5,6 interval=0 stops=
-- row events/0: {"id": 1, "k": "a", "v": 1}
-- row events/0: {"id": 2, "k": "b", "v": 2}
-- row events/0: {"id": 3, "v": 3}
-- row others/0: {"id": 11, "k": "b", "v": 2}
-- row others/0: {"id": 12, "k": "b", "v": 5}
-- row others/0: {"id": 13, "k": "c", "v": 1}
-- row others/0: {"id": 14, "v": 3}
-- expect lefts: 1 | NULL
-- expect lefts: 2 | 11
-- expect lefts: 2 | 12
-- expect lefts: 3 | NULL
-- expect rights: 2 | 11
-- expect rights: 2 | 12
-- expect rights: NULL | 13
-- expect rights: NULL | 14
-- expect fulls: 1 | NULL
-- expect fulls: 2 | 11
-- expect fulls: 2 | 12
-- expect fulls: 3 | NULL
-- expect fulls: NULL | 13
-- expect fulls: NULL | 14
-- expect counted: 1 | NULL
-- expect counted: 2 | 2
-- expect counted: 3 | NULL
-- expect residual: 1 | NULL
-- expect residual: 2 | 12
-- expect residual: 3 | NULL
-- expect not_matched: 1
-- expect not_matched: 3
-- expect same: 3 | 14
CREATE TABLE events ( id BIGINT, ts TIMESTAMP(3), k STRING, v INT, f DOUBLE, b BOOLEAN, WATERMARK FOR ts AS ts )
WITH ('connector' = 'kafka', 'topic' = 'events', 'properties.bootstrap.servers' = 'x', 'format' = 'json');
CREATE TABLE others ( id BIGINT, ts TIMESTAMP(3), k STRING, v INT, f DOUBLE, b BOOLEAN, WATERMARK FOR ts AS ts )
WITH ('connector' = 'kafka', 'topic' = 'others', 'properties.bootstrap.servers' = 'x', 'format' = 'json');
CREATE MATERIALIZED VIEW lefts AS SELECT e.id, o.id oid FROM events e LEFT JOIN others o ON e.k = o.k;
CREATE MATERIALIZED VIEW rights AS SELECT e.id, o.id oid FROM events e RIGHT JOIN others o ON e.k = o.k;
CREATE MATERIALIZED VIEW fulls AS SELECT e.id, o.id oid FROM events e FULL JOIN others o ON e.k = o.k;
CREATE MATERIALIZED VIEW counted AS SELECT e.id, o.n FROM events e LEFT JOIN (SELECT k, COUNT(*) n FROM others GROUP BY k) o ON e.k = o.k;
CREATE MATERIALIZED VIEW residual AS SELECT e.id, o.id oid FROM events e LEFT JOIN others o ON e.k = o.k AND o.v > e.v;
CREATE MATERIALIZED VIEW full_residual AS SELECT e.id, o.id oid FROM events e FULL JOIN others o ON e.k = o.k AND o.v > e.v;
CREATE MATERIALIZED VIEW not_matched AS SELECT e.id FROM events e LEFT JOIN others o ON e.k = o.k WHERE o.id IS NULL;
CREATE MATERIALIZED VIEW same AS SELECT e.id, o.id oid FROM events e JOIN others o ON (e.k IS NOT DISTINCT FROM o.k) AND e.v = o.v AND e.k IS NULL;
CREATE MATERIALIZED VIEW twice AS SELECT e.id, o.id oid, p.id pid FROM events e LEFT JOIN others o ON e.k = o.k LEFT JOIN events p ON o.v = p.v;
CREATE MATERIALIZED VIEW full_twice AS SELECT e.k, o.k ok, p.v FROM events e FULL JOIN others o ON e.k = o.k FULL JOIN events p ON o.v = p.v;
CREATE MATERIALIZED VIEW counts AS SELECT e.k, COUNT(o.id) n, COUNT(*) FILTER (WHERE o.id IS NULL) alone FROM events e LEFT JOIN others o ON e.k = o.k GROUP BY e.k;
