//! Avro as Flink reads and writes it in messages: the bytes of one record, without a header.
//!
//! A message does not hold its schema: it is derived from the table's columns, in their order, as in Flink (`schema.rs`). So writer and
//! reader must declare the same columns; a message of another schema is a bad one, or, where it happens to fit, garbage. Messages with a
//! schema id use Confluent's framing, which is another format.

use crate::common::{OptionSpec, Result};

use super::FormatOptions;

mod booleans;
mod decode;
mod encode;
mod schema;

pub use decode::AvroDecoder;
pub use encode::AvroEncoder;

const ENCODING: &str = "avro.encoding";
const CODEC: &str = "avro.codec";
const LEGACY: &str = "avro.timestamp_mapping.legacy";

/// The options of this format.
pub fn options() -> Vec<OptionSpec> {
    vec![
        OptionSpec::one_of(ENCODING, &["binary"], "how records are written (default: binary)"),
        OptionSpec::text(CODEC, "accepted; it compresses files, not messages"),
        OptionSpec::flag(
            LEGACY,
            "false: TIMESTAMP is local-timestamp-millis or -micros; true (default): timestamp-millis, three digits at most",
        ),
        OptionSpec::flag("avro.open.fastread", "accepted; has no meaning here"),
    ]
}

/// Checks the options; returns whether timestamps use the legacy mapping.
fn legacy(options: &FormatOptions) -> Result<bool> {
    if let Some(other) = options.get(ENCODING).filter(|encoding| !encoding.eq_ignore_ascii_case("binary")) {
        return Err(options.wrong(ENCODING, other, "only `binary` is supported; format 'json' reads and writes JSON"));
    }
    Ok(options.flag(LEGACY)?.unwrap_or(true))
}
