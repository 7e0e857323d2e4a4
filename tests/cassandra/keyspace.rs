//! The node, and a keyspace of its own for each test.

use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use scylla::client::session::Session;
use scylla::client::session_builder::SessionBuilder;
use scylla::value::{CqlValue, Row};

use crate::cli::{Ended, Home};
use crate::common::block;
use crate::ports::Ports;

/// A keyspace, gone with the test.
pub struct Keyspace {
    pub name: String,
    pub address: String,
    session: Session,
    home: Home,
}

/// A node of a test's own, which it may stop and start; gone, with its data, when it is dropped.
pub struct OwnNode {
    home: tempfile::TempDir,
    ports: Ports,
}

impl OwnNode {
    pub fn start() -> Self {
        let node = Self { home: tempfile::tempdir().unwrap(), ports: Ports::reserve() };
        node.services("start");
        node
    }

    pub fn keyspace(&self) -> Keyspace {
        Keyspace::at(format!("127.0.0.1:{}", self.ports.first))
    }

    /// `start` returns when it answers, `stop` when it is gone.
    pub fn services(&self, verb: &str) {
        let mut command = Command::new(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/services"));
        command.args([verb, "cassandra"]).env("MILLSTREAM_SERVICES_HOME", self.home.path());
        let output = command.env("MILLSTREAM_CASSANDRA_PORT", self.ports.first.to_string()).output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    }

    /// Ends it as a power cut does.
    pub fn kill(&self) {
        let pid = std::fs::read_to_string(self.home.path().join("cassandra/pid")).unwrap();
        assert!(Command::new("kill").args(["-9", pid.trim()]).status().unwrap().success());
    }
}

impl Drop for OwnNode {
    fn drop(&mut self) {
        self.services("reset");
    }
}

impl Keyspace {
    pub fn new() -> Self {
        Self::at(
            std::env::var("MILLSTREAM_TEST_CASSANDRA")
                .unwrap_or_else(|_| panic!("no cassandra; run: tests/services start cassandra && eval \"$(tests/services env)\"")),
        )
    }

    /// One on a node of the test's own.
    pub fn at(address: String) -> Self {
        let name = format!("t_{}", uuid::Uuid::now_v7().simple());
        let session = block(SessionBuilder::new().known_node(&address).user("millstream", "millstream").build());
        let session = session.unwrap_or_else(|e| panic!("{address}: {e}"));
        let keyspace = Self { name, address, session, home: Home::new() };
        let replication = "{'class': 'SimpleStrategy', 'replication_factor': 1}";
        keyspace.run(&format!("CREATE KEYSPACE {} WITH replication = {replication} AND durable_writes = true", keyspace.name));
        block(keyspace.session.use_keyspace(&keyspace.name, true)).unwrap();
        keyspace
    }

    /// Runs statements at the node.
    #[track_caller]
    pub fn run(&self, cql: &str) {
        for statement in cql.split(';').map(str::trim).filter(|statement| !statement.is_empty()) {
            block(self.session.query_unpaged(statement, &[])).unwrap_or_else(|e| panic!("{statement}: {e}"));
        }
    }

    /// Rows of a query at the node, as texts with `|` between values, in the order of the texts.
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

    /// The same, of a node that may be away.
    pub fn try_rows(&self, cql: &str) -> Result<Vec<String>, String> {
        let rows = block(self.session.query_unpaged(cql, &[])).map_err(|e| e.to_string())?.into_rows_result().map_err(|e| e.to_string())?;
        let text = |value: &Option<CqlValue>| value.as_ref().map_or_else(|| "NULL".to_string(), shown);
        Ok(rows.rows::<Row>().unwrap().map(|row| row.unwrap().columns.iter().map(text).collect::<Vec<_>>().join("|")).collect())
    }

    /// The options of a table in this keyspace.
    pub fn with(&self, table: &str, more: &str) -> String {
        format!(
            "WITH ('connector' = 'cassandra', 'contact-points' = '{}', 'keyspace' = '{}', 'table' = '{table}', 'username' = 'millstream', \
             'password' = 'millstream'{more})",
            self.address, self.name
        )
    }

    /// What the shell says to these statements.
    pub fn shell(&self, sql: &str) -> Ended {
        // Each time a catalog of its own.
        let data = tempfile::tempdir().unwrap();
        let mut command = self.home.command(&["--data", &data.path().display().to_string()]);
        command.stdin(Stdio::piped());
        self.home.launch(command, Some(sql))
    }

    /// The rows that a query answers with, behind these declarations, without its header.
    #[track_caller]
    pub fn query(&self, declarations: &str, query: &str) -> Vec<String> {
        let ended = self.shell(&format!("{declarations}\n{query};")).ok();
        ended.out.lines().filter(|line| !line.contains("columns found")).skip(1).map(ToString::to_string).collect()
    }

    /// The folder that commands run in.
    pub fn home(&self) -> &Home {
        &self.home
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
        // 1.50 is 1.5.
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
