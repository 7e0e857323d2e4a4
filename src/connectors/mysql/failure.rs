//! Failures at the server, classified by what can be done about them.

use sqlx::mysql::MySqlDatabaseError;

use crate::common::{Error, ErrorKind};

/// What can be done about a failure.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// The server is unreachable, or lacks resources right now: a later attempt may succeed.
    Away,
    /// Another transaction was in the way; this one was rolled back, and may succeed when it is retried.
    Conflict,
    /// The server refuses a row of the statement.
    Row,
    /// The user lacks the privilege.
    Denied,
    /// TLS failed.
    Insecure,
    /// The table, the database or a column does not exist.
    Missing,
    /// Anything else that a retry does not solve.
    Wrong,
}

/// A number that servers do not use: the login needs a password that cannot be sent.
const PASSWORD: u16 = 0;

/// An error of the server or the connection.
#[derive(Debug, Clone)]
pub(super) struct Failure {
    pub(super) kind: Kind,
    /// The server's error number.
    pub(super) number: Option<u16>,
    pub(super) message: String,
}

impl Failure {
    fn insecure(why: impl std::fmt::Display) -> Self {
        Self { kind: Kind::Insecure, number: None, message: format!("no secure connection: {why}") }
    }

    pub(super) fn away(message: impl Into<String>) -> Self {
        Self { kind: Kind::Away, number: None, message: message.into() }
    }

    /// Whether the failure is only that no secure connection could be made.
    pub(super) fn is_insecure(&self) -> bool {
        self.kind == Kind::Insecure
    }

    /// Whether the server wants a password that cannot be sent.
    pub(super) fn wants_password(&self) -> bool {
        self.number == Some(PASSWORD)
    }

    /// Converts the failure to an [`Error`].
    pub(super) fn error(&self, what: &str) -> Error {
        let kind = match self.kind {
            Kind::Away | Kind::Conflict => ErrorKind::Unavailable,
            Kind::Row => ErrorKind::Data,
            Kind::Denied | Kind::Insecure | Kind::Missing | Kind::Wrong => ErrorKind::Sql,
        };
        let error = Error::new(kind, format!("{what}: {}", self.message));
        match (self.kind, self.number) {
            (Kind::Denied, Some(PASSWORD)) => error.hint("turn TLS on at the server, or let this user log in with mysql_native_password"),
            (Kind::Insecure, _) => error.hint("add ?ssl-mode=DISABLED to `url`, or renew the server's TLS"),
            (Kind::Denied, Some(1045 | 1698)) => error.hint("check `username` and `password`"),
            (Kind::Denied, _) => error.hint("ask for the privilege, or log in as another user: `username`, `password`"),
            (_, Some(1146)) => {
                error.hint("check `table-name`; with 'create.if-missing' = 'true' a job creates the table that it writes to")
            }
            (_, Some(1049)) => error.hint("check the database in `url`"),
            _ => error,
        }
    }
}

impl From<sqlx::Error> for Failure {
    fn from(error: sqlx::Error) -> Self {
        if let Some(said) = error.as_database_error().and_then(|e| e.try_downcast_ref::<MySqlDatabaseError>()) {
            return Self { kind: kind(said.number(), said.code()), number: Some(said.number()), message: said.message().to_string() };
        }
        let message = match &error {
            sqlx::Error::Io(io) => match io.kind() {
                std::io::ErrorKind::ConnectionRefused => "nothing listens there".to_string(),
                std::io::ErrorKind::UnexpectedEof | std::io::ErrorKind::ConnectionReset | std::io::ErrorKind::BrokenPipe => {
                    "the connection was closed".to_string()
                }
                // The two sides could not agree on TLS.
                std::io::ErrorKind::InvalidData => return Self::insecure(io.to_string()),
                _ => io.to_string(),
            },
            sqlx::Error::Tls(_) => return Self::insecure(source(&error)),
            sqlx::Error::Configuration(_) => {
                let message = "the server wants the password over a secure connection, which it does not offer";
                return Self { kind: Kind::Denied, number: Some(PASSWORD), message: message.to_string() };
            }
            _ => source(&error),
        };
        Self::away(message)
    }
}

fn source(error: &sqlx::Error) -> String {
    std::error::Error::source(error).map_or_else(|| "the connection is broken".to_string(), ToString::to_string)
}

fn kind(number: u16, state: Option<&str>) -> Kind {
    match number {
        1205 | 1213 => Kind::Conflict,
        // Too many connections, a server that is starting or stopping, a killed session, a limit of the user.
        1040 | 1053 | 1077 | 1079 | 1080 | 1152 | 1159 | 1160 | 1161 | 1184 | 1203 | 1226 | 1317 | 1927 | 3169 => Kind::Away,
        // Full tables, disks and memory, a server that is temporarily read-only.
        1021 | 1030 | 1037 | 1038 | 1041 | 1114 | 1206 | 1290 | 1836 | 3675 | 1020 | 1180 => Kind::Away,
        // A sort that was aborted with its session.
        1028 => Kind::Away,
        1044 | 1045 | 1142 | 1143 | 1227 | 1370 | 1698 => Kind::Denied,
        1049 | 1051 | 1054 | 1146 => Kind::Missing,
        // NOT NULL, no default, out of range, truncated, wrong text, wrong JSON, CHECK, foreign keys, a trigger that refuses.
        1048 | 1062 | 1169 | 1264 | 1265 | 1292 | 1364 | 1366 | 1367 | 1406 | 1411 | 1416 | 1451 | 1452 | 1526 | 1586 | 1644 | 1690
        | 1830 | 3140 | 3141 | 3156 | 3819 | 4025 => Kind::Row,
        _ if state.is_some_and(|state| state.starts_with("22") || state.starts_with("23") || state.starts_with("45")) => Kind::Row,
        // A failed connection; an interrupted statement.
        _ if state.is_some_and(|state| state.starts_with("08") || state.starts_with("70")) => Kind::Away,
        _ => Kind::Wrong,
    }
}
