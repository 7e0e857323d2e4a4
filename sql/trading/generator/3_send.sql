-- The trades of every second are one message.
INSERT INTO trading_messages
SELECT JSON_ARRAYAGG(JSON_OBJECT('id' VALUE id, 'created_at' VALUE DATE_FORMAT(at, 'yyyy-MM-dd HH:mm:ss'), 'ticker' VALUE ticker,
  'sector' VALUE sector, 'volume' VALUE volume, 'market_cap' VALUE market_cap, 'price' VALUE price))
FROM TABLE(TUMBLE(TABLE trades, DESCRIPTOR(at), INTERVAL '1' SECOND))
GROUP BY window_start, window_end;
