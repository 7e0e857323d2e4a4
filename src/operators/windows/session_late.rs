//! Finds late rows of SESSION windows.

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, BooleanArray};
use arrow::compute::concat_batches;
use arrow::datatypes::Int64Type;
use arrow::record_batch::RecordBatch;

use crate::common::{Error, Result};
use crate::state::KeyedTable;

use super::session::{Sessions, units};
use crate::operators::changes::zset;

/// The late rows among rows with provisional sessions, see [`super::late_filter::LateRule::Session`]; `None`: none is late. `closed` are
/// the closed sessions, by partition of the operator.
pub(super) fn late(batch: &RecordBatch, sessions: &Sessions, watermark: i64, closed: &[Arc<KeyedTable>]) -> Result<Option<BooleanArray>> {
    let end = sessions.window[1].ok_or_else(|| Error::internal("a session without an end"))?;
    let ends = units(batch.column(end))?;
    let unit = sessions.per_milli(batch.schema_ref());
    let gap = sessions.gap.saturating_mul(unit);
    let by_watermark = |time: i64| time.div_euclid(unit) <= watermark;
    // Closed sessions end at W or before.
    let old = |row: usize| ends.is_valid(row) && by_watermark(ends.value(row).saturating_sub(gap));
    if !(0..batch.num_rows()).any(old) {
        return Ok(None);
    }
    let keys: Vec<ArrayRef> = sessions.keys.iter().map(|k| Arc::clone(batch.column(*k))).collect();
    let known = closed.iter().map(|partition| partition.get(&keys)).collect::<Result<Vec<_>>>()?;
    let Some(first) = known.first() else { return Ok(None) };
    let known = concat_batches(first.schema_ref(), &known)?;
    let width = sessions.keys.len();
    let bound = |i: usize| known.column(i).as_primitive_opt::<Int64Type>().ok_or_else(|| Error::internal("a session without bounds"));
    let (known_starts, known_ends) = (bound(width)?, bound(width + 1)?);
    let (own, theirs) = (zset::encode(&keys)?, zset::encode(&known.columns()[..width])?);
    let touches = |row: usize| {
        let (start, end) = (ends.value(row).saturating_sub(gap), ends.value(row));
        (0..known.num_rows()).any(|k| {
            let same = match (&own, &theirs) {
                (Some(own), Some(theirs)) => own.row(row).data() == theirs.row(k).data(),
                _ => true,
            };
            same && start <= known_ends.value(k) && known_starts.value(k) <= end
        })
    };
    let late: BooleanArray = (0..batch.num_rows()).map(|row| Some(old(row) && (by_watermark(ends.value(row)) || touches(row)))).collect();
    Ok((late.true_count() > 0).then_some(late))
}
