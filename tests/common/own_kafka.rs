//! A Kafka of a test's own, which it may stop and start.

use std::net::TcpListener;
use std::path::Path;
use std::process::Command;

/// Gone, with its data, when it is dropped.
pub struct OwnKafka {
    home: tempfile::TempDir,
    port: u16,
}

impl OwnKafka {
    /// One that was never started.
    pub fn new() -> Self {
        Self { home: tempfile::tempdir().unwrap(), port: free_ports() }
    }

    pub fn address(&self) -> String {
        format!("127.0.0.1:{}", self.port)
    }

    /// `start` returns when it answers, `stop` when it is gone.
    pub fn services(&self, verb: &str) {
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/services");
        let mut command = Command::new(script);
        command.args([verb, "kafka"]).env("MILLSTREAM_SERVICES_HOME", self.home.path()).env("MILLSTREAM_KAFKA_PORT", self.port.to_string());
        let output = command.output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    }
}

impl Drop for OwnKafka {
    fn drop(&mut self) {
        self.services("reset");
    }
}

/// The first of two ports in a row that nobody has, below those that the system gives to outgoing connections.
fn free_ports() -> u16 {
    let free = |port: u16| TcpListener::bind(("127.0.0.1", port)).is_ok();
    let offset = u16::try_from(std::process::id() % 500).unwrap() * 10;
    (0..500).map(|i| 21_000 + (offset + i * 10) % 5_000).find(|port| free(*port) && free(port + 1)).expect("two free ports in a row")
}
