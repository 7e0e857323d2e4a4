//! The node, with a keyspace for each test.

use std::time::Duration;

use scylla::client::session::Session;
use scylla::client::session_builder::SessionBuilder;
use scylla::value::{CqlValue, Row};

use crate::cli::Home;
use crate::common::block;
use crate::database::{OwnServer, SalesTables, TestDatabase};

/// A keyspace, dropped with the test.
pub struct Keyspace {
    pub name: String,
    pub address: String,
    session: Session,
    home: Home,
}

impl Keyspace {
    pub fn new() -> Self {
        Self::at(
            std::env::var("MILLSTREAM_TEST_CASSANDRA")
                .unwrap_or_else(|_| panic!("no cassandra; run: tests/services start cassandra && eval \"$(tests/services env)\"")),
        )
    }

    /// Creates one on the test's own node.
    pub fn on(node: &OwnServer) -> Self {
        Self::at(node.address())
    }

    fn at(address: String) -> Self {
        let name = format!("t_{}", uuid::Uuid::now_v7().simple());
        let session = block(SessionBuilder::new().known_node(&address).user("millstream", "millstream").build());
        let session = session.unwrap_or_else(|e| panic!("{address}: {e}"));
        let keyspace = Self { name, address, session, home: Home::new() };
        let replication = "{'class': 'SimpleStrategy', 'replication_factor': 1}";
        keyspace.run(&format!("CREATE KEYSPACE {} WITH replication = {replication} AND durable_writes = true", keyspace.name));
        block(keyspace.session.use_keyspace(&keyspace.name, true)).unwrap();
        keyspace
    }

    /// Runs statements on the node.
    #[track_caller]
    pub fn run(&self, cql: &str) {
        for statement in cql.split(';').map(str::trim).filter(|statement| !statement.is_empty()) {
            block(self.session.query_unpaged(statement, &[])).unwrap_or_else(|e| panic!("{statement}: {e}"));
        }
    }

    /// Returns the rows of a query on the node, as sorted texts with `|` between values.
    #[track_caller]
    pub fn rows(&self, cql: &str) -> Vec<String> {
        let mut rows = self.try_rows(cql).unwrap_or_else(|e| panic!("{cql}: {e}"));
        rows.sort();
        rows
    }

    /// The same, from within a future.
    pub fn rows_on_a_thread(&self, cql: &str) -> Vec<String> {
        std::thread::scope(|scope| scope.spawn(|| self.rows(cql)).join().unwrap())
    }

    /// The same, on a node that may be down.
    pub fn try_rows(&self, cql: &str) -> Result<Vec<String>, String> {
        let rows = block(self.session.query_unpaged(cql, &[])).map_err(|e| e.to_string())?.into_rows_result().map_err(|e| e.to_string())?;
        let text = |value: &Option<CqlValue>| value.as_ref().map_or_else(|| "NULL".to_string(), shown);
        Ok(rows.rows::<Row>().unwrap().map(|row| row.unwrap().columns.iter().map(text).collect::<Vec<_>>().join("|")).collect())
    }

    /// Returns the rows of a query after these declarations, without the header.
    #[track_caller]
    pub fn query(&self, declarations: &str, query: &str) -> Vec<String> {
        let ended = self.shell(&format!("{declarations}\n{query};")).ok();
        ended.out.lines().filter(|line| !line.contains("columns found")).skip(1).map(ToString::to_string).collect()
    }

    /// Waits until the node answers again.
    pub fn await_node(&self) {
        for _ in 0..300 {
            if self.try_rows("SELECT key FROM system.local").is_ok() {
                return;
            }
            std::thread::sleep(Duration::from_millis(100));
        }
        panic!("{} does not answer", self.address);
    }
}

impl TestDatabase for Keyspace {
    /// The folder in which commands run.
    fn home(&self) -> &Home {
        &self.home
    }

    /// The options of a table in this keyspace.
    fn with(&self, table: &str, more: &str) -> String {
        format!(
            "WITH ('connector' = 'cassandra', 'contact-points' = '{}', 'keyspace' = '{}', 'table' = '{table}', 'username' = 'millstream', \
             'password' = 'millstream'{more})",
            self.address, self.name
        )
    }
}

impl SalesTables for Keyspace {
    const WINDOWS: (&'static str, &'static str) = ("day DATE, at TIMESTAMP(3)", "CAST(window_start AS DATE), window_start");

    fn create(&self) {
        self.run(
            "CREATE TABLE windows (day date, at timestamp, paid bigint, n bigint, PRIMARY KEY (day, at)); \
             CREATE TABLE users (user text PRIMARY KEY, n bigint, paid bigint)",
        );
    }

    fn held(&self) -> (Vec<String>, Vec<String>) {
        let rows = |cql: &str| {
            let mut rows = self.try_rows(cql).unwrap_or_default();
            rows.sort();
            rows
        };
        (rows("SELECT at, paid, n FROM windows"), rows("SELECT user, n, paid FROM users"))
    }

    fn window_start(start: &str) -> String {
        let at = chrono::NaiveDateTime::parse_from_str(start, "%Y-%m-%d %H:%M:%S").unwrap();
        at.and_utc().timestamp_millis().to_string()
    }
}

impl Drop for Keyspace {
    fn drop(&mut self) {
        let _ = block(self.session.query_unpaged(format!("DROP KEYSPACE IF EXISTS {}", self.name), &[]));
    }
}

fn shown(value: &CqlValue) -> String {
    match value {
        CqlValue::Text(text) | CqlValue::Ascii(text) => text.clone(),
        CqlValue::Int(n) => n.to_string(),
        CqlValue::BigInt(n) => n.to_string(),
        CqlValue::Timestamp(at) => at.0.to_string(),
        // 1.50 becomes 1.5.
        CqlValue::Decimal(value) => {
            let (bytes, mut scale) = value.as_signed_be_bytes_slice_and_exponent();
            let fill = if bytes[0] >= 0x80 { 0xff } else { 0 };
            let mut number =
                i128::from_be_bytes(std::array::from_fn(|i| if i + bytes.len() < 16 { fill } else { bytes[i + bytes.len() - 16] }));
            while number != 0 && number % 10 == 0 {
                (number, scale) = (number / 10, scale - 1);
            }
            format!("{number}e{}", -scale)
        }
        other => format!("{other:?}"),
    }
}
