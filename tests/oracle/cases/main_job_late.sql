-- The worked example with rows far out of order; the sum of ids says which rows are in a window.
-- file: sql/transactions/flink/1_source.sql
-- input transactions: rows=260 partitions=1 disorder=7000 seed=4
-- late: some
CREATE TABLE out ( window_start TIMESTAMP(3), window_end TIMESTAMP(3), ids BIGINT, total_paid INT, n BIGINT ) WITH ('connector' = 'kafka', 'topic' = 'out', 'properties.bootstrap.servers' = 'x', 'format' = 'json');
INSERT INTO out SELECT window_start, window_end, SUM(CAST(transaction_id AS BIGINT)), SUM(total_paid), COUNT(*)
FROM TABLE(TUMBLE(TABLE transactions_table, DESCRIPTOR(event_timestamp), INTERVAL '3' SECONDS))
WHERE status = 'Paid' GROUP BY window_start, window_end;
