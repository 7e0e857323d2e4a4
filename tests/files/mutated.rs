//! Files with some bytes changed: the right rows, or an error that names the file; no panic, and no more memory than the bound.

use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};

use crate::cli::Home;

/// Of each format.
const FILES: usize = 100;
/// What a damaged size asks for is far above.
const MEMORY: i64 = 400 << 20;

const ROWS: &str =
    "SELECT n AS id, CONCAT('name-', CAST(n % 7 AS STRING)) AS name, CAST(n AS DOUBLE) / 3 AS d, CAST(n AS DECIMAL(10, 2)) AS m,
  CASE WHEN n % 5 = 0 THEN NULL ELSE n % 2 = 0 END AS b, ARRAY[n, n + 1] AS l, DATE '2024-05-01' AS day
  FROM (SELECT UNNEST(ARRAY[1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12]) AS n) t";

fn mutated(whole: &[u8], random: &mut StdRng) -> Vec<u8> {
    let mut bytes = whole.to_vec();
    for _ in 0..random.random_range(1..4) {
        let at = random.random_range(0..bytes.len());
        let end = bytes.len().min(at + 4);
        match random.random_range(0..5) {
            0 => bytes[at] ^= 1 << random.random_range(0..8),
            1 => bytes[at] = [0, 127, 128, 255][random.random_range(0..4)],
            2 => bytes[at..end].fill(255),
            3 => random.fill(&mut bytes[at..end]),
            _ => bytes.truncate(at.max(1)),
        }
    }
    bytes
}

#[test]
fn damaged_files_are_read_or_named() {
    let home = Home::new();
    let mut random = StdRng::seed_from_u64(17);
    let mut wrong = Vec::new();
    for extension in ["parquet", "arrow", "avro"] {
        home.run(&["-c", &format!("COPY ({ROWS}) TO 'whole.{extension}'")]).ok();
        let whole = std::fs::read(home.path().join(format!("whole.{extension}"))).unwrap();
        let names: Vec<String> = (0..FILES).map(|n| format!("damaged-{n}.{extension}")).collect();
        for name in &names {
            std::fs::write(home.path().join(name), mutated(&whole, &mut random)).unwrap();
        }
        for name in &names {
            let ended = home.run(&["query", &format!("SELECT * FROM '{name}'"), "--format", "csv", "--memory-limit", "128MB"]);
            let told = ended.code == Some(1) && ended.err.contains(name.as_str());
            let raw = ["panicked", "internal error", "the statement was cut off"].iter().any(|text| ended.err.contains(text));
            if raw || !(told || ended.code == Some(0)) {
                wrong.push(format!("{name}: {ended}"));
            }
        }
    }
    assert!(wrong.is_empty(), "{} files\n{}", wrong.len(), wrong[..wrong.len().min(8)].join("\n"));
    // SAFETY: the structure is plain numbers, and filled in by the call.
    let used = unsafe {
        let mut used: libc::rusage = std::mem::zeroed();
        assert_eq!(libc::getrusage(libc::RUSAGE_CHILDREN, &raw mut used), 0);
        used.ru_maxrss * 1024
    };
    assert!(used < MEMORY, "{used} bytes");
}
