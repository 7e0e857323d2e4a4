-- The companies, the volumes per minute, and the view of today's volumes; for the mysql client.
CREATE DATABASE IF NOT EXISTS trading CHARACTER SET utf8mb4;
USE trading;

CREATE TABLE IF NOT EXISTS profile (
  ticker VARCHAR(10) PRIMARY KEY, company_name VARCHAR(100) NOT NULL, sector VARCHAR(50) NOT NULL, shares BIGINT NOT NULL);
INSERT IGNORE INTO profile VALUES
  ('AAPL', 'Apple', 'Technology', 15115820000),
  ('JNJ', 'Johnson & Johnson', 'Health Care', 2407280000),
  ('JPM', 'JPMorgan Chase', 'Financials', 2871680000),
  ('KO', 'Coca-Cola', 'Consumer Staples', 4308700000),
  ('MSFT', 'Microsoft', 'Technology', 7431260000),
  ('PFE', 'Pfizer', 'Health Care', 5666590000),
  ('WMT', 'Walmart', 'Consumer Staples', 8043130000),
  ('XOM', 'Exxon Mobil', 'Energy', 3943000000);

CREATE TABLE IF NOT EXISTS aggregated_data (
  processing_id BIGINT AUTO_INCREMENT PRIMARY KEY, processed_at DATETIME NOT NULL, sector VARCHAR(50) NOT NULL,
  total_volume BIGINT NOT NULL, date DATE NOT NULL);

CREATE OR REPLACE VIEW volume_today AS
SELECT sector, SUM(total_volume) AS total_volume FROM aggregated_data WHERE date = UTC_DATE() GROUP BY sector;
