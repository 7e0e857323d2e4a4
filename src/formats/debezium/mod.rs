//! `debezium-json`: changes of a database's rows, as Debezium writes them and Flink reads and writes them.
//!
//! ```text
//!  {"before": {...} | null, "after": {...} | null, "op": "c", "source": {...}, "ts_ms": 1}      in `payload` with `schema-include`
//!
//!  op              read as                       with a PRIMARY KEY
//!  c create        +after                        +after
//!  r snapshot      +after                        +after
//!  u update        −before, +after               +after; where `before` has another key, −before as well
//!  d delete        −before                       −before; the key is enough
//! ```
//! An update without `before` (PostgreSQL without REPLICA IDENTITY FULL) is a bad record unless the table has a PRIMARY KEY.
//! The encoder writes only `c` and `d`, an update as one of each, because Flink does so.

use std::sync::Arc;

use arrow::datatypes::{DataType, Field, Fields, Schema, SchemaRef};

use crate::common::OptionSpec;

mod decode;
mod encode;
#[cfg(test)]
mod tests;

pub use decode::DebeziumDecoder;
pub use encode::DebeziumEncoder;

/// The format's name.
pub const NAME: &str = "debezium-json";
/// The format of the rows inside the envelope.
const INNER: &str = "json";
const SCHEMA_INCLUDE: &str = "debezium-json.schema-include";

/// The options of this format.
pub fn options() -> Vec<OptionSpec> {
    let text = OptionSpec::text;
    vec![
        OptionSpec::flag(SCHEMA_INCLUDE, "true: messages hold `schema` and `payload`, as Kafka Connect writes them by default"),
        OptionSpec::flag(
            "debezium-json.ignore-parse-errors",
            "true: a field that does not fit becomes NULL; false: a bad record stops the job",
        ),
        OptionSpec::one_of(
            "debezium-json.timestamp-format.standard",
            &["SQL", "ISO-8601", "ISO-8601-WITH-OFFSET"],
            "how timestamps are written; both are read",
        ),
        OptionSpec::one_of("debezium-json.map-null-key.mode", &["FAIL", "DROP", "LITERAL"], "what to do with a NULL key of a MAP"),
        text("debezium-json.map-null-key.literal", "what a NULL key of a MAP is written as with mode LITERAL"),
        OptionSpec::flag("debezium-json.encode.decimal-as-plain-number", "accepted; decimals are always written as plain numbers"),
    ]
}

/// The columns of an envelope: `before`, `after` and `op`.
fn envelope(row: &Fields) -> SchemaRef {
    let image = |name: &str| Field::new(name, DataType::Struct(row.clone()), true);
    Arc::new(Schema::new(vec![image("before"), image("after"), Field::new("op", DataType::Utf8, true)]))
}

/// Makes all columns nullable: an image may lack any of them.
fn nullable(schema: &Schema) -> Fields {
    schema.fields().iter().map(|field| field.as_ref().clone().with_nullable(true)).collect()
}
