//! Columns of types that no format has a form for, as some that they have one for.

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, RecordBatch, RecordBatchOptions, StringArray};
use arrow::compute::cast;
use arrow::datatypes::{DataType, Field, FieldRef, Fields, Schema, SchemaRef};
use arrow::util::display::{ArrayFormatter, FormatOptions};
use datafusion::execution::SendableRecordBatchStream;
use datafusion::physical_plan::stream::RecordBatchStreamAdapter;
use futures::StreamExt;

use crate::common::{Error, Result, calendar, floor};

/// An answer as it can be written in every format: keys of maps are texts, and so is what has no form of its own, such as a union.
///
/// # Errors
/// Those of the rows, and a time beyond the calendar, which is named.
pub fn presentable(schema: &SchemaRef, rows: SendableRecordBatchStream) -> Result<(SchemaRef, SendableRecordBatchStream)> {
    let fields: Vec<FieldRef> = schema.fields().iter().map(shown).collect();
    let shown = Arc::new(Schema::new(fields));
    let of_rows = Arc::clone(&shown);
    let rows = rows.map(move |batch| Ok(converted(&batch?, &of_rows)?));
    Ok((Arc::clone(&shown), Box::pin(RecordBatchStreamAdapter::new(shown, rows))))
}

fn shown(field: &FieldRef) -> FieldRef {
    let data_type = shown_type(field.data_type());
    if data_type == *field.data_type() { Arc::clone(field) } else { Arc::new(field.as_ref().clone().with_data_type(data_type)) }
}

fn shown_type(data_type: &DataType) -> DataType {
    match data_type {
        DataType::Map(entries, sorted) => match entries.data_type() {
            DataType::Struct(pair) if pair.len() == 2 => {
                let key = pair[0].as_ref().clone().with_data_type(DataType::Utf8);
                let pair = Fields::from(vec![Arc::new(key), shown(&pair[1])]);
                let entries = Field::new(entries.name(), DataType::Struct(pair), entries.is_nullable());
                DataType::Map(Arc::new(entries), *sorted)
            }
            _ => data_type.clone(),
        },
        DataType::List(element) => DataType::List(shown(element)),
        DataType::Struct(fields) => DataType::Struct(fields.iter().map(shown).collect()),
        DataType::Union(..) => DataType::Utf8,
        other => other.clone(),
    }
}

fn has_dates(data_type: &DataType) -> bool {
    matches!(data_type, DataType::Date32 | DataType::Date64) || floor::has_times(data_type)
}

fn converted(batch: &RecordBatch, schema: &SchemaRef) -> Result<RecordBatch> {
    let columns = batch.columns().iter().zip(schema.fields()).map(|(column, field)| convert(column, field));
    let options = RecordBatchOptions::new().with_row_count(Some(batch.num_rows()));
    Ok(RecordBatch::try_new_with_options(Arc::clone(schema), columns.collect::<Result<_>>()?, &options)?)
}

fn convert(column: &ArrayRef, field: &FieldRef) -> Result<ArrayRef> {
    if has_dates(column.data_type()) && !calendar::beyond(column).is_empty() {
        return Err(Error::data(format!("column `{}` holds a time that is not in the years 0001 to 9999", field.name())));
    }
    if column.data_type() == field.data_type() {
        return Ok(Arc::clone(column));
    }
    if let Ok(done) = cast(column, field.data_type()) {
        return Ok(done);
    }
    let options = FormatOptions::default().with_display_error(true);
    let values = ArrayFormatter::try_new(column, &options)?;
    let text = |row: usize| column.is_valid(row).then(|| values.value(row).to_string());
    let texts: ArrayRef = Arc::new((0..column.len()).map(text).collect::<StringArray>());
    Ok(cast(&texts, field.data_type())?)
}
