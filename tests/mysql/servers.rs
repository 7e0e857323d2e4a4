//! The two servers, with a database for each test.

use sqlx::mysql::{MySqlConnectOptions, MySqlConnection};
use sqlx::{AssertSqlSafe, ConnectOptions, Decode, Row, ValueRef};

use crate::cli::Home;
use crate::common::block;
use crate::database::{OwnServer, SalesTables, TestDatabase};

/// A database on one of the servers, dropped with the test.
pub struct Database {
    pub name: String,
    pub address: String,
    pub is_mariadb: bool,
    options: MySqlConnectOptions,
    home: Home,
}

/// Creates one on MySQL, and one on MariaDB.
pub fn both() -> [Database; 2] {
    [Database::new("MYSQL"), Database::new("MARIADB")]
}

impl Database {
    pub fn new(server: &str) -> Self {
        let address = std::env::var(format!("MILLSTREAM_TEST_{server}")).unwrap_or_else(|_| {
            let service = server.to_lowercase();
            panic!("no {service}; run: tests/services start {service} && eval \"$(tests/services env)\"")
        });
        Self::at(address, server == "MARIADB")
    }

    /// Creates one on the test's own server.
    pub fn on(server: &OwnServer) -> Self {
        Self::at(server.address(), server.name() == "mariadb")
    }

    fn at(address: String, is_mariadb: bool) -> Self {
        let (host, port) = address.rsplit_once(':').unwrap();
        let options = MySqlConnectOptions::new().host(host).port(port.parse().unwrap()).username("millstream").password("millstream");
        // The tests' server supports no cipher of today.
        let options = options.ssl_mode(sqlx::mysql::MySqlSslMode::Disabled).pipes_as_concat(false).disable_statement_logging();
        let name = format!("t_{}", uuid::Uuid::now_v7().simple());
        block(run(&options, &format!("CREATE DATABASE {name} CHARACTER SET utf8mb4")));
        Self { options: options.database(&name), address, is_mariadb, home: Home::new(), name }
    }

    /// Opens a connection as another client.
    pub fn connect(&self) -> MySqlConnection {
        block(self.options.connect()).unwrap_or_else(|e| panic!("{}: {e}", self.address))
    }

    /// Runs statements on the server.
    #[track_caller]
    pub fn run(&self, sql: &str) {
        block(run(&self.options, sql));
    }

    /// Returns the rows of a query on the server, as texts with `|` between values.
    #[track_caller]
    pub fn rows(&self, sql: &str) -> Vec<String> {
        block(async {
            let mut connection = self.options.connect().await.unwrap();
            rows(&mut connection, sql).await
        })
    }

    /// Returns the rows of a query after these declarations, without the header.
    #[track_caller]
    pub fn query(&self, declarations: &str, query: &str) -> Vec<String> {
        let ended = self.shell(&format!("{declarations}\n{query};")).ok();
        ended.out.lines().skip(1).map(ToString::to_string).collect()
    }
}

impl TestDatabase for Database {
    /// The folder in which commands run.
    fn home(&self) -> &Home {
        &self.home
    }

    /// The options of a table in this database.
    fn with(&self, table: &str, more: &str) -> String {
        format!(
            "WITH ('connector' = 'mysql', 'url' = 'mysql://{}/{}', 'table-name' = '{table}', 'username' = 'millstream', \
             'password' = 'millstream'{more})",
            self.address, self.name
        )
    }
}

impl SalesTables for Database {
    const WINDOWS: (&'static str, &'static str) = ("at TIMESTAMP(3)", "window_start");

    fn create(&self) {
        self.run(
            "CREATE TABLE windows (at DATETIME(3), paid BIGINT, n BIGINT); \
             CREATE TABLE users (user VARCHAR(40) COLLATE utf8mb4_bin PRIMARY KEY, n BIGINT, paid BIGINT)",
        );
    }

    fn held(&self) -> (Vec<String>, Vec<String>) {
        (self.rows("SELECT at, paid, n FROM windows ORDER BY at, paid"), self.rows("SELECT user, n, paid FROM users ORDER BY user"))
    }

    fn window_start(start: &str) -> String {
        format!("{start}.000")
    }
}

impl Drop for Database {
    fn drop(&mut self) {
        let (options, sql) = (self.options.clone(), format!("DROP DATABASE IF EXISTS {}", self.name));
        let _ = block(async {
            let mut connection = options.connect().await.ok()?;
            sqlx::raw_sql(AssertSqlSafe(sql)).execute(&mut connection).await.ok()
        });
    }
}

async fn run(options: &MySqlConnectOptions, sql: &str) {
    let mut connection = options.connect().await.unwrap_or_else(|e| panic!("{e}"));
    sqlx::raw_sql(AssertSqlSafe(sql.to_string())).execute(&mut connection).await.unwrap_or_else(|e| panic!("{sql}: {e}"));
}

/// Rows as texts.
pub async fn rows(connection: &mut MySqlConnection, sql: &str) -> Vec<String> {
    let rows = sqlx::raw_sql(AssertSqlSafe(sql.to_string())).fetch_all(connection).await.unwrap_or_else(|e| panic!("{sql}: {e}"));
    let text = |row: &sqlx::mysql::MySqlRow, i: usize| {
        let value = row.try_get_raw(i).unwrap();
        if value.is_null() { "NULL".to_string() } else { String::from_utf8_lossy(<&[u8]>::decode(value).unwrap()).into_owned() }
    };
    rows.iter().map(|row| (0..row.len()).map(|i| text(row, i)).collect::<Vec<_>>().join("|")).collect()
}
