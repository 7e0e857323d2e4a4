//! `'connector' = 'blackhole'`: swallows rows, for measuring what comes before.

use std::sync::Arc;

use arrow::array::RecordBatch;
use arrow::datatypes::SchemaRef;
use async_trait::async_trait;

use crate::common::{Error, OptionSpec, Result};

use super::{CommitInfo, Connector, Recorded, Sink, SinkMode, SinkWriter, Source, TableSpec, Writer};

/// Tables that swallow rows.
#[derive(Debug, Default, Clone, Copy)]
pub struct BlackholeConnector;

impl Connector for BlackholeConnector {
    fn name(&self) -> &'static str {
        "blackhole"
    }

    fn has_partitions(&self) -> bool {
        true // as in Flink; they make no difference
    }

    fn options(&self) -> Vec<OptionSpec> {
        vec![OptionSpec::text("sink.parallelism", "accepted; has no meaning here")]
    }

    fn validate(&self, table: &TableSpec) -> Result<()> {
        super::options::check(table, &self.options())
    }

    fn source(&self, table: Arc<TableSpec>) -> Result<Arc<dyn Source>> {
        Err(Error::sql(format!("table `{}`: connector 'blackhole' can only be written", table.name)))
    }

    fn sink(&self, table: Arc<TableSpec>) -> Result<Arc<dyn Sink>> {
        self.validate(&table)?;
        Ok(Arc::new(Blackhole(table)))
    }
}

#[derive(Debug)]
struct Blackhole(Arc<TableSpec>);

#[async_trait]
impl Sink for Blackhole {
    fn schema(&self) -> SchemaRef {
        self.0.writable()
    }

    fn mode(&self) -> SinkMode {
        SinkMode::Discard
    }

    async fn prepare(&self) -> Result<Option<String>> {
        Ok(None)
    }

    async fn open(&self, _writer: &Writer) -> Result<(Box<dyn SinkWriter>, Option<Recorded>)> {
        Ok((Box::new(Swallow), None))
    }
}

struct Swallow;

#[async_trait]
impl SinkWriter for Swallow {
    async fn write(&mut self, _commit: &CommitInfo, _rows: &[RecordBatch]) -> Result<()> {
        Ok(())
    }

    async fn commit(&mut self, _commit: &CommitInfo) -> Result<()> {
        Ok(())
    }
}
