//! What is said when something is wrong or cannot be done yet, how signals end a command, and EXPLAIN.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::io::Read;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::time::{Duration, Instant};

/// A folder for one test: its data folder and its files.
struct Place {
    dir: tempfile::TempDir,
}

impl Place {
    fn new() -> Self {
        Self { dir: tempfile::tempdir().unwrap() }
    }

    fn file(&self, name: &str, text: &str) -> String {
        let path = self.dir.path().join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(&path, text).unwrap();
        path.display().to_string()
    }

    fn command(&self, args: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_millstream"));
        command.args(args).arg("--data").arg(self.dir.path().join("data")).stdin(Stdio::null());
        command.env_remove("MILLSTREAM_DATA").env_remove("RUST_LOG").current_dir(self.dir.path());
        command
    }

    #[track_caller]
    fn run(&self, args: &[&str], code: i32) -> (String, String) {
        let Output { status, stdout, stderr } = self.command(args).output().unwrap();
        let (out, err) = (String::from_utf8(stdout).unwrap(), String::from_utf8(stderr).unwrap());
        assert_eq!(status.code(), Some(code), "{args:?}\nstdout: {out}\nstderr: {err}");
        (out, err)
    }
}

const NUMBERS: &str = "CREATE TABLE numbers (n INT, at TIMESTAMP(3)) WITH ('connector' = 'datagen', 'number-of-rows' = '3',
  'rows-per-second' = 'unlimited', 'fields.n.kind' = 'sequence', 'fields.n.start' = '1', 'fields.n.end' = '3',
  'fields.at.kind' = 'sequence', 'fields.at.start' = '2024-05-01 12:00:00', 'fields.at.step' = '1 s');\n";
const PRINTED: &str = "CREATE TABLE printed (n INT, at TIMESTAMP(3)) WITH ('connector' = 'print');\n";

#[test]
fn a_wrong_word_is_answered_with_its_place_and_the_right_one() {
    let place = Place::new();
    // File, exit code, and what the message has to hold.
    let cases: [(&str, i32, &[&str]); 14] = [
        ("CREATE TABEL t (a INT);", 1, &["a.sql:1:8", "^"]),
        ("CREATE TABLE t (a INTT) WITH ('connector' = 'print');", 1, &["a.sql:1:19", "INTT", "INT"]),
        ("CREATE TABLE t (a INT) WITH ('connector' = 'prnt');", 1, &["unknown `connector` 'prnt'", "did you mean `print`?"]),
        (
            "CREATE TABLE t (a INT) WITH ('connector' = 'print',\n 'print-identifer' = 'x');",
            1,
            &["a.sql:2:2", "did you mean `print-identifier`?"],
        ),
        (
            "CREATE TABLE t (a INT) WITH ('connector' = 'kafka', 'topik' = 'x');",
            1,
            &["unknown option `topik`", "did you mean `topic`?", "known: "],
        ),
        ("CREATE TABLE t (a INT) WITH ('connector' = 'kafka', 'topic' = 'x', 'topic' = 'y');", 1, &["given twice"]),
        ("INSERT INTO nowhere SELECT 1;", 1, &["nowhere"]),
        ("CREATE TABLE t (a INT) WITH ('connector' = 'print');\nSELECT 1;", 1, &["a.sql:2:1", "millstream query", "print"]),
        ("SET 'checkpoint.intervall' = '1 s';", 1, &["did you mean `checkpoint.interval`?"]),
        ("SET 'checkpoint.interval' = 'soon';", 1, &["`soon` is not a duration"]),
        ("SET 'table.exec.emit.allow-lateness' = 'a while';", 1, &["`a while` is not a duration"]),
        ("INSERT OVERWRITE t SELECT 1;", 1, &["OVERWRITE"]),
        ("CREATE TABLE t (a INT) WITH ('connector' = 'print'", 1, &["a.sql:1"]),
        ("-- nothing but a comment", 0, &["nothing to run"]),
    ];
    for (sql, code, says) in cases {
        let file = place.file("a.sql", sql);
        let (_, err) = place.run(&["run", &file], code);
        for what in says {
            assert!(err.contains(what), "{sql}\n`{what}` is missing in:\n{err}");
        }
    }
}

