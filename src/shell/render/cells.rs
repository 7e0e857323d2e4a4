//! Values as text, for display.

use std::borrow::Cow;

use arrow::array::{Array, RecordBatch};
use arrow::datatypes::{DataType, Schema};
use arrow::util::display::{ArrayFormatter, FormatOptions};

use crate::common::Result;

/// How timestamps are shown.
pub const TIME: &str = "%Y-%m-%d %H:%M:%S%.f";
/// How timestamps with a zone are shown; they are kept in UTC.
pub const ZONED: &str = "%Y-%m-%d %H:%M:%S%.fZ";

/// Rows as text, column names beside.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Cells {
    /// The columns' names.
    pub names: Vec<String>,
    /// Which columns are numbers, and so stand at the right.
    pub numbers: Vec<bool>,
    /// Rows of values; `None` is NULL.
    pub rows: Vec<Vec<Option<String>>>,
}

impl Cells {
    /// No rows yet.
    pub fn new(schema: &Schema) -> Self {
        let fields = schema.fields();
        let numbers = fields.iter().map(|f| f.data_type().is_numeric()).collect();
        Self { names: fields.iter().map(|f| f.name().clone()).collect(), numbers, rows: Vec::new() }
    }

    /// Adds the rows of a batch; columns beyond those of the schema are not shown.
    ///
    /// # Errors
    /// When a value cannot be shown.
    pub fn add(&mut self, batch: &RecordBatch) -> Result<()> {
        let options = FormatOptions::new().with_timestamp_format(Some(TIME)).with_timestamp_tz_format(Some(ZONED)).with_null("NULL");
        let columns = batch.columns().iter().take(self.names.len());
        let columns: Vec<_> = columns.map(|c| Ok((c, ArrayFormatter::try_new(c.as_ref(), &options)?))).collect::<Result<_>>()?;
        self.rows.reserve(batch.num_rows());
        for row in 0..batch.num_rows() {
            let value = |(column, shown): &(&arrow::array::ArrayRef, ArrayFormatter<'_>)| {
                if column.is_null(row) || *column.data_type() == DataType::Null {
                    return Ok(None);
                }
                Ok(Some(one_line(shown.value(row).try_to_string()?.into()).into_owned()))
            };
            self.rows.push(columns.iter().map(value).collect::<Result<_>>()?);
        }
        Ok(())
    }
}

/// A text without characters that would move the cursor.
pub fn one_line(text: Cow<'_, str>) -> Cow<'_, str> {
    if !text.contains(char::is_control) {
        return text;
    }
    let shown = |c: char| if c.is_control() { c.escape_default().to_string() } else { c.to_string() };
    Cow::Owned(text.chars().map(shown).collect())
}
