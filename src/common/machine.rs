//! The machine that this process runs on.

use std::fs;
use std::path::{Path, PathBuf};

/// Returns the memory in bytes that this process may use: the machine's, or less if a cgroup (a container, a systemd unit) limits it.
/// `None` where both are unknown.
pub fn memory() -> Option<u64> {
    let groups = fs::read_to_string("/proc/self/cgroup").unwrap_or_default();
    let machine = fs::read_to_string("/proc/meminfo").ok().and_then(|text| total(&text));
    limits(&groups, Path::new("/sys/fs/cgroup")).into_iter().chain(machine).min()
}

/// `MemTotal:       24689764 kB`
fn total(meminfo: &str) -> Option<u64> {
    let line = meminfo.lines().find_map(|line| line.strip_prefix("MemTotal:"))?;
    line.trim().strip_suffix("kB")?.trim().parse::<u64>().ok()?.checked_mul(1024)
}

/// Returns the limits of a process's cgroups, of their ancestors, and of the root, which inside a container is the container's own.
fn limits(groups: &str, root: &Path) -> Vec<u64> {
    let mut found = Vec::new();
    for line in groups.lines() {
        // `hierarchy:controllers:path`; version 2 has no controllers.
        let mut parts = line.splitn(3, ':').skip(1);
        let (Some(controllers), Some(path)) = (parts.next(), parts.next()) else { continue };
        let (base, file): (PathBuf, _) = match controllers {
            "" => (root.to_path_buf(), "memory.max"),
            c if c.split(',').any(|c| c == "memory") => (root.join("memory"), "memory.limit_in_bytes"),
            _ => continue,
        };
        for below in Path::new(path.trim_start_matches('/')).ancestors() {
            let text = fs::read_to_string(base.join(below).join(file)).unwrap_or_default();
            // "max", or a number near 2^63, is no limit.
            found.extend(text.trim().parse::<u64>().ok().filter(|limit| *limit < 1 << 60));
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_least_limit_of_all_groups_above_counts() {
        let root = tempfile::tempdir().unwrap();
        for (path, text) in [
            ("memory.max", "max\n"),
            ("a/memory.max", "1000\n"),
            ("a/b/memory.max", "2000\n"),
            ("memory/memory.limit_in_bytes", "9223372036854771712\n"),
            ("memory/x/memory.limit_in_bytes", "500\n"),
        ] {
            let path = root.path().join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        }
        for (groups, least) in [
            ("0::/a/b", Some(1000)),
            ("0::/", None),
            ("5:cpu:/x\n4:memory:/x\n0::/", Some(500)),
            ("4:cpu,memory:/other", None),
            ("nonsense", None),
        ] {
            assert_eq!(limits(groups, root.path()).into_iter().min(), least, "{groups}");
        }
        assert_eq!(total("MemTotal:       2048 kB\nMemFree: 1 kB"), Some(2 << 20));
        assert!(memory().unwrap() > 1 << 20);
    }
}