#[test]
fn what_cannot_run_continuously_yet_is_refused_with_the_reason() {
    let place = Place::new();
    let source = "CREATE TABLE s (a INT, ts TIMESTAMP(3), other TIMESTAMP(3), WATERMARK FOR ts AS ts) WITH ('connector' = 'datagen');\n
                  CREATE TABLE t (a BIGINT) WITH ('connector' = 'print');\n";
    let cases = [
        ("SELECT COUNT(*) FROM s", "the query updates rows that it gave before, and the table can only add rows"),
        ("SELECT x.a FROM s x JOIN s y ON x.a = y.a", "ways out: a table with a PRIMARY KEY"),
        ("SELECT a FROM s ORDER BY a LIMIT 3", "a changelog format"),
        ("SELECT a FROM s WHERE ts > now()", "now() cannot be used in a continuous query yet"),
        (
            "SELECT COUNT(*) FROM TABLE(TUMBLE(TABLE s, DESCRIPTOR(other), INTERVAL '3' SECOND)) GROUP BY window_start, window_end",
            "not an event-time column",
        ),
        ("SELECT CAST(a AS STRING) FROM s", "column `a` is BIGINT, the query gives STRING"),
        ("SELECT a, ts FROM s", "the query has 2 columns, the table takes 1"),
        (
            "SELECT COUNT(*) FROM TABLE(TUMBLE(TABLE s, DESCRIPTOR(ts), INTERVAL '3' SECOND)) GROUP BY window_start, window_end EMIT CHANGES",
            "without EMIT CHANGES",
        ),
        ("SELECT 1", "a query over no table"),
    ];
    for (query, says) in cases {
        let file = place.file("a.sql", &format!("{source}INSERT INTO t {query};"));
        let (_, err) = place.run(&["run", &file], 1);
        assert!(err.contains(says) && err.contains("a.sql:"), "{query}\n`{says}` is missing in:\n{err}");
    }
}

#[test]
fn flags_that_contradict_each_other() {
    let place = Place::new();
    let file = place.file("job.sql", &format!("{NUMBERS}{PRINTED}INSERT INTO printed SELECT * FROM numbers;"));
    assert!(place.run(&["run", &file, "--from", "earliest"], 2).1.contains("--fresh"));
    assert!(place.run(&["run", &file, "--fresh", "--yes", "--from", "yesterday"], 2).1.contains("not a position"));
    assert!(place.run(&["run", "no-such.sql"], 2).1.contains("no-such.sql"));
    place.run(&["run"], 2);
    place.run(&["query"], 2);
    place.run(&["dance"], 2);
}

#[test]
fn signals_end_a_run_with_0_and_a_query_with_130() {
    let place = Place::new();
    let endless = "CREATE TABLE ticks (n INT) WITH ('connector' = 'datagen', 'rows-per-second' = '1000');\n";
    let job = place.file(
        "job.sql",
        &format!("{endless}CREATE TABLE hole (n INT) WITH ('connector' = 'blackhole');\nINSERT INTO hole SELECT n FROM ticks;"),
    );
    for signal in [libc::SIGINT, libc::SIGTERM] {
        let said = stopped(&place, &["run", &job], signal, 0);
        assert!(said.contains("the same command resumes it"), "{said}");
    }
    let many =
        "CREATE TABLE many (n BIGINT) WITH ('connector' = 'datagen', 'number-of-rows' = '2000000000', 'rows-per-second' = 'unlimited');";
    let file = place.file("many.sql", many);
    let said = stopped(&place, &["query", "-f", &file, "SELECT count(DISTINCT n) FROM many"], libc::SIGINT, 130);
    assert!(said.contains("interrupted"), "{said}");
}

/// Starts, waits a little, signals, and returns what was said on stderr.
#[track_caller]
fn stopped(place: &Place, args: &[&str], signal: i32, code: i32) -> String {
    let mut child = place.command(args).stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
    let data: PathBuf = place.dir.path().join("data");
    let begin = Instant::now();
    // A job is under way when it has committed; a query has nothing to show for itself.
    let under_way =
        |data: &Path| args[0] == "query" && begin.elapsed() > Duration::from_millis(700) || data.join("jobs/job/commits").is_dir();
    while !under_way(&data) || begin.elapsed() < Duration::from_millis(300) {
        assert!(begin.elapsed() < Duration::from_secs(20), "{args:?} never got going");
        assert!(child.try_wait().unwrap().is_none(), "{args:?} ended by itself");
        std::thread::sleep(Duration::from_millis(20));
    }
    // SAFETY: the process is our child and has not been waited for.
    unsafe { libc::kill(i32::try_from(child.id()).unwrap(), signal) };
    let mut said = String::new();
    child.stderr.take().unwrap().read_to_string(&mut said).unwrap();
    assert_eq!(child.wait().unwrap().code(), Some(code), "{said}");
    said
}

#[test]
fn explain_shows_stages_and_what_bounds_the_state() {
    let place = Place::new();
    let (out, _) = place.run(
        &["query", "--catalog", concat!(env!("CARGO_MANIFEST_DIR"), "/catalog"), "EXPLAIN SELECT window_end, COUNT(*) FROM TABLE(TUMBLE(TABLE transactions_table, DESCRIPTOR(event_timestamp), INTERVAL '3' SECOND)) GROUP BY window_start, window_end EMIT FINAL"],
        0,
    );
    for what in ["stage 0:", "LateFilterExec", "watermark=event_timestamp", "WindowAggregate: node=0", "bounded by the watermark"] {
        assert!(out.contains(what), "`{what}` is missing in:\n{out}");
    }
}
