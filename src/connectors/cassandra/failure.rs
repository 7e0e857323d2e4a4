//! Failures at the servers, classified by what can be done about them.

use scylla::errors::{
    BadQuery, BrokenConnectionError, BrokenConnectionErrorKind, ConnectionError, ConnectionPoolError, ConnectionSetupRequestErrorKind,
    DbError, ExecutionError, MetadataError, MetadataFetchErrorKind, NewSessionError, PrepareError, RequestAttemptError,
};
use scylla::statement::Consistency;

use crate::common::{Error, ErrorKind};

/// What can be done about a failure.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// The servers are unreachable, or lack resources right now: a later attempt may succeed.
    Away,
    /// A server refuses a row of the statement.
    Row,
    /// The password is wrong, or missing.
    Login,
    /// The user lacks the permission.
    Denied,
    /// The table, the keyspace or a column does not exist.
    Missing,
    /// Anything else that the user must change.
    Wrong,
}

/// A failure, as reported by a server or the connection.
#[derive(Debug, Clone)]
pub(super) struct Failure {
    pub(super) kind: Kind,
    pub(super) message: String,
}

impl Failure {
    pub(super) fn new(kind: Kind, message: impl Into<String>) -> Self {
        Self { kind, message: message.into() }
    }

    pub(super) fn away(message: impl Into<String>) -> Self {
        Self::new(Kind::Away, message)
    }

    /// Converts the failure to an error for users.
    pub(super) fn error(&self, what: &str) -> Error {
        let kind = match self.kind {
            Kind::Away => ErrorKind::Unavailable,
            Kind::Row => ErrorKind::Data,
            Kind::Login | Kind::Denied | Kind::Missing | Kind::Wrong => ErrorKind::Sql,
        };
        let error = Error::new(kind, format!("{what}: {}", self.message));
        match self.kind {
            Kind::Login => error.hint("check `username` and `password`"),
            Kind::Denied => error.hint("ask for the permission, or log in as another user: `username`, `password`"),
            Kind::Missing => error.hint("check `keyspace`, `table` and the columns"),
            _ => error,
        }
    }

    fn from_db_error(error: &DbError, message: &str) -> Self {
        let kind = match error {
            DbError::Unauthorized => Kind::Denied,
            DbError::AuthenticationError => Kind::Login,
            DbError::Invalid if missing(message) => Kind::Missing,
            DbError::Invalid | DbError::FunctionFailure { .. } => Kind::Row,
            DbError::ServerError | DbError::ProtocolError if too_large(message) => Kind::Row,
            DbError::SyntaxError | DbError::ConfigError | DbError::AlreadyExists { .. } | DbError::ProtocolError => Kind::Wrong,
            _ => Kind::Away,
        };
        let message = match error {
            DbError::Unavailable { consistency, required, alive } => {
                format!("consistency {} takes {required} replica(s), of which {alive} are alive", name_of(*consistency))
            }
            DbError::WriteTimeout { received, required, .. } => {
                format!("{received} of {required} replica(s) wrote in time")
            }
            DbError::ReadTimeout { received, required, .. } => format!("{received} of {required} replica(s) answered in time"),
            DbError::WriteFailure { numfailures, .. } => format!("{numfailures} replica(s) failed to write"),
            DbError::ReadFailure { numfailures, .. } => format!("{numfailures} replica(s) failed to read"),
            DbError::Overloaded => "the node has too much to do".to_string(),
            DbError::IsBootstrapping => "the node is starting".to_string(),
            _ if message.trim().is_empty() => "the request failed".to_string(),
            _ => message.trim().trim_end_matches('.').to_string(),
        };
        Self { kind, message }
    }
}

/// The name of a consistency as in the option `consistency`: `LocalQuorum` is `LOCAL_QUORUM`.
fn name_of(consistency: Consistency) -> String {
    let mut name = String::new();
    for (i, letter) in consistency.to_string().char_indices() {
        if i > 0 && letter.is_ascii_uppercase() {
            name.push('_');
        }
        name.push(letter.to_ascii_uppercase());
    }
    name
}

/// Whether a message says that something does not exist: it has no error code.
fn missing(message: &str) -> bool {
    let message = message.to_ascii_lowercase();
    ["unconfigured table", "does not exist", "undefined column name", "unknown identifier", "unknown keyspace"]
        .iter()
        .any(|m| message.contains(m))
}

/// Whether a message says that a request is too large.
fn too_large(message: &str) -> bool {
    message.contains("too large") || message.contains("too big")
}

fn io(error: &std::io::Error) -> Failure {
    if let Some(error) = error.get_ref().and_then(|inner| inner.downcast_ref::<openssl::ssl::Error>()) {
        return handshake(error);
    }
    Failure::away(match error.kind() {
        std::io::ErrorKind::ConnectionRefused => "nothing listens there".to_string(),
        std::io::ErrorKind::UnexpectedEof | std::io::ErrorKind::ConnectionReset | std::io::ErrorKind::BrokenPipe => {
            "the connection was closed".to_string()
        }
        std::io::ErrorKind::TimedOut => "no answer".to_string(),
        std::io::ErrorKind::HostUnreachable | std::io::ErrorKind::NetworkUnreachable => "the host cannot be reached".to_string(),
        _ => "the connection is broken".to_string(),
    })
}

