//! Checks booleans in Avro files, which are one byte: 0 or 1. The library that decodes rows takes any other byte for true, so it decodes
//! them as bytes.
//!
//! ```text
//!   {"name": "ok", "type": ["null", "boolean"]}   ─▶   {"name": "ok", "type": ["null", {"type": "fixed", "size": 1, ...}]}
//! ```

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, BooleanArray, make_array};
use arrow::datatypes::DataType;
use serde_json::{Value, json};

use crate::common::{Error, Result};

const SCHEMA: &[u8] = b"avro.schema";
const SYNC: usize = 16;
const MAGIC: usize = 4;

/// Returns the header of a file with booleans replaced by bytes; `None` if there is no boolean to replace, or the header is invalid:
/// then the library reports it.
pub(super) fn as_bytes(header: &[u8]) -> Option<Vec<u8>> {
    let (mut rest, mut entries, mut changed) = (header.get(MAGIC..)?, Vec::new(), false);
    loop {
        let count = long(&mut rest)?;
        if count == 0 {
            break;
        }
        if count < 0 {
            long(&mut rest)?;
        }
        for _ in 0..count.unsigned_abs() {
            let (key, mut value) = (bytes(&mut rest)?.to_vec(), bytes(&mut rest)?.to_vec());
            if key == SCHEMA {
                let mut schema: Value = serde_json::from_slice(&value).ok()?;
                let mut names = 0;
                replace(&mut schema, &mut names);
                changed |= names > 0;
                value = serde_json::to_vec(&schema).ok()?;
            }
            entries.push((key, value));
        }
    }
    let sync = rest.get(..SYNC)?;
    let mut whole = header.get(..MAGIC)?.to_vec();
    number(entries.len() as u64, &mut whole);
    for part in entries.iter().flat_map(|(key, value)| [key, value]) {
        number(part.len() as u64, &mut whole);
        whole.extend_from_slice(part);
    }
    whole.push(0);
    whole.extend_from_slice(sync);
    changed.then_some(whole)
}

/// Replaces booleans by bytes, also nullable ones, but not in other unions, which are read as text.
fn replace(schema: &mut Value, names: &mut usize) {
    match schema {
        Value::String(name) if name == "boolean" => *schema = fixed(names),
        Value::Array(of) if of.len() <= 2 && of.iter().any(|one| one == "null") => of.iter_mut().for_each(|one| replace(one, names)),
        Value::Object(object) if object.get("type").is_some_and(|of| of == "boolean") && !object.contains_key("name") => {
            *schema = fixed(names);
        }
        Value::Object(object) => {
            let before = *names;
            for key in ["type", "items", "values"] {
                object.get_mut(key).into_iter().for_each(|of| replace(of, names));
            }
            if *names > before {
                object.remove("default");
            }
            for field in object.get_mut("fields").and_then(Value::as_array_mut).into_iter().flatten() {
                replace(field, names);
            }
        }
        _ => {}
    }
}

fn fixed(names: &mut usize) -> Value {
    *names += 1;
    json!({"type": "fixed", "size": 1, "name": format!("boolean_{names}")})
}

/// Converts a column back, from bytes to the booleans of its type.
///
/// # Errors
/// When a byte is neither 0 nor 1.
pub(super) fn of_bytes(column: &ArrayRef, wanted: &DataType) -> Result<ArrayRef> {
    let types: Vec<&DataType> = match (column.data_type(), wanted) {
        (DataType::FixedSizeBinary(1), DataType::Boolean) => {
            let bytes = column.as_fixed_size_binary();
            let one = |byte: Option<&[u8]>| match byte {
                None => Ok(None),
                Some([0]) => Ok(Some(false)),
                Some([1]) => Ok(Some(true)),
                Some(_) => Err(Error::data("it holds a boolean that is neither 0 nor 1: the file is damaged")),
            };
            return Ok(Arc::new(bytes.iter().map(one).collect::<Result<BooleanArray>>()?));
        }
        (DataType::Struct(has), DataType::Struct(wants)) if has.len() == wants.len() => {
            wants.iter().map(|field| field.data_type()).collect()
        }
        (DataType::List(_), DataType::List(wants)) | (DataType::Map(..), DataType::Map(wants, _)) => vec![wants.data_type()],
        _ => return Ok(Arc::clone(column)),
    };
    let data = column.to_data();
    let children: Vec<ArrayRef> = data.child_data().iter().map(|child| make_array(child.clone())).collect();
    let made = children.iter().zip(types).map(|(child, wants)| of_bytes(child, wants)).collect::<Result<Vec<_>>>()?;
    if made.iter().zip(&children).all(|(made, child)| made.data_type() == child.data_type()) {
        return Ok(Arc::clone(column));
    }
    let with =
        |field: &arrow::datatypes::FieldRef, made: &ArrayRef| Arc::new(field.as_ref().clone().with_data_type(made.data_type().clone()));
    let data_type = match (column.data_type(), made.as_slice()) {
        (DataType::Struct(fields), _) => DataType::Struct(fields.iter().zip(&made).map(|(field, made)| with(field, made)).collect()),
        (DataType::List(element), [one]) => DataType::List(with(element, one)),
        (DataType::Map(entries, sorted), [one]) => DataType::Map(with(entries, one), *sorted),
        _ => return Ok(Arc::clone(column)),
    };
    let children = made.iter().map(|made| made.to_data()).collect();
    Ok(make_array(data.into_builder().data_type(data_type).child_data(children).build()?))
}

/// Reads an Avro long.
fn long(bytes: &mut &[u8]) -> Option<i64> {
    let mut value = 0_u64;
    for shift in (0..64).step_by(7) {
        let (byte, rest) = bytes.split_first()?;
        *bytes = rest;
        value |= u64::from(byte & 0x7f) << shift;
        if byte & 0x80 == 0 {
            return Some((value >> 1) as i64 ^ -((value & 1) as i64));
        }
    }
    None
}

/// Reads a string, or bytes, with its length.
fn bytes<'a>(rest: &mut &'a [u8]) -> Option<&'a [u8]> {
    let len = usize::try_from(long(rest)?).ok()?;
    let (taken, behind) = rest.split_at_checked(len)?;
    *rest = behind;
    Some(taken)
}

/// Appends an Avro long.
pub(super) fn number(value: u64, bytes: &mut Vec<u8>) {
    let mut rest = value << 1;
    while rest > 0x7f {
        bytes.push((rest & 0x7f) as u8 | 0x80);
        rest >>= 7;
    }
    bytes.push(rest as u8);
}
