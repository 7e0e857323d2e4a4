//! Rows that a sink cannot write: they are counted with a warning, end the job, or go to the table's dead-letter table.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use arrow::record_batch::RecordBatch;
use arrow::util::display::{ArrayFormatter, FormatOptions};

use crate::common::{Error, Result};

use super::on_error::{OnError, Warning, failure, sample};

/// A row that the target cannot hold.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct RejectedRow {
    /// Its time in milliseconds since 1970, if it has one.
    pub timestamp: Option<i64>,
    /// Its key, if it has one.
    pub key: Option<Vec<u8>>,
    /// The encoded row, or the row as text where it cannot be encoded.
    pub value: Option<Vec<u8>>,
    /// Why the target refuses it.
    pub error: String,
}

/// Collects the rows that one writer cannot write: the sinks' side of `on-error`.
///
/// A writer calls [`Self::reject`] for each of them, in `write`, and returns the rows of [`Self::take`] from
/// [`SinkWriter::rejected`](super::SinkWriter::rejected).
#[derive(Debug)]
pub struct Rejects {
    place: String,
    on_error: OnError,
    warning: Warning,
    count: Arc<AtomicU64>,
    rows: Vec<RejectedRow>,
}

impl Rejects {
    /// Creates the collection of a writer; `place` says where its rows would go, `count` is the counter behind
    /// [`Sink::rejected`](super::Sink::rejected).
    pub fn new(place: String, on_error: OnError, count: Arc<AtomicU64>) -> Self {
        Self { place, on_error, warning: Warning::default(), count, rows: Vec::new() }
    }

    /// Records one refused row.
    ///
    /// # Errors
    /// With [`OnError::Fail`].
    pub fn reject(&mut self, row: RejectedRow) -> Result<()> {
        let text = sample(&self.place, &row.error, row.value.as_deref().unwrap_or_default());
        if self.on_error == OnError::Fail {
            return Err(failure(&text));
        }
        self.count.fetch_add(1, Ordering::Relaxed);
        self.warning.note(self.on_error, 1, &text)?;
        // Without a dead-letter table one row is enough to say what is wrong.
        if self.on_error == OnError::DeadLetter || self.rows.is_empty() {
            self.rows.push(row);
        }
        Ok(())
    }

    /// Records refused rows of a batch, each with the reason.
    ///
    /// # Errors
    /// As [`Self::reject`].
    pub fn reject_rows(&mut self, batch: &RecordBatch, refused: Vec<(usize, String)>) -> Result<()> {
        let row = |(row, error)| RejectedRow { value: Some(row_text(batch, row)), error, ..RejectedRow::default() };
        refused.into_iter().try_for_each(|refused| self.reject(row(refused)))
    }

    /// Returns the rows since the last call: all of them if they go to a dead-letter table, else one.
    pub fn take(&mut self) -> Vec<RejectedRow> {
        std::mem::take(&mut self.rows)
    }
}

/// Fails with the first row of a batch that the target refuses, for writers that set no rows aside.
///
/// # Errors
/// When there is such a row; `place` says where it would go.
pub fn none_refused(place: &str, batch: &RecordBatch, refused: &[(usize, String)]) -> Result<()> {
    match refused.first() {
        None => Ok(()),
        Some((row, reason)) => Err(Error::data(sample(place, reason, &row_text(batch, *row)))),
    }
}

/// Returns a row as text, for rows that the table's format cannot encode: a JSON object of texts.
pub fn row_text(batch: &RecordBatch, row: usize) -> Vec<u8> {
    let options = FormatOptions::default().with_display_error(true);
    let mut object = serde_json::Map::new();
    for (column, field) in batch.columns().iter().zip(batch.schema().fields()).filter(|(_, f)| f.name() != crate::common::WEIGHT) {
        let text = ArrayFormatter::try_new(column, &options).map(|formatter| formatter.value(row).to_string());
        let value = if column.is_null(row) { None } else { text.ok() };
        object.insert(field.name().clone(), value.map_or(serde_json::Value::Null, serde_json::Value::String));
    }
    serde_json::Value::Object(object).to_string().into_bytes()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_rows_are_kept_for_a_dead_letter_table_and_one_is_else() {
        for (on_error, kept) in [(OnError::Skip, 1), (OnError::DeadLetter, 3)] {
            let count = Arc::new(AtomicU64::new(0));
            let mut rejects = Rejects::new("table `t`".to_string(), on_error, Arc::clone(&count));
            for _ in 0..3 {
                rejects.reject(RejectedRow { error: "too large".to_string(), ..RejectedRow::default() }).unwrap();
            }
            assert_eq!((rejects.take().len(), count.load(Ordering::Relaxed)), (kept, 3));
        }
        let mut fails = Rejects::new("table `t`".to_string(), OnError::Fail, Arc::default());
        let error = fails.reject(RejectedRow { error: "too large".to_string(), ..RejectedRow::default() }).unwrap_err();
        assert!(error.to_string().contains("table `t`: too large"), "{error}");
    }
}
