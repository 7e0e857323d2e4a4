//! The options of a Kafka table, parsed once: topic, modes, formats, keys and what happens to bad records.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use arrow::datatypes::{DataType, Field, Schema, SchemaRef};

use crate::common::{Error, Projection, Result, WEIGHT, suggest, units};
use crate::connectors::on_error::OnError;
use crate::connectors::options::{parse, positive};
use crate::connectors::{Changes, TableSpec};
use crate::formats;

use super::options::{is_upsert, missing};
use super::record_layout::RecordPart;
use super::{metadata, offsets, record_layout};

/// A declared Kafka table.
#[derive(Debug)]
pub struct KafkaTable {
    /// The declaration.
    pub spec: Arc<TableSpec>,
    /// What its records mean: each is a row, the newest row of its key, or a change.
    pub changes: Changes,
    /// The topic.
    pub topic: String,
    /// `properties.bootstrap.servers`, empty if not given.
    pub bootstrap: String,
    /// All other `properties.*` that belong to the client, without the prefix.
    pub properties: Vec<(String, String)>,
    /// `properties.group.id`.
    pub group: Option<String>,
    /// `properties.auto.offset.reset`.
    pub reset: Option<Reset>,
    /// `scan.startup.mode`.
    pub startup: Startup,
    /// `scan.bounded.mode`.
    pub bounded: Bounded,
    /// How often a running job looks for new partitions: `scan.topic-partition-discovery.interval`; `None`: never.
    pub discovery: Option<Duration>,
    /// How many consumers a job reads it with: `scan.parallelism`.
    pub parallelism: Option<usize>,
    /// What a bad record does.
    pub on_error: OnError,
    /// The record's value.
    pub value: RecordPart,
    /// The record's key, if columns come from it or go to it.
    pub key: Option<RecordPart>,
    /// `sink.delivery-guarantee`.
    pub guarantee: Guarantee,
    /// `sink.partitioner`.
    pub partitioner: Partitioner,
}

/// Where to begin when there is no committed offset.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reset {
    /// At the oldest record.
    Earliest,
    /// After the newest record.
    Latest,
}

/// `scan.startup.mode`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Startup {
    /// The oldest record.
    Earliest,
    /// After the newest record.
    Latest,
    /// The offsets that the group has committed.
    Group,
    /// The first record at or after a time in milliseconds.
    Timestamp(i64),
    /// These offsets.
    Specific(BTreeMap<i32, i64>),
}

/// `scan.bounded.mode`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Bounded {
    /// Never ends.
    Never,
    /// Ends at the newest record at the start.
    Latest,
    /// Ends at the offsets that the group has committed.
    Group,
    /// Ends at the first record at or after a time in milliseconds.
    Timestamp(i64),
    /// Ends before these offsets.
    Specific(BTreeMap<i32, i64>),
}

/// `sink.delivery-guarantee`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Guarantee {
    /// Transactions that hold the commit's number.
    ExactlyOnce,
    /// Acknowledged writes; a restart may repeat some.
    AtLeastOnce,
}

/// `sink.partitioner`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Partitioner {
    /// By key as Java does; for a record without a key the client chooses.
    Default,
    /// All records go to one partition, as for a Flink sink of parallelism 1.
    Fixed,
    /// Round robin.
    RoundRobin,
}

impl KafkaTable {
    /// Parses and checks a declaration, without connecting to anything.
    ///
    /// # Errors
    /// Names the table and the invalid option, and lists what is valid.
    pub fn read(spec: Arc<TableSpec>) -> Result<Self> {
        let name = spec.name.clone();
        Self::read_inner(spec).map_err(|e| e.in_table(&name))
    }

