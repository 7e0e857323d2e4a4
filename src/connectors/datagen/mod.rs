//! `'connector' = 'datagen'`: generated rows, for demonstrations, benches and tests.
//!
//! Options are Flink's. A value depends only on the seed, the column and the row's number, so a restarted job continues with exactly the
//! rows that it would have seen. Flink does not have:
//!
//! - `'rows-per-second' = 'unlimited'`: as fast as they are read.
//! - A sequence of a TIMESTAMP column, for event time: `'fields.ts.start' = '2024-05-01 12:00:00'` gives row k that time plus
//!   k / rows-per-second (or k steps of `fields.ts.step`). A start relative to now, `'-30 s'`, ties rows to the wall clock:
//!   the row of 12:00:00 is always the same row, it is due at 12:00:00, and at the first start the last 30 s are due at once.
//!   Other sequences then start again after their end.

use std::sync::Arc;

use crate::common::{Error, OptionSpec, Result};

use super::{Connector, Sink, Source, TableSpec};

mod config;
mod field;
mod pace;
mod source;
mod values;

pub use source::DatagenSource;

/// The connector of generated tables.
#[derive(Debug, Default, Clone, Copy)]
pub struct DatagenConnector;

impl Connector for DatagenConnector {
    fn name(&self) -> &'static str {
        "datagen"
    }

    fn options(&self) -> Vec<OptionSpec> {
        let text = OptionSpec::text;
        vec![
            text("rows-per-second", "how fast rows come (default 10000), or `unlimited`"),
            text("number-of-rows", "how many rows there are; without it they never end"),
            text("scan.parallelism", "how many partitions there are (default 1)"),
            text("seed", "a number; another one gives other rows"),
            OptionSpec::one_of("fields.*.kind", &["random", "sequence"], "how values are made (default random)"),
            text("fields.*.min", "the least random value"),
            text("fields.*.max", "the greatest random value"),
            text("fields.*.max-past", "how long ago a random time can be (default 0 s)"),
            text("fields.*.length", "the length of strings, bytes, arrays and maps"),
            OptionSpec::flag("fields.*.var-len", "true: strings and bytes are up to `length` long"),
            text("fields.*.start", "the first value of a sequence; of a TIMESTAMP a time, or `-30 s` from now"),
            text("fields.*.end", "the last value of a sequence"),
            text("fields.*.step", "the time between two rows of a TIMESTAMP sequence (default 1 / rows-per-second)"),
            text("fields.*.null-rate", "the part of values that is NULL, from 0 to 1"),
            text("scan.watermark.idle-timeout", "when a partition without new rows stops holding the watermark back (default: 5 s)"),
            text(
                "scan.watermark.max-ahead",
                "how far ahead of the wall clock an event time may move the watermark (default: as far as rows say)",
            ),
            text("scan.watermark.emit.strategy", "accepted; the watermark moves with every epoch"),
            text("scan.watermark.alignment.group", "accepted; the partitions of a source are always aligned"),
            text("scan.watermark.alignment.max-drift", "how far a partition may run ahead in event time (default: 1 min)"),
            text("scan.watermark.alignment.update-interval", "accepted; partitions are aligned at every epoch"),
            text("late-rows.table", "the table that late rows go to"),
        ]
    }

    fn validate(&self, table: &TableSpec) -> Result<()> {
        self.source(Arc::new(table.clone())).map(drop)
    }

    fn source(&self, table: Arc<TableSpec>) -> Result<Arc<dyn Source>> {
        super::options::check(&table, &self.options())?;
        Ok(Arc::new(DatagenSource::new(&table)?))
    }

    fn sink(&self, table: Arc<TableSpec>) -> Result<Arc<dyn Sink>> {
        Err(Error::sql(format!("table `{}`: connector 'datagen' can only be read", table.name))
            .hint("'blackhole' swallows rows, 'print' shows them"))
    }
}

#[cfg(test)]
mod tests;
