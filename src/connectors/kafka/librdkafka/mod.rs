//! A real Kafka cluster, through librdkafka.
//!
//! ```text
//! RdKafkaBroker ─ config, security, names   the user's properties as librdkafka's
//!               ─ a client for queries      topics, bounds, offsets by time; one more per group
//!               ─ consumer ─ native         batches straight from librdkafka's fetch queue
//!               ─ producer                  transactions
//! ```
//! Every call into librdkafka that may wait for the network runs on a blocking thread.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use async_trait::async_trait;
use rdkafka::admin::{AdminClient, AdminOptions, NewTopic, ResourceSpecifier, TopicReplication};
use rdkafka::bindings::rd_kafka_resp_err_t as RespErr;
use rdkafka::consumer::{BaseConsumer, CommitMode, Consumer as _};
use rdkafka::error::{KafkaError, RDKafkaErrorCode as Code};
use rdkafka::{Offset, TopicPartitionList};

use super::broker::{Broker, Consumer, Limits, PartitionBounds, Producer};
use crate::common::blocking::blocking;
use crate::common::{Error, Result, clock};
use config::ClientSettings;
use context::Context;

mod config;
mod consumer;
mod context;
mod errors;
mod names;
mod native;
mod producer;
mod security;

/// How long a query may take before the broker counts as unreachable.
const QUESTION: Duration = Duration::from_secs(10);

/// The brokers' default of `max.message.bytes`.
const MAX_MESSAGE_BYTES: usize = 1_048_588;

/// How long to wait before asking again for something that is still being set up (a leader, a new topic).
const AGAIN: Duration = Duration::from_millis(20);

/// Offsets in place of a time, in `offsets_for_times`.
const EARLIEST: Offset = Offset::Beginning;
const LATEST: Offset = Offset::End;

/// A Kafka cluster, reached with the properties of one table.
#[derive(Debug)]
pub struct RdKafkaBroker {
    inner: Arc<Inner>,
}

struct Inner {
    settings: ClientSettings,
    /// Created by the first query; keeps its connections.
    questions: Mutex<Option<Arc<BaseConsumer<Context>>>>,
    /// One client per group whose offsets were asked for or committed.
    groups: Mutex<HashMap<String, Arc<BaseConsumer<Context>>>>,
}

impl std::fmt::Debug for Inner {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.settings.fmt(f)
    }
}

impl RdKafkaBroker {
    /// A cluster at `bootstrap` (`host:port`, several with commas), with the `properties.*` of a table without that prefix. Does not
    /// connect.
    ///
    /// # Errors
    /// `Sql` when a property is unknown or invalid, or cannot be honoured.
    pub fn new(bootstrap: &str, properties: &[(String, String)]) -> Result<Self> {
        let settings = ClientSettings::new(bootstrap, properties)?;
        Ok(Self { inner: Arc::new(Inner { settings, questions: Mutex::default(), groups: Mutex::default() }) })
    }

    async fn writes(&self, transactional_id: Option<&str>, limit: Option<usize>) -> Result<Box<dyn Producer>> {
        let id = transactional_id.map(ToString::to_string);
        self.ask(move |inner| {
            let mut config = inner.settings.producer(id.as_deref());
            let number = |name: &str, default| config.get(name).and_then(|v| v.parse().ok()).unwrap_or(default);
            // librdkafka's defaults.
            let (batch, client) = (number("batch.size", 1_000_000), number("message.max.bytes", 1_000_000));
            let limits = limit.map(|topic| Limits { client, topic });
            if let Some(limit) = limit {
                config.set("batch.size", batch.min(limit).max(1).to_string());
            }
            let client = inner.client(&config)?;
            let producer = producer::RdKafkaProducer::start(client, id.is_some(), limits, inner.address(), QUESTION * 3)?;
            Ok(Box::new(producer) as Box<dyn Producer>)
        })
        .await
    }

