//! Kafka topics as sinks, exactly once.
//!
//! A commit n is one Kafka transaction. It holds the rows, and the offset n in a group of the sink's own on partition 0 of the topic, with
//! the job's uuid and incarnation as metadata: so the topic itself records which commit it holds. Brokers forget the offsets of idle
//! groups, so every record also carries its commit in a header, and without the offset the sink searches the end of the topic.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use arrow::datatypes::SchemaRef;
use async_trait::async_trait;

use crate::common::{Error, Result, Subject};
use crate::connectors::{Changes, OnError, Recorded, Sink, SinkMode, SinkWriter, Writer};

use super::broker::Broker;
use super::config::{Guarantee, KafkaTable, Partitioner};
use super::last_commit;
use super::metadata::Metadata;
use super::record_layout::RecordPart;
use super::writer::{Committing, KafkaWriter};

/// A Kafka table that is written.
pub struct KafkaSink {
    table: Arc<KafkaTable>,
    broker: Arc<dyn Broker>,
    rejected: Arc<AtomicU64>,
    /// The topic has refused a batch for its size: from then on records are measured before they are sent.
    measured: Arc<AtomicBool>,
}

impl fmt::Debug for KafkaSink {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "KafkaSink({} at {})", self.table.topic, self.broker.address())
    }
}

impl KafkaSink {
    /// A sink over a broker.
    ///
    /// # Errors
    /// When the declaration has what a sink cannot have.
    pub fn new(table: Arc<KafkaTable>, broker: Arc<dyn Broker>) -> Result<Self> {
        if let Some((property, _)) = table.properties.iter().find(|(key, _)| key == "isolation.level" || key.starts_with("transaction")) {
            return Err(Error::option(&format!("properties.{property}"), "cannot be set on a sink")
                .in_table(&table.spec.name)
                .hint("transactions are what makes the sink exactly-once, so their settings are fixed"));
        }
        for column in table.spec.columns.iter().filter(|c| !c.is_virtual) {
            let Some(metadata) = column.metadata.as_deref().and_then(Metadata::from_key) else { continue };
            if !metadata.writable() {
                return Err(Error::sql(format!("{}: metadata column `{}` cannot be written", table.label(), column.name))
                    .hint("declare it as METADATA VIRTUAL; `timestamp` and `headers` can be written"));
            }
        }
        if matches!(table.changes, Changes::Upsert(_)) && !table.is_upsert() {
            one_partition_per_key(&table)?;
        }
        Ok(Self { table, broker, rejected: Arc::default(), measured: Arc::default() })
    }

    /// Returns what writers of this sink share about refused rows.
    fn refusals(&self) -> (Arc<AtomicU64>, Arc<AtomicBool>) {
        (Arc::clone(&self.rejected), Arc::clone(&self.measured))
    }

    /// Returns the transactional id, which is also the group's name. It holds the uuid of the checkpoint folder: jobs of one name in two
    /// data folders do not collide. `--fresh` keeps the uuid, so that a copy of the previous job is fenced.
    fn identity(&self, writer: &Writer) -> String {
        match self.table.spec.option("sink.transactional-id-prefix").filter(|prefix| !prefix.is_empty()) {
            Some(prefix) => format!("{prefix}.{}.{}", writer.sink, writer.folder),
            None => format!("millstream.{}.{}.{}", writer.job, writer.sink, writer.folder),
        }
    }

    /// Returns the newest commit of this job that the topic holds.
    async fn newest(&self, identity: &str, writer: &Writer) -> Result<Option<Recorded>> {
        let committed = self.broker.committed(identity, &self.table.topic).await?;
        let recorded = committed.get(&0).and_then(|(offset, metadata)| {
            let mut parts = metadata.split(':');
            let (uuid, incarnation) = (parts.next()?, parts.next()?.parse::<u64>().ok()?);
            let attempt = parts.next().filter(|a| !a.is_empty()).map(ToString::to_string);
            Some((uuid, incarnation, Recorded { n: u64::try_from(*offset).ok()?, attempt }))
        });
        // An offset of another job (or of this one before `--fresh`) is ignored.
        if let Some((_, incarnation, recorded)) = recorded.filter(|(uuid, ..)| *uuid == writer.job_uuid) {
            return self.ours(writer, incarnation, recorded).map(Some);
        }
        match last_commit::newest(&self.broker, &self.table.topic, &last_commit::owner(writer)).await? {
            Some((incarnation, recorded)) => self.ours(writer, incarnation, recorded).map(Some),
            None => Ok(None),
        }
    }

