//! The options of a table in MySQL, parsed.

use std::sync::Arc;

use sqlx::mysql::{MySqlConnectOptions, MySqlSslMode};

use crate::common::{Error, Result};
use crate::connectors::on_error::OnError;
use crate::connectors::options::{parse, positive};
use crate::connectors::{TableSpec, lookup};

use super::types;
use super::url::{self, Place};

/// A declared table.
#[derive(Debug)]
pub(super) struct MySqlTable {
    pub(super) spec: Arc<TableSpec>,
    pub(super) place: Place,
    pub(super) database: String,
    /// Its name in the database.
    pub(super) name: String,
    pub(super) ranges: Ranges,
    pub(super) batch_rows: Option<usize>,
    pub(super) lookup_retries: u32,
    pub(super) statement_rows: usize,
    pub(super) sink_retries: u32,
    pub(super) create: bool,
    pub(super) on_error: OnError,
}

/// `scan.partition.*`.
#[derive(Debug, Clone, Default)]
pub(super) struct Ranges {
    pub(super) column: Option<String>,
    pub(super) count: Option<usize>,
    pub(super) lower: Option<i128>,
    pub(super) upper: Option<i128>,
}

impl MySqlTable {
    /// Parses the options of a table, asking no server.
    ///
    /// # Errors
    /// Names the invalid option, or the column that MySQL has no type for.
    pub(super) fn read(spec: Arc<TableSpec>) -> Result<Self> {
        let table = spec.name.clone();
        let needed = |key: &str, hint: &str| {
            let value = spec.option(key).map(str::trim).filter(|value| !value.is_empty());
            value.ok_or_else(|| Error::option(key, "is missing").in_table(&table).hint(hint))
        };
        let url = needed("url", "add 'url' = 'mysql://host:3306/database'")?;
        let mut place = url::parse(url).map_err(|e| e.in_table(&table))?;
        let name = needed("table-name", "add 'table-name' = 'name', the table in the database of `url`")?;
        let (database, name) = match (&place.database, name.split_once('.')) {
            (Some(database), _) => (database.clone(), name.to_string()),
            (None, Some((database, name))) => (database.to_string(), name.to_string()),
            (None, None) => {
                return Err(Error::option("url", "names no database").in_table(&table).hint("write mysql://host:3306/database"));
            }
        };
        for (key, value) in [("username", &mut place.username), ("password", &mut place.password)] {
            *value = spec.option(key).map(ToString::to_string).or_else(|| value.take());
        }
        for column in &spec.columns {
            if let Some(metadata) = &column.metadata {
                return Err(Error::sql(format!("column `{}`: there is no metadata `{metadata}` in MySQL", column.name)).in_table(&table));
            }
            types::declarable(&column.data_type).map_err(|e| e.context(format!("column `{}`", column.name)).in_table(&table))?;
        }
        let ranges = Ranges {
            column: spec.option("scan.partition.column").map(ToString::to_string),
            count: positive(&spec, "scan.partition.num")?,
            lower: parse(&spec, "scan.partition.lower-bound", "a whole number")?,
            upper: parse(&spec, "scan.partition.upper-bound", "a whole number")?,
        };
        if let Some(column) = &ranges.column
            && !spec.columns.is_empty()
            && !spec.columns.iter().any(|c| c.name == *column && c.data_type.is_integer())
        {
            return Err(Error::option("scan.partition.column", format!("cannot be '{column}'"))
                .in_table(&table)
                .hint("name an integer column of the table"));
        }
        lookup::cache_of(&spec)?;
        Ok(Self {
            database,
            name,
            ranges,
            batch_rows: positive(&spec, "scan.fetch-size")?,
            lookup_retries: parse(&spec, "lookup.max-retries", "a whole number")?.unwrap_or(3),
            statement_rows: positive(&spec, "sink.buffer-flush.max-rows")?.unwrap_or(1000),
            sink_retries: parse(&spec, "sink.max-retries", "a whole number")?.unwrap_or(3),
            create: spec.option("create.if-missing").is_some_and(|text| text.eq_ignore_ascii_case("true")),
            on_error: OnError::read(&spec).map_err(|e| e.in_table(&table))?,
            place,
            spec,
        })
    }

    /// The table in messages.
    pub(super) fn label(&self) -> String {
        format!("table `{}`", self.spec.name)
    }

    /// `host:port`.
    pub(super) fn address(&self) -> String {
        let Place { host, port, .. } = &self.place;
        if host.contains(':') { format!("[{host}]:{port}") } else { format!("{host}:{port}") }
    }

    /// The name of the table in the commits of jobs.
    pub(super) fn identity(&self) -> String {
        format!("table {}", self.quoted())
    }

    /// The table in a statement.
    pub(super) fn quoted(&self) -> String {
        format!("{}.{}", quoted(&self.database), quoted(&self.name))
    }

    /// How to log in.
    pub(super) fn connect_options(&self) -> MySqlConnectOptions {
        let Place { host, port, username, password, tls, .. } = &self.place;
        // The results of a session must not depend on the server's settings: `client.rs` sets the mode.
        let mut options = MySqlConnectOptions::new().host(host).port(*port).database(&self.database);
        options = options.pipes_as_concat(false).no_engine_substitution(false).statement_cache_capacity(0);
        if let Some(username) = username {
            options = options.username(username);
        }
        if let Some(password) = password {
            options = options.password(password);
        }
        if let Some(mode) = tls.get("ssl-mode") {
            options = options.ssl_mode(match mode.as_str() {
                "DISABLED" => MySqlSslMode::Disabled,
                "REQUIRED" => MySqlSslMode::Required,
                "VERIFY_CA" => MySqlSslMode::VerifyCa,
                "VERIFY_IDENTITY" => MySqlSslMode::VerifyIdentity,
                _ => MySqlSslMode::Preferred,
            });
        }
        if let Some(path) = tls.get("ssl-ca") {
            options = options.ssl_ca(path);
        }
        if let Some(path) = tls.get("ssl-cert") {
            options = options.ssl_client_cert(path);
        }
        if let Some(path) = tls.get("ssl-key") {
            options = options.ssl_client_key(path);
        }
        options
    }
}

/// A name in a statement.
pub(super) fn quoted(name: &str) -> String {
    format!("`{}`", name.replace('`', "``"))
}