    /// Returns a topic's `max.message.bytes`; the brokers' default if they do not report it.
    async fn max_message_bytes(&self, topic: &str) -> usize {
        let asked = async {
            let admin: AdminClient<Context> = self.inner.client(&self.inner.settings.questions()).ok()?;
            let options = AdminOptions::new().request_timeout(Some(QUESTION));
            let answer = admin.describe_configs([&ResourceSpecifier::Topic(topic)], &options).await;
            // Joins a thread.
            drop(tokio::task::spawn_blocking(move || drop(admin)));
            let found = answer.ok()?.into_iter().next()?.ok()?;
            found.get("max.message.bytes")?.value.as_ref()?.parse().ok()
        };
        asked.await.unwrap_or(MAX_MESSAGE_BYTES)
    }

    async fn ask<T: Send + 'static>(&self, f: impl FnOnce(&Inner) -> Result<T> + Send + 'static) -> Result<T> {
        let inner = Arc::clone(&self.inner);
        blocking(move || f(&inner)).await
    }
}

impl Drop for Inner {
    fn drop(&mut self) {
        // Closing joins threads and closes connections, for which an async worker must not wait.
        let questions = self.questions.get_mut().unwrap_or_else(PoisonError::into_inner).take();
        let groups = std::mem::take(self.groups.get_mut().unwrap_or_else(PoisonError::into_inner));
        if questions.is_some() || !groups.is_empty() {
            let _ = std::thread::Builder::new().name("kafka-close".into()).spawn(move || drop((questions, groups)));
        }
    }
}

/// The remaining time, plus a little for a last try.
fn left(deadline: Instant) -> Duration {
    deadline.saturating_duration_since(clock::instant()).max(Duration::from_millis(1))
}

impl Inner {
    fn address(&self) -> &str {
        self.settings.bootstrap()
    }

    fn questions(&self) -> Result<Arc<BaseConsumer<Context>>> {
        let mut client = self.questions.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(client) = &*client {
            return Ok(Arc::clone(client));
        }
        let made: BaseConsumer<Context> = self.client(&self.settings.questions())?;
        Ok(Arc::clone(client.insert(Arc::new(made))))
    }

    fn group(&self, group: &str) -> Result<Arc<BaseConsumer<Context>>> {
        let mut groups = self.groups.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(client) = groups.get(group) {
            return Ok(Arc::clone(client));
        }
        let made: Arc<BaseConsumer<Context>> = Arc::new(self.client(&self.settings.group(group))?);
        groups.insert(group.to_string(), Arc::clone(&made));
        Ok(made)
    }

    fn client<T: rdkafka::config::FromClientConfigAndContext<Context>>(&self, config: &rdkafka::ClientConfig) -> Result<T> {
        config
            .create_with_context(Context::default())
            .map_err(|e| errors::from_client("a Kafka client cannot be made", self.address(), &e, None))
    }

    /// Converts the error of a request; if no broker answered, with the newest reason that its client reported.
    fn failed(&self, what: &str, client: &BaseConsumer<Context>, error: &KafkaError) -> Error {
        // The reason of a failed connection is on the client's main queue.
        for _ in 0..16 {
            let _ = client.poll(Duration::ZERO);
        }
        let unanswered = error.rdkafka_error_code().is_some_and(errors::is_transient);
        errors::from_client(what, self.address(), error, client.client().context().reason().filter(|_| unanswered))
    }

    /// Returns the number of partitions, asking until `deadline` while the topic is being set up.
    fn partitions(&self, topic: &str, deadline: Instant) -> Result<Option<usize>> {
        let client = self.questions()?;
        let what = format!("topic `{topic}` cannot be looked up");
        loop {
            let metadata = client.fetch_metadata(Some(topic), left(deadline)).map_err(|e| self.failed(&what, &client, &e))?;
            let Some(found) = metadata.topics().iter().find(|t| t.name() == topic) else { return Ok(None) };
            let code = match found.error() {
                Some(RespErr::RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART | RespErr::RD_KAFKA_RESP_ERR_TOPIC_EXCEPTION) => return Ok(None),
                Some(error) => Some(Code::from(error)),
                None => None,
            };
            match code {
                Some(code) if !errors::is_transient(code) => return Err(errors::of_code(&what, self.address(), code, None)),
                None if !found.partitions().is_empty() => return Ok(Some(found.partitions().len())),
                _ if clock::instant() > deadline => return Err(errors::of_code(&what, self.address(), Code::LeaderNotAvailable, None)),
                _ => std::thread::sleep(AGAIN),
            }
        }
    }

