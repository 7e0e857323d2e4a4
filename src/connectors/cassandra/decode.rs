//! Decodes values of the protocol to Arrow columns.

use std::sync::Arc;

use arrow::array::{
    ArrayBuilder, ArrayRef, BinaryBuilder, BooleanBuilder, Decimal128Builder, Float32Builder, Float64Builder, Int64Builder, ListArray,
    MapArray, RecordBatch, RecordBatchOptions, StringBuilder, StructArray,
};
use arrow::buffer::{NullBuffer, OffsetBuffer};
use arrow::compute::cast;
use arrow::datatypes::{DataType, FieldRef, Fields, SchemaRef};

use crate::common::floor::per_second;
use crate::common::type_names::display;
use crate::common::{Error, Result, digits};

use super::config::CassandraTable;
use super::identifiers::quoted;
use super::remote_table::RemoteTable;
use super::text::{DATE_ZERO, DAY, Reason, decimal_parts, fixed, integer, text_of};
use super::types::CqlType;

/// The columns of a SELECT, and how they are decoded.
#[derive(Debug, Clone)]
pub(super) struct Selection {
    pub(super) schema: SchemaRef,
    pub(super) types: Vec<CqlType>,
    /// Their names in the table.
    names: Vec<String>,
}

impl Selection {
    /// Selects these columns of a table.
    ///
    /// # Errors
    /// Names the column that is missing in the table, or whose type there does not match the declared one.
    pub(super) fn new(table: &CassandraTable, remote: &RemoteTable, schema: &SchemaRef) -> Result<Self> {
        let columns = remote.columns_of(table, schema)?;
        for (column, field) in columns.iter().zip(schema.fields()) {
            if !column.cql.reads_as(field.data_type()) {
                return Err(Error::sql(format!(
                    "{}: column `{}` is declared {}, and is `{}` in {}",
                    table.label(),
                    field.name(),
                    display(field.data_type()),
                    column.cql,
                    table.quoted()
                ))
                .hint(format!("declare it {}", display(&column.cql.natural()))));
            }
        }
        let (types, names) = columns.into_iter().map(|column| (column.cql.clone(), column.name.clone())).unzip();
        Ok(Self { schema: Arc::clone(schema), types, names })
    }

    /// The select list; where no column is selected, the first one of the key, which every row has.
    pub(super) fn list(&self, remote: &RemoteTable) -> String {
        let names: Vec<String> = self.names.iter().map(|name| quoted(name)).collect();
        if names.is_empty() { remote.partition_key.first().map(|name| quoted(name)).unwrap_or_default() } else { names.join(", ") }
    }
}

/// Collects rows for a batch.
pub(super) struct Decoder<'a> {
    selection: &'a Selection,
    columns: Vec<Column>,
    rows: usize,
}

impl<'a> Decoder<'a> {
    /// A decoder for `rows` rows of a SELECT.
    ///
    /// # Errors
    /// For a type that no table can declare.
    pub(super) fn new(selection: &'a Selection, rows: usize) -> Result<Self> {
        let columns = selection.schema.fields().iter().zip(&selection.types);
        let columns = columns.map(|(field, of)| Column::new(of, field.data_type(), rows)).collect::<Result<_>>()?;
        Ok(Self { selection, columns, rows: 0 })
    }

    /// Adds the value of a column of the row.
    ///
    /// # Errors
    /// For a value that does not fit the column's declared type: names the column, and shows the value.
    pub(super) fn push(&mut self, i: usize, value: Option<&[u8]>) -> Result<()> {
        let Some(column) = self.columns.get_mut(i) else { return Ok(()) };
        let field = self.selection.schema.field(i);
        let failed = |reason: &str| {
            let text = value.map_or_else(
                || "NULL".to_string(),
                |bytes| text_of(&self.selection.types[i], bytes).unwrap_or_else(|_| "a value".to_string()),
            );
            let shown = if value.is_some() { format!("`{}`", crate::common::excerpt::excerpt_of(text.as_bytes())) } else { text };
            Error::data(format!("column `{}`: {shown} {reason}", field.name()))
        };
        let known = column.push(value).map_err(|reason| failed(&reason).hint("declare the column as the table has it, or as STRING"))?;
        if !known && !field.is_nullable() {
            return Err(failed("is NULL here, and the column is declared NOT NULL").hint("leave NOT NULL out"));
        }
        Ok(())
    }

    /// Ends a row.
    pub(super) fn end_row(&mut self) {
        self.rows += 1;
    }

    /// Returns the rows as a batch.
    ///
    /// # Errors
    /// Never for the values of rows.
    pub(super) fn finish(self) -> Result<RecordBatch> {
        let options = RecordBatchOptions::new().with_row_count(Some(self.rows));
        let columns = self.columns.into_iter().map(Column::finish).collect::<Result<_>>()?;
        Ok(RecordBatch::try_new_with_options(Arc::clone(&self.selection.schema), columns, &options)?)
    }
}

