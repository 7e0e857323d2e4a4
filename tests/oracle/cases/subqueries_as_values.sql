-- IN and EXISTS as values, in CASE, in HAVING and under NOT, with NULL on either side; correlated NOT IN; by hand.
-- row events/0: {"id": 1, "k": "a", "v": 1}
-- row events/0: {"id": 2, "k": "b", "v": 2}
-- row events/0: {"id": 3, "k": "c"}
-- row others/0: {"id": 1, "k": "a", "v": 1}
-- row others/0: {"id": 2, "k": "b"}
-- expect known: 1 | true | false
-- expect known: 2 | false | true
-- expect known: 3 | NULL | NULL
-- expect unknown: 1 | true
-- expect unknown: 2 | NULL
-- expect unknown: 3 | NULL
-- expect of_nothing: 1 | false
-- expect of_nothing: 2 | false
-- expect of_nothing: 3 | false
-- expect cases: 1 | yes
-- expect cases: 2 | no
-- expect cases: 3 | no
-- expect there: 1 | true | false
-- expect there: 2 | true | false
-- expect there: 3 | false | true
-- expect apart: 3
-- expect either: 2
-- expect negated: 2
-- expect negated: 3
-- expect found: 1
CREATE TABLE events ( id BIGINT, k STRING, v INT )
WITH ('connector' = 'kafka', 'topic' = 'events', 'properties.bootstrap.servers' = 'x', 'format' = 'json');
CREATE TABLE others ( id BIGINT, k STRING, v INT )
WITH ('connector' = 'kafka', 'topic' = 'others', 'properties.bootstrap.servers' = 'x', 'format' = 'json');
CREATE MATERIALIZED VIEW known AS SELECT id, v IN (SELECT v FROM others WHERE v IS NOT NULL) a, v NOT IN (SELECT v FROM others WHERE v IS NOT NULL) b FROM events;
CREATE MATERIALIZED VIEW unknown AS SELECT id, v IN (SELECT v FROM others) a FROM events;
CREATE MATERIALIZED VIEW of_nothing AS SELECT id, v IN (SELECT v FROM others WHERE id > 9) a FROM events;
CREATE MATERIALIZED VIEW cases AS SELECT id, CASE WHEN v IN (SELECT v FROM others) THEN 'yes' ELSE 'no' END a FROM events;
CREATE MATERIALIZED VIEW there AS SELECT id, EXISTS (SELECT 1 FROM others o WHERE o.k = e.k) a, NOT EXISTS (SELECT 1 FROM others o WHERE o.k = e.k) b FROM events e;
CREATE MATERIALIZED VIEW apart AS SELECT id FROM events e WHERE v NOT IN (SELECT v FROM others o WHERE o.k = e.k) OR k = 'c';
CREATE MATERIALIZED VIEW either AS SELECT id FROM events WHERE k = 'b' OR v NOT IN (SELECT v FROM others);
CREATE MATERIALIZED VIEW negated AS SELECT id FROM events WHERE NOT (v IN (SELECT v FROM others WHERE v IS NOT NULL) AND k = 'a');
CREATE MATERIALIZED VIEW found AS SELECT id FROM events e WHERE v IN (SELECT v FROM others o WHERE o.k = e.k);