    fn read_inner(spec: Arc<TableSpec>) -> Result<Self> {
        metadata::check(&spec)?;
        let topic = topic(&spec)?;
        let (properties, group, reset) = properties(&spec)?;
        let changes = record_layout::changes(&spec)?;
        let key = record_layout::key(&spec)?;
        let value = record_layout::value(&spec, &changes, key.as_ref())?;
        // Creates the decoders of a read once, so that a column that a format cannot hold is an error now.
        for side in key.iter().chain([&value]) {
            formats::decoder(&side.format, &side.schema, &Projection::all(&side.schema), &side.options)?;
        }
        Ok(Self {
            changes,
            topic,
            bootstrap: spec.option("properties.bootstrap.servers").unwrap_or_default().to_string(),
            properties,
            startup: startup(&spec)?,
            bounded: bounded(&spec)?,
            discovery: discovery(&spec)?,
            parallelism: positive(&spec, "scan.parallelism")?,
            on_error: OnError::read(&spec)?,
            guarantee: guarantee(&spec)?,
            partitioner: partitioner(&spec)?,
            group,
            reset,
            value,
            key,
            spec,
        })
    }

    /// Whether it is an `upsert-kafka` table: a record without a value deletes the row of its key.
    pub fn is_upsert(&self) -> bool {
        is_upsert(&self.spec)
    }

    /// Whether a column is part of the primary key.
    pub fn in_primary_key(&self, column: &str) -> bool {
        self.spec.primary_key.iter().any(|k| k == column)
    }

    /// The columns of the rows read: with the weight if records are changes; where a record may hold the key alone, all other columns are
    /// nullable.
    pub fn read_schema(&self) -> SchemaRef {
        let columns = self.spec.columns.iter();
        let mut fields: Vec<Field> = match &self.changes {
            Changes::Append => return self.spec.schema(),
            Changes::All => columns.map(|c| Field::new(&c.name, c.data_type.clone(), c.nullable)).collect(),
            Changes::Upsert(_) => columns.map(|c| Field::new(&c.name, c.data_type.clone(), !self.in_primary_key(&c.name))).collect(),
        };
        fields.push(Field::new(WEIGHT, DataType::Int64, false));
        Arc::new(Schema::new(fields))
    }

    /// Whether a continuous read ends by itself.
    pub fn is_bounded(&self) -> bool {
        self.bounded != Bounded::Never
    }

    /// `table `x``, for messages.
    pub fn label(&self) -> String {
        format!("table `{}`", self.spec.name)
    }
}

fn topic(spec: &TableSpec) -> Result<String> {
    let topic = match (spec.option("topic"), spec.option("topic-pattern")) {
        (Some(topic), None) => topic,
        (_, Some(_)) => return Err(Error::option("topic-pattern", "is not supported yet").hint("name one topic with `topic`")),
        (None, None) => return Err(missing("topic").hint("add 'topic' = '...'")),
    };
    if topic.contains(';') {
        return Err(Error::option("topic", format!("names several topics: '{topic}'"))
            .hint("positions are kept per partition of one topic; declare a table per topic and use UNION ALL"));
    }
    let legal = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-');
    if topic.is_empty() || topic.len() > 249 || !topic.chars().all(legal) || topic == "." || topic == ".." {
        return Err(
            Error::sql(format!("'{topic}' cannot be the name of a topic")).hint("up to 249 letters, digits, `.`, `_` and `-` can be used")
        );
    }
    Ok(topic.to_string())
}

type Properties = (Vec<(String, String)>, Option<String>, Option<Reset>);

fn properties(spec: &TableSpec) -> Result<Properties> {
    let (mut rest, mut group, mut reset) = (Vec::new(), None, None);
    for (key, value) in spec.options.iter() {
        let Some(name) = key.strip_prefix("properties.") else { continue };
        match name {
            "bootstrap.servers" => {}
            "group.id" => group = Some(value.to_string()),
            "auto.offset.reset" => {
                reset = match value {
                    "earliest" => Some(Reset::Earliest),
                    "latest" => Some(Reset::Latest),
                    "none" | "error" => None,
                    other => {
                        return Err(Error::option(key, format!("cannot be '{other}'")).hint("give `earliest`, `latest` or `none`"));
                    }
                }
            }
            "transactional.id" => {
                return Err(Error::option(key, "cannot be set")
                    .hint("the transactional id is made from the job and the sink, which is how exactly-once survives restarts"));
            }
            _ => rest.push((name.to_string(), value.to_string())),
        }
    }
    Ok((rest, group, reset))
}

