//! A bounded read of one split, for batch queries: a thread that feeds a stream.

use std::sync::Arc;
use std::time::Duration;

use datafusion::error::DataFusionError;
use datafusion::execution::SendableRecordBatchStream;
use datafusion::physical_plan::stream::RecordBatchStreamAdapter;
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;

use arrow::record_batch::RecordBatch;

use crate::common::{Error, Result, clock, panics};

use super::fetch::Fetcher;

/// Rows per poll.
const BATCH: usize = 8192;
/// How long a poll blocks, and so how soon it notices that the stream was dropped.
const POLL: Duration = Duration::from_millis(50);
/// The time without an answer after which a query fails.
const PATIENCE: Duration = Duration::from_secs(10);

type Item = std::result::Result<RecordBatch, DataFusionError>;

/// Reads until everything is exhausted, or `limit` rows were read; stops when the stream is dropped.
pub(super) fn stream(fetcher: Fetcher, name: &str, address: String, limit: Option<usize>) -> Result<SendableRecordBatchStream> {
    let schema = fetcher.schema();
    let (sender, receiver) = mpsc::channel(2);
    std::thread::Builder::new().name(format!("read-{name}")).spawn(move || {
        let read = || run(fetcher, &sender, &address, limit.unwrap_or(usize::MAX));
        if let Err(error) = panics::catch(|| Error::internal("a message cannot be read: its decoder gave up"), read) {
            // If the receiver is closed, the query has ended and needs no error.
            drop(sender.blocking_send(Err(error.into())));
        }
    })?;
    Ok(Box::pin(RecordBatchStreamAdapter::new(Arc::clone(&schema), ReceiverStream::new(receiver))))
}

fn run(mut fetcher: Fetcher, sender: &mpsc::Sender<Item>, address: &str, mut wanted: usize) -> Result<()> {
    while !fetcher.exhausted() && wanted > 0 {
        // Records that yield no row (bad ones, tombstones) are made up for in the next step.
        let step = fetcher.step(wanted.min(BATCH), POLL)?;
        for piece in step.pieces.into_iter().filter(|piece| piece.batch.num_rows() > 0) {
            wanted = wanted.saturating_sub(piece.batch.num_rows());
            if sender.blocking_send(Ok(piece.batch)).is_err() {
                return Ok(());
            }
        }
        if sender.is_closed() {
            return Ok(());
        }
        if let Some((since, why)) = fetcher.outage().filter(|(since, _)| clock::since(*since) >= PATIENCE) {
            let seconds = clock::since(since).as_secs();
            return Err(Error::unavailable(format!("no answer from Kafka at {address} for {seconds} s: {why}")));
        }
    }
    Ok(())
}
