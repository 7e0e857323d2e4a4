//! Finds the row over which an epoch fails.

use std::collections::BTreeMap;

use arrow::record_batch::RecordBatch;

use crate::common::excerpt::excerpt;
use crate::common::faults::Faults;
use crate::common::{Error, ErrorKind};
use crate::formats::json::shown;

use super::pipeline::{EpochReportTimes, EpochRows, Pipeline, TableTimes};

/// A row of an epoch: its table and partition, the index of its batch, and its index there.
type RowPosition = ((String, i32), usize, usize);

impl Pipeline {
    /// The error of an epoch with the row that it comes from.
    ///
    /// For an error of the stages that read sources, the row that alone causes an error of the same kind, by bisection.
    /// For an error of several rows or of state, the row before which all rows run without the error: the failed epoch has not changed the
    /// state, so prefixes of it are run, by bisection. `time`: the watermarks at its end.
    pub(super) async fn with_failing_row(
        &self,
        error: Error,
        rows: &EpochRows,
        start: &TableTimes,
        clock: i64,
        time: &mut impl FnMut(&EpochReportTimes) -> TableTimes,
    ) -> Error {
        if !matches!(error.kind(), ErrorKind::Data | ErrorKind::Sql) {
            return error;
        }
        let mut suspects: Vec<RowPosition> = Vec::new();
        for (table, batches) in &rows.batches {
            let of_batch = |(i, batch): (usize, &RecordBatch)| (0..batch.num_rows()).map(move |row| (table.clone(), i, row));
            suspects.extend(batches.iter().enumerate().flat_map(of_batch));
        }
        suspects.sort();
        let fails = async |suspects: &[RowPosition]| match self.read(only(rows, suspects), start, clock).await {
            Err(again) => again.message() == error.message(),
            Ok(()) => false,
        };
        if !fails(&suspects).await {
            return self.with_failing_row_in_order(error, rows, &suspects, start, clock, time).await;
        }
        while suspects.len() > 1 {
            let behind = suspects.split_off(suspects.len() / 2);
            if !fails(&suspects).await {
                if !fails(&behind).await {
                    return error;
                }
                suspects = behind;
            }
        }
        match suspects.first().and_then(|place| described(rows, place)) {
            Some(row) => error.context(row),
            None => error,
        }
    }

    /// The same for an error of stateful stages.
    async fn with_failing_row_in_order(
        &self,
        error: Error,
        rows: &EpochRows,
        suspects: &[RowPosition],
        start: &TableTimes,
        clock: i64,
        time: &mut impl FnMut(&EpochReportTimes) -> TableTimes,
    ) -> Error {
        let none = Faults::none();
        let mut fails = async |suspects: &[RowPosition]| match self.attempt(only(rows, suspects), start, clock, &none, time).await {
            Err(again) => again.message() == error.message(),
            Ok(_) => false,
        };
        // If time alone causes the error, no row does.
        if suspects.is_empty() || fails(&[]).await || !fails(suspects).await {
            return error;
        }
        let (mut good, mut bad) = (0, suspects.len());
        while bad - good > 1 {
            let middle = good + (bad - good) / 2;
            match fails(suspects.get(..middle).unwrap_or_default()).await {
                true => bad = middle,
                false => good = middle,
            }
        }
        let Some(place) = suspects.get(good) else { return error };
        let alone = fails(std::slice::from_ref(place)).await;
        match described(rows, place) {
            Some(row) if alone => error.context(row),
            Some(row) => error.context(format!("{row}, with the rows before it")),
            None => error,
        }
    }
}

/// These rows of an epoch.
fn only(rows: &EpochRows, places: &[RowPosition]) -> EpochRows {
    let mut batches: BTreeMap<(String, i32), Vec<RecordBatch>> = BTreeMap::new();
    let mut places = places.iter().peekable();
    while let Some((table, batch, first)) = places.next() {
        let mut length = 1;
        while places.next_if(|(t, b, row)| t == table && b == batch && *row == first + length).is_some() {
            length += 1;
        }
        if let Some(all) = rows.batches.get(table).and_then(|batches| batches.get(*batch)) {
            batches.entry(table.clone()).or_default().push(all.slice(*first, length));
        }
    }
    EpochRows { batches: batches.into_iter().collect(), splits: rows.splits.clone() }
}

/// The text of a row. Its position is exact if no record before it in the batch was skipped.
fn described(rows: &EpochRows, ((table, partition), batch, row): &RowPosition) -> Option<String> {
    let batches = rows.batches.get(&(table.clone(), *partition))?;
    let of = batches.get(*batch)?;
    let before: usize = batches.iter().take(*batch).map(RecordBatch::num_rows).sum();
    let all: usize = batches.iter().map(RecordBatch::num_rows).sum();
    let split = rows.splits.get(table).into_iter().flatten().find(|split| split.partition == *partition);
    let position = split.map_or(String::new(), |split| {
        if usize::try_from(split.end - split.start) == Ok(all) {
            format!(", position {}", split.start + i64::try_from(before + row).unwrap_or(0))
        } else {
            format!(", between positions {} and {}", split.start, split.end)
        }
    });
    let text = shown(&of.slice(*row, 1)).pop()?;
    Some(format!("table `{table}`, partition {partition}{position}, row {}", excerpt(&text)))
}