/// Values of one column, or of one nested field.
struct Column {
    of: CqlType,
    data_type: DataType,
    values: Values,
}

enum Values {
    Boolean(BooleanBuilder),
    /// Integers, dates and times, as 64 bits until the column is complete.
    Integer(Int64Builder),
    Float(Float32Builder),
    Double(Float64Builder),
    Decimal(Decimal128Builder, u8, i8),
    Text(StringBuilder),
    Bytes(BinaryBuilder),
    List(Nested),
    Map(Nested),
    /// The fields of a row, each with its index in the value.
    Row(Vec<(usize, Column)>, Vec<bool>),
}

/// Collections: the end of each one among all elements.
struct Nested {
    ends: Vec<i32>,
    valid: Vec<bool>,
    parts: Vec<Column>,
}

impl Nested {
    fn new(parts: Vec<Column>) -> Self {
        Self { ends: vec![0], valid: Vec::new(), parts }
    }

    fn end(&mut self, valid: bool) -> std::result::Result<(), Reason> {
        let end = self.parts.first().map_or(0, Column::len);
        self.ends.push(i32::try_from(end).map_err(|_| "is one element too many")?);
        self.valid.push(valid);
        Ok(())
    }
}

/// Reads the next value with its size; a negative size is NULL.
fn sized<'b>(bytes: &mut &'b [u8]) -> std::result::Result<Option<&'b [u8]>, Reason> {
    let (size, rest) = bytes.split_at_checked(4).ok_or("is cut off")?;
    let Ok(size) = usize::try_from(i32::from_be_bytes(fixed(size)?)) else {
        *bytes = rest;
        return Ok(None);
    };
    let (value, rest) = rest.split_at_checked(size).ok_or("is cut off")?;
    *bytes = rest;
    Ok(Some(value))
}

/// Reads the number of elements of a collection.
fn count(bytes: &mut &[u8]) -> std::result::Result<usize, Reason> {
    let (count, rest) = bytes.split_at_checked(4).ok_or("is cut off")?;
    *bytes = rest;
    usize::try_from(i32::from_be_bytes(fixed(count)?)).map_err(|_| "is cut off".to_string())
}

const OUT_OF_RANGE: &str = "is out of the declared type's range";

impl Column {
    fn new(of: &CqlType, data_type: &DataType, rows: usize) -> Result<Self> {
        let part = |of: &CqlType, field: &FieldRef| Self::new(of, field.data_type(), rows);
        let values = match (data_type, of) {
            (DataType::Boolean, _) => Values::Boolean(BooleanBuilder::with_capacity(rows)),
            (DataType::Float32, _) => Values::Float(Float32Builder::with_capacity(rows)),
            (DataType::Float64, _) => Values::Double(Float64Builder::with_capacity(rows)),
            (DataType::Decimal128(p, s), _) => {
                Values::Decimal(Decimal128Builder::with_capacity(rows).with_precision_and_scale(*p, *s)?, *p, *s)
            }
            (DataType::Utf8, _) => Values::Text(StringBuilder::new()),
            (DataType::Binary, _) => Values::Bytes(BinaryBuilder::new()),
            (DataType::List(item), CqlType::List(of) | CqlType::Set(of) | CqlType::Vector(of, _)) => {
                Values::List(Nested::new(vec![part(of, item)?]))
            }
            (DataType::Map(entries, _), CqlType::Map(key, value)) => match entries.data_type() {
                DataType::Struct(fields) if fields.len() == 2 => {
                    Values::Map(Nested::new(vec![part(key, &fields[0])?, part(value, &fields[1])?]))
                }
                other => return Err(Error::internal(format!("a map of {other}"))),
            },
            (DataType::Struct(fields), CqlType::Tuple(parts)) => {
                let columns = parts.iter().zip(fields).enumerate().map(|(i, (of, field))| Ok((i, part(of, field)?)));
                Values::Row(columns.collect::<Result<_>>()?, Vec::new())
            }
            (DataType::Struct(fields), CqlType::Udt(_, own)) => {
                let column = |field: &FieldRef| {
                    let found = own.iter().enumerate().find(|(_, (name, _))| name == field.name());
                    let (i, (_, of)) = found.ok_or_else(|| Error::internal(format!("there is no field {}", field.name())))?;
                    Ok((i, part(of, field)?))
                };
                Values::Row(fields.iter().map(column).collect::<Result<_>>()?, Vec::new())
            }
            _ => Values::Integer(Int64Builder::with_capacity(rows)),
        };
        Ok(Self { of: of.clone(), data_type: data_type.clone(), values })
    }

