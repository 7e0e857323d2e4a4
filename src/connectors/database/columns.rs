//! Finds columns of a table on a server by name, and casts rows to their types.

use std::sync::Arc;

use arrow::array::{ArrayRef, RecordBatch};
use arrow::compute::{CastOptions, cast_with_options};
use arrow::datatypes::{FieldRef, Schema, SchemaRef};

use crate::common::floor::floored;
use crate::common::{Error, Result, suggest};

/// A column that has a name.
pub trait ColumnName {
    /// The name, as the server has it.
    fn name(&self) -> &str;
}

/// Finds a column by name: an exact match, else one that differs in case only.
pub fn column_named<'c, C: ColumnName>(columns: &'c [C], name: &str) -> Option<&'c C> {
    columns.iter().find(|c| c.name() == name).or_else(|| columns.iter().find(|c| c.name().eq_ignore_ascii_case(name)))
}

/// Finds the columns of a declared schema; `label` names the declared table, `table` the one on the server.
///
/// # Errors
/// Names the column that is missing, and suggests one.
pub fn columns_of<'c, C: ColumnName>(columns: &'c [C], label: &str, table: &str, schema: &SchemaRef) -> Result<Vec<&'c C>> {
    let found = |field: &FieldRef| {
        let name = field.name();
        column_named(columns, name).ok_or_else(|| {
            let known: Vec<&str> = columns.iter().map(C::name).collect();
            Error::sql(format!("{label}: there is no column `{name}` in {table}")).hint(suggest::hint(name, &known))
        })
    };
    schema.fields().iter().map(found).collect()
}

/// Casts rows to the types of `schema`; changes keep their weight as the last column.
///
/// # Errors
/// When a value does not fit.
pub fn cast_to(schema: &SchemaRef, rows: &RecordBatch) -> Result<RecordBatch> {
    let strict = CastOptions { safe: false, ..CastOptions::default() };
    let cast = |(column, field): (&ArrayRef, &FieldRef)| match column.data_type() == field.data_type() {
        true => Ok(Arc::clone(column)),
        false => cast_with_options(&floored(column, field.data_type()), field.data_type(), &strict),
    };
    let width = schema.fields().len();
    let mut columns: Vec<ArrayRef> = rows.columns().iter().zip(schema.fields()).map(cast).collect::<Result<_, _>>()?;
    // The statement itself finds and reports a row with a forbidden NULL.
    let nullable = |field: &FieldRef| Arc::new(field.as_ref().clone().with_nullable(true));
    let mut fields: Vec<FieldRef> = schema.fields().iter().map(nullable).collect();
    if let Some(weights) = rows.columns().get(width) {
        columns.push(Arc::clone(weights));
        fields.push(Arc::clone(&rows.schema().fields()[width]));
    }
    Ok(RecordBatch::try_new(Arc::new(Schema::new(fields)), columns)?)
}
