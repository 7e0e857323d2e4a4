-- Elements of arrays beside their rows, of ROWs and MAPs too; rows without elements stay with LEFT JOIN; over rows that change.
-- row orders/0: {"id": 1, "k": "a", "tags": ["x", "y"], "items": [{"name": "pen", "price": 3}, {"name": "ink", "price": 5}], "m": {"p": 1}}
-- row orders/0: {"id": 2, "k": "b", "tags": [], "items": null, "m": {}}
-- row orders/0: {"id": 3, "k": "a", "tags": null, "items": [{"name": null, "price": 7}], "m": null}
-- row orders/1: {"id": 4, "k": "b", "tags": ["z", null, "x"], "items": [], "m": {"q": 2, "r": null}}
-- row orders/1: {"id": 5, "k": "a", "tags": ["x"], "items": [{"name": "pen", "price": 4}], "m": {"p": 3}}
-- expect tags: 1 | x
-- expect tags: 1 | y
-- expect tags: 4 | z
-- expect tags: 4 | NULL
-- expect tags: 4 | x
-- expect tags: 5 | x
-- expect items: pen | 7 | 2
-- expect items: ink | 5 | 1
-- expect items: NULL | 7 | 1
-- expect numbered: 1 | x | 1
-- expect numbered: 1 | y | 2
-- expect numbered: 4 | z | 1
-- expect numbered: 4 | NULL | 2
-- expect numbered: 4 | x | 3
-- expect numbered: 5 | x | 1
-- expect numbered_lefts: 1 | 3 | 1
-- expect numbered_lefts: 1 | 5 | 2
-- expect numbered_lefts: 2 | NULL | NULL
-- expect numbered_lefts: 3 | 7 | 1
-- expect numbered_lefts: 4 | NULL | NULL
-- expect numbered_lefts: 5 | 4 | 1
-- expect lefts: 1 | x
-- expect lefts: 1 | y
-- expect lefts: 2 | NULL
-- expect lefts: 3 | NULL
-- expect lefts: 4 | z
-- expect lefts: 4 | NULL
-- expect lefts: 4 | x
-- expect lefts: 5 | x
CREATE TABLE orders ( id BIGINT, k STRING, tags ARRAY<STRING>, items ARRAY<ROW<name STRING, price INT>>, m MAP<STRING, INT> )
WITH ('connector' = 'kafka', 'topic' = 'orders', 'properties.bootstrap.servers' = 'x', 'format' = 'json');
CREATE MATERIALIZED VIEW tags AS SELECT id, tag FROM orders CROSS JOIN UNNEST(tags) AS t (tag);
CREATE MATERIALIZED VIEW items AS SELECT name, SUM(price) s, COUNT(*) n FROM orders, UNNEST(orders.items) AS i (name, price) GROUP BY name;
CREATE MATERIALIZED VIEW lefts AS SELECT o.id, t.tag FROM orders o LEFT JOIN UNNEST(o.tags) AS t (tag) ON TRUE;
CREATE MATERIALIZED VIEW cheap AS SELECT o.id, i.name FROM orders AS o JOIN UNNEST(o.items) AS i ON i.price < 5;
CREATE MATERIALIZED VIEW entries AS SELECT id, e.* FROM orders CROSS JOIN UNNEST(m) AS e (key, val);
CREATE MATERIALIZED VIEW twice AS SELECT id, tag, i.price FROM orders CROSS JOIN UNNEST(tags) AS t (tag) CROSS JOIN UNNEST(items) AS i WHERE tag <> 'y';
CREATE MATERIALIZED VIEW lateral_tags AS SELECT id, tag FROM orders CROSS JOIN LATERAL UNNEST(tags) AS t (tag);
CREATE MATERIALIZED VIEW of_changes AS SELECT k, t FROM (SELECT k, ARRAY_AGG(id ORDER BY id) AS ids FROM orders GROUP BY k) CROSS JOIN UNNEST(ids) AS u (t);
CREATE MATERIALIZED VIEW constants AS SELECT id, c FROM orders CROSS JOIN UNNEST(ARRAY[1, 2]) AS u (c);
CREATE MATERIALIZED VIEW numbered AS SELECT id, tag, n FROM orders CROSS JOIN UNNEST(tags) WITH ORDINALITY AS t (tag, n);
CREATE MATERIALIZED VIEW numbered_lefts AS SELECT id, i.price, i.n FROM orders LEFT JOIN UNNEST(items) WITH ORDINALITY AS i (name, price, n) ON TRUE;