    fn existing(&self, topic: &str, deadline: Instant) -> Result<i32> {
        match self.partitions(topic, deadline)? {
            Some(n) => Ok(i32::try_from(n).unwrap_or(i32::MAX)),
            None => Err(Error::data(format!("there is no topic `{topic}` (Kafka at {})", self.address()))),
        }
    }

    /// Returns one offset per partition: for a time, or for [`EARLIEST`] or [`LATEST`] instead of one. Sends one request per leader, with
    /// the isolation level of the table.
    fn offsets(&self, topic: &str, partitions: i32, time: Offset, deadline: Instant) -> Result<BTreeMap<i32, Option<i64>>> {
        let client = self.questions()?;
        self.offsets_by(&client, topic, partitions, time, deadline)
    }

    /// The same with the isolation level of this client.
    fn offsets_by(
        &self,
        client: &BaseConsumer<Context>,
        topic: &str,
        partitions: i32,
        time: Offset,
        deadline: Instant,
    ) -> Result<BTreeMap<i32, Option<i64>>> {
        let what = format!("topic `{topic}`: offsets cannot be asked for");
        loop {
            let mut list = TopicPartitionList::with_capacity(usize::try_from(partitions).unwrap_or(0));
            for partition in 0..partitions {
                list.add_partition_offset(topic, partition, time).map_err(|e| self.failed(&what, client, &e))?;
            }
            let error = match client.offsets_for_times(list, left(deadline)) {
                Ok(list) => match list.elements().iter().find_map(|e| e.error().err()) {
                    None => {
                        let offset = |o: Offset| if let Offset::Offset(o) = o { Some(o) } else { None };
                        return Ok(list.elements().iter().map(|e| (e.partition(), offset(e.offset()))).collect());
                    }
                    Some(error) => error,
                },
                Err(error) => error,
            };
            // A new topic may not have its leaders yet.
            let again = error.rdkafka_error_code().is_some_and(|c| errors::is_transient(c) || c == Code::UnknownTopicOrPartition);
            if !again || clock::instant() > deadline {
                return Err(self.failed(&what, client, &error));
            }
            std::thread::sleep(AGAIN);
        }
    }

    fn bounds(&self, topic: &str) -> Result<Vec<PartitionBounds>> {
        let deadline = clock::instant() + QUESTION;
        let partitions = self.existing(topic, deadline)?;
        let earliest = self.offsets(topic, partitions, EARLIEST, deadline)?;
        let latest = self.offsets(topic, partitions, LATEST, deadline)?;
        (0..partitions)
            .map(|partition| match (earliest.get(&partition), latest.get(&partition)) {
                (Some(&Some(earliest)), Some(&Some(latest))) => Ok(PartitionBounds { partition, earliest, latest }),
                _ => {
                    Err(Error::unavailable(format!("topic `{topic}`: partition {partition} has no offsets (Kafka at {})", self.address())))
                }
            })
            .collect()
    }

    fn settle(&self, topic: &str, patience: Duration) -> Result<bool> {
        let deadline = clock::instant() + patience;
        let partitions = self.existing(topic, deadline)?;
        let ends = |level: &str| {
            let mut config = self.settings.questions();
            config.set("isolation.level", level);
            let client: BaseConsumer<Context> = self.client(&config)?;
            Ok::<_, Error>(client)
        };
        let (all, stable) = (ends("read_uncommitted")?, ends("read_committed")?);
        let wanted = self.offsets_by(&all, topic, partitions, LATEST, deadline)?;
        loop {
            let now = self.offsets_by(&stable, topic, partitions, LATEST, deadline)?;
            if wanted.iter().all(|(partition, end)| now.get(partition).is_some_and(|stable| stable >= end)) {
                return Ok(true);
            }
            if clock::instant() > deadline {
                return Ok(false);
            }
            std::thread::sleep(AGAIN);
        }
    }

