//! Timestamps of 96 bits (INT96), which older writers of Parquet use: nanoseconds of a Julian day.
//!
//! Arrow converts them to 64 bits, which wrap around for times far away, and so turns a time that SQL cannot represent into one that it
//! can. Hence the file's metadata is changed to declare 12 bytes (`renamed_parquet.rs`), which this module converts to times; those beyond
//! the calendar stay beyond it.

use std::fmt;
use std::hash::{Hash, Hasher};
use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, FixedSizeBinaryArray, ListArray, MapArray, StructArray, TimestampMicrosecondArray};
use arrow::datatypes::{DataType, Field, FieldRef, Fields, Schema, SchemaRef, TimeUnit};
use arrow::record_batch::RecordBatch;
use datafusion::common::internal_err;
use datafusion::common::tree_node::{Transformed, TreeNode};
use datafusion::error::Result as DfResult;
use datafusion::logical_expr::ColumnarValue;
use datafusion::parquet::arrow::PARQUET_FIELD_ID_META_KEY;
use datafusion::physical_expr::PhysicalExpr;
use datafusion::physical_expr::expressions::Column;
use datafusion::physical_expr_adapter::{PhysicalExprAdapter, PhysicalExprAdapterFactory};

use super::exact_casts::ExactCastAdapters;

/// The size of such a time in bytes.
pub(super) const WIDTH: i32 = 12;
/// The field id that marks such a column among others of 12 bytes. Writers use no negative field ids.
pub(super) const FIELD_ID: i32 = i32::MIN;

const JULIAN_DAY_OF_EPOCH: i64 = 2_440_588;
const MICROS_PER_DAY: i64 = 86_400_000_000;

/// Returns the columns of a file with timestamps for the marked 12 bytes.
pub(super) fn with_times(fields: &Fields) -> Fields {
    fields.iter().map(with_time).collect()
}

fn with_time(field: &FieldRef) -> FieldRef {
    let is_time = field.metadata().get(PARQUET_FIELD_ID_META_KEY).is_some_and(|id| *id == FIELD_ID.to_string());
    let data_type = match field.data_type() {
        DataType::FixedSizeBinary(WIDTH) if is_time => DataType::Timestamp(TimeUnit::Microsecond, None),
        DataType::Struct(fields) => DataType::Struct(with_times(fields)),
        DataType::List(element) => DataType::List(with_time(element)),
        DataType::Map(entries, sorted) => DataType::Map(with_time(entries), *sorted),
        other => other.clone(),
    };
    if data_type == *field.data_type() {
        return Arc::clone(field);
    }
    let mut metadata = field.metadata().clone();
    if is_time {
        metadata.remove(PARQUET_FIELD_ID_META_KEY);
    }
    Arc::new(field.as_ref().clone().with_data_type(data_type).with_metadata(metadata))
}

/// Rewrites expressions over a table to expressions over one of its files, as [`ExactCastAdapters`] does, with such times decoded from
/// their bytes.
#[derive(Debug)]
pub(super) struct Int96Adapters;

impl PhysicalExprAdapterFactory for Int96Adapters {
    fn create(&self, table: SchemaRef, file: SchemaRef) -> DfResult<Arc<dyn PhysicalExprAdapter>> {
        let fields = with_times(file.fields());
        if fields == *file.fields() {
            return ExactCastAdapters.create(table, file);
        }
        let seen = Arc::new(Schema::new_with_metadata(fields, file.metadata().clone()));
        Ok(Arc::new(Adapter { inner: ExactCastAdapters.create(table, Arc::clone(&seen))?, seen, file }))
    }
}

#[derive(Debug)]
struct Adapter {
    inner: Arc<dyn PhysicalExprAdapter>,
    seen: SchemaRef,
    file: SchemaRef,
}

impl PhysicalExprAdapter for Adapter {
    fn rewrite(&self, expr: Arc<dyn PhysicalExpr>) -> DfResult<Arc<dyn PhysicalExpr>> {
        let read = |expr: Arc<dyn PhysicalExpr>| {
            let Some(column) = expr.downcast_ref::<Column>() else { return Ok(Transformed::no(expr)) };
            let (Some(seen), Some(stored)) = (self.seen.fields().get(column.index()), self.file.fields().get(column.index())) else {
                return Ok(Transformed::no(expr));
            };
            if seen.data_type() == stored.data_type() {
                return Ok(Transformed::no(expr));
            }
            let time: Arc<dyn PhysicalExpr> = Arc::new(Int96Times { to: seen.data_type().clone(), bytes: expr });
            Ok(Transformed::yes(time))
        };
        Ok(self.inner.rewrite(expr)?.transform_up(read)?.data)
    }
}

/// Decodes bytes as times. Does not convert the statistics of a file, which sort in another order.
#[derive(Debug, Eq)]
struct Int96Times {
    bytes: Arc<dyn PhysicalExpr>,
    to: DataType,
}

impl PartialEq for Int96Times {
    fn eq(&self, other: &Self) -> bool {
        self.bytes.eq(&other.bytes) && self.to == other.to
    }
}

impl Hash for Int96Times {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.bytes.hash(state);
        self.to.hash(state);
    }
}

impl fmt::Display for Int96Times {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "int96({})", self.bytes)
    }
}

