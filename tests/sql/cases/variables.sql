---- numbers and texts
-- variables: n=5 who=Ann yes=true
SELECT :n AS a, ${who} AS b, :yes AS c, ${n}+1 AS d;
---- in a declaration
-- variables: top=orders n=3
CREATE TABLE t (a INT, b AS a * :n) WITH ('connector' = 'kafka', 'topic' = :top, 'format' = 'json');
INSERT INTO t VALUES (:n);
SELECT * FROM t;
SHOW CREATE TABLE t;
-- reopen
SELECT * FROM t;
-- files
---- in a view
-- variables: n=3
CREATE VIEW v AS SELECT :n AS a;
ALTER VIEW v RENAME TO w;
SHOW CREATE VIEW w;
---- in a setting
-- variables: name=p
SET 'pipeline.name' = :name;
SET;
---- inside texts nothing is filled in
-- variables: n=3
SELECT ':n ${n}' AS a, `b` FROM (SELECT 1 AS b);
---- no value
SELECT 1,
       :n;
---- nearly
-- variables: name=x
SELECT ${nam};
---- other colons
SELECT '1'::INT AS a, CAST(MAP['x', 1]['x'] AS INT) AS b;
---- references stay out of statements
SELECT '${env:HOME}' AS a;
---- text that looks like sql stays text
-- variables: x=1;DROP y='a
SELECT :x AS a, :y AS b;
