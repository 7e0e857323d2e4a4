//! Decodes Debezium envelopes into rows with weights.

use std::collections::BTreeSet;
use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, Int64Array, RecordBatch, RecordBatchOptions, StringArray, StructArray};
use arrow::compute::interleave;
use arrow::datatypes::{DataType, Field, Schema, SchemaRef};
use arrow::row::{RowConverter, SortField};

use crate::common::{Error, Projection, Result, WEIGHT};
use crate::formats::{Decoded, Decoder, FormatOptions, Messages, registry};

use super::{INNER, NAME, SCHEMA_INCLUDE, envelope, nullable};

/// Decodes changes; see the format's page for what each `op` means.
///
/// The envelope is one row of the inner format: ROW<before ROW<...>, after ROW<...>, op STRING>. All messages are decoded at once into
/// those three columns, then the images that count are picked out of the two structs, column by column.
pub struct DebeziumDecoder {
    inner: Box<dyn Decoder>,
    /// The columns of decoded rows, with the weight.
    schema: SchemaRef,
    /// The envelope is in the field `payload`.
    wrapped: bool,
    /// The columns of the primary key; empty without one.
    key: Vec<usize>,
    keyed: bool,
}

/// An image that becomes a row: its envelope, which side of it, and its weight.
struct Pick {
    row: usize,
    side: usize,
    message: u32,
}

const BEFORE: usize = 0;
const AFTER: usize = 1;

impl DebeziumDecoder {
    /// Creates a decoder for a projection of `physical`.
    ///
    /// # Errors
    /// For an invalid option, or a type that JSON cannot hold.
    pub fn new(physical: &SchemaRef, projection: &Projection, options: &FormatOptions) -> Result<Self> {
        let projected = projection.schema();
        // A struct without columns has no length, so at least one column is read.
        let read = if projected.fields().is_empty() { physical.project(&[0])? } else { projected.as_ref().clone() };
        let wrapped = options.flag(SCHEMA_INCLUDE)?.unwrap_or(false);
        let plain = envelope(&nullable(&read));
        let outer = match wrapped {
            true => Arc::new(Schema::new(vec![Field::new("payload", DataType::Struct(plain.fields().clone()), true)])),
            false => plain,
        };
        let inner = registry::decoder(INNER, &outer, &Projection::all(&outer), &options.wrapped(NAME, INNER))?;
        let mut fields = projected.fields().to_vec();
        fields.push(Arc::new(Field::new(WEIGHT, DataType::Int64, false)));
        let key = options.primary_key();
        let places = key.iter().filter_map(|name| projected.index_of(name).ok()).collect();
        Ok(Self { inner, schema: Arc::new(Schema::new(fields)), wrapped, key: places, keyed: !key.is_empty() })
    }

    /// Returns the columns `before`, `after` and `op`.
    fn parts<'a>(&self, batch: &'a RecordBatch) -> Result<(&'a StructArray, &'a StructArray, &'a StringArray)> {
        let columns = match (self.wrapped, batch.columns()) {
            (true, [payload]) => payload.as_struct_opt().map(StructArray::columns),
            (false, columns) => Some(columns),
            _ => None,
        };
        match columns {
            Some([before, after, op]) => match (before.as_struct_opt(), after.as_struct_opt(), op.as_string_opt()) {
                (Some(before), Some(after), Some(op)) => Ok((before, after, op)),
                _ => Err(unexpected()),
            },
            _ => Err(unexpected()),
        }
    }

    /// Whether the key differs between before and after, per envelope. An incomplete key before counts as the same.
    fn moves(&self, before: &StructArray, after: &StructArray) -> Result<Vec<bool>> {
        let keys = |image: &StructArray| -> Vec<ArrayRef> { self.key.iter().filter_map(|i| image.columns().get(*i).cloned()).collect() };
        let (old, new) = (keys(before), keys(after));
        if old.is_empty() {
            return Ok(vec![false; before.len()]);
        }
        let converter = RowConverter::new(old.iter().map(|c| SortField::new(c.data_type().clone())).collect())?;
        let (old_rows, new_rows) = (converter.convert_columns(&old)?, converter.convert_columns(&new)?);
        let whole = |row: usize| before.is_valid(row) && old.iter().all(|c| c.is_valid(row));
        Ok((0..before.len()).map(|row| whole(row) && old_rows.row(row) != new_rows.row(row)).collect())
    }

    /// Returns the images of an envelope that become rows; `moves`: their keys differ.
    fn images(&self, op: Option<&str>, before: bool, after: bool, moves: bool) -> std::result::Result<&'static [usize], String> {
        let needs =
            |there: bool, image: &str, what: &str, sides: &'static [usize]| if there { Ok(sides) } else { Err(missing(image, what)) };
        match op {
            Some("c" | "r") => needs(after, "after", "an insert", &[AFTER]),
            Some("u") if !after => Err(missing("after", "an update")),
            Some("u") if self.keyed && !moves => Ok(&[AFTER]),
            Some("u") => needs(before, "before", "an update", &[BEFORE, AFTER]),
            Some("d") => needs(before, "before", "a delete", &[BEFORE]),
            Some(other) => Err(format!("op '{other}' is none of c, r, u, d")),
            None => Err("`op` is missing: this is no message of Debezium".to_string()),
        }
    }
}

