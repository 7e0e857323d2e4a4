//! The registry of formats, by the value of `format`, `key.format` and `value.format`.

use arrow::datatypes::SchemaRef;

use crate::common::{Error, OptionSpec, Projection, Result, suggest};

use super::{Decoder, Encoder, FormatOptions, avro, csv, debezium, json, raw};

/// The names of all formats.
pub fn known() -> &'static [&'static str] {
    &["json", "csv", "avro", "raw", debezium::NAME]
}

/// Whether a format is a changelog: its decoder yields weights, its encoder takes them.
pub fn tells_changes(format: &str) -> bool {
    format == debezium::NAME
}

/// Returns the options of a format, with its name as prefix (`json.ignore-parse-errors`).
///
/// # Errors
/// For an unknown name: lists the nearest and all known ones.
pub fn options_of(format: &str) -> Result<Vec<OptionSpec>> {
    match format {
        "json" => Ok(json::options()),
        "csv" => Ok(csv::options()),
        "avro" => Ok(avro::options()),
        "raw" => Ok(raw::options()),
        debezium::NAME => Ok(debezium::options()),
        _ => Err(unknown(format)),
    }
}

/// Creates a decoder for a projection of `physical`, the record's columns as declared.
///
/// # Errors
/// For an unknown format, an invalid option, or columns that the format cannot hold.
pub fn decoder(format: &str, physical: &SchemaRef, projection: &Projection, options: &FormatOptions) -> Result<Box<dyn Decoder>> {
    match format {
        "json" => Ok(Box::new(json::JsonDecoder::new(physical, projection, options)?)),
        "csv" => Ok(Box::new(csv::CsvDecoder::new(physical, projection, options)?)),
        "avro" => Ok(Box::new(avro::AvroDecoder::new(physical, projection, options)?)),
        "raw" => Ok(Box::new(raw::RawDecoder::new(physical, projection, options)?)),
        debezium::NAME => Ok(Box::new(debezium::DebeziumDecoder::new(physical, projection, options)?)),
        _ => Err(unknown(format)),
    }
}

/// Creates an encoder of rows with the columns `schema`.
///
/// # Errors
/// As [`decoder`].
pub fn encoder(format: &str, schema: &SchemaRef, options: &FormatOptions) -> Result<Box<dyn Encoder>> {
    match format {
        "json" => Ok(Box::new(json::JsonEncoder::new(schema, options)?)),
        "csv" => Ok(Box::new(csv::CsvEncoder::new(schema, options)?)),
        "avro" => Ok(Box::new(avro::AvroEncoder::new(schema, options)?)),
        "raw" => Ok(Box::new(raw::RawEncoder::new(schema, options)?)),
        debezium::NAME => Ok(Box::new(debezium::DebeziumEncoder::new(schema, options)?)),
        _ => Err(unknown(format)),
    }
}

fn unknown(format: &str) -> Error {
    Error::sql(format!("unknown format '{format}'")).hint(suggest::hint(format, known()))
}
