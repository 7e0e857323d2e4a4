//! Rows that a sink cannot take: counted and warned of, the end of the job, or rows of the table's dead-letter table.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use arrow::record_batch::RecordBatch;
use arrow::util::display::{ArrayFormatter, FormatOptions};

use crate::common::{Error, Result};

use super::on_error::{OnError, Warning, failure, sample};

/// A row that the target cannot take.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct RejectedRow {
    /// Its time in milliseconds since 1970, if it has one.
    pub timestamp: Option<i64>,
    /// Its key, if it has one.
    pub key: Option<Vec<u8>>,
    /// What would have been written, or the row as text where there is no form of it.
    pub value: Option<Vec<u8>>,
    /// Why.
    pub error: String,
}

/// What becomes of the rows that one writer cannot write: the sinks' side of `on-error`.
///
/// A writer calls [`Self::reject`] for each of them, in `write`, and hands out what [`Self::take`] has in
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
    /// For a writer of a table; `place` says where rows would go, `count` is what
    /// [`Sink::rejected`](super::Sink::rejected) tells.
    pub fn new(place: String, on_error: OnError, count: Arc<AtomicU64>) -> Self {
        Self { place, on_error, warning: Warning::default(), count, rows: Vec::new() }
    }

    /// Takes note of a row.
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
        // One of them is enough to say what is wrong, where they go nowhere.
        if self.on_error == OnError::DeadLetter || self.rows.is_empty() {
            self.rows.push(row);
        }
        Ok(())
    }

    /// Takes note of rows of a batch, each with the reason.
    ///
    /// # Errors
    /// As [`Self::reject`].
    pub fn reject_rows(&mut self, batch: &RecordBatch, refused: Vec<(usize, String)>) -> Result<()> {
        let row = |(row, error)| RejectedRow { value: Some(row_text(batch, row)), error, ..RejectedRow::default() };
        refused.into_iter().try_for_each(|refused| self.reject(row(refused)))
    }

    /// The rows since the last call: all that go to a dead-letter table, else one of them.
    pub fn take(&mut self) -> Vec<RejectedRow> {
        std::mem::take(&mut self.rows)
    }
}

/// Fails with the first of the rows of a batch that the target refuses, for writers that set none aside.
///
/// # Errors
/// When there is one; `place` says where it would go.
pub fn none_refused(place: &str, batch: &RecordBatch, refused: &[(usize, String)]) -> Result<()> {
    match refused.first() {
        None => Ok(()),
        Some((row, reason)) => Err(Error::data(sample(place, reason, &row_text(batch, *row)))),
    }
}

/// A row as text, for what has no form in the table's format: a JSON object of texts.
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
