//! Sessions on one server, as one user, in one database.

use std::fmt;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use futures::stream::BoxStream;
use futures::{StreamExt, TryStreamExt};
use parking_lot::Mutex;
use sqlx::mysql::{MySqlConnectOptions, MySqlConnection, MySqlRow, MySqlSslMode};
use sqlx::{AssertSqlSafe, ConnectOptions, Connection, Decode, Row, ValueRef};

use crate::common::Result;

use super::config::MySqlTable;
use super::failure::{Failure, Kind};

/// How long a server may take to answer a new connection.
const CONNECT: Duration = Duration::from_secs(10);

/// How many idle sessions are kept.
const IDLE: usize = 8;

/// The settings of every session, whatever the server's settings are. Values that do not fit are errors and never adjusted, a 0 does not
/// request a new number, and texts are read as they are. A slow reader is not cut off. Statistics are current. Long IN lists are not
/// rewritten.
const SETUP: &str = "SET SESSION sql_mode = 'STRICT_ALL_TABLES,STRICT_TRANS_TABLES,NO_AUTO_VALUE_ON_ZERO,ERROR_FOR_DIVISION_BY_ZERO,\
     NO_ENGINE_SUBSTITUTION', autocommit = 1, net_write_timeout = 86400, wait_timeout = 28800 \
     /*!80000 , information_schema_stats_expiry = 0 */ /*M! , in_predicate_conversion_threshold = 0 */";

/// The result of a statement, or the failure.
pub(super) type Outcome<T> = std::result::Result<T, Failure>;

/// Opens sessions, and keeps idle ones.
pub(super) struct Client {
    address: String,
    options: MySqlConnectOptions,
    /// The TLS mode is not set, and TLS failed: connect without TLS.
    plain: AtomicBool,
    /// The server may have been restarted since the user last logged in: this client has logged in before, or has found it unreachable.
    restarted: AtomicBool,
    idle: Mutex<Vec<MySqlConnection>>,
}

impl fmt::Debug for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Client({})", self.address)
    }
}

impl Client {
    pub(super) fn new(table: &MySqlTable) -> Self {
        // Statements contain data, so they are not logged.
        let options = table.connect_options().disable_statement_logging();
        Self { address: table.address(), options, plain: AtomicBool::default(), restarted: AtomicBool::default(), idle: Mutex::default() }
    }

    /// The connection in messages.
    pub(super) fn what(&self, label: &str) -> String {
        format!("{label}: MySQL at {}", self.address)
    }

    /// Opens a session.
    pub(super) async fn connect(&self) -> Outcome<Session> {
        let plain = self.plain.load(Ordering::Relaxed);
        let connected = match self.greet(plain).await {
            // As MySQL's own client does: a secure connection where possible. Servers with an old OpenSSL support no cipher of today.
            Err(failure) if failure.is_insecure() && !plain && matches!(self.options.get_ssl_mode(), MySqlSslMode::Preferred) => {
                let connected = self.greet(true).await;
                self.plain.store(connected.is_ok(), Ordering::Relaxed);
                connected
            }
            connected => connected,
        };
        let connection = connected.map_err(|failure| {
            // A restarted server has an empty password cache, which the login of another client may fill.
            let failure = if failure.wants_password() && self.restarted.load(Ordering::Relaxed) {
                Failure { kind: Kind::Away, ..failure }
            } else {
                failure
            };
            self.restarted.fetch_or(failure.kind == Kind::Away, Ordering::Relaxed);
            failure
        })?;
        self.restarted.store(true, Ordering::Relaxed);
        let mut session = Session { connection };
        session.run(SETUP).await?;
        Ok(session)
    }

    async fn greet(&self, plain: bool) -> Outcome<MySqlConnection> {
        let options = if plain { self.options.clone().ssl_mode(MySqlSslMode::Disabled) } else { self.options.clone() };
        let connected = tokio::time::timeout(CONNECT, options.connect()).await;
        Ok(connected.map_err(|_| Failure::away(format!("no answer for {} s", CONNECT.as_secs())))??)
    }

