//! Runs the SQL in the documentation: every block of README.md and docs/*.md that is marked `sql`.
//!
//! Each page has its own environment: an empty folder for relative paths, topics in memory, and `s3://lake`, which is a prefix of the
//! tests' bucket. What the page presumes is in `tests/docs/<page>.sql` (in which `-- file: path` includes that file) and runs first. Then
//! its blocks run in order; later blocks see what earlier ones declare and write. SET ends with its block. INSERTs run as jobs; topics are
//! read from their beginnings to their ends where tables do not say otherwise.
//!
//! - Each statement of ```` ```sql ```` must succeed.
//! - Each statement of ```` ```sql error ```` must fail.
//! - A table in a ```` ```text ```` block below is the answer of the last query, sorted where it gives no order.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::disallowed_methods)]

mod page;
#[path = "../sql/place.rs"]
#[expect(dead_code, reason = "the scripts of tests/sql look at files, too")]
mod place;

use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};

use page::{Block, blocks};
use place::Place;

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// The settings before each script, on its first line, so that errors name the lines of the page.
const BOUNDED: &str = "SET 'scan.startup.mode' = 'earliest-offset'; SET 'scan.bounded.mode' = 'latest-offset';";

/// README.md and docs/*.md.
fn pages() -> Vec<PathBuf> {
    let docs = fs::read_dir(root().join("docs")).unwrap().map(|f| f.unwrap().path());
    let mut pages: Vec<PathBuf> = docs.filter(|f| f.extension().is_some_and(|e| e == "md")).collect();
    pages.push(root().join("README.md"));
    pages.sort();
    pages
}

/// Expands the lines `-- file: path` of a set-up.
fn with_files(set_up: &str) -> String {
    let line = |line: &str| match line.strip_prefix("-- file: ") {
        Some(path) => fs::read_to_string(root().join(path)).unwrap_or_else(|e| panic!("{path}: {e}")),
        None => format!("{line}\n"),
    };
    set_up.lines().map(line).collect()
}

/// The options of all tables: the bucket is the tests' own.
fn options() -> Vec<String> {
    let endpoint = std::env::var("MILLSTREAM_TEST_S3")
        .unwrap_or_else(|_| panic!("no S3; run: tests/services start s3 && eval \"$(tests/services env)\""));
    let given = [("s3.endpoint", endpoint.as_str()), ("s3.access-key", "millstream"), ("s3.secret-key", "millstream-secret")];
    // A folder that is watched for new files never ends.
    given.into_iter().chain([("source.monitor-interval", "")]).map(|(key, value)| format!("{key}={value}")).collect()
}

/// Runs a page in the current folder; returns what is wrong with it.
async fn run(name: &str, options: Vec<String>, set_up: &str, blocks: &[Block]) -> String {
    let place = Place::new(Vec::new(), options);
    let lake = format!("s3://millstream/docs-{}/", uuid::Uuid::now_v7().simple());
    let mut wrong = String::new();
    let set_up = Block { line: 0, sql: format!("\n{set_up}"), fails: false, answer: None };
    for block in std::iter::once(&set_up).chain(blocks) {
        for script in block.scripts() {
            let said = place.run(&format!("{BOUNDED}{}", script.replace("s3://lake/", &lake))).await;
            if let Err(reason) = block.judge(&said) {
                writeln!(wrong, "\n{name}:{}: {reason}\n{said}", block.line).unwrap();
            }
        }
    }
    wrong
}

/// Pages run one after the other, because a process has one working directory; on separate threads, because plans of deep queries need more
/// stack than a test's thread has.
#[test]
fn every_block_runs() {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).thread_stack_size(8 << 20).enable_all().build().unwrap();
    let options = options();
    let (mut count, mut wrong) = (0, String::new());
    for page in pages() {
        let name = page.strip_prefix(root()).unwrap().display().to_string();
        let blocks = blocks(&fs::read_to_string(&page).unwrap()).unwrap_or_else(|e| panic!("{name}:{e}"));
        let set_up = root().join("tests/docs").join(page.with_extension("sql").file_name().unwrap());
        let set_up = with_files(&fs::read_to_string(set_up).unwrap_or_default());
        count += blocks.len();
        let folder = tempfile::tempdir().unwrap();
        std::env::set_current_dir(folder.path()).unwrap();
        let options = options.clone();
        wrong += &runtime.block_on(runtime.spawn(async move { run(&name, options, &set_up, &blocks).await })).unwrap();
        std::env::set_current_dir(root()).unwrap();
    }
    assert!(wrong.is_empty(), "{wrong}");
    assert!(count >= 20, "{count} blocks");
}

#[test]
fn no_set_up_is_left_of_a_page_that_is_gone() {
    let stems: Vec<_> = pages().iter().map(|page| page.file_stem().unwrap().to_owned()).collect();
    for file in fs::read_dir(root().join("tests/docs")).unwrap().map(|f| f.unwrap().path()) {
        let of_a_page = file.extension().is_some_and(|e| e == "sql");
        assert!(!of_a_page || stems.iter().any(|stem| stem == file.file_stem().unwrap()), "{}", file.display());
    }
}
