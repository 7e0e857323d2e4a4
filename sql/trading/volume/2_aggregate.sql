-- What was traded in every minute, per sector and day of the trades, once the minute is over.
INSERT INTO aggregated_data
SELECT window_end, sector, SUM(volume), CAST(created_at AS DATE)
FROM TABLE(TUMBLE(TABLE trading_data, DESCRIPTOR(at), INTERVAL '60' SECOND))
GROUP BY window_start, window_end, sector, CAST(created_at AS DATE);
