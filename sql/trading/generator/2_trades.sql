-- Each draw is a trade of one company. Ids go on after the largest one in Cassandra, which is read once, at the start of the job.
CREATE OR REPLACE VIEW trades AS
SELECT kept.id + d.n AS id, d.at, c.ticker, c.sector, d.volume, CAST(c.shares * d.price AS DECIMAL(20, 2)) AS market_cap, d.price
FROM draws AS d
CROSS JOIN (
  SELECT COALESCE(MAX(id), 0) AS id
  FROM real_time_data /*+ OPTIONS('lookup.cache' = 'FULL', 'lookup.full-cache.periodic-reload.interval' = '36500 d') */ ) AS kept
JOIN (
  SELECT ticker, sector, shares, ROW_NUMBER() OVER (ORDER BY ticker) - 1 AS place, COUNT(*) OVER () AS companies FROM profile ) AS c
  ON c.place = MOD(d.pick, c.companies);
