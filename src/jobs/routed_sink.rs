//! A sink with a dead-letter table: rows that it rejects go there, exactly once if both sinks are exactly-once.
//!
//! ```text
//!  commit n ─▶ write ─▶ rejected rows ─▶ dead-letter table, as its commit n ─▶ commit n
//! ```
//! A commit is the same in every attempt, and so are its rejected rows. After a crash between the two commits the dead-letter table has
//! already recorded n.

use std::sync::Arc;
use std::time::Instant;

use arrow::datatypes::SchemaRef;
use arrow::record_batch::RecordBatch;
use async_trait::async_trait;

use crate::common::Result;
use crate::connectors::{BulkWriter, CommitInfo, OnError, Recorded, RejectedRow, Sink, SinkMode, SinkWriter, Writer};

use super::spec::DeadLetter;

/// A sink with a dead-letter table for its rejected rows.
#[derive(Debug)]
pub struct RoutedSink {
    table: String,
    sink: Arc<dyn Sink>,
    dead: Arc<DeadLetter>,
}

impl RoutedSink {
    /// A sink whose bad records go to `dead`.
    pub fn new(table: &str, sink: Arc<dyn Sink>, dead: Arc<DeadLetter>) -> Self {
        Self { table: table.to_string(), sink, dead }
    }
}

#[async_trait]
impl Sink for RoutedSink {
    fn schema(&self) -> SchemaRef {
        self.sink.schema()
    }

    fn identity(&self) -> String {
        self.sink.identity()
    }

    fn mode(&self) -> SinkMode {
        self.sink.mode()
    }

    async fn prepare(&self) -> Result<Option<String>> {
        let news: Vec<String> = [self.sink.prepare().await?, self.dead.sink.prepare().await?].into_iter().flatten().collect();
        Ok((!news.is_empty()).then(|| news.join("\n")))
    }

    fn exactly_once(&self) -> bool {
        self.sink.exactly_once()
    }

    fn on_error(&self) -> OnError {
        self.sink.on_error()
    }

    fn rejected(&self) -> u64 {
        self.sink.rejected()
    }

    async fn bulk_writer(&self) -> Result<Option<Box<dyn BulkWriter>>> {
        self.sink.bulk_writer().await
    }

    async fn open(&self, writer: &Writer) -> Result<(Box<dyn SinkWriter>, Option<Recorded>)> {
        let (inner, newest) = self.sink.open(writer).await?;
        let who = Writer { sink: format!("{}-rejected", writer.sink), ..writer.clone() };
        let routed = RoutedWriter { table: self.table.clone(), inner, dead: Arc::clone(&self.dead), who, letters: None, rows: Vec::new() };
        Ok((Box::new(routed), newest))
    }
}

struct RoutedWriter {
    table: String,
    inner: Box<dyn SinkWriter>,
    dead: Arc<DeadLetter>,
    who: Writer,
    /// The writer of the dead-letter table, opened for the first rejected row, with the newest commit that it holds.
    letters: Option<(Box<dyn SinkWriter>, Option<Recorded>)>,
    /// The rows rejected since the last commit.
    rows: Vec<RejectedRow>,
}

impl RoutedWriter {
    async fn route(&mut self, commit: &CommitInfo) -> Result<()> {
        let rows = std::mem::take(&mut self.rows);
        if rows.is_empty() {
            return Ok(());
        }
        let (letters, held) = match &mut self.letters {
            Some(letters) => letters,
            none => none.insert(self.dead.sink.open(&self.who).await?),
        };
        if held.as_ref().is_some_and(|held| held.n >= commit.n) {
            return Ok(());
        }
        let rows = self.dead.letters(&self.table, &rows)?;
        letters.write(commit, &[rows]).await?;
        letters.commit(commit).await?;
        // Flushed at once, because they are few: otherwise a buffering sink would have to get them again.
        letters.flush().await
    }
}

#[async_trait]
impl SinkWriter for RoutedWriter {
    async fn write(&mut self, commit: &CommitInfo, rows: &[RecordBatch]) -> Result<()> {
        self.inner.write(commit, rows).await?;
        self.rows.extend(self.inner.rejected());
        Ok(())
    }

    async fn commit(&mut self, commit: &CommitInfo) -> Result<()> {
        self.route(commit).await?;
        self.inner.commit(commit).await
    }

    fn rejected(&mut self) -> Vec<RejectedRow> {
        std::mem::take(&mut self.rows)
    }

    async fn abort(&mut self) -> Result<()> {
        self.rows.clear();
        self.inner.abort().await
    }

    fn advance_watermark(&mut self, time: i64) {
        self.inner.advance_watermark(time);
    }

    fn durable_up_to(&self, n: u64) -> u64 {
        self.inner.durable_up_to(n)
    }

    fn next_flush_at(&self) -> Option<Instant> {
        self.inner.next_flush_at()
    }

    async fn flush(&mut self) -> Result<()> {
        self.inner.flush().await
    }
}
