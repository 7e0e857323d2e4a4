//! The callbacks of librdkafka: connection errors, statistics, failed deliveries.

use std::collections::HashMap;
use std::sync::Mutex;
use std::time::{Duration, Instant};

use rdkafka::client::ClientContext;
use rdkafka::config::RDKafkaLogLevel;
use rdkafka::consumer::ConsumerContext;
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::message::{DeliveryResult, Message};
use rdkafka::producer::ProducerContext;
use serde::Deserialize;

use super::errors;
use crate::common::clock;

/// A leader without an answer for this long is not healthy: a fetch returns within a tenth of a second.
const SILENT_AFTER_MICROS: i64 = 2_000_000;

/// A partition that no broker has named for this long, since the client was created, does not exist.
const UNNAMED_AFTER: Duration = Duration::from_secs(10);

/// The context of every client; each part is used by the clients that it concerns.
#[derive(Debug, Default)]
pub(super) struct Context {
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    /// The newest error of a connection.
    reason: Option<String>,
    /// Since when no broker is connected.
    down_since: Option<Instant>,
    /// Grows with each error of a connection.
    errors: u64,
    /// What the newest statistics said about partitions, and the count of errors when they came.
    partitions: HashMap<i32, PartitionHealth>,
    seen_errors: u64,
    /// Since when brokers answer but have not named a partition; `None` once they have.
    unnamed_since: HashMap<i32, Option<Instant>>,
    /// How many connections ended while requests may have been under way.
    lost: u64,
    /// The first record that could not be delivered since the last [`Context::clear_failure`].
    failure: Option<(RDKafkaErrorCode, String)>,
}

/// A partition in librdkafka's statistics.
#[derive(Debug, Clone, Copy)]
pub(super) struct PartitionHealth {
    /// Its leader is connected and has answered lately.
    pub healthy: bool,
    /// The newest last stable offset that it reported.
    pub end: Option<i64>,
    /// The brokers answer that the partition does not exist. (librdkafka reports that only in its log.)
    pub missing: bool,
}

impl State {
    /// How long brokers have not named a partition. One that they named before was deleted, for which librdkafka has waited already
    /// (`topic.metadata.propagation.max.ms`).
    fn unnamed_for(&mut self, partition: i32) -> Duration {
        let since = self.unnamed_since.entry(partition).or_insert_with(|| Some(clock::instant()));
        since.map_or(Duration::MAX, clock::since)
    }
}

impl Context {
    fn with<T>(&self, f: impl FnOnce(&mut State) -> T) -> T {
        // A panic under the lock leaves plain values, so a poisoned lock is as good as any.
        f(&mut self.state.lock().unwrap_or_else(std::sync::PoisonError::into_inner))
    }

    /// The newest error of a connection.
    pub fn reason(&self) -> Option<String> {
        self.with(|s| s.reason.clone())
    }

    /// Since when and why no broker answers.
    pub fn outage(&self) -> Option<(Instant, String)> {
        self.with(|s| s.down_since.map(|at| (at, s.reason.clone().unwrap_or_else(|| "no connection yet".to_string()))))
    }

    /// The state of a partition; `None` before the first statistics, or when an error came since.
    pub fn partition(&self, partition: i32) -> Option<PartitionHealth> {
        self.with(|s| {
            let known = s.partitions.get(&partition).copied();
            known.map(|p| PartitionHealth { healthy: p.healthy && s.errors == s.seen_errors, ..p })
        })
    }

    /// True until the first connection error.
    pub fn unblemished(&self) -> bool {
        self.with(|s| s.errors == 0)
    }

    /// Whether a connection ended while requests may have been in flight, whose outcome is therefore unknown.
    pub fn lost(&self) -> bool {
        self.with(|s| s.lost > 0)
    }

    /// The first failed delivery, which stays until it is cleared.
    pub fn failure(&self) -> Option<(RDKafkaErrorCode, String)> {
        self.with(|s| s.failure.clone())
    }

    /// Clears failed deliveries (a new transaction begins).
    pub fn clear_failure(&self) {
        self.with(|s| s.failure = None);
    }
}

