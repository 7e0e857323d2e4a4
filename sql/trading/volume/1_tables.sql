-- Trades as they come, the table in MySQL that takes a row per minute and sector, and MySQL's view of today's volumes.
CREATE OR REPLACE TABLE trading_data (
  id BIGINT, created_at TIMESTAMP(3), ticker STRING, sector STRING, volume BIGINT, market_cap DECIMAL(20, 2), price DECIMAL(12, 2),
  at AS PROCTIME() )
WITH ('connector' = 'kafka', 'topic' = 'trading_data', 'properties.bootstrap.servers' = 'kafka:29092',
      'scan.startup.mode' = 'earliest-offset', 'format' = 'json');

-- Without processing_id, which MySQL counts up.
CREATE OR REPLACE TABLE aggregated_data (processed_at TIMESTAMP(3), sector STRING, total_volume BIGINT, `date` DATE)
WITH ('connector' = 'mysql', 'url' = 'mysql://mysql:3306/trading', 'table-name' = 'aggregated_data',
      'username' = 'millstream', 'password' = 'millstream');

CREATE OR REPLACE TABLE volume_today (sector STRING, total_volume BIGINT)
WITH ('connector' = 'mysql', 'url' = 'mysql://mysql:3306/trading', 'table-name' = 'volume_today',
      'username' = 'millstream', 'password' = 'millstream');
