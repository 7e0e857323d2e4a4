//! The conformance suite of formats, which each format runs with its own rows and bad messages.

use std::sync::Arc;

use arrow::array::{Int64Array, RecordBatch};
use arrow::datatypes::{DataType, Field, Schema};

use crate::common::{Error, Projection, Result, WEIGHT};

use super::{Decoded, FormatOptions, Messages, decoder, encoder, tells_changes};

/// Runs the suite: rows survive the round trip, any projection works, bad messages are set aside wherever they are, and their neighbours
/// are decoded.
///
/// `good` has one row per message and no NULL; each of `bad` must be refused whatever is projected.
///
/// # Errors
/// When a rule is broken; the error says which.
pub fn run(format: &str, good: &RecordBatch, bad: &[&[u8]]) -> Result<()> {
    let options = FormatOptions::default();
    let schema = good.schema();
    let mut encoded = Messages::default();
    encoder(format, &schema, &options)?.encode(good, &mut encoded)?;
    check(encoded.len() == good.num_rows(), || format!("{} messages for {} rows", encoded.len(), good.num_rows()))?;

    let every: Vec<usize> = (0..schema.fields().len()).collect();
    let mut projections = vec![every.clone(), Vec::new(), every.iter().rev().copied().collect()];
    projections.extend(every.iter().map(|column| vec![*column]));
    for projection in projections {
        let expected = expected(format, good.project(&projection)?)?;
        let mut decoder = decoder(format, &schema, &Projection::columns(&schema, &projection)?, &options)?;
        check(decoder.schema() == expected.schema(), || format!("schema of projection {projection:?}"))?;

        let all = decoder.decode(&encoded)?;
        check(all.batch == expected, || format!("round trip of projection {projection:?}: {:?}", all.batch))?;
        check(all.rejected.is_empty(), || format!("rejected good messages: {:?}", all.rejected))?;
        origins(&all, encoded.len())?;

        let none = decoder.decode(&Messages::default())?;
        check(none.batch.num_rows() == 0 && none.rejected.is_empty(), || "rows out of nothing".to_string())?;

        for wrong in bad {
            // At the beginning, in the middle, at the end, twice in a row, and alone.
            for places in [vec![0], vec![good.num_rows() / 2], vec![good.num_rows()], vec![0, 0, good.num_rows()]] {
                let (mixed, at) = mix(&encoded, wrong, &places);
                let decoded = decoder.decode(&mixed)?;
                let say = || format!("{places:?} x {:?}, projection {projection:?}", String::from_utf8_lossy(wrong));
                check(decoded.batch == expected, || format!("neighbours of a bad message: {}", say()))?;
                let found: Vec<u32> = decoded.rejected.iter().map(|(i, _)| *i).collect();
                check(found == at, || format!("rejected {found:?} where {at:?} are bad: {}", say()))?;
                check(decoded.rejected.iter().all(|(_, reason)| !reason.is_empty()), || format!("a reason is missing: {}", say()))?;
                origins(&decoded, mixed.len())?;
            }
            let mut alone = Messages::default();
            alone.push(wrong);
            let decoded = decoder.decode(&alone)?;
            check(decoded.batch.num_rows() == 0 && decoded.rejected.len() == 1, || "a bad message alone".to_string())?;
        }
    }
    Ok(())
}

/// Returns what is read back: for a changelog format, inserted rows.
fn expected(format: &str, rows: RecordBatch) -> Result<RecordBatch> {
    if !tells_changes(format) {
        return Ok(rows);
    }
    let mut fields = rows.schema().fields().to_vec();
    fields.push(Arc::new(Field::new(WEIGHT, DataType::Int64, false)));
    let mut columns = rows.columns().to_vec();
    columns.push(Arc::new(Int64Array::from_value(1, rows.num_rows())));
    Ok(RecordBatch::try_new(Arc::new(Schema::new(fields)), columns)?)
}

/// Inserts `wrong` before the good messages of these indices.
fn mix(good: &Messages, wrong: &[u8], places: &[usize]) -> (Messages, Vec<u32>) {
    let mut mixed = Messages::default();
    let mut at = Vec::new();
    for i in 0..=good.len() {
        for _ in places.iter().filter(|place| **place == i) {
            at.push(u32::try_from(mixed.len()).unwrap_or(u32::MAX));
            mixed.push(wrong);
        }
        if i < good.len() {
            mixed.push(good.get(i));
        }
    }
    (mixed, at)
}

/// Checks that every message is either in `origin` or in `rejected`, in order.
fn origins(decoded: &Decoded, messages: usize) -> Result<()> {
    let Some(origin) = &decoded.origin else {
        return check(decoded.batch.num_rows() == messages, || "no origin, though rows and messages differ".to_string());
    };
    check(origin.len() == decoded.batch.num_rows(), || "origin and rows differ in length".to_string())?;
    check(origin.is_sorted(), || "rows are not in the order of their messages".to_string())?;
    let mut seen: Vec<u32> = origin.iter().copied().chain(decoded.rejected.iter().map(|(i, _)| *i)).collect();
    seen.sort_unstable();
    seen.dedup();
    check(seen.len() == messages, || format!("{} of {messages} messages are accounted for", seen.len()))
}

fn check(holds: bool, otherwise: impl FnOnce() -> String) -> Result<()> {
    if holds { Ok(()) } else { Err(Error::internal(format!("format conformance: {}", otherwise()))) }
}
