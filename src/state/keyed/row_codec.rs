//! Encodes columns as comparable bytes per row.

use arrow::array::{Array, ArrayRef};
use arrow::datatypes::Schema;
use arrow::record_batch::RecordBatch;
use arrow::row::{RowConverter, Rows, SortField};

use crate::common::{Error, Result};

use super::hash::hash_key;

/// Encodes columns in the row format of `arrow-row`: equal rows, and only those, have equal bytes. NULL equals NULL, NaN equals
/// the same NaN, and 0.0 differs from −0.0.
#[derive(Debug)]
pub(super) struct RowCodec {
    columns: Vec<usize>,
    /// `None` without columns: all rows are equal and empty.
    converter: Option<RowConverter>,
}

impl RowCodec {
    /// For these columns of a schema.
    pub(super) fn new(schema: &Schema, columns: Vec<usize>) -> Result<Self> {
        let mut fields = Vec::with_capacity(columns.len());
        for column in &columns {
            let field = schema.fields().get(*column).ok_or_else(|| Error::internal(format!("a state table has no column {column}")))?;
            let sort = SortField::new(field.data_type().clone());
            if !RowConverter::supports_fields(std::slice::from_ref(&sort)) {
                let (name, kind) = (field.name(), field.data_type());
                return Err(Error::sql(format!("rows cannot be told apart by column `{name}` of type {kind}"))
                    .hint("leave it out of the query, or cast it to another type"));
            }
            fields.push(sort);
        }
        let converter = if fields.is_empty() { None } else { Some(RowConverter::new(fields)?) };
        Ok(Self { columns, converter })
    }

    /// The rows of a batch of the schema.
    pub(super) fn encode(&self, batch: &RecordBatch) -> Result<Encoded> {
        let Some(converter) = &self.converter else { return Ok(Encoded { rows: None, len: batch.num_rows() }) };
        let columns: Vec<_> = self.columns.iter().map(|c| batch.column(*c).clone()).collect();
        Ok(Encoded { rows: Some(converter.convert_columns(&columns)?), len: batch.num_rows() })
    }

    /// Rows given as the columns themselves, in the order of [`Self::new`]. No columns are one (empty) row.
    pub(super) fn encode_columns(&self, columns: &[ArrayRef]) -> Result<Encoded> {
        match &self.converter {
            Some(converter) => Ok(Encoded { len: columns.first().map_or(0, |c| c.len()), rows: Some(converter.convert_columns(columns)?) }),
            None if columns.is_empty() => Ok(Encoded { rows: None, len: 1 }),
            None => Err(Error::internal("a state table without a key was asked for one")),
        }
    }
}

/// Rows as bytes.
#[derive(Debug)]
pub(super) struct Encoded {
    rows: Option<Rows>,
    len: usize,
}

impl Encoded {
    /// One row; it must exist.
    pub(super) fn bytes(&self, row: u32) -> &[u8] {
        self.rows.as_ref().map_or(&[], |rows| rows.row(row as usize).data())
    }

    /// The stable hash of each row.
    pub(super) fn hashes(&self) -> Vec<u64> {
        match &self.rows {
            Some(rows) => rows.iter().map(|row| hash_key(row.data())).collect(),
            None => vec![hash_key(&[]); self.len],
        }
    }
}
