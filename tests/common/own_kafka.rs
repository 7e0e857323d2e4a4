//! A Kafka of a test's own, which it may stop and start.

use std::fs::File;
use std::net::TcpListener;
use std::path::Path;
use std::process::Command;

/// Gone, with its data, when it is dropped.
pub struct OwnKafka {
    home: tempfile::TempDir,
    ports: Ports,
}

impl OwnKafka {
    /// One that was never started.
    pub fn new() -> Self {
        Self { home: tempfile::tempdir().unwrap(), ports: Ports::reserve() }
    }

    pub fn address(&self) -> String {
        format!("127.0.0.1:{}", self.ports.first)
    }

    /// `start` returns when it answers, `stop` when it is gone.
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

/// Two ports in a row, the broker's and its controller's, that no other test has while this value lives, also while the
/// broker is stopped. They lie below those that the system gives to outgoing connections.
struct Ports {
    first: u16,
    /// Locked: other test programs on this machine choose other ports.
    _lock: File,
}

impl Ports {
    fn reserve() -> Self {
        let folder = std::env::temp_dir().join("millstream-test-ports");
        std::fs::create_dir_all(&folder).unwrap();
        let free = |port: u16| TcpListener::bind(("127.0.0.1", port)).is_ok();
        for first in (21_000..31_000).step_by(2) {
            let Ok(lock) = File::create(folder.join(first.to_string())) else { continue };
            if lock.try_lock().is_ok() && free(first) && free(first + 1) {
                return Self { first, _lock: lock };
            }
        }
        panic!("no two free ports in a row between 21000 and 31000");
    }
}