impl PhysicalExpr for Int96Times {
    fn data_type(&self, _: &Schema) -> DfResult<DataType> {
        Ok(self.to.clone())
    }

    fn nullable(&self, schema: &Schema) -> DfResult<bool> {
        self.bytes.nullable(schema)
    }

    fn evaluate(&self, batch: &RecordBatch) -> DfResult<ColumnarValue> {
        let bytes = self.bytes.evaluate(batch)?.into_array(batch.num_rows())?;
        Ok(ColumnarValue::Array(times(&bytes, &self.to)?))
    }

    fn children(&self) -> Vec<&Arc<dyn PhysicalExpr>> {
        vec![&self.bytes]
    }

    fn with_new_children(self: Arc<Self>, children: Vec<Arc<dyn PhysicalExpr>>) -> DfResult<Arc<dyn PhysicalExpr>> {
        match children.as_slice() {
            [bytes] => Ok(Arc::new(Self { bytes: Arc::clone(bytes), to: self.to.clone() })),
            _ => internal_err!("one value is read as a time"),
        }
    }

    fn fmt_sql(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.bytes.fmt_sql(f)
    }
}

/// Decodes the times of a column, also in rows, arrays and maps.
fn times(array: &ArrayRef, to: &DataType) -> DfResult<ArrayRef> {
    Ok(match (array.data_type(), to) {
        (DataType::FixedSizeBinary(WIDTH), DataType::Timestamp(TimeUnit::Microsecond, None)) => {
            Arc::new(micros(array.as_fixed_size_binary()))
        }
        (DataType::Struct(_), DataType::Struct(fields)) => Arc::new(row(array.as_struct(), fields)?),
        (DataType::List(_), DataType::List(element)) => {
            let list = array.as_list::<i32>();
            let values = times(list.values(), element.data_type())?;
            Arc::new(ListArray::try_new(fitting(element, &values), list.offsets().clone(), values, list.nulls().cloned())?)
        }
        (DataType::Map(..), DataType::Map(entries, sorted)) => {
            let (map, DataType::Struct(pair)) = (array.as_map(), entries.data_type()) else { return Ok(Arc::clone(array)) };
            let pairs = row(map.entries(), pair)?;
            let entries = entries.as_ref().clone().with_data_type(pairs.data_type().clone());
            Arc::new(MapArray::try_new(Arc::new(entries), map.offsets().clone(), pairs, map.nulls().cloned(), *sorted)?)
        }
        _ => Arc::clone(array),
    })
}

fn row(row: &StructArray, fields: &Fields) -> DfResult<StructArray> {
    let columns = row.columns().iter().zip(fields).map(|(column, field)| times(column, field.data_type()));
    let columns = columns.collect::<DfResult<Vec<_>>>()?;
    let fields = fields.iter().zip(&columns).map(|(field, column)| fitting(field, column)).collect();
    Ok(StructArray::try_new_with_length(fields, columns, row.nulls().cloned(), row.len())?)
}

/// Returns the field with the type of its values: the reader may have left out fields of a row.
fn fitting(field: &FieldRef, values: &ArrayRef) -> FieldRef {
    if field.data_type() == values.data_type() {
        return Arc::clone(field);
    }
    Arc::new(Field::new(field.name(), values.data_type().clone(), field.is_nullable()))
}

fn micros(bytes: &FixedSizeBinaryArray) -> TimestampMicrosecondArray {
    let values = (0..bytes.len()).map(|row| if bytes.is_valid(row) { micros_of(bytes.value(row)) } else { 0 });
    TimestampMicrosecondArray::new(values.collect(), bytes.nulls().cloned())
}

/// Returns the time in microseconds since 1970, beyond the calendar if it is so.
fn micros_of(bytes: &[u8]) -> i64 {
    let Some((nanos, day)) = bytes.split_first_chunk::<8>().and_then(|(nanos, day)| Some((nanos, day.first_chunk::<4>()?))) else {
        return i64::MAX;
    };
    let day = i64::from(i32::from_le_bytes(*day)) - JULIAN_DAY_OF_EPOCH;
    let of_day = i64::from_le_bytes(*nanos).div_euclid(1_000);
    day.saturating_mul(MICROS_PER_DAY).saturating_add(of_day)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::common::calendar::has_time;

    fn micros(day: i32, nanos: i64) -> i64 {
        micros_of(&[nanos.to_le_bytes().as_slice(), &day.to_le_bytes()].concat())
    }

    #[test]
    fn days_far_from_now_stay_beyond_the_calendar() {
        assert_eq!(micros(2_440_588, 0), 0);
        assert_eq!(micros(2_440_587, 86_399_999_999_999), -1);
        assert_eq!(micros(2_440_588, -1), -1);
        for day in [i32::MIN, i32::MIN + 1, -104_310_991, 1_721_425, 5_373_485, 109_192_000, 215_944_573, i32::MAX] {
            assert!(!has_time(micros(day, 0), TimeUnit::Microsecond), "{day}");
            assert!(!has_time(micros(day, 86_399_999_999_999), TimeUnit::Microsecond), "{day}");
        }
        assert!(has_time(micros(1_721_426, 0), TimeUnit::Microsecond) && has_time(micros(5_373_484, 0), TimeUnit::Microsecond));
    }
}