    fn len(&self) -> usize {
        match &self.values {
            Values::Boolean(b) => b.len(),
            Values::Integer(b) => b.len(),
            Values::Float(b) => b.len(),
            Values::Double(b) => b.len(),
            Values::Decimal(b, ..) => b.len(),
            Values::Text(b) => b.len(),
            Values::Bytes(b) => b.len(),
            Values::List(nested) | Values::Map(nested) => nested.valid.len(),
            Values::Row(_, valid) => valid.len(),
        }
    }

    /// Adds a value; returns whether it is not NULL.
    fn push(&mut self, value: Option<&[u8]>) -> std::result::Result<bool, Reason> {
        // Legacy of Thrift: a number may have no bytes at all.
        let has_empty = matches!(self.of, CqlType::Text | CqlType::Ascii | CqlType::Blob | CqlType::Other(_));
        let Some(bytes) = value.filter(|bytes| has_empty || !bytes.is_empty()) else {
            self.push_null()?;
            return Ok(false);
        };
        match &mut self.values {
            Values::Boolean(b) => b.append_value(bytes != [0]),
            Values::Integer(b) => b.append_value(whole(&self.of, &self.data_type, bytes)?),
            Values::Float(b) => b.append_value(f32::from_be_bytes(fixed(bytes)?)),
            Values::Double(b) => b.append_value(match self.of {
                CqlType::Float => f64::from(f32::from_be_bytes(fixed(bytes)?)),
                _ => f64::from_be_bytes(fixed(bytes)?),
            }),
            Values::Decimal(b, precision, scale) => {
                let (own, unscaled) = if self.of == CqlType::Decimal { decimal_parts(bytes)? } else { (0, bytes) };
                let value = integer(unscaled).and_then(|value| rescaled(value, own, i32::from(*scale)));
                b.append_value(value.filter(|value| digits::fits(*value, *precision)).ok_or(OUT_OF_RANGE)?);
            }
            Values::Text(b) => match self.of {
                CqlType::Text | CqlType::Ascii => b.append_value(std::str::from_utf8(bytes).map_err(|_| "is no text")?),
                _ => b.append_value(text_of(&self.of, bytes)?),
            },
            Values::Bytes(b) => b.append_value(bytes),
            Values::List(nested) => {
                let mut rest = bytes;
                match &self.of {
                    CqlType::Vector(of, n) => {
                        let size = of.fixed_size().unwrap_or(1);
                        if rest.len() != size * n {
                            return Err("is cut off".to_string());
                        }
                        for element in rest.chunks_exact(size) {
                            nested.parts[0].push(Some(element))?;
                        }
                    }
                    _ => {
                        for _ in 0..count(&mut rest)? {
                            nested.parts[0].push(sized(&mut rest)?)?;
                        }
                    }
                }
                nested.end(true)?;
            }
            Values::Map(nested) => {
                let mut rest = bytes;
                for _ in 0..count(&mut rest)? {
                    for part in &mut nested.parts {
                        part.push(sized(&mut rest)?)?;
                    }
                }
                nested.end(true)?;
            }
            Values::Row(parts, valid) => {
                let (mut rest, mut all) = (bytes, Vec::new());
                while !rest.is_empty() {
                    all.push(sized(&mut rest)?);
                }
                for (place, part) in parts {
                    // Fields that were added to a type later are missing in old values.
                    part.push(all.get(*place).copied().flatten())?;
                }
                valid.push(true);
            }
        }
        Ok(true)
    }

    fn push_null(&mut self) -> std::result::Result<(), Reason> {
        match &mut self.values {
            Values::Boolean(b) => b.append_null(),
            Values::Integer(b) => b.append_null(),
            Values::Float(b) => b.append_null(),
            Values::Double(b) => b.append_null(),
            Values::Decimal(b, ..) => b.append_null(),
            Values::Text(b) => b.append_null(),
            Values::Bytes(b) => b.append_null(),
            Values::List(nested) | Values::Map(nested) => nested.end(false)?,
            Values::Row(parts, valid) => {
                for (_, part) in parts {
                    part.push_null()?;
                }
                valid.push(false);
            }
        }
        Ok(())
    }