    fn committed(&self, group: &str, topic: &str) -> Result<BTreeMap<i32, (i64, String)>> {
        let deadline = clock::instant() + QUESTION;
        let partitions = self.existing(topic, deadline)?;
        let client = self.group(group)?;
        let what = format!("group `{group}`: committed offsets cannot be read");
        loop {
            let mut list = TopicPartitionList::with_capacity(usize::try_from(partitions).unwrap_or(0));
            for partition in 0..partitions {
                list.add_partition(topic, partition);
            }
            let code = match client.committed_offsets(list, left(deadline)) {
                Ok(list) => {
                    let answer = native::committed(&list);
                    match answer.iter().find(|c| c.error != Code::NoError) {
                        None => {
                            return Ok(answer
                                .into_iter()
                                .filter(|c| c.offset >= 0)
                                .map(|c| (c.partition, (c.offset, c.metadata)))
                                .collect());
                        }
                        Some(bad) => bad.error,
                    }
                }
                Err(error) => match error.rdkafka_error_code() {
                    Some(code) if errors::is_transient(code) => code,
                    _ => return Err(self.failed(&what, &client, &error)),
                },
            };
            // A transaction is still open on an offset, or the coordinator is moving.
            if !errors::is_transient(code) || clock::instant() > deadline {
                return Err(self.failed(&what, &client, &KafkaError::OffsetFetch(code)));
            }
            std::thread::sleep(AGAIN);
        }
    }

    /// Waits until a new topic is visible.
    fn appeared(&self, topic: &str) -> Result<usize> {
        let deadline = clock::instant() + QUESTION;
        loop {
            if let Some(n) = self.partitions(topic, deadline)? {
                return Ok(n);
            }
            if clock::instant() > deadline {
                return Err(Error::unavailable(format!("topic `{topic}` was made, but does not appear (Kafka at {})", self.address())));
            }
            std::thread::sleep(AGAIN);
        }
    }
}

#[async_trait]
impl Broker for RdKafkaBroker {
    fn address(&self) -> String {
        self.inner.address().to_string()
    }

    async fn topics(&self, timeout: Duration) -> Result<Vec<String>> {
        self.ask(move |inner| {
            let client = inner.questions()?;
            let metadata = client.fetch_metadata(None, timeout).map_err(|e| inner.failed("no broker answers", &client, &e))?;
            Ok(metadata.topics().iter().map(|t| t.name().to_string()).collect())
        })
        .await
    }

    async fn partitions(&self, topic: &str) -> Result<Option<usize>> {
        let topic = topic.to_string();
        self.ask(move |inner| inner.partitions(&topic, clock::instant() + QUESTION)).await
    }

    async fn topic_id(&self, topic: &str) -> Result<Option<String>> {
        let topic = topic.to_string();
        self.ask(move |inner| match native::topic_id(&*inner.questions()?, &topic, QUESTION) {
            Ok(id) => Ok(id),
            Err((code, text)) if errors::is_transient(code) => {
                Err(errors::of_code(&format!("topic `{topic}` cannot be described"), inner.address(), code, Some(text)))
            }
            // A user may read a topic without the right to describe it.
            Err((code, text)) => {
                tracing::debug!(target: "librdkafka", "topic `{topic}` cannot be described: {code}: {text}");
                Ok(None)
            }
        })
        .await
    }

    async fn create_topic(&self, topic: &str, partitions: Option<usize>) -> Result<usize> {
        let what = format!("topic `{topic}` cannot be created");
        let admin: AdminClient<Context> = self.inner.client(&self.inner.settings.questions())?;
        // −1: the broker's defaults.
        let count = partitions.map_or(-1, |n| i32::try_from(n).unwrap_or(i32::MAX));
        let new = NewTopic::new(topic, count, TopicReplication::Fixed(-1));
        let options = AdminOptions::new().request_timeout(Some(QUESTION)).operation_timeout(Some(QUESTION));
        let results = admin.create_topics([&new], &options).await;
        let reason = admin.inner().context().reason();
        // Joins a thread.
        drop(tokio::task::spawn_blocking(move || drop(admin)));
        let results = results.map_err(|e| errors::from_client(&what, self.inner.address(), &e, reason))?;
        match results.into_iter().next() {
            Some(Err((_, code))) if code != Code::TopicAlreadyExists => {
                return Err(errors::of_code(&what, self.inner.address(), code, None));
            }
            _ => {}
        }
        let topic = topic.to_string();
        self.ask(move |inner| inner.appeared(&topic)).await
    }

