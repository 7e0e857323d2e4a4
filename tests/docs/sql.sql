-- The topics that docs/sql.md reads.
CREATE TEMPORARY TABLE writer (id BIGINT, customer STRING, paid DECIMAL(10, 2), paid_at TIMESTAMP(3))
WITH ('connector' = 'kafka', 'topic' = 'refunds', 'format' = 'json');
INSERT INTO writer VALUES (1, 'Ann', 30, TIMESTAMP '2024-05-02 09:00:00');
