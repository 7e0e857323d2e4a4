//! Derives the Avro schema of a table's columns.

use std::sync::Arc;

use arrow::datatypes::{DataType, Field, FieldRef, Fields, Schema, SchemaRef, TimeUnit};
use serde_json::{Value, json};

use crate::common::type_names::display;
use crate::common::{Error, Result};

/// The Avro schema of a table, and its columns in Arrow.
#[derive(Debug, Clone)]
pub(super) struct AvroTable {
    /// The schema as JSON.
    pub(super) json: String,
    /// The columns with the Arrow types of Avro's values.
    pub(super) columns: SchemaRef,
}

impl AvroTable {
    /// Maps columns as Flink does: a nullable column is a union with `null` first.
    ///
    /// # Errors
    /// Names a column that Avro cannot hold.
    pub(super) fn new(columns: &SchemaRef, legacy: bool) -> Result<Self> {
        let (json, fields) = record("org.apache.flink.avro.generated.record", columns.fields(), legacy)?;
        if fields.is_empty() {
            return Err(Error::sql("format 'avro' needs a column"));
        }
        Ok(Self { json: json.to_string(), columns: Arc::new(Schema::new(fields)) })
    }
}

fn record(name: &str, fields: &Fields, legacy: bool) -> Result<(Value, Fields)> {
    let (mut of_avro, mut of_arrow) = (Vec::new(), Vec::new());
    for field in fields {
        let (json, arrow) = column(name, field, legacy)?;
        let mut entry = json!({ "name": field.name(), "type": json });
        if let (true, Some(entry)) = (field.is_nullable(), entry.as_object_mut()) {
            entry.insert("default".to_string(), Value::Null);
        }
        of_avro.push(entry);
        of_arrow.push(arrow);
    }
    Ok((json!({ "type": "record", "name": name, "fields": of_avro }), of_arrow.into()))
}

fn column(parent: &str, field: &FieldRef, legacy: bool) -> Result<(Value, FieldRef)> {
    let name = field.name();
    let mut letters = name.chars();
    let first = letters.next().is_some_and(|c| c.is_ascii_alphabetic() || c == '_');
    if !first || !letters.all(|c| c.is_ascii_alphanumeric() || c == '_') {
        return Err(Error::sql(format!("format 'avro' cannot hold column `{name}`: it is no name in Avro"))
            .hint("names are made of ASCII letters, digits and `_`, and begin with no digit"));
    }
    let (json, arrow) = typed(&format!("{parent}_{name}"), field.data_type(), legacy).map_err(|hint| {
        Error::sql(format!("format 'avro' cannot hold column `{name}` of type {}", display(field.data_type()))).hint(hint)
    })?;
    Ok((optional(json, field.is_nullable()), Arc::new(Field::new(name, arrow, field.is_nullable()))))
}

fn optional(json: Value, nullable: bool) -> Value {
    if nullable { json!(["null", json]) } else { json }
}

/// Returns a type's Avro schema and the Arrow type of its values; the error suggests a valid type.
fn typed(name: &str, data_type: &DataType, legacy: bool) -> std::result::Result<(Value, DataType), String> {
    let plain = |json: &str, arrow: DataType| Ok((json!(json), arrow));
    let logical = |json: &str, logical: &str, arrow: DataType| Ok((json!({ "type": json, "logicalType": logical }), arrow));
    match data_type {
        DataType::Boolean => plain("boolean", DataType::Boolean),
        DataType::Int8 | DataType::Int16 | DataType::Int32 => plain("int", DataType::Int32),
        DataType::Int64 => plain("long", DataType::Int64),
        DataType::Float32 => plain("float", DataType::Float32),
        DataType::Float64 => plain("double", DataType::Float64),
        DataType::Utf8 => plain("string", DataType::Utf8),
        DataType::Binary => plain("bytes", DataType::Binary),
        DataType::Date32 => logical("int", "date", DataType::Date32),
        DataType::Time32(_) => logical("int", "time-millis", DataType::Time32(TimeUnit::Millisecond)),
        DataType::Time64(_) => Err("Avro holds TIME(3) at most".to_string()),
        DataType::Timestamp(unit, zone) => {
            let (suffix, unit) = match unit {
                TimeUnit::Second | TimeUnit::Millisecond => ("millis", TimeUnit::Millisecond),
                TimeUnit::Microsecond if !legacy => ("micros", TimeUnit::Microsecond),
                TimeUnit::Microsecond => {
                    return Err(format!("declare it with (3), or set '{}' = 'false', which holds six digits", super::LEGACY));
                }
                TimeUnit::Nanosecond => return Err("Avro holds six digits at most".to_string()),
            };
            match (zone, legacy) {
                (None, false) => logical("long", &format!("local-timestamp-{suffix}"), DataType::Timestamp(unit, None)),
                _ => logical("long", &format!("timestamp-{suffix}"), DataType::Timestamp(unit, Some("+00:00".into()))),
            }
        }
        DataType::Decimal128(precision, scale) => {
            Ok((json!({ "type": "bytes", "logicalType": "decimal", "precision": precision, "scale": scale }), data_type.clone()))
        }
        DataType::List(element) => {
            let (json, arrow) = typed(name, element.data_type(), legacy)?;
            let item = Field::new(Field::LIST_FIELD_DEFAULT_NAME, arrow, element.is_nullable());
            Ok((json!({ "type": "array", "items": optional(json, element.is_nullable()) }), DataType::List(Arc::new(item))))
        }
        DataType::Struct(fields) => {
            let (json, fields) = record(name, fields, legacy).map_err(|e| e.message().to_string())?;
            Ok((json, DataType::Struct(fields)))
        }
        DataType::Map(entries, _) => {
            let pair = match entries.data_type() {
                DataType::Struct(pair) => pair,
                _ => return Err("a MAP has keys and values".to_string()),
            };
            let (Some(key), Some(value)) = (pair.first(), pair.get(1)) else { return Err("a MAP has keys and values".to_string()) };
            if *key.data_type() != DataType::Utf8 {
                return Err("the keys of a MAP have to be STRING".to_string());
            }
            let (json, arrow) = typed(name, value.data_type(), legacy)?;
            let pair = Fields::from(vec![Field::new("key", DataType::Utf8, false), Field::new("value", arrow, value.is_nullable())]);
            let entries = Arc::new(Field::new("entries", DataType::Struct(pair), false));
            Ok((json!({ "type": "map", "values": optional(json, value.is_nullable()) }), DataType::Map(entries, false)))
        }
        _ => Err("format 'json' holds all types".to_string()),
    }
}
