//! Every option of a Kafka table.

use crate::common::{Error, OptionSpec};
use crate::connectors::TableSpec;
use crate::connectors::on_error::OnError;
use crate::formats;

/// The append-only connector: each record is a row.
pub const APPEND: &str = "kafka";
/// The connector whose records replace the previous record of their key.
pub const UPSERT: &str = "upsert-kafka";

/// Whether a table uses `upsert-kafka`.
pub(super) fn is_upsert(spec: &TableSpec) -> bool {
    spec.connector == UPSERT
}

pub(super) fn missing(option: &str) -> Error {
    Error::option(option, "is missing")
}

pub(super) const STARTUP_MODES: &[&str] = &["earliest-offset", "latest-offset", "group-offsets", "timestamp", "specific-offsets"];
pub(super) const BOUNDED_MODES: &[&str] = &["unbounded", "latest-offset", "group-offsets", "timestamp", "specific-offsets"];
pub(super) const GUARANTEES: &[&str] = &["exactly-once", "at-least-once", "none"];
pub(super) const PARTITIONERS: &[&str] = &["default", "fixed", "round-robin"];

/// Options of `kafka` only: the primary key of an upsert table decides its keys and partitions.
const APPEND_ONLY: &[&str] = &["format", "key.fields", "topic-pattern", "sink.partitioner", "sink.semantic"];

/// The options of one of the two connectors, without those of its formats.
fn of_connector(upsert: bool) -> Vec<OptionSpec> {
    let mut options = own();
    if upsert {
        options.retain(|option| !APPEND_ONLY.contains(&option.key.as_ref()) && !option.key.starts_with("record."));
        options.push(OptionSpec::text("sink.buffer-flush.max-rows", "accepted; each commit writes a key once"));
        options.push(OptionSpec::text("sink.buffer-flush.interval", "accepted; `checkpoint.interval` sets how often is written"));
    }
    options
}

/// The connector's own options, of both kinds of table.
fn own() -> Vec<OptionSpec> {
    let text = OptionSpec::text;
    let one_of = OptionSpec::one_of;
    let [on_error, dead_letter] = OnError::options();
    vec![
        text("topic", "the topic"),
        text("topic-pattern", "not supported yet"),
        text("properties.bootstrap.servers", "host:port of one or more brokers"),
        text("properties.group.id", "the group that `group-offsets` reads and that progress is reported to"),
        one_of("properties.auto.offset.reset", &["earliest", "latest", "none"], "where `group-offsets` begins without a commit"),
        text("properties.*", "any other setting of the Kafka client"),
        text("format", "the format of the value"),
        text("value.format", "the same as `format`"),
        text("key.format", "the format of the key"),
        text("key.fields", "the columns of the key, separated by `;`"),
        text("key.fields-prefix", "what key columns begin with in the table and not in the record"),
        one_of("value.fields-include", &["ALL", "EXCEPT_KEY"], "whether the value holds the key's columns, too"),
        one_of("scan.startup.mode", STARTUP_MODES, "where a new job begins (default: group-offsets; upsert-kafka: earliest-offset)"),
        text("scan.startup.specific-offsets", "partition:0,offset:42;partition:1,offset:300"),
        text("scan.startup.timestamp-millis", "milliseconds since 1970-01-01 UTC"),
        one_of("scan.bounded.mode", BOUNDED_MODES, "where a job ends (default: unbounded)"),
        text("scan.bounded.specific-offsets", "partition:0,offset:42;partition:1,offset:300"),
        text("scan.bounded.timestamp-millis", "milliseconds since 1970-01-01 UTC"),
        text(
            "scan.topic-partition-discovery.interval",
            "how often a running job looks for new partitions (default: 5 min; 0: only at its start)",
        ),
        text(
            "scan.parallelism",
            "how many consumers read the topic, each some of its partitions (default: as many as stages have partitions)",
        ),
        text("scan.watermark.idle-timeout", "when a partition that is read to its end stops holding the watermark back (default: 5 s)"),
        text(
            "scan.watermark.max-ahead",
            "how far ahead of the wall clock an event time may move the watermark (default: as far as rows say)",
        ),
        text("scan.watermark.emit.strategy", "accepted; the watermark moves with every epoch"),
        text("scan.watermark.emit.on-event.gap", "accepted; the watermark moves with every epoch"),
        text("scan.watermark.alignment.group", "accepted; the partitions of a source are always aligned"),
        text("scan.watermark.alignment.max-drift", "how far a partition may run ahead in event time (default: 1 min)"),
        text("scan.watermark.alignment.update-interval", "accepted; partitions are aligned at every epoch"),
        on_error,
        dead_letter,
        text("late-rows.table", "the table that late rows go to"),
        one_of("sink.delivery-guarantee", GUARANTEES, "default: exactly-once"),
        one_of("sink.semantic", GUARANTEES, "the old name of `sink.delivery-guarantee`"),
        one_of("sink.partitioner", PARTITIONERS, "default: by key, as Java's clients do"),
        text(
            "sink.transactional-id-prefix",
            "what transactional id and group begin with, instead of millstream.<job>; sink and folder are put behind it",
        ),
        text("sink.parallelism", "accepted; one producer writes a sink"),
        text("record.key.include.kafka.connect.json.schema", "accepted; has no meaning here"),
        text("record.value.include.kafka.connect.json.schema", "accepted; has no meaning here"),
    ]
}

fn of_format(format: &str, prefix: &str) -> Vec<OptionSpec> {
    formats::options_of(format).unwrap_or_default().iter().map(|option| option.prefixed(prefix)).collect()
}

/// All options, with those of every format.
pub fn all(upsert: bool) -> Vec<OptionSpec> {
    let mut options = of_connector(upsert);
    for format in formats::known() {
        for prefix in ["", "value.", "key."] {
            options.extend(of_format(format, prefix));
        }
    }
    options
}

/// The options that this table may have: those of the connector and of the formats that it names.
pub fn of_table(table: &TableSpec) -> Vec<OptionSpec> {
    let mut options = of_connector(is_upsert(table));
    if let Some(format) = table.option("value.format").or(table.option("format")) {
        options.extend(of_format(format, ""));
        options.extend(of_format(format, "value."));
    }
    if let Some(format) = table.option("key.format") {
        options.extend(of_format(format, "key."));
    }
    options
}
