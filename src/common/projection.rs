//! Projections: the columns of a table to read, and for ROWs the fields.

use std::collections::BTreeMap;
use std::sync::Arc;

use arrow::array::{Array, ArrayRef, StructArray, make_array};
use arrow::buffer::NullBuffer;
use arrow::datatypes::{DataType, Field, FieldRef, Fields, Schema, SchemaRef};
use arrow::record_batch::RecordBatch;

use super::{Error, Result};

/// The path of a column or of a field inside ROWs: `[bid, price]` is `bid.price`. It is never empty.
pub type ColumnPath = Vec<String>;

/// The columns that a reader returns, in order; a ROW may have fewer fields than declared.
///
/// ```text
///   declared     event_type INT, person ROW<id, name>, bid ROW<auction, price, url>
///   wanted       event_type, bid.price
///   projection   event_type INT, bid ROW<price>             indices [0, 2]
/// ```
/// So a format decodes only the fields that are read, at any depth.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Projection {
    indices: Vec<usize>,
    schema: SchemaRef,
}

impl Projection {
    /// Projects to these fields, by their index in the table.
    pub fn new(columns: impl IntoIterator<Item = (usize, FieldRef)>) -> Self {
        let (indices, fields): (Vec<usize>, Vec<FieldRef>) = columns.into_iter().unzip();
        Self { indices, schema: Arc::new(Schema::new(fields)) }
    }

    /// Projects to whole columns, by their index in the table.
    ///
    /// # Errors
    /// When an index is out of range.
    pub fn columns(table: &Schema, indices: &[usize]) -> Result<Self> {
        Ok(Self { indices: indices.to_vec(), schema: Arc::new(table.project(indices)?) })
    }

    /// All columns of a table.
    pub fn all(table: &SchemaRef) -> Self {
        Self { indices: (0..table.fields().len()).collect(), schema: Arc::clone(table) }
    }

    /// Projects to what these paths need, in the table's order.
    ///
    /// # Errors
    /// When a path does not exist.
    pub fn of_paths<'a>(table: &Schema, paths: impl IntoIterator<Item = &'a [String]>) -> Result<Self> {
        let mut wanted: BTreeMap<usize, Vec<&'a [String]>> = BTreeMap::new();
        for path in paths {
            let (first, rest) = path.split_first().ok_or_else(|| Error::internal("a path to no column"))?;
            wanted.entry(table.index_of(first)?).or_default().push(rest);
        }
        let columns = wanted.into_iter().map(|(index, inside)| Ok((index, narrowed(&table.fields()[index], &inside)?)));
        Ok(Self::new(columns.collect::<Result<Vec<_>>>()?))
    }

    /// The indices of the columns in the table.
    pub fn indices(&self) -> &[usize] {
        &self.indices
    }

    /// The projected columns.
    pub fn schema(&self) -> &SchemaRef {
        &self.schema
    }

    /// The projected columns with their indices in the table.
    pub fn iter(&self) -> impl Iterator<Item = (usize, &FieldRef)> {
        self.indices.iter().copied().zip(self.schema.fields())
    }
}

/// Returns a field with only what is on these paths inside it; an empty path means all.
fn narrowed(field: &FieldRef, inside: &[&[String]]) -> Result<FieldRef> {
    let DataType::Struct(fields) = field.data_type() else { return Ok(Arc::clone(field)) };
    if inside.iter().any(|path| path.is_empty()) {
        return Ok(Arc::clone(field));
    }
    let mut kept = Vec::new();
    for child in fields {
        let rests: Vec<&[String]> = inside.iter().filter_map(|p| p.split_first()).filter(|p| p.0 == child.name()).map(|p| p.1).collect();
        if !rests.is_empty() {
            kept.push(narrowed(child, &rests)?);
        }
    }
    let unknown = inside.iter().filter_map(|p| p.first()).find(|name| fields.iter().all(|f| f.name() != *name));
    match unknown {
        Some(name) => Err(Error::internal(format!("column `{}` has no field `{name}`", field.name()))),
        None => Ok(Arc::new(field.as_ref().clone().with_data_type(DataType::Struct(kept.into())))),
    }
}

/// Returns an array with only those fields of its ROWs that `to` has; nothing is copied.
///
/// # Errors
/// When a field is missing.
pub fn narrow(array: &ArrayRef, to: &DataType) -> Result<ArrayRef> {
    let (Some(rows), DataType::Struct(fields)) = (array.as_any().downcast_ref::<StructArray>(), to) else { return Ok(Arc::clone(array)) };
    if rows.fields() == fields {
        return Ok(Arc::clone(array));
    }
    let columns = fields.iter().map(|f| narrow(child(rows, f.name())?, f.data_type())).collect::<Result<Vec<_>>>()?;
    Ok(Arc::new(StructArray::try_new_with_length(fields.clone(), columns, rows.nulls().cloned(), rows.len())?))
}

/// Returns the values at the end of a path; NULL where a ROW on the path is NULL.
///
/// # Errors
/// When the path does not exist.
pub fn at(batch: &RecordBatch, path: &[String]) -> Result<ArrayRef> {
    let (first, rest) = path.split_first().ok_or_else(|| Error::internal("a path to no column"))?;
    let mut array = Arc::clone(batch.column(batch.schema_ref().index_of(first)?));
    for name in rest {
        let rows = array.as_any().downcast_ref::<StructArray>();
        let rows = rows.ok_or_else(|| Error::internal(format!("`{}`: no ROW on the way", path.join("."))))?;
        let inside = child(rows, name)?;
        array = match rows.nulls() {
            Some(nulls) if nulls.null_count() > 0 => with_nulls(inside, nulls)?,
            _ => Arc::clone(inside),
        };
    }
    Ok(array)
}

/// Returns the field at the end of a path: its name is the whole path, and it is nullable if a ROW on the path is.
pub fn field_at(table: &Schema, path: &[String]) -> Result<Field> {
    let (first, rest) = path.split_first().ok_or_else(|| Error::internal("a path to no column"))?;
    let mut field = table.field_with_name(first)?.clone();
    for name in rest {
        let nullable = field.is_nullable();
        let inside = fields_of(&field).and_then(|fields| fields.find(name));
        let (_, inside) = inside.ok_or_else(|| Error::internal(format!("`{}` leads to no field", path.join("."))))?;
        field = inside.as_ref().clone().with_nullable(nullable || inside.is_nullable());
    }
    Ok(field.with_name(path.join(".")))
}

fn fields_of(field: &Field) -> Option<&Fields> {
    match field.data_type() {
        DataType::Struct(fields) => Some(fields),
        _ => None,
    }
}

fn child<'a>(rows: &'a StructArray, name: &str) -> Result<&'a ArrayRef> {
    rows.column_by_name(name).ok_or_else(|| Error::internal(format!("a ROW without its field `{name}`")))
}

/// Returns the same values, NULL also where `nulls` is.
fn with_nulls(array: &ArrayRef, nulls: &NullBuffer) -> Result<ArrayRef> {
    // Most formats write a NULL into every field of a NULL row, so that there is nothing to add.
    if array.nulls().is_some_and(|own| own.contains(nulls)) {
        return Ok(Arc::clone(array));
    }
    let union = NullBuffer::union(array.nulls(), Some(nulls));
    Ok(make_array(array.to_data().into_builder().nulls(union).build()?))
}