impl ClientContext for Context {
    fn log(&self, level: RDKafkaLogLevel, facility: &str, message: &str) {
        // Only this event reports that a connection with one request in flight has ended. A connection that was never established has none.
        let never_made = ["Connect to ", "Failed to resolve", "Connection setup timed out"];
        if facility == "FAIL" && !never_made.iter().any(|text| message.contains(text)) {
            self.with(|s| s.lost += 1);
        }
        // Connection errors also come through `error`, and the job reports them once; so these logs are for debugging only.
        match level {
            RDKafkaLogLevel::Emerg | RDKafkaLogLevel::Alert | RDKafkaLogLevel::Critical => {
                tracing::warn!(target: "librdkafka", "{facility}: {message}");
            }
            _ => tracing::debug!(target: "librdkafka", "{facility}: {message}"),
        }
    }

    fn error(&self, error: KafkaError, reason: &str) {
        tracing::debug!(target: "librdkafka", "{error}: {reason}");
        let all_down = error.rdkafka_error_code() == Some(RDKafkaErrorCode::AllBrokersDown);
        self.with(|s| {
            s.errors += 1;
            let reason = plain(reason);
            if all_down {
                s.down_since.get_or_insert_with(clock::instant);
                // "1/1 brokers are down" says less than the error of the connection before it.
                s.reason.get_or_insert(reason);
            } else {
                s.reason = Some(reason);
            }
        });
    }

    fn stats_raw(&self, json: &[u8]) {
        let Ok(statistics) = serde_json::from_slice::<Statistics>(json) else { return };
        let brokers: HashMap<i32, &BrokerStatistics> = statistics.brokers.values().map(|b| (b.nodeid, b)).collect();
        let any_up = brokers.values().any(|b| b.state == "UP");
        self.with(|s| {
            s.partitions.clear();
            for p in statistics.topics.values().flat_map(|t| t.partitions.values()) {
                let leader = brokers.get(&p.broker);
                let healthy = leader.is_some_and(|b| b.state == "UP" && (0..SILENT_AFTER_MICROS).contains(&b.rxidle));
                let missing = any_up && p.unknown && s.unnamed_for(p.partition) >= UNNAMED_AFTER;
                if !p.unknown {
                    s.unnamed_since.insert(p.partition, None);
                }
                let end = (p.ls_offset >= 0).then_some(p.ls_offset);
                s.partitions.insert(p.partition, PartitionHealth { healthy, end, missing });
            }
            s.seen_errors = s.errors;
            if any_up {
                s.down_since = None;
                s.reason = None;
            } else {
                s.down_since.get_or_insert_with(clock::instant);
            }
        });
    }
}

impl ConsumerContext for Context {}

impl ProducerContext for Context {
    type DeliveryOpaque = ();

    fn delivery(&self, result: &DeliveryResult<'_>, (): ()) {
        let Err((error, message)) = result else { return };
        let code = error.rdkafka_error_code().unwrap_or(RDKafkaErrorCode::Unknown);
        let text = format!("topic `{}`, partition {}: {}", message.topic(), message.partition(), errors::describe(code));
        self.with(|s| {
            s.failure.get_or_insert((code, text));
        });
    }
}

/// The part of librdkafka's statistics that is read.
#[derive(Deserialize)]
struct Statistics {
    #[serde(default)]
    brokers: HashMap<String, BrokerStatistics>,
    #[serde(default)]
    topics: HashMap<String, TopicStatistics>,
}

#[derive(Deserialize)]
struct BrokerStatistics {
    nodeid: i32,
    state: String,
    /// Microseconds since the last answer; −1 if there was none on this connection.
    rxidle: i64,
}

#[derive(Deserialize)]
struct TopicStatistics {
    partitions: HashMap<String, PartitionStatistics>,
}

#[derive(Deserialize)]
struct PartitionStatistics {
    partition: i32,
    broker: i32,
    /// The brokers' answers do not name the partition.
    unknown: bool,
    /// The last stable offset, or the high watermark for `read_uncommitted`.
    ls_offset: i64,
}

