//! Converts `properties.*` of a Flink script, written for Java's client, to settings of librdkafka.
//!
//! Most names are the same. What Java spells differently is translated; what only means something to a Java program is
//! left out with a warning; what librdkafka cannot do (a JKS key store) is an error that says what to do. Unknown names are errors, because
//! a typo in a security setting must not pass.

use std::collections::BTreeMap;
use std::fmt;

use rdkafka::config::{ClientConfig, RDKafkaLogLevel};
use rdkafka::error::KafkaError;

use super::names::{self, Side};
use super::security;
use crate::common::{Error, Result, suggest};

/// Settings of all clients of one table.
pub(super) struct ClientSettings {
    bootstrap: String,
    /// librdkafka's name, which clients it is for, and the value.
    properties: Vec<(&'static str, Side, String)>,
}

impl fmt::Debug for ClientSettings {
    /// Names only: values may be secret.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names: Vec<_> = self.properties.iter().map(|(name, ..)| name).collect();
        f.debug_struct("Settings").field("bootstrap", &self.bootstrap).field("properties", &names).finish()
    }
}

/// How many kilobytes of fetched records wait to be decoded, in all consumers of a topic together; with twice as many a job is not faster.
const FETCHED_KBYTES: usize = 16_384;

/// Settings that Millstream controls: each has a separate option, or is part of exactly-once delivery.
const OURS: &[&str] = &[
    "bootstrap.servers",
    "metadata.broker.list",
    "group.id",
    "group.instance.id",
    "auto.offset.reset",
    "enable.auto.commit",
    "auto.commit.interval.ms",
    "enable.auto.offset.store",
    "auto.commit.enable",
    "enable.partition.eof",
    "allow.auto.create.topics",
    "statistics.interval.ms",
    "log.queue",
    "offset.store.method",
    "delivery.report.only.error",
];

/// Those of them that affect what is written: a user who sets one is told that it has no effect.
const OURS_TOLD: &[&str] = &["transactional.id", "enable.idempotence", "acks", "request.required.acks", "enable.gapless.guarantee"];

/// Settings of Java's client, or of Flink's around it, that have no counterpart and need none.
const JAVA_ONLY: &[&str] = &[
    "key.deserializer",
    "value.deserializer",
    "key.serializer",
    "value.serializer",
    "max.poll.records",
    "max.poll.interval.ms",
    "session.timeout.ms",
    "heartbeat.interval.ms",
    "group.protocol",
    "group.remote.assignor",
    "partition.assignment.strategy",
    "partition.discovery.interval.ms",
    "flink.partition-discovery.interval-millis",
    "register.consumer.metrics",
    "register.producer.metrics",
    "commit.offsets.on.checkpoint",
    "client.id.prefix",
    "exclude.internal.topics",
    "default.api.timeout.ms",
    "interceptor.classes",
    "metric.reporters",
    "metrics.num.samples",
    "metrics.recording.level",
    "metrics.sample.window.ms",
    "auto.include.jmx.reporter",
    "max.block.ms",
    "buffer.memory",
    "partitioner.class",
    "partitioner.ignore.keys",
    "partitioner.adaptive.partitioning.enable",
    "partitioner.availability.timeout.ms",
    "metadata.max.idle.ms",
    "metadata.recovery.strategy",
    "security.providers",
    "ssl.protocol",
    "ssl.provider",
    "ssl.enabled.protocols",
    "ssl.trustmanager.algorithm",
    "ssl.keymanager.algorithm",
    "ssl.secure.random.implementation",
    "sasl.login.connect.timeout.ms",
    "sasl.login.read.timeout.ms",
    "sasl.login.refresh.buffer.seconds",
    "sasl.login.refresh.min.period.seconds",
    "sasl.login.refresh.window.factor",
    "sasl.login.refresh.window.jitter",
    "sasl.login.retry.backoff.max.ms",
    "sasl.login.retry.backoff.ms",
    "sasl.kerberos.ticket.renew.jitter",
    "sasl.kerberos.ticket.renew.window.factor",
];

/// Java's name, and librdkafka's name of the same setting.
const TRANSLATED: &[(&str, &str)] = &[
    ("fetch.max.wait.ms", "fetch.wait.max.ms"),
    ("max.request.size", "message.max.bytes"),
    ("receive.buffer.bytes", "socket.receive.buffer.bytes"),
    ("send.buffer.bytes", "socket.send.buffer.bytes"),
    ("socket.connection.setup.timeout.max.ms", "socket.connection.setup.timeout.ms"),
    ("retry.backoff.max.ms", "retry.backoff.max.ms"),
    ("enable.metrics.push", "enable.metrics.push"),
];