fn missing(image: &str, what: &str) -> String {
    let hint = "; for PostgreSQL set REPLICA IDENTITY FULL, or declare a PRIMARY KEY";
    format!("`{image}` of {what} is missing{}", if image == "before" { hint } else { "" })
}

fn unexpected() -> Error {
    Error::internal("an envelope of another shape")
}

impl Decoder for DebeziumDecoder {
    fn schema(&self) -> SchemaRef {
        Arc::clone(&self.schema)
    }

    fn decode(&mut self, messages: &Messages) -> Result<Decoded> {
        let Decoded { batch, origin, rejected } = self.inner.decode(messages)?;
        let (before, after, op) = self.parts(&batch)?;
        let moves = self.moves(before, after)?;
        let mut rejected = rejected;
        let mut picks: Vec<Pick> = Vec::with_capacity(batch.num_rows());
        for (row, moves) in moves.into_iter().enumerate() {
            let message = match &origin {
                Some(origin) => origin.get(row).copied().ok_or_else(unexpected)?,
                None => u32::try_from(row).unwrap_or(u32::MAX),
            };
            match self.images(op.is_valid(row).then(|| op.value(row)), before.is_valid(row), after.is_valid(row), moves) {
                Ok(sides) => picks.extend(sides.iter().map(|side| Pick { row, side: *side, message })),
                Err(reason) => rejected.push((message, reason)),
            }
        }
        keep(&mut picks, &rejected);
        let width = self.schema.fields().len() - 1;
        let columns = |picks: &[Pick]| -> Result<Vec<ArrayRef>> {
            let indices: Vec<(usize, usize)> = picks.iter().map(|p| (p.side, p.row)).collect();
            let sides = before.columns().iter().zip(after.columns()).take(width);
            sides.map(|(b, a)| Ok(interleave(&[b.as_ref(), a.as_ref()], &indices)?)).collect()
        };
        let mut picked = columns(&picks)?;
        let known = rejected.len();
        for (field, column) in self.schema.fields().iter().zip(&picked).filter(|(f, c)| !f.is_nullable() && c.null_count() > 0) {
            let nulls = picks.iter().enumerate().filter(|(row, _)| column.is_null(*row));
            rejected.extend(nulls.map(|(_, p)| (p.message, format!("field '{}' is NOT NULL, but null or missing", field.name()))));
        }
        if rejected.len() > known {
            keep(&mut picks, &rejected);
            picked = columns(&picks)?;
        }
        rejected.sort_by_key(|(message, _)| *message);
        rejected.dedup_by_key(|(message, _)| *message);
        picked.push(Arc::new(Int64Array::from_iter_values(picks.iter().map(|p| if p.side == AFTER { 1 } else { -1 }))));
        let options = RecordBatchOptions::new().with_row_count(Some(picks.len()));
        let batch = RecordBatch::try_new_with_options(Arc::clone(&self.schema), picked, &options)?;
        Ok(Decoded { batch, origin: Some(picks.into_iter().map(|p| p.message).collect()), rejected })
    }
}

/// Drops the rows of rejected messages: a message counts as a whole or not at all.
fn keep(picks: &mut Vec<Pick>, rejected: &[(u32, String)]) {
    if !rejected.is_empty() {
        let bad: BTreeSet<u32> = rejected.iter().map(|(message, _)| *message).collect();
        picks.retain(|pick| !bad.contains(&pick.message));
    }
}