fn startup(spec: &TableSpec) -> Result<Startup> {
    // The content of an upsert topic is complete only from its first record on.
    let default = if is_upsert(spec) { "earliest-offset" } else { "group-offsets" };
    Ok(match spec.option("scan.startup.mode").unwrap_or(default) {
        "earliest-offset" => Startup::Earliest,
        "latest-offset" => Startup::Latest,
        "group-offsets" => Startup::Group,
        "timestamp" => Startup::Timestamp(millis(spec, "scan.startup.timestamp-millis")?),
        "specific-offsets" => Startup::Specific(specific(spec, "scan.startup.specific-offsets")?),
        other => return Err(wrong_mode("scan.startup.mode", other, super::options::STARTUP_MODES)),
    })
}

fn bounded(spec: &TableSpec) -> Result<Bounded> {
    Ok(match spec.option("scan.bounded.mode").unwrap_or("unbounded") {
        "unbounded" => Bounded::Never,
        "latest-offset" => Bounded::Latest,
        "group-offsets" => Bounded::Group,
        "timestamp" => Bounded::Timestamp(millis(spec, "scan.bounded.timestamp-millis")?),
        "specific-offsets" => Bounded::Specific(specific(spec, "scan.bounded.specific-offsets")?),
        other => return Err(wrong_mode("scan.bounded.mode", other, super::options::BOUNDED_MODES)),
    })
}

/// The default interval between looks for new partitions, as in Flink.
const DISCOVERY: Duration = Duration::from_secs(300);

fn discovery(spec: &TableSpec) -> Result<Option<Duration>> {
    let option = "scan.topic-partition-discovery.interval";
    let interval = match spec.option(option) {
        None => DISCOVERY,
        // In Flink every value that is not positive disables discovery.
        Some(text) if text.trim().starts_with('-') => Duration::ZERO,
        Some(text) => units::duration(text).map_err(|e| e.in_option(option))?,
    };
    Ok(Some(interval).filter(|interval| !interval.is_zero()))
}

fn wrong_mode(option: &str, value: &str, known: &[&str]) -> Error {
    Error::option(option, format!("cannot be '{value}'")).hint(suggest::hint(value, known))
}

fn millis(spec: &TableSpec, option: &str) -> Result<i64> {
    parse(spec, option, "milliseconds since 1970-01-01 UTC")?.ok_or_else(|| missing(option).hint(format!("add '{option}' = '...'")))
}

fn specific(spec: &TableSpec, option: &str) -> Result<BTreeMap<i32, i64>> {
    let text = spec.option(option).ok_or_else(|| missing(option).hint("write 'partition:0,offset:42;partition:1,offset:300'"))?;
    offsets::parse(text)
        .ok_or_else(|| Error::option(option, format!("cannot be '{text}'")).hint("write 'partition:0,offset:42;partition:1,offset:300'"))
}

fn guarantee(spec: &TableSpec) -> Result<Guarantee> {
    let given = spec.option("sink.delivery-guarantee").or(spec.option("sink.semantic"));
    match given.unwrap_or("exactly-once") {
        "exactly-once" => Ok(Guarantee::ExactlyOnce),
        // `none` does not require acknowledgements, but waiting for them costs little and loses no rows.
        "at-least-once" | "none" => Ok(Guarantee::AtLeastOnce),
        other => Err(wrong_mode("sink.delivery-guarantee", other, super::options::GUARANTEES)),
    }
}

fn partitioner(spec: &TableSpec) -> Result<Partitioner> {
    match spec.option("sink.partitioner").unwrap_or("default") {
        "default" => Ok(Partitioner::Default),
        "fixed" => Ok(Partitioner::Fixed),
        "round-robin" => Ok(Partitioner::RoundRobin),
        other => Err(wrong_mode("sink.partitioner", other, super::options::PARTITIONERS)),
    }
}

#[cfg(test)]
#[path = "config_tests.rs"]
mod tests;
