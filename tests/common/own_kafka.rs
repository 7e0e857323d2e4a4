//! A Kafka that only one test uses, and may stop and start.

use std::path::Path;
use std::process::Command;

use ports::Ports;

#[path = "ports.rs"]
mod ports;

/// A broker that is removed, with its data, when it is dropped.
pub struct OwnKafka {
    home: tempfile::TempDir,
    ports: Ports,
}

impl OwnKafka {
    /// Creates a broker that was never started.
    pub fn new() -> Self {
        Self { home: tempfile::tempdir().unwrap(), ports: Ports::reserve() }
    }

    pub fn address(&self) -> String {
        format!("127.0.0.1:{}", self.ports.first)
    }

    /// Runs a verb: `start` returns when the broker answers, `stop` when it has ended.
    pub fn services(&self, verb: &str) {
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/services");
        let mut command = Command::new(script);
        command
            .args([verb, "kafka"])
            .env("MILLSTREAM_SERVICES_HOME", self.home.path())
            .env("MILLSTREAM_KAFKA_PORT", self.ports.first.to_string());
        let output = command.output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    }
}

impl Drop for OwnKafka {
    fn drop(&mut self) {
        self.services("reset");
    }
}
