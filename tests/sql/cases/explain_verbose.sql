---- EXPLAIN VERBOSE shows what each rule makes of a plan
CREATE TABLE payments (id INT, paid INT) WITH ('connector' = 'datagen', 'number-of-rows' = '3');
EXPLAIN VERBOSE SELECT AVG(paid) AS average, ROUND(SUM(paid) / 3.0, 1) AS rounded FROM payments;
---- of a job, too
EXPLAIN VERBOSE SELECT id, AVG(paid) AS average FROM payments GROUP BY id EMIT CHANGES;
