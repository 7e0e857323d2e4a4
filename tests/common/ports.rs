//! Ports for servers that only one test uses.

use std::fs::File;
use std::net::TcpListener;

/// Two consecutive ports that no other test uses while this value lives, also while the server is stopped. They are below the range of
/// outgoing connections.
pub struct Ports {
    pub first: u16,
    /// A lock on the ports for other test programs on this machine.
    _lock: File,
}

impl Ports {
    pub fn reserve() -> Self {
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
