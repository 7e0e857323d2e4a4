-- Generates the topic `transactions` for the worked example. There are ten users. A user whose id starts with digit d pays 10 * d
-- (with digit 0 the user pays 100). A tenth of the payments is refused. Rows are up to 50 ms out of order.
--
--   millstream run sql/transactions/generator/generate.sql \
--     --option properties.bootstrap.servers=localhost:9092 --option number-of-rows=1000000
--
-- The time of row k is start + k * step, less its delay: 5,000 rows per second of event time. The topic limits the write rate.

CREATE OR REPLACE TABLE transactions_generator (
  happened TIMESTAMP(3), transaction_id INT, digit INT, roll INT, late_by INT )
WITH ('connector' = 'datagen', 'number-of-rows' = '1000000', 'rows-per-second' = 'unlimited',
      'fields.happened.kind' = 'sequence', 'fields.happened.start' = '2024-05-01 12:00:00', 'fields.happened.step' = '200 us',
      'fields.transaction_id.kind' = 'sequence', 'fields.transaction_id.start' = '1', 'fields.transaction_id.end' = '2147483647',
      'fields.digit.min' = '0', 'fields.digit.max' = '9',
      'fields.roll.min' = '0', 'fields.roll.max' = '9',
      'fields.late_by.min' = '0', 'fields.late_by.max' = '50');

CREATE OR REPLACE TABLE transactions_generated (
  event_timestamp TIMESTAMP(3), transaction_id INT, user_id STRING, total_paid INT, status STRING )
WITH ('connector' = 'kafka', 'topic' = 'transactions', 'properties.bootstrap.servers' = 'kafka:29092',
      'properties.allow.auto.create.topics' = 'true',
      'key.format' = 'raw', 'key.fields' = 'user_id', 'format' = 'json');

INSERT INTO transactions_generated
SELECT to_timestamp_millis(CAST(happened AS BIGINT) - late_by), transaction_id,
       CONCAT(CAST(digit AS STRING), '4660caf-55b6-4c9c-a4dd-3b66d3b4c7b1'),
       CASE WHEN digit = 0 THEN 100 ELSE 10 * digit END,
       CASE WHEN roll = 0 THEN 'Refused' ELSE 'Paid' END
FROM transactions_generator;
