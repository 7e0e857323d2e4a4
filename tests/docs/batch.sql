-- The files of docs/batch.md, and the topic that it joins them with.
CREATE TEMPORARY TABLE writer (id BIGINT, user_id BIGINT, amount DECIMAL(10, 2))
WITH ('connector' = 'kafka', 'topic' = 'orders', 'format' = 'json');
INSERT INTO writer VALUES (1, 7, 30), (2, 8, 120), (3, 7, 250);
COPY (SELECT * FROM (VALUES (1, 'Paid', 30), (2, 'Refused', 120), (3, 'Paid', 250)) AS t (id, status, paid))
  TO 'payments/2024-05.parquet';
COPY (SELECT 7 AS id, 'Ann' AS name UNION ALL SELECT 8, 'Bob') TO 'users.csv' (HEADER);
COPY (SELECT 1 AS id, 'new' AS kind, '2024-05-01' AS dt UNION ALL SELECT 2, 'old', '2024-05-02')
  TO 's3://lake/events' (FORMAT parquet, PARTITION_BY (dt));
COPY (SELECT 1 AS id, 30.5 AS paid, TIMESTAMP '2024-05-01 12:00:00' AS happened, '2024-05-01' AS dt
      UNION ALL SELECT 2, 120, TIMESTAMP '2024-05-02 12:00:00', '2024-05-02')
  TO 's3://lake/payments' (FORMAT parquet, PARTITION_BY (dt));
COPY (SELECT 1 AS id, 'VTS' AS vendor, arrow_cast(12, 'UInt64') AS paid) TO 'trips/1.parquet';
COPY (SELECT 2 AS id, 'CMT' AS vendor, arrow_cast(7, 'UInt64') AS paid) TO 'trips/2.parquet';
