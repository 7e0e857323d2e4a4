-- Numbers to make trades of, the companies, the trades that are kept already, and the topic of new ones.
SET 'trigger.interval' = '1 s';

CREATE OR REPLACE TABLE draws (n BIGINT, pick BIGINT, volume BIGINT, price DECIMAL(12, 2), at AS PROCTIME())
WITH ('connector' = 'datagen', 'rows-per-second' = '20', 'fields.n.kind' = 'sequence', 'fields.n.start' = '1',
      'fields.pick.min' = '0', 'fields.pick.max' = '999999', 'fields.volume.min' = '1', 'fields.volume.max' = '10000',
      'fields.price.min' = '10.00', 'fields.price.max' = '500.00');

CREATE OR REPLACE TABLE profile (ticker STRING, company_name STRING, sector STRING, shares BIGINT, PRIMARY KEY (ticker) NOT ENFORCED)
WITH ('connector' = 'mysql', 'url' = 'mysql://mysql:3306/trading', 'table-name' = 'profile',
      'username' = 'millstream', 'password' = 'millstream');

CREATE OR REPLACE TABLE real_time_data (
  id BIGINT, created_at TIMESTAMP(3), ticker STRING, sector STRING, volume BIGINT, market_cap DECIMAL(20, 2), price DECIMAL(12, 2),
  PRIMARY KEY (id) NOT ENFORCED )
WITH ('connector' = 'cassandra', 'contact-points' = 'cassandra:9042', 'keyspace' = 'trading', 'table' = 'real_time_data',
      'username' = 'cassandra', 'password' = 'cassandra');

-- A message is one text: an array of trades.
CREATE OR REPLACE TABLE trading_messages (message STRING)
WITH ('connector' = 'kafka', 'topic' = 'trading_data', 'properties.bootstrap.servers' = 'kafka:29092', 'format' = 'raw');
