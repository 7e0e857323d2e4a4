-- The topic of logins, the user table in Cassandra, and a print table that shows the joined rows.
SET 'trigger.interval' = '30 s';

CREATE OR REPLACE TABLE logins (login_id STRING, created_time TIMESTAMP(3), at AS PROCTIME())
WITH ('connector' = 'kafka', 'topic' = 'logins', 'properties.bootstrap.servers' = 'kafka:29092',
      'scan.startup.mode' = 'earliest-offset', 'format' = 'json');

CREATE OR REPLACE TABLE users (login_id STRING, user_name STRING, last_login TIMESTAMP(3), PRIMARY KEY (login_id) NOT ENFORCED)
WITH ('connector' = 'cassandra', 'contact-points' = 'cassandra:9042', 'keyspace' = 'spark_db', 'table' = 'users',
      'username' = 'cassandra', 'password' = 'cassandra');

CREATE OR REPLACE TABLE seen (login_id STRING, user_name STRING, last_login TIMESTAMP(3)) WITH ('connector' = 'print');
