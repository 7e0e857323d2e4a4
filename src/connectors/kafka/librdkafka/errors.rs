//! Converts librdkafka's errors.

use rdkafka::error::{KafkaError, RDKafkaErrorCode as Code};

use crate::common::{Error, ErrorKind};

/// Converts the error of an operation: `what` says what was tried, `address` names the cluster.
pub(super) fn from_client(what: &str, address: &str, error: &KafkaError, reason: Option<String>) -> Error {
    match error {
        KafkaError::Transaction(error) => of_code(what, address, error.code(), Some(error.string())),
        KafkaError::ClientConfig(_, text, ..) => Error::sql(format!("{what}: {text}")),
        KafkaError::ClientCreation(text) => Error::sql(format!("{what}: {text}"))
            .hint("check the `properties.*` options of the table; files that they name must exist and be readable"),
        other => match other.rdkafka_error_code() {
            Some(code) => of_code(what, address, code, reason),
            None => Error::unavailable(format!("{what} ({address}): {other}")),
        },
    }
}

/// Converts a bare code, with librdkafka's explanation if there is one.
pub(super) fn of_code(what: &str, address: &str, code: Code, reason: Option<String>) -> Error {
    let text = reason.unwrap_or_else(|| describe(code));
    let error = Error::new(kind(code), format!("{what} (Kafka at {address}): {text}"));
    match code {
        Code::Fenced | Code::ProducerFenced | Code::InvalidProducerEpoch => {
            error.hint("another copy of this job has taken over its transactions")
        }
        Code::TopicAuthorizationFailed
        | Code::GroupAuthorizationFailed
        | Code::ClusterAuthorizationFailed
        | Code::TransactionalIdAuthorizationFailed => error.hint("give the user of this connection the rights for it on the cluster"),
        Code::Authentication | Code::SaslAuthenticationFailed | Code::SSL => {
            error.hint("check `properties.security.protocol`, `properties.sasl.*` and `properties.ssl.*`")
        }
        Code::MessageSizeTooLarge | Code::InvalidMessageSize | Code::MessageBatchTooLarge => {
            error.hint("raise `properties.max.request.size` of the table and `max.message.bytes` of the topic")
        }
        Code::InvalidReplicationFactor | Code::PolicyViolation => error.hint("create the topic by hand"),
        _ if is_transient(code) => error.hint("is the broker running, and is the address right from here?"),
        _ => error,
    }
}

fn kind(code: Code) -> ErrorKind {
    match code {
        Code::Fenced | Code::ProducerFenced | Code::InvalidProducerEpoch => ErrorKind::Fenced,
        Code::UnknownTopic
        | Code::UnknownTopicOrPartition
        | Code::UnknownPartition
        | Code::InvalidTopic
        | Code::MessageSizeTooLarge
        | Code::InvalidMessageSize
        | Code::MessageBatchTooLarge
        | Code::InvalidTimestamp
        | Code::InvalidRecord
        | Code::AutoOffsetReset
        | Code::OffsetOutOfRange
        | Code::BadMessage
        | Code::BadCompression
        | Code::InvalidMessage
        | Code::TopicAuthorizationFailed => ErrorKind::Data,
        _ => ErrorKind::Unavailable,
    }
}

/// Whether an error disappears by itself, or with the next answer: librdkafka retries.
pub(super) fn is_transient(code: Code) -> bool {
    matches!(
        code,
        Code::BrokerTransportFailure
            | Code::AllBrokersDown
            | Code::BrokerDestroy
            | Code::BrokerNotAvailable
            | Code::Resolve
            | Code::OperationTimedOut
            | Code::MessageTimedOut
            | Code::TimedOutQueue
            | Code::RequestTimedOut
            | Code::NetworkException
            | Code::LeaderNotAvailable
            | Code::NotLeaderForPartition
            | Code::ReplicaNotAvailable
            | Code::CoordinatorLoadInProgress
            | Code::CoordinatorNotAvailable
            | Code::NotCoordinator
            | Code::NotController
            | Code::WaitingForCoordinator
            | Code::WaitCache
            | Code::NotEnoughReplicas
            | Code::NotEnoughReplicasAfterAppend
            | Code::KafkaStorageError
            | Code::UnknownLeaderEpoch
            | Code::FencedLeaderEpoch
            | Code::OffsetNotAvailable
            | Code::UnstableOffsetCommit
            | Code::InvalidFetchSessionEpoch
            | Code::FetchSessionIdNotFound
            | Code::StaleBrokerEpoch
            | Code::UnknownBroker
            | Code::Retry
            | Code::Outdated
            | Code::Noop
    )
}

/// The text of a code, without librdkafka's `Broker: ` and `Local: `.
pub(super) fn describe(code: Code) -> String {
    let text = code.to_string();
    // `Display` of the code is `Name (Broker: what happened)`.
    let inner = text.split_once('(').map_or(text.as_str(), |(_, rest)| rest.strip_suffix(')').unwrap_or(rest));
    inner.trim_start_matches("Broker: ").trim_start_matches("Local: ").to_string()
}
