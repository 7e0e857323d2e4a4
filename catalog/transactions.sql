-- The two tables of the worked example in sql/transactions, for commands other than its job:
--
--   millstream query --catalog catalog "SELECT status, count(*) FROM transactions_table GROUP BY status" \
--     --option properties.bootstrap.servers=localhost:9092
--
-- The declarations are the same as in sql/transactions/flink, so that running the job does not change anything here.

CREATE TABLE transactions_table (
  event_timestamp TIMESTAMP(3), transaction_id INT, user_id STRING, total_paid INT, status STRING,
  flink_timestamp TIMESTAMP(3) METADATA FROM 'timestamp',
  WATERMARK FOR event_timestamp AS event_timestamp )
WITH ('connector' = 'kafka', 'topic' = 'transactions', 'properties.bootstrap.servers' = 'kafka:29092',
      'properties.group.id' = 'flink', 'scan.startup.mode' = 'earliest-offset', 'format' = 'json');

CREATE TABLE transactions_paid_agg_table (
  window_start TIMESTAMP(3), window_end TIMESTAMP(3), total_paid INT, total_transactions BIGINT, average_transaction_value BIGINT )
WITH ('connector' = 'kafka', 'topic' = 'transactions_aggregate_flink', 'properties.bootstrap.servers' = 'kafka:29092',
      'properties.allow.auto.create.topics' = 'true', 'format' = 'json');