/// Strips librdkafka's internals from the text of a connection error: `127.0.0.1:9092/bootstrap: Connect to ipv4#127.0.0.1:9092 failed:
/// Connection refused (after 0ms in state CONNECT, 1 identical error(s) suppressed)`.
fn plain(reason: &str) -> String {
    let text = reason.split_once(" (after ").map_or(reason, |(text, _)| text);
    match text.split_once(": Connect to ipv").and_then(|(_, to)| to.split_once('#')) {
        Some((_, to)) => format!("Connect to {to}"),
        None => text.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn statistics(state: &str, rxidle: i64) -> String {
        format!(
            r#"{{"brokers":{{"a":{{"nodeid":1,"state":"{state}","rxidle":{rxidle},"x":0}}}},
                "topics":{{"t":{{"partitions":{{"0":{{"partition":0,"broker":1,"unknown":false,"ls_offset":7}},
                "-1":{{"partition":-1,"broker":-1,"unknown":false,"ls_offset":-1001}}}}}}}}}}"#
        )
    }

    #[test]
    fn a_reason_is_told_without_the_states_of_librdkafka() {
        for (reason, told) in [
            (
                "127.0.0.1:1/bootstrap: Connect to ipv4#127.0.0.1:1 failed: Connection refused (after 0ms in state CONNECT, 1 identical \
                 error(s) suppressed)",
                "Connect to 127.0.0.1:1 failed: Connection refused",
            ),
            (
                "kafka:29092/1: Failed to resolve 'kafka:29092': no such host (after 3ms in state CONNECT)",
                "kafka:29092/1: Failed to resolve 'kafka:29092': no such host",
            ),
            ("1/1 brokers are down", "1/1 brokers are down"),
        ] {
            assert_eq!(plain(reason), told);
        }
    }

    #[test]
    fn a_connection_that_ends_is_lost_and_one_that_was_never_made_is_not() {
        let context = Context::default();
        context.log(RDKafkaLogLevel::Error, "FAIL", "a:1/1: Connect to ipv4#127.0.0.1:1 failed: Connection refused");
        assert!(!context.lost());
        context.log(RDKafkaLogLevel::Info, "FAIL", "a:1/1: Disconnected (after 30ms in state UP)");
        assert!(context.lost());
    }

    #[test]
    fn a_partition_is_healthy_only_by_statistics_newer_than_the_last_error() {
        let context = Context::default();
        assert!(context.partition(0).is_none());
        context.stats_raw(statistics("UP", 1000).as_bytes());
        let health = context.partition(0).unwrap();
        assert!(health.healthy);
        assert_eq!(health.end, Some(7));
        context.error(KafkaError::Global(RDKafkaErrorCode::BrokerTransportFailure), "Connection refused");
        assert!(!context.partition(0).unwrap().healthy);
        assert!(context.outage().is_none(), "one lost connection is no outage");
        context.error(KafkaError::Global(RDKafkaErrorCode::AllBrokersDown), "1/1 brokers are down");
        assert_eq!(context.outage().unwrap().1, "Connection refused");
        context.stats_raw(statistics("UP", 1000).as_bytes());
        assert!(context.partition(0).unwrap().healthy);
        assert!(context.outage().is_none());
        context.stats_raw(statistics("UP", 9_000_000).as_bytes());
        assert!(!context.partition(0).unwrap().healthy, "a silent leader is not healthy");
    }

    #[test]
    fn a_partition_that_was_named_and_is_no_more_is_missing() {
        let gone = statistics("UP", 1000).replace(r#""unknown":false"#, r#""unknown":true"#);
        let context = Context::default();
        context.stats_raw(gone.as_bytes());
        assert!(!context.partition(0).unwrap().missing, "it may be named soon");
        context.stats_raw(statistics("UP", 1000).as_bytes());
        context.stats_raw(gone.replace("UP", "DOWN").as_bytes());
        assert!(!context.partition(0).unwrap().missing, "no connected broker reports it");
        context.stats_raw(gone.as_bytes());
        assert!(context.partition(0).unwrap().missing);
    }
}
