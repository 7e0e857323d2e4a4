-- Every trade goes to Cassandra.
INSERT INTO real_time_data SELECT id, created_at, ticker, sector, volume, market_cap, price FROM trading_data;