    fn finish(self) -> Result<ArrayRef> {
        let nulls = |valid: Vec<bool>| Some(NullBuffer::from(valid)).filter(|nulls| nulls.null_count() > 0);
        Ok(match self.values {
            Values::Boolean(mut b) => Arc::new(b.finish()),
            Values::Integer(mut b) => {
                // There is no cast from 64 bits to dates and times of 32 bits, so cast to 32 bits first.
                let column: ArrayRef = Arc::new(b.finish());
                match &self.data_type {
                    DataType::Date32 | DataType::Time32(_) => cast(&cast(&column, &DataType::Int32)?, &self.data_type)?,
                    other => cast(&column, other)?,
                }
            }
            Values::Float(mut b) => Arc::new(b.finish()),
            Values::Double(mut b) => Arc::new(b.finish()),
            Values::Decimal(mut b, precision, scale) => Arc::new(b.finish().with_precision_and_scale(precision, scale)?),
            Values::Text(mut b) => Arc::new(b.finish()),
            Values::Bytes(mut b) => Arc::new(b.finish()),
            Values::List(nested) => {
                let DataType::List(item) = &self.data_type else { return Err(Error::internal("a list is none")) };
                let (offsets, nulls) = (OffsetBuffer::new(nested.ends.into()), nulls(nested.valid));
                let values = nested.parts.into_iter().next().ok_or_else(|| Error::internal("a list without elements"))?.finish()?;
                Arc::new(ListArray::try_new(Arc::clone(item), offsets, values, nulls)?)
            }
            Values::Map(nested) => {
                let DataType::Map(entries, sorted) = &self.data_type else { return Err(Error::internal("a map is none")) };
                let (offsets, nulls) = (OffsetBuffer::new(nested.ends.into()), nulls(nested.valid));
                let parts = nested.parts.into_iter().map(Self::finish).collect::<Result<_>>()?;
                let values = StructArray::try_new(fields(entries.data_type()), parts, None)?;
                Arc::new(MapArray::try_new(Arc::clone(entries), offsets, values, nulls, *sorted)?)
            }
            Values::Row(parts, valid) => {
                let parts = parts.into_iter().map(|(_, part)| part.finish()).collect::<Result<_>>()?;
                Arc::new(StructArray::try_new(fields(&self.data_type), parts, nulls(valid))?)
            }
        })
    }
}

fn fields(data_type: &DataType) -> Fields {
    if let DataType::Struct(fields) = data_type { fields.clone() } else { Fields::empty() }
}

/// Decodes an integer, a date or a time, in the unit of the declared type.
fn whole(of: &CqlType, declared: &DataType, bytes: &[u8]) -> std::result::Result<i64, Reason> {
    let value = match of {
        CqlType::Date => i64::from(u32::from_be_bytes(fixed(bytes)?)) - DATE_ZERO,
        CqlType::Time => i64::from_be_bytes(fixed(bytes)?),
        CqlType::Timestamp => i64::from_be_bytes(fixed(bytes)?),
        CqlType::BigInt => i64::from_be_bytes(fixed(bytes)?),
        CqlType::Int => i64::from(i32::from_be_bytes(fixed(bytes)?)),
        _ => integer(bytes).and_then(|value| i64::try_from(value).ok()).ok_or(OUT_OF_RANGE)?,
    };
    let within = |least: i64, greatest: i64| if (least..=greatest).contains(&value) { Ok(value) } else { Err(OUT_OF_RANGE.to_string()) };
    match declared {
        DataType::Int8 => within(i8::MIN.into(), i8::MAX.into()),
        DataType::Int16 => within(i16::MIN.into(), i16::MAX.into()),
        DataType::Int32 => within(i32::MIN.into(), i32::MAX.into()),
        // Digits beyond the declared type are truncated.
        DataType::Time32(unit) => within(0, DAY - 1).map(|nanos| nanos / (1_000_000_000 / per_second(*unit))),
        DataType::Timestamp(unit, _) => match per_second(*unit) {
            1 => Ok(value.div_euclid(1000)),
            per_second => value.checked_mul(per_second / 1000).ok_or_else(|| OUT_OF_RANGE.to_string()),
        },
        _ => Ok(value),
    }
}

/// Changes the scale of a number, rounded half away from zero.
fn rescaled(value: i128, from: i32, to: i32) -> Option<i128> {
    let by = i64::from(to) - i64::from(from);
    let power = |n: i64| u32::try_from(n).ok().and_then(|n| 10_i128.checked_pow(n));
    if value == 0 || by == 0 {
        return Some(value);
    }
    if by > 0 {
        return value.checked_mul(power(by)?);
    }
    let Some(power) = power(-by) else { return Some(0) };
    let (whole, rest) = (value / power, value % power);
    let up = rest.unsigned_abs() >= power.unsigned_abs().div_ceil(2);
    Some(if up { whole + value.signum() } else { whole })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn digits_behind_the_point() {
        for (value, from, to, expected) in [
            (12_345, 2, 3, Some(123_450)),
            (12_345, 3, 2, Some(1_235)),
            (-12_345, 3, 2, Some(-1_235)),
            (12_344, 3, 2, Some(1_234)),
            (5, -3, 2, Some(500_000)),
            (5, 400, 2, Some(0)),
            (5, -400, 2, None),
            (0, -400, 2, Some(0)),
        ] {
            assert_eq!(rescaled(value, from, to), expected, "{value} {from} {to}");
        }
    }
}
