-- Outer joins by keys that are computed, and are not NULL where a row is filled up with NULLs.
-- input events: rows=60 partitions=1 nulls=0.3 disorder=900 seed=21
-- input others: rows=50 partitions=1 nulls=0.3 disorder=900 seed=22
CREATE TABLE events ( id BIGINT, ts TIMESTAMP(3), k STRING, v INT, f DOUBLE, b BOOLEAN, WATERMARK FOR ts AS ts - INTERVAL '1' SECOND )
WITH ('connector' = 'kafka', 'topic' = 'events', 'properties.bootstrap.servers' = 'x', 'format' = 'json');
CREATE TABLE others ( id BIGINT, ts TIMESTAMP(3), k STRING, v INT, f DOUBLE, b BOOLEAN, WATERMARK FOR ts AS ts - INTERVAL '1' SECOND )
WITH ('connector' = 'kafka', 'topic' = 'others', 'properties.bootstrap.servers' = 'x', 'format' = 'json');
CREATE MATERIALIZED VIEW coalesced AS SELECT e.id, o.id oid FROM events e FULL JOIN others o ON COALESCE(e.v, 0) = o.v;
CREATE MATERIALIZED VIEW both_sides AS SELECT e.id, o.id oid FROM events e FULL JOIN others o ON COALESCE(e.v, 0) = COALESCE(o.v, 1) AND e.k = o.k;
CREATE MATERIALIZED VIEW cases AS SELECT e.id, o.id oid FROM events e FULL JOIN others o ON CASE WHEN e.k IS NULL THEN 'none' ELSE e.k END = CASE WHEN o.k = 'a' THEN 'none' ELSE o.k END AND e.v < o.v + 3;
CREATE MATERIALIZED VIEW texts AS SELECT e.id, o.id oid FROM events e FULL JOIN others o ON CONCAT_WS('-', e.k, CAST(e.v AS STRING)) = CONCAT_WS('-', o.k, CAST(o.v AS STRING));
CREATE MATERIALIZED VIEW truths AS SELECT e.k, o.k ok, COUNT(*) n FROM events e FULL JOIN others o ON (e.v IS NULL) = (o.v IS NULL) AND e.k = o.k GROUP BY e.k, o.k;
CREATE MATERIALIZED VIEW right_only AS SELECT e.id, o.id oid FROM events e RIGHT JOIN others o ON COALESCE(e.v, 0) = COALESCE(o.v, 0);
CREATE MATERIALIZED VIEW left_only AS SELECT e.id, o.id oid FROM events e LEFT JOIN others o ON COALESCE(e.v, 0) = COALESCE(o.v, 0);
CREATE MATERIALIZED VIEW over_changes AS SELECT a.k, a.n, b.k bk, b.n bn FROM (SELECT k, COUNT(*) n FROM events GROUP BY k) a FULL JOIN (SELECT k, COUNT(*) n FROM others GROUP BY k) b ON COALESCE(a.k, 'z') = b.k;