    async fn bounds(&self, topic: &str) -> Result<Vec<PartitionBounds>> {
        let topic = topic.to_string();
        self.ask(move |inner| inner.bounds(&topic)).await
    }

    async fn settle(&self, topic: &str, patience: Duration) -> Result<bool> {
        let topic = topic.to_string();
        self.ask(move |inner| inner.settle(&topic, patience)).await
    }

    async fn offsets_for_time(&self, topic: &str, timestamp: i64) -> Result<BTreeMap<i32, i64>> {
        let topic = topic.to_string();
        self.ask(move |inner| {
            let deadline = clock::instant() + QUESTION;
            let partitions = inner.existing(&topic, deadline)?;
            // Negative numbers are special values here; a time before 1970 skips no records anyway.
            let time = if timestamp < 0 { EARLIEST } else { Offset::Offset(timestamp) };
            let found = inner.offsets(&topic, partitions, time, deadline)?;
            let ends =
                if found.values().all(Option::is_some) { BTreeMap::new() } else { inner.offsets(&topic, partitions, LATEST, deadline)? };
            Ok(found.into_iter().filter_map(|(p, offset)| Some((p, offset.or_else(|| ends.get(&p).copied().flatten())?))).collect())
        })
        .await
    }

    async fn committed(&self, group: &str, topic: &str) -> Result<BTreeMap<i32, (i64, String)>> {
        let (group, topic) = (group.to_string(), topic.to_string());
        self.ask(move |inner| inner.committed(&group, &topic)).await
    }

    async fn commit_group(&self, group: &str, topic: &str, offsets: &[(i32, i64)]) -> Result<()> {
        if offsets.is_empty() {
            return Ok(());
        }
        let what = format!("group `{group}`: offsets cannot be committed");
        let (group, topic, offsets, told) = (group.to_string(), topic.to_string(), offsets.to_vec(), what.clone());
        let commit = self.ask(move |inner| {
            let client = inner.group(&group)?;
            let mut list = TopicPartitionList::with_capacity(offsets.len());
            for (partition, offset) in offsets {
                list.add_partition_offset(&topic, partition, Offset::Offset(offset)).map_err(|e| inner.failed(&told, &client, &e))?;
            }
            client.commit(&list, CommitMode::Sync).map_err(|e| inner.failed(&told, &client, &e))
        });
        // librdkafka has no time limit for this call.
        match tokio::time::timeout(QUESTION, commit).await {
            Ok(done) => done,
            Err(_) => Err(errors::of_code(&what, self.inner.address(), Code::OperationTimedOut, None)),
        }
    }

    fn consumer(&self, topic: &str, from: &[(i32, i64)]) -> Result<Box<dyn Consumer>> {
        self.consumer_among(1, topic, from)
    }

    fn consumer_among(&self, consumers: usize, topic: &str, from: &[(i32, i64)]) -> Result<Box<dyn Consumer>> {
        let client = self.inner.client(&self.inner.settings.consumer_among(consumers))?;
        Ok(Box::new(consumer::RdKafkaConsumer::start(client, self.inner.address(), topic, from)?))
    }

    async fn producer(&self, transactional_id: Option<&str>) -> Result<Box<dyn Producer>> {
        self.writes(transactional_id, None).await
    }

    async fn producer_to(&self, topic: &str, transactional_id: Option<&str>) -> Result<Box<dyn Producer>> {
        let limit = self.max_message_bytes(topic).await;
        self.writes(transactional_id, Some(limit)).await
    }
}
