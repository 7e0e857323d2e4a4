-- The topic that docs/coming-from-flink.md reads.
CREATE TEMPORARY TABLE writer (user_id STRING, url STRING, clicked_at TIMESTAMP(3))
WITH ('connector' = 'kafka', 'topic' = 'clicks', 'format' = 'json');
INSERT INTO writer VALUES
  ('ann', '/', TIMESTAMP '2024-05-01 12:00:05'), ('bob', '/', TIMESTAMP '2024-05-01 12:00:20'),
  ('ann', '/cart', TIMESTAMP '2024-05-01 12:00:50'), ('ann', '/checkout', TIMESTAMP '2024-05-01 12:01:30');