    fn ours(&self, writer: &Writer, incarnation: u64, recorded: Recorded) -> Result<Recorded> {
        if incarnation > writer.incarnation {
            return Err(Error::fenced(format!("{}: taken over by incarnation {incarnation}", self.table.label())).hint(
                "another copy of this job was started, or these checkpoints are older than what the topic holds: restore the right folder, or start anew with --fresh",
            ));
        }
        Ok(recorded)
    }
}

/// All changes of a row must be in one partition: otherwise they would be read in any order.
fn one_partition_per_key(table: &KafkaTable) -> Result<()> {
    let by_others =
        |key: &&RecordPart| key.columns.iter().any(|c| table.spec.columns.get(*c).is_none_or(|c| !table.in_primary_key(&c.name)));
    if table.key.as_ref().filter(by_others).is_some() {
        return Err(Error::sql("`key.fields` names a column that is not of the PRIMARY KEY")
            .about(Subject::Option("key.fields".into()))
            .in_table(&table.spec.name)
            .hint("changes of one row could stand in different partitions: leave `key.fields` out, and the PRIMARY KEY is written"));
    }
    if table.partitioner == Partitioner::RoundRobin {
        return Err(Error::sql(format!(
            "{}: 'sink.partitioner' = 'round-robin' puts changes of one row into different partitions",
            table.label()
        ))
        .hint("leave the option out: the PRIMARY KEY decides"));
    }
    Ok(())
}

#[async_trait]
impl Sink for KafkaSink {
    fn schema(&self) -> SchemaRef {
        self.table.spec.writable()
    }

    fn identity(&self) -> String {
        format!("topic {}", self.table.topic)
    }

    fn mode(&self) -> SinkMode {
        match &self.table.changes {
            Changes::Append => SinkMode::Append,
            Changes::Upsert(key) if self.table.is_upsert() => SinkMode::Upsert(key.clone()),
            // A changelog format writes the whole deleted row, with or without a key.
            Changes::Upsert(_) | Changes::All => SinkMode::Changelog,
        }
    }

    async fn prepare(&self) -> Result<Option<String>> {
        let topic = &self.table.topic;
        if self.broker.partitions(topic).await?.is_some() {
            return Ok(None);
        }
        let partitions = self.broker.create_topic(topic, None).await?;
        Ok(Some(format!("created topic `{topic}` with {partitions} partition(s) at {}", self.broker.address())))
    }

    fn on_error(&self) -> OnError {
        self.table.on_error
    }

    fn dead_letter(&self) -> Option<&str> {
        self.table.on_error.table(&self.table.spec)
    }

    fn rejected(&self) -> u64 {
        self.rejected.load(Ordering::Relaxed)
    }

    fn exactly_once(&self) -> bool {
        self.table.guarantee == Guarantee::ExactlyOnce
    }

    async fn open(&self, writer: &Writer) -> Result<(Box<dyn SinkWriter>, Option<Recorded>)> {
        let identity = self.identity(writer);
        let exactly_once = self.exactly_once();
        // Older copies must be fenced first: only then the commit that is read next is final.
        let producer = self.broker.producer_to(&self.table.topic, exactly_once.then_some(identity.as_str())).await?;
        let newest = if exactly_once { self.newest(&identity, writer).await? } else { None };
        let partitions = self.broker.partitions(&self.table.topic).await?.unwrap_or(1);
        let commit = exactly_once.then(|| Committing {
            group: identity,
            metadata: format!("{}:{}", writer.job_uuid, writer.incarnation),
            header: format!("{}:{}", last_commit::owner(writer), writer.incarnation),
        });
        let writer = KafkaWriter::new(Arc::clone(&self.table), Arc::clone(&self.broker), producer, commit, partitions, self.refusals())?;
        Ok((Box::new(writer), newest))
    }
}
