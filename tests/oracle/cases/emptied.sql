-- The last row goes, and others come: MIN, MAX and SUM answer for what is left, and not when nothing is left; DECIMALs of many digits; by hand.
-- record users/0: {"id":1} {"id": 1, "v": 5, "d": 12345678901234567890.0001}
-- record users/0: {"id":1}
-- record users/0: {"id":2} {"id": 2, "v": 3, "d": 0.0001}
-- record users/0: {"id":2}
-- record users/0: {"id":3} {"id": 3, "v": 4, "d": 12345678901234567890.0001}
-- record users/0: {"id":4} {"id": 4, "v": 1, "d": 12345678901234567890.0001}
-- expect extremes: 4 | 1
-- expect sums: 24691357802469135780.0002 | 12345678901234567890.0001
-- late: never
CREATE TABLE users ( id BIGINT, v INT, d DECIMAL(30, 4), PRIMARY KEY (id) NOT ENFORCED )
WITH ('connector' = 'upsert-kafka', 'topic' = 'users', 'properties.bootstrap.servers' = 'x', 'key.format' = 'json', 'value.format' = 'json');
CREATE MATERIALIZED VIEW extremes AS SELECT MAX(v) hi, MIN(v) lo FROM users;
CREATE MATERIALIZED VIEW gone AS SELECT MAX(v) hi, MIN(v) lo, COUNT(*) c FROM users WHERE id < 3;
CREATE MATERIALIZED VIEW sums AS SELECT SUM(d) s, SUM(DISTINCT d) one FROM users;
