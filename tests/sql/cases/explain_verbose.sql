---- EXPLAIN VERBOSE shows what each rule makes of a plan
CREATE TABLE payments (id INT, paid INT) WITH ('connector' = 'datagen', 'number-of-rows' = '3');
EXPLAIN VERBOSE SELECT id, AVG(paid) AS average FROM payments GROUP BY id EMIT CHANGES;
---- a plan that no rule changes
CREATE TABLE payments (id INT, paid INT) WITH ('connector' = 'datagen', 'number-of-rows' = '3');
EXPLAIN VERBOSE SELECT id FROM payments WHERE paid > 1 EMIT CHANGES;
