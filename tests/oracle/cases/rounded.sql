-- Functions whose type depends on a literal have one type from the text to the rows: compared, grouped, joined, written and read back.
-- row events/0: {"id": 1, "d": 1.2345, "n": 1, "ts": "2024-05-01 12:00:01.256"}
-- row events/0: {"id": 2, "d": 9.8765, "n": 2, "ts": "2024-05-01 12:00:02.512"}
-- row events/0: {"id": 3, "d": 1.2049, "n": 0, "ts": "2024-05-01 12:00:03.999"}
-- row events/0: {"id": 4, "d": 99999.9995, "n": -1, "ts": "2024-05-01 12:00:04.001"}
-- row events/0: {"id": 5, "d": -1.2350, "n": null, "ts": "2024-05-01 12:00:05"}
-- row events/0: {"id": 6, "d": null, "n": 1, "ts": null}
-- late: never
-- expect topic: {"id":1,"r":1.23,"m":1.20}
-- expect topic: {"id":2,"r":9.88,"m":9.88}
-- expect topic: {"id":4,"r":100000.00,"m":100000.00}
CREATE TABLE events ( id BIGINT, d DECIMAL(10, 4), n INT, ts TIMESTAMP(3) )
WITH ('connector' = 'kafka', 'topic' = 'events', 'properties.bootstrap.servers' = 'x', 'format' = 'json');
CREATE TABLE topic ( id BIGINT, r DECIMAL(10, 2), m DECIMAL(10, 2) ) WITH ('connector' = 'kafka', 'topic' = 'topic', 'properties.bootstrap.servers' = 'x', 'format' = 'json');
INSERT INTO topic SELECT id, r, m FROM (SELECT id, ROUND(d, 2) r, ROUND(d, n) m FROM events) WHERE r > 1.2 AND m > 1;
CREATE VIEW base AS SELECT id, ROUND(d, 2) r, ROUND(d) w, ROUND(d, 1 + 1) s, ROUND(d, -1) t, ROUND(d, n) m, TRUNCATE(d, 2) u, CEIL(d) c FROM events;
CREATE MATERIALIZED VIEW plain AS SELECT * FROM base;
CREATE MATERIALIZED VIEW compared AS SELECT id FROM events WHERE ROUND(d, 2) > 1.2 AND ROUND(d, 2) <> 9.88 OR ROUND(d, 1) IN (-1.2, 9.9);
CREATE MATERIALIZED VIEW constant_below AS SELECT id, ROUND(d, k) r FROM (SELECT id, d, 2 AS k FROM events) WHERE ROUND(d, k) > 1.2;
CREATE MATERIALIZED VIEW totals AS SELECT ROUND(d, 1) r, COUNT(*) n, SUM(ROUND(d, 2)) s, ROUND(SUM(d), 2) t, ROUND(AVG(d), 1) a FROM events GROUP BY ROUND(d, 1) HAVING ROUND(SUM(d), 2) > -5;
CREATE MATERIALIZED VIEW joined AS SELECT a.id, b.id AS other FROM events a JOIN events b ON ROUND(a.d, 1) = ROUND(b.d, 1);
CREATE MATERIALIZED VIEW upon AS SELECT id, r + 1 AS p, ROUND(r, 1) q FROM base WHERE r < 50;
CREATE MATERIALIZED VIEW units AS SELECT id, DATE_TRUNC('month', ts) a, DATE_PART('second', ts) b, DATE_PART('epoch', ts) c, TO_TIMESTAMP(CAST(ts AS STRING), 'yyyy-MM-dd HH:mm:ss.SSS') e,
  ARROW_CAST(n, 'Int8') f, TO_TIMESTAMP_LTZ(id, 3) g, FLOOR(ts TO MINUTE) h FROM events WHERE DATE_PART('second', ts) <> 4;
CREATE MATERIALIZED VIEW fields AS SELECT id, s['a'] AS x, s['b'] AS y FROM (SELECT id, NAMED_STRUCT('a', d, 'b', n) AS s FROM events) WHERE s['b'] > 0;