/// Why no TLS connection came about.
fn handshake(error: &openssl::ssl::Error) -> Failure {
    if let Some(error) = error.io_error() {
        return io(error);
    }
    let reasons = error.ssl_error().into_iter().flat_map(|stack| stack.errors()).filter_map(openssl::error::Error::reason);
    let reasons: Vec<&str> = reasons.collect();
    let is = |text: &str| reasons.iter().any(|reason| reason.contains(text));
    Failure::new(
        Kind::Wrong,
        if is("certificate verify failed") {
            "its certificate is of no authority of `ssl.ca`, has expired, or names another address (`ssl.verify-hostname`)"
        } else if is("certificate required") || is("bad certificate") || is("handshake failure") {
            "it wants a certificate of the client (`ssl.cert`, `ssl.key`), or other ciphers"
        } else if is("wrong version number") || is("packet length too long") {
            "what answers there does not speak TLS (`ssl`)"
        } else {
            "the TLS handshake fails"
        },
    )
}

fn broken(error: &BrokenConnectionError) -> Failure {
    match error.downcast_ref::<BrokenConnectionErrorKind>() {
        Some(BrokenConnectionErrorKind::WriteError(error)) => io(error),
        Some(BrokenConnectionErrorKind::KeepaliveTimeout(_)) => Failure::away("no answer"),
        _ => Failure::away("the connection was closed"),
    }
}

impl From<&RequestAttemptError> for Failure {
    fn from(error: &RequestAttemptError) -> Self {
        match error {
            RequestAttemptError::DbError(error, message) => Self::from_db_error(error, message),
            RequestAttemptError::BrokenConnectionError(error) => broken(error),
            RequestAttemptError::UnableToAllocStreamId => Self::away("too many requests wait for their answers"),
            RequestAttemptError::SerializationError(_) | RequestAttemptError::CqlRequestSerialization(_) => {
                Self::new(Kind::Row, "the request is too large")
            }
            // The table was altered between a statement's preparation and its use.
            RequestAttemptError::RepreparedIdChanged { .. } | RequestAttemptError::RepreparedIdMissingInBatch => {
                Self::away("the table was altered meanwhile")
            }
            _ => Self::away("the server's answer cannot be read"),
        }
    }
}

impl From<&ConnectionPoolError> for Failure {
    fn from(error: &ConnectionPoolError) -> Self {
        match error {
            ConnectionPoolError::Broken { last_connection_error } => last_connection_error.into(),
            _ => Self::away("no connection yet"),
        }
    }
}

impl From<&ConnectionError> for Failure {
    fn from(error: &ConnectionError) -> Self {
        match error {
            ConnectionError::ConnectTimeout => Self::away("no answer"),
            ConnectionError::IoError(error) => io(error),
            ConnectionError::BrokenConnection(error) => broken(error),
            ConnectionError::ConnectionSetupRequestError(error) => match error.get_error() {
                ConnectionSetupRequestErrorKind::DbError(error, message) => Self::from_db_error(error, message),
                ConnectionSetupRequestErrorKind::MissingAuthentication => Self::new(Kind::Login, "the server wants a user and a password"),
                ConnectionSetupRequestErrorKind::BrokenConnection(error) => broken(error),
                ConnectionSetupRequestErrorKind::StartAuthSessionError(_)
                | ConnectionSetupRequestErrorKind::AuthChallengeEvaluationError(_)
                | ConnectionSetupRequestErrorKind::AuthFinishError(_) => Self::new(Kind::Login, "the server wants another kind of login"),
                _ => Self::away("what answers there does not speak CQL"),
            },
            _ => Self::away("the connection is broken"),
        }
    }
}

impl From<&PrepareError> for Failure {
    fn from(error: &PrepareError) -> Self {
        match error {
            PrepareError::ConnectionPoolError(error) => error.into(),
            PrepareError::AllAttemptsFailed { first_attempt } => first_attempt.into(),
            _ => Self::away("nodes disagree about the table"),
        }
    }
}

impl From<ExecutionError> for Failure {
    fn from(error: ExecutionError) -> Self {
        match &error {
            ExecutionError::LastAttemptError(error) => error.into(),
            ExecutionError::PrepareError(error) => error.into(),
            ExecutionError::ConnectionPoolError(error) => error.into(),
            ExecutionError::RequestTimeout(after) => Self::away(format!("no answer for {} s", after.as_secs())),
            ExecutionError::EmptyPlan => Self::away("there is no node to ask"),
            ExecutionError::BadQuery(BadQuery::ValuesTooLongForKey(..)) => {
                Self::new(Kind::Row, "the partition key is longer than 65535 bytes")
            }
            ExecutionError::BadQuery(_) => Self::new(Kind::Row, "the row is too large"),
            _ => Self::away("nodes disagree about the tables"),
        }
    }
}

impl From<NewSessionError> for Failure {
    fn from(error: NewSessionError) -> Self {
        match &error {
            NewSessionError::FailedToResolveAnyHostname(_) => Self::away("no such host"),
            NewSessionError::MetadataError(MetadataError::ConnectionPoolError(error)) => error.into(),
            NewSessionError::MetadataError(MetadataError::FetchError(fetch)) => match &fetch.error {
                MetadataFetchErrorKind::PrepareError(error) => error.into(),
                _ => Self::away("the nodes cannot be found out"),
            },
            _ => Self::away("the nodes cannot be found out"),
        }
    }
}