impl ClientSettings {
    /// Translates and checks all properties, without connecting.
    ///
    /// # Errors
    /// `Sql` for an unknown name, an invalid value, or a setting that librdkafka cannot honour.
    pub fn new(bootstrap: &str, properties: &[(String, String)]) -> Result<Self> {
        let bootstrap = bootstrap.trim();
        if bootstrap.is_empty() {
            return Err(Error::sql("no Kafka broker is named").hint("set 'properties.bootstrap.servers' = 'host:port'"));
        }
        let given: BTreeMap<&str, &str> = properties.iter().map(|(k, v)| (k.trim(), v.trim())).collect();
        let mut settings = Self { bootstrap: bootstrap.to_string(), properties: Vec::new() };
        for (key, value) in security::translate(&given)? {
            settings.add(&key, &value, &key)?;
        }
        for (&key, &value) in given.iter().filter(|(key, _)| !security::concerns(key)) {
            if OURS.contains(&key) {
                continue;
            }
            if OURS_TOLD.contains(&key) {
                tracing::warn!("`properties.{key}` has no effect: Millstream sets it, so that every commit arrives exactly once");
                continue;
            }
            if JAVA_ONLY.contains(&key) {
                tracing::warn!("`properties.{key}` has no effect: it is a setting of Java's client");
                continue;
            }
            let name = TRANSLATED.iter().find(|(java, _)| *java == key).map_or(key, |(_, name)| name);
            settings.add(name, value, key)?;
        }
        Ok(settings)
    }

    fn add(&mut self, name: &str, value: &str, key: &str) -> Result<()> {
        let Some((name, side)) = names::find(name) else {
            let error = Error::sql(format!("unknown Kafka property `properties.{key}`"));
            let java = JAVA_ONLY.iter().copied().chain(TRANSLATED.iter().map(|(java, _)| *java));
            return Err(match suggest::nearest(key, names::all().chain(java).chain(OURS.iter().copied())) {
                Some(near) => error.hint(format!("did you mean `properties.{near}`?")),
                None => error.hint("the names are those of Kafka's Java client and of librdkafka"),
            });
        };
        // A limit on what is written; on a consumer librdkafka would only check it against the size of fetches.
        let side = if name == "message.max.bytes" { Side::Producer } else { side };
        // librdkafka checks the value.
        if let Err(KafkaError::ClientConfig(_, text, ..)) = ClientConfig::new().set(name, value).create_native_config() {
            let shown = if security::is_secret(name) { String::new() } else { format!(": {text}") };
            return Err(Error::sql(format!("Kafka property `properties.{key}` has a value that is not allowed{shown}")));
        }
        self.properties.retain(|(known, ..)| *known != name);
        self.properties.push((name, side, value.to_string()));
        Ok(())
    }

    /// The addresses as given.
    pub fn bootstrap(&self) -> &str {
        &self.bootstrap
    }

    /// Settings of a client that reads records.
    pub fn consumer(&self) -> ClientConfig {
        self.consumer_among(1)
    }

    /// For one of the consumers that read a topic side by side, and share the memory for fetched records.
    pub fn consumer_among(&self, consumers: usize) -> ClientConfig {
        let queued = (FETCHED_KBYTES / consumers.max(1)).max(1024).to_string();
        // Small fetches: with 8 MiB per partition a fetch of well-compressed JSON unpacks to 130 MB at once, which costs
        // twice the CPU time, seven times the wait for the first record, and up to 1 GB behind a slow reader (1 MiB:
        // 0.27 CPU-seconds per million rows, 30 ms, 110 MB). With short waits the end of a partition is known soon.
        let defaults = [
            ("isolation.level", "read_committed"),
            ("fetch.wait.max.ms", "100"),
            ("fetch.message.max.bytes", "1048576"),
            ("fetch.max.bytes", "16777216"),
            ("fetch.queue.backoff.ms", "5"),
            ("fetch.error.backoff.ms", "100"),
            ("queued.max.messages.kbytes", queued.as_str()),
            ("socket.timeout.ms", "10000"),
            // How long a topic may be missing from the brokers' answers before it counts as deleted.
            ("topic.metadata.propagation.max.ms", "5000"),
        ];
        let fixed = [
            ("auto.offset.reset", "error"),
            ("enable.partition.eof", "true"),
            ("enable.auto.commit", "false"),
            ("allow.auto.create.topics", "false"),
            ("statistics.interval.ms", "500"),
        ];
        self.build(Side::Consumer, &defaults, &fixed)
    }

    /// Settings of a client that asks about topics: as `consumer`, without statistics.
    pub fn questions(&self) -> ClientConfig {
        let mut config = self.consumer();
        config.set("statistics.interval.ms", "0");
        config
    }

    /// Settings of a client that reads the committed offsets of a group.
    pub fn group(&self, group: &str) -> ClientConfig {
        let mut config = self.questions();
        // read_committed: an answer waits for transactions that are still open on the offsets.
        config.set("group.id", group).set("isolation.level", "read_committed");
        config
    }

