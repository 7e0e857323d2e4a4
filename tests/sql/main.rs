//! Runs scripts and compares their output: `cases/*.sql`, each with the expected `.out`.
//!
//! A file holds many scripts, each under a line `---- title`. Each script has its own environment: a catalog folder, topics in memory, no
//! job. The output shows each statement with its answer; INSERTs run as one job, to the end of their input, before the next query and at
//! the end. In a script
//!
//! - `-- variables: a=1 b=x` gives `-v`, `-- options: k=v` gives `--option`;
//! - `-- reopen` simulates a restart of the process: only the catalog folder is kept;
//! - `-- files` at the end shows the files of the catalog folder.
//!
//! `MILLSTREAM_BLESS=1 cargo test --test sql` writes the `.out` files anew; check the differences before you commit them.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::disallowed_methods)]

mod place;

use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};

use place::Place;

/// Every topic is read from its beginning to its end.
const BOUNDED: [&str; 2] = ["scan.startup.mode=earliest-offset", "scan.bounded.mode=latest-offset"];

/// Returns title and text of each script of a file.
fn scripts(text: &str) -> Vec<(String, String)> {
    let mut scripts: Vec<(String, String)> = Vec::new();
    for line in text.lines() {
        match (line.strip_prefix("---- "), scripts.last_mut()) {
            (Some(title), _) => scripts.push((title.trim().to_string(), String::new())),
            (None, Some((_, script))) => writeln!(script, "{line}").unwrap(),
            (None, None) => assert!(line.trim().is_empty() || line.starts_with("--"), "a script needs a title: {line}"),
        }
    }
    scripts
}

fn files() -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/sql/cases");
    let mut files: Vec<PathBuf> =
        fs::read_dir(folder).unwrap().map(|f| f.unwrap().path()).filter(|f| f.extension().unwrap() == "sql").collect();
    files.sort();
    files
}

/// Returns the values after `-- name:` in a script.
fn directive(script: &str, name: &str) -> Vec<String> {
    let line = script.lines().find_map(|line| line.strip_prefix("-- ")?.strip_prefix(name)?.strip_prefix(':'));
    line.map(|line| line.split_whitespace().map(str::to_string).collect()).unwrap_or_default()
}

async fn run(script: &str) -> String {
    let options = BOUNDED.into_iter().map(str::to_string).chain(directive(script, "options")).collect();
    let place = Place::new(directive(script, "variables"), options);
    let mut out = String::new();
    for part in script.split("-- reopen\n") {
        out += &place.run(part).await;
    }
    if script.lines().any(|line| line == "-- files") {
        out += &place.files();
    }
    out
}

/// Runs on a separate thread: plans of deep queries need more stack than a test's thread has.
fn all(text: &str) -> Vec<(String, String)> {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).thread_stack_size(8 << 20).enable_all().build().unwrap();
    let scripts = scripts(text);
    runtime.block_on(async {
        let mut shown = Vec::new();
        for (title, script) in scripts {
            let out = tokio::spawn(async move { run(&script).await }).await.unwrap_or_else(|e| format!("PANIC: {e}\n"));
            shown.push((title, out));
        }
        shown
    })
}

#[test]
fn scripts_say_what_they_did() {
    let bless = std::env::var("MILLSTREAM_BLESS").is_ok();
    let only = std::env::var("MILLSTREAM_CASES").unwrap_or_default();
    let (mut count, mut wrong) = (0, String::new());
    for file in files().into_iter().filter(|f| f.to_string_lossy().contains(&only)) {
        let shown = all(&fs::read_to_string(&file).unwrap());
        count += shown.len();
        let text = shown.iter().fold(String::new(), |text, (title, out)| text + &format!("---- {title}\n{out}\n"));
        assert!(!text.contains("PANIC") && !text.contains("internal error"), "{}: {text}", file.display());
        let expected = file.with_extension("out");
        if bless {
            fs::write(&expected, text).unwrap();
            continue;
        }
        let before = scripts(&fs::read_to_string(&expected).unwrap_or_default());
        for (title, out) in &shown {
            let was = before.iter().find(|(t, _)| t == title).map(|(_, out)| out.trim_end());
            if was != Some(out.trim_end()) {
                write!(wrong, "\n{}: {title}\nexpected:\n{}\nfound:\n{out}", file.display(), was.unwrap_or("nothing")).unwrap();
            }
        }
        assert_eq!(before.len(), shown.len(), "{} holds other scripts", expected.display());
    }
    assert!(wrong.is_empty(), "{wrong}\nMILLSTREAM_BLESS=1 writes the expected text anew");
    assert!(!only.is_empty() || count >= 200, "{count} scripts");
}