    /// Returns an idle session, or opens one.
    pub(super) async fn session(&self) -> Outcome<Session> {
        loop {
            let idle = self.idle.lock().pop();
            let Some(mut connection) = idle else { return self.connect().await };
            if matches!(tokio::time::timeout(CONNECT, connection.ping()).await, Ok(Ok(()))) {
                return Ok(Session { connection });
            }
        }
    }

    /// Keeps a session that has answered all requests, and has no open transaction.
    pub(super) fn give_back(&self, session: Session) {
        let mut idle = self.idle.lock();
        if idle.len() < IDLE {
            idle.push(session.connection);
        }
    }

    /// Runs a query and returns its rows as texts. Runs it again on a new connection when the old one is broken.
    pub(super) async fn ask(&self, sql: &str, label: &str) -> Result<Vec<Vec<Option<String>>>> {
        self.asked(sql).await.map_err(|failure| failure.error(&self.what(label)))
    }

    async fn asked(&self, sql: &str) -> Outcome<Vec<Vec<Option<String>>>> {
        let mut session = self.session().await?;
        match session.ask(sql).await {
            Ok(rows) => {
                self.give_back(session);
                Ok(rows)
            }
            Err(failure) if failure.kind == Kind::Away => {
                let mut session = self.connect().await?;
                let rows = session.ask(sql).await?;
                self.give_back(session);
                Ok(rows)
            }
            Err(failure) => {
                self.give_back(session);
                Err(failure)
            }
        }
    }
}

/// One connection.
pub(super) struct Session {
    connection: MySqlConnection,
}

impl Session {
    /// Runs a statement; returns the number of rows found or affected.
    pub(super) async fn run(&mut self, sql: impl Into<String>) -> Outcome<u64> {
        let done = sqlx::raw_sql(AssertSqlSafe(sql.into())).execute(&mut self.connection).await?;
        Ok(done.rows_affected())
    }

    /// Prepares the session for transactions; returns the maximum size of a statement in bytes.
    pub(super) async fn prepare_to_write(&mut self) -> Outcome<usize> {
        let rows = self.ask("SHOW VARIABLES WHERE Variable_name IN ('max_allowed_packet', 'binlog_format', 'log_bin')").await?;
        let value = |name: &str| rows.iter().find(|row| row.first().is_some_and(|n| n.as_deref() == Some(name)))?.get(1)?.clone();
        // Lock only the rows written, where the server's log of changes allows it.
        if value("binlog_format").as_deref() != Some("STATEMENT") || value("log_bin").as_deref() == Some("OFF") {
            self.run("SET SESSION TRANSACTION ISOLATION LEVEL READ COMMITTED").await?;
        }
        Ok(value("max_allowed_packet").and_then(|n| n.parse().ok()).unwrap_or(1 << 20))
    }

    /// Runs a query and returns its rows as texts.
    pub(super) async fn ask(&mut self, sql: &str) -> Outcome<Vec<Vec<Option<String>>>> {
        self.rows(sql.to_string()).and_then(async |row| Ok(texts(&row))).try_collect().await
    }

    /// Streams the rows of a query.
    pub(super) fn rows(&mut self, sql: String) -> BoxStream<'_, Outcome<MySqlRow>> {
        sqlx::raw_sql(AssertSqlSafe(sql)).fetch(&mut self.connection).map_err(Failure::from).boxed()
    }
}

/// Returns one value of a row as text, as the server sent it; `None` is NULL.
pub(super) fn cell(row: &MySqlRow, column: usize) -> Outcome<Option<&[u8]>> {
    let value = row.try_get_raw(column)?;
    if value.is_null() {
        return Ok(None);
    }
    <&[u8]>::decode(value).map(Some).map_err(|_| Failure::away("the server's answer cannot be read"))
}

fn texts(row: &MySqlRow) -> Vec<Option<String>> {
    let text = |i| cell(row, i).ok().flatten().map(|bytes| String::from_utf8_lossy(bytes).into_owned());
    (0..row.len()).map(text).collect()
}