    /// Settings of a client that writes.
    pub fn producer(&self, transactional_id: Option<&str>) -> ClientConfig {
        // A back-to-back transaction costs 4 ms with these back-offs, 100 ms without: the broker is still closing the
        // one before.
        let defaults = [
            ("retry.backoff.ms", "1"),
            ("retry.backoff.max.ms", "50"),
            ("queue.buffering.max.ms", "5"),
            ("queue.buffering.max.messages", "200000"),
            ("queue.buffering.max.kbytes", "65536"),
            ("compression.codec", "lz4"),
            // The topic decides whether a record is too large; but a record that exceeds the buffer above, or the broker's
            // `socket.request.max.bytes` (100 MiB), would be retried for ever.
            ("message.max.bytes", "60000000"),
            ("partitioner", "murmur2_random"),
        ];
        let fixed = [("enable.idempotence", "true"), ("request.required.acks", "-1"), ("delivery.report.only.error", "true")];
        let mut config = self.build(Side::Producer, &defaults, &fixed);
        // At this level librdkafka reports the end of every connection.
        config.set_log_level(RDKafkaLogLevel::Info);
        if let Some(id) = transactional_id {
            config.set("transactional.id", id);
        }
        config
    }

    fn build(&self, side: Side, defaults: &[(&str, &str)], fixed: &[(&str, &str)]) -> ClientConfig {
        let mut config = ClientConfig::new();
        config.set_log_level(RDKafkaLogLevel::Warning);
        config.set("client.id", "millstream");
        config.set("socket.keepalive.enable", "true");
        config.set("reconnect.backoff.max.ms", "1000");
        config.set("socket.connection.setup.timeout.ms", "10000");
        config.set("enable.metrics.push", "false");
        for (name, value) in defaults {
            config.set(*name, *value);
        }
        for (name, _, value) in self.properties.iter().filter(|(_, of, _)| *of == Side::Both || *of == side) {
            config.set(*name, value);
        }
        for (name, value) in fixed {
            config.set(*name, *value);
        }
        config.set("metadata.broker.list", &self.bootstrap);
        config
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settings(properties: &[(&str, &str)]) -> Result<ClientSettings> {
        ClientSettings::new("kafka:29092", &properties.iter().map(|(k, v)| ((*k).to_string(), (*v).to_string())).collect::<Vec<_>>())
    }

    #[test]
    fn properties_of_flink_scripts_are_taken() {
        let s = settings(&[
            ("group.id", "flink"),
            ("allow.auto.create.topics", "true"),
            ("max.poll.records", "500"),
            ("key.deserializer", "org.apache.kafka.common.serialization.StringDeserializer"),
            ("fetch.max.wait.ms", "250"),
            ("max.partition.fetch.bytes", "1000000"),
            ("compression.type", "zstd"),
            ("isolation.level", "read_uncommitted"),
            ("acks", "1"),
            ("client.id", "me"),
        ])
        .unwrap();
        assert_eq!(s.consumer_among(4).get("queued.max.messages.kbytes"), Some("4096"));
        let consumer = s.consumer();
        assert_eq!(consumer.get("queued.max.messages.kbytes"), Some("16384"));
        assert_eq!(consumer.get("fetch.wait.max.ms"), Some("250"));
        assert_eq!(consumer.get("fetch.message.max.bytes"), Some("1000000"));
        assert_eq!(consumer.get("isolation.level"), Some("read_uncommitted"));
        assert_eq!(consumer.get("allow.auto.create.topics"), Some("false"));
        assert_eq!(consumer.get("compression.codec"), None, "a producer's setting");
        assert_eq!(consumer.get("group.id"), None);
        assert_eq!(s.group("g").get("isolation.level"), Some("read_committed"));
        let producer = s.producer(Some("millstream.job.sink"));
        assert_eq!(producer.get("compression.codec"), Some("zstd"));
        assert_eq!(producer.get("request.required.acks"), Some("-1"));
        assert_eq!(producer.get("client.id"), Some("me"));
        assert!(consumer.create_native_config().is_ok());
        assert!(producer.create_native_config().is_ok());
    }

    #[test]
    fn unknown_names_and_values_are_errors_with_a_hint() {
        let error = settings(&[("sasl.mechansm", "PLAIN")]).unwrap_err();
        assert!(error.to_string().contains("did you mean `properties.sasl.mechanism`?"), "{error}");
        let error = settings(&[("fetch.max.wait.ms", "soon")]).unwrap_err();
        assert!(error.to_string().contains("properties.fetch.max.wait.ms"), "{error}");
        assert!(settings(&[("no.such.thing.anywhere", "1")]).unwrap_err().hint_text().is_some());
        assert!(ClientSettings::new(" ", &[]).is_err());
    }

    #[test]
    fn secrets_are_never_shown() {
        let s = settings(&[("security.protocol", "SASL_SSL"), ("sasl.password", "hunter2"), ("sasl.username", "u")]).unwrap();
        assert!(!format!("{s:?}").contains("hunter2"));
    }
}
