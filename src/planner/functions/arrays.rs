//! Functions over arrays.

use std::ops::Range;
use std::sync::Arc;

use arrow::array::{Array, ArrayRef, Int32Array, ListArray, UInt32Array, UInt64Array, new_null_array};
use arrow::buffer::{NullBuffer, OffsetBuffer};
use arrow::compute::{SortOptions, sort_to_indices, take};
use arrow::datatypes::DataType;
use datafusion::logical_expr::ScalarUDF;

use crate::common::{Error, Result};

use super::args::range;
use super::rows::returns;
use super::scalar::{Call, Param, Scalar, element, nth};

pub(super) fn functions() -> Vec<Arc<ScalarUDF>> {
    use Param::{Bool, Int, List};
    [
        counted(),
        Scalar::new("element", &[&[List]], element_type, sole),
        Scalar::new("array_slice", &[&[List, Int], &[List, Int, Int]], nth::<0>, slice),
        Scalar::new("array_sort", &[&[List], &[List, Bool], &[List, Bool, Bool]], nth::<0>, sort),
    ]
    .into_iter()
    .map(Scalar::udf)
    .collect()
}

/// CARDINALITY, for plans that we make: a decoded plan finds this function by its name as well.
pub fn cardinality_function() -> Arc<ScalarUDF> {
    counted().udf()
}

fn counted() -> Scalar {
    Scalar::new("cardinality", &[&[Param::List], &[Param::Map]], returns::<i32>, cardinality)
}

fn element_type(args: &[DataType]) -> Result<DataType> {
    Ok(args.first().and_then(element).map_or(DataType::Null, |field| field.data_type().clone()))
}

/// The number of elements or entries.
fn cardinality(call: &Call) -> Result<ArrayRef> {
    let of = |offsets: &OffsetBuffer<i32>, nulls: Option<&NullBuffer>| -> ArrayRef {
        Arc::new(Int32Array::new(offsets.lengths().map(|n| i32::try_from(n).unwrap_or(i32::MAX)).collect(), nulls.cloned()))
    };
    Ok(match (call.list(0)?, call.keyed(0)?) {
        (Some(lists), _) => of(lists.offsets(), lists.nulls()),
        (_, Some(maps)) => of(maps.offsets(), maps.nulls()),
        _ => new_null_array(&DataType::Int32, call.rows),
    })
}

/// The range of each array among all elements; `None` for NULL.
pub(super) fn spans(lists: &ListArray) -> impl Iterator<Item = Option<Range<usize>>> {
    (0..lists.len()).map(|row| lists.is_valid(row).then(|| range(lists.offsets(), row)))
}

/// Arrays of some elements of others, given by their indices among all elements.
pub(super) fn picked(lists: &ListArray, rows: Vec<Option<Vec<u32>>>) -> Result<ArrayRef> {
    let DataType::List(field) = lists.data_type() else { return Err(Error::internal("an array is no list")) };
    let nulls: NullBuffer = rows.iter().map(Option::is_some).collect();
    let offsets = OffsetBuffer::from_lengths(rows.iter().map(|row| row.as_ref().map_or(0, Vec::len)));
    let places: UInt32Array = rows.into_iter().flatten().flatten().collect();
    Ok(Arc::new(ListArray::try_new(Arc::clone(field), offsets, take(lists.values(), &places, None)?, Some(nulls))?))
}

/// `ELEMENT(array)`: its only element; NULL for an empty array.
fn sole(call: &Call) -> Result<ArrayRef> {
    let Some(lists) = call.list(0)? else { return Ok(new_null_array(&DataType::Null, call.rows)) };
    let places = spans(&lists).map(|span| match span {
        Some(span) if span.len() > 1 => Err(Error::data(format!("ELEMENT of an array of {} elements", span.len()))),
        span => Ok(span.and_then(|mut span| span.next()).map(|place| place as u64)),
    });
    Ok(take(lists.values(), &places.collect::<Result<UInt64Array>>()?, None)?)
}

/// `ARRAY_SLICE(array, from [, to])`: both count from 1 and are inclusive; negative ones count from the end.
fn slice(call: &Call) -> Result<ArrayRef> {
    let Some(lists) = call.list(0)? else { return Ok(new_null_array(&DataType::Null, call.rows)) };
    let (from, to) = (call.int(1)?, if call.args.len() > 2 { Some(call.int(2)?) } else { None });
    let rows = spans(&lists).enumerate().map(|(row, span)| {
        let span = span?;
        let length = i64::try_from(span.len()).ok()?;
        let (from, to) = (from.get(row)?, to.as_ref().map_or(Some(length), |to| to.get(row))?);
        let place = |n: i64| if n < 0 { n + length + 1 } else { n };
        // 0 means the beginning.
        let (from, to) = (if from == 0 { 1 } else { place(from).max(1) }, if to == 0 { 1 } else { place(to).min(length) });
        let begin = i64::try_from(span.start).ok()?;
        Some((from..=to).filter_map(|n| u32::try_from(begin + n - 1).ok()).collect())
    });
    picked(&lists, rows.collect())
}

/// `ARRAY_SORT(array [, ascending [, nulls first]])`.
fn sort(call: &Call) -> Result<ArrayRef> {
    let Some(lists) = call.list(0)? else { return Ok(new_null_array(&DataType::Null, call.rows)) };
    let args = call.options(1)?;
    let mut rows = Vec::with_capacity(lists.len());
    for (row, span) in spans(&lists).enumerate() {
        let row = args.row(row);
        let ascending = if row.len() > 0 { row.bool(0) } else { Some(true) };
        let nulls_first = if row.len() > 1 { row.bool(1) } else { ascending };
        let (Some(span), Some(ascending), Some(nulls_first)) = (span, ascending, nulls_first) else {
            rows.push(None);
            continue;
        };
        let options = SortOptions { descending: !ascending, nulls_first };
        let order = sort_to_indices(&lists.values().slice(span.start, span.len()), Some(options), None)?;
        let from = u32::try_from(span.start).map_err(|_| Error::data("a batch has too many elements"))?;
        rows.push(Some(order.values().iter().map(|n| n + from).collect()));
    }
    picked(&lists, rows)
}
