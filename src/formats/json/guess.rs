//! Infers undeclared columns from a JSON record.

use std::sync::Arc;

use arrow::datatypes::{DataType, Field, Fields};

use crate::formats::{csv, widen};

use super::cursor::{Cursor, Rules, Syntax};

/// Values that are nested more deeply are read as text.
const DEEPEST: usize = 32;

/// Returns the columns of an object, or of all objects of an array; `None` if it is neither, or not JSON.
pub fn guess(record: &[u8]) -> Option<Fields> {
    let record = std::str::from_utf8(record).ok()?.as_bytes();
    let mut cursor = Cursor::new(record, record.len(), Rules { lenient: false, require: false });
    cursor.byte_order_mark();
    cursor.space();
    let found = value(&mut cursor, DEEPEST).ok()?;
    cursor.space();
    match found {
        _ if !cursor.at_end() => None,
        DataType::Struct(fields) => Some(fields),
        DataType::List(element) => match element.data_type() {
            DataType::Struct(fields) => Some(fields.clone()),
            DataType::Null => Some(Fields::empty()),
            _ => None,
        },
        _ => None,
    }
}

fn value(cursor: &mut Cursor<'_>, deepest: usize) -> Result<DataType, Syntax> {
    match cursor.peek() {
        b'{' | b'[' if deepest == 0 => cursor.skip().map(|()| DataType::Utf8),
        b'{' => object(cursor, deepest),
        b'[' => {
            let mut element = DataType::Null;
            if !cursor.open(b']') {
                loop {
                    element = widen::text(&element, &value(cursor, deepest - 1)?);
                    if !cursor.more(b']')? {
                        break;
                    }
                }
            }
            Ok(DataType::List(Arc::new(Field::new_list_field(element, true))))
        }
        b'"' => cursor.string().map(|_| DataType::Utf8),
        b'n' => cursor.literal(b"null").map(|()| DataType::Null),
        b'-' | b'0'..=b'9' => {
            let from = cursor.position();
            let whole = cursor.number()?;
            let text = std::str::from_utf8(cursor.since(from)).unwrap_or_default();
            Ok(if whole { csv::whole(text, text.trim_start_matches('-').len()) } else { DataType::Float64 })
        }
        _ => cursor.skip().map(|()| DataType::Boolean),
    }
}

fn object(cursor: &mut Cursor<'_>, deepest: usize) -> Result<DataType, Syntax> {
    let mut fields: Vec<Field> = Vec::new();
    if !cursor.open(b'}') {
        loop {
            let mut name = Vec::new();
            cursor.string()?.append_to(&mut name);
            let name = String::from_utf8_lossy(&name).into_owned();
            cursor.colon()?;
            let found = Field::new(&name, value(cursor, deepest - 1)?, true);
            // The last value wins.
            match fields.iter_mut().find(|field| *field.name() == name) {
                Some(field) => *field = found,
                None => fields.push(found),
            }
            if !cursor.more(b'}')? {
                break;
            }
        }
    }
    Ok(DataType::Struct(fields.into()))
}
