-- The topic that README.md reads.
CREATE TEMPORARY TABLE writer (event_timestamp TIMESTAMP(3), transaction_id INT, user_id STRING, total_paid INT, status STRING)
WITH ('connector' = 'kafka', 'topic' = 'transactions', 'format' = 'json');
INSERT INTO writer VALUES
  (TIMESTAMP '2024-05-01 12:00:00', 1, 'ann', 3000, 'Paid'), (TIMESTAMP '2024-05-01 12:00:01', 2, 'bob', 1250, 'Paid'),
  (TIMESTAMP '2024-05-01 12:00:04', 3, 'ann', 700, 'Refused'), (TIMESTAMP '2024-05-01 12:00:05', 4, 'eve', 90, 'Paid');
