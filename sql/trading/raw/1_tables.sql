-- Trades as they come, several in each message, and the table in Cassandra that keeps them.
SET 'trigger.interval' = '10 s';

CREATE OR REPLACE TABLE trading_data (
  id BIGINT, created_at TIMESTAMP(3), ticker STRING, sector STRING, volume BIGINT, market_cap DECIMAL(20, 2), price DECIMAL(12, 2),
  at AS PROCTIME() )
WITH ('connector' = 'kafka', 'topic' = 'trading_data', 'properties.bootstrap.servers' = 'kafka:29092',
      'scan.startup.mode' = 'earliest-offset', 'format' = 'json');

CREATE OR REPLACE TABLE real_time_data (
  id BIGINT, created_at TIMESTAMP(3), ticker STRING, sector STRING, volume BIGINT, market_cap DECIMAL(20, 2), price DECIMAL(12, 2),
  PRIMARY KEY (id) NOT ENFORCED )
WITH ('connector' = 'cassandra', 'contact-points' = 'cassandra:9042', 'keyspace' = 'trading', 'table' = 'real_time_data',
      'username' = 'cassandra', 'password' = 'cassandra');
