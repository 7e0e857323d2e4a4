//! The command line without a broker: flags, messages, formats and exit codes.
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
        ("SET 'table.exec.emit.allow-lateness' = '5 s';", 1, &["not supported yet", "WATERMARK"]),
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
        ("SELECT COUNT(*) FROM s", "GROUP BY without a window"),
        ("SELECT x.a FROM s x JOIN s y ON x.a = y.a", "Join cannot run continuously yet"),
        ("SELECT a FROM s ORDER BY a", "Sort cannot run continuously yet"),
        ("SELECT a FROM s WHERE ts > now()", "now() cannot be used in a continuous query yet"),
        (
            "SELECT COUNT(*) FROM TABLE(TUMBLE(TABLE s, DESCRIPTOR(other), INTERVAL '3' SECOND)) GROUP BY window_start, window_end",
            "not an event-time column",
        ),
        (
            "SELECT COUNT(*) FROM TABLE(HOP(TABLE s, DESCRIPTOR(ts), INTERVAL '1' SECOND, INTERVAL '3' SECOND)) GROUP BY window_end",
            "HOP is not supported yet",
        ),
        ("SELECT CAST(a AS STRING) FROM s", "column `a` is BIGINT, the query gives STRING"),
        ("SELECT a, ts FROM s", "the query has 2 columns, the table takes 1"),
        ("SELECT a FROM s EMIT CHANGES", "EMIT CHANGES"),
    ];
    for (query, says) in cases {
        let file = place.file("a.sql", &format!("{source}INSERT INTO t {query};"));
        let (_, err) = place.run(&["run", &file], 1);
        assert!(err.contains(says) && err.contains("a.sql:"), "{query}\n`{says}` is missing in:\n{err}");
    }
}

#[test]
fn options_reach_tables_and_jobs_or_are_refused() {
    let place = Place::new();
    let file = place.file("job.sql", &format!("{NUMBERS}{PRINTED}INSERT INTO printed SELECT * FROM numbers;"));
    let (out, err) = place.run(&["run", &file, "-o", "print-identifier=all"], 0);
    // Times as Flink prints them: a zero second is left out.
    assert_eq!(out, "all> +I[1, 2024-05-01T12:00]\nall> +I[2, 2024-05-01T12:00:01]\nall> +I[3, 2024-05-01T12:00:02]\n");
    assert!(err.contains("job job:") && err.contains("finished at commit"), "{err}");
    let fresh = |option: &str, code: i32| place.run(&["run", &file, "--fresh", "--yes", "-o", option], code);
    assert_eq!(fresh("numbers.number-of-rows=2", 0).0.lines().count(), 2);
    assert_eq!(fresh("max.rows.per.epoch=1", 0).0.lines().count(), 3);
    assert!(fresh("number-of-rowz=2", 2).1.contains("did you mean `number-of-rows`?"));
    assert!(fresh("printd.print-identifier=x", 2).1.contains("did you mean `printed`?"));
    assert!(fresh("numbers.print-identifier=x", 1).1.contains("unknown option `print-identifier`"));
    assert!(fresh("checkpoint.interval=soon", 2).1.contains("`soon` is not a duration"));
    assert!(fresh("nonsense", 2).1.contains("[TABLE.]KEY=VALUE"));
}

#[test]
fn names_of_jobs_and_order_of_files() {
    let place = Place::new();
    place.file("shop/daily/10_insert.sql", "INSERT INTO printed SELECT * FROM numbers;");
    place.file("shop/daily/2_sink.sql", PRINTED);
    place.file("shop/daily/1_source.sql", NUMBERS);
    let name = |args: &[&str]| {
        let (_, err) = place.run(&[&["run", "shop/daily"], args].concat(), 0);
        err.split_once("job ").unwrap().1.split_once(':').unwrap().0.to_string()
    };
    assert_eq!(name(&[]), "shop-daily");
    assert_eq!(name(&["--name", "mine"]), "mine");
    assert_eq!(name(&["-o", "pipeline.name=theirs"]), "theirs");
    // The same name again: nothing left to do; another --data: another job.
    assert!(place.run(&["run", "shop/daily"], 0).1.contains("resumed at commit"));
    assert!(place.dir.path().join("data/jobs/shop-daily/commits").is_dir());
}

#[test]
fn declarations_stay_and_belong_to_their_file() {
    let place = Place::new();
    let file = place.file("job.sql", &format!("{NUMBERS}{PRINTED}"));
    place.run(&["run", &file], 0);
    place.run(&["run", &file], 0);
    let kept = std::fs::read_to_string(place.dir.path().join("data/catalog/numbers.sql")).unwrap();
    assert!(kept.contains("job.sql") && kept.contains("CREATE TABLE numbers"), "{kept}");
    assert_eq!(place.run(&["query", "SELECT n FROM numbers ORDER BY n"], 0).0, "n\n1\n2\n3\n");
    let other = place.file("other.sql", "CREATE TABLE numbers (n BIGINT) WITH ('connector' = 'datagen');");
    let (_, err) = place.run(&["run", &other], 1);
    assert!(err.contains("exists, created by") && err.contains("OR REPLACE"), "{err}");
    // Case: exactly, else the only one that differs in case.
    assert_eq!(place.run(&["query", "SELECT count(*) AS c FROM NUMBERS"], 0).0, "c\n3\n");
    let (_, err) = place.run(&["query", "SELECT * FROM numers"], 1);
    assert!(err.contains("did you mean `numbers`?"), "{err}");
}

#[test]
fn answers_come_in_every_format() {
    let place = Place::new();
    let query = "SELECT n, at, CASE WHEN n = 2 THEN NULL ELSE 'x,y' END AS t, make_array(n, n) AS l FROM numbers ORDER BY n LIMIT 2";
    let file = place.file("numbers.sql", NUMBERS);
    let answer = |format: &str| place.run(&["query", "-f", &file, query, "--format", format], 0).0;
    assert_eq!(answer("csv"), "n,at,t,l\n1,2024-05-01 12:00:00,\"x,y\",\"[1,1]\"\n2,2024-05-01 12:00:01,,\"[2,2]\"\n");
    assert_eq!(
        answer("ndjson"),
        "{\"n\":1,\"at\":\"2024-05-01 12:00:00\",\"t\":\"x,y\",\"l\":[1,1]}\n{\"n\":2,\"at\":\"2024-05-01 12:00:01\",\"t\":null,\"l\":[2,2]}\n"
    );
    let json: serde_json::Value = serde_json::from_str(&answer("json")).unwrap();
    assert_eq!(json.as_array().unwrap().len(), 2);
    let table = answer("table");
    assert!(table.contains("| 2 | 2024-05-01 12:00:01 | NULL | [2, 2] |") && table.ends_with("2 rows\n"), "{table}");
    let none = place.run(&["query", "-f", &file, "SELECT n FROM numbers WHERE n > 9"], 0).0;
    assert_eq!(none, "n\n");
}

#[test]
fn values_are_written_at_once() {
    let place = Place::new();
    let file = place.file("a.sql", &format!("{PRINTED}INSERT INTO printed VALUES (7, TIMESTAMP '2024-05-01 12:00:00');"));
    let (out, err) = place.run(&["run", &file], 0);
    assert!(out.contains("+I[7, ") && err.contains("1 row"), "{out}{err}");
    let file =
        place.file("b.sql", "CREATE TABLE small (n TINYINT NOT NULL) WITH ('connector' = 'print');\nINSERT INTO small VALUES (1), (300);");
    let (out, err) = place.run(&["run", &file], 1);
    assert!(out.is_empty() && err.contains("300 does not fit") && err.contains("nothing was written"), "{out}{err}");
}

#[test]
fn secrets_are_shown_nowhere() {
    let place = Place::new();
    let file = place.file(
        "a.sql",
        "CREATE TABLE k (a INT) WITH ('connector' = 'kafka', 'topic' = 't', 'format' = 'json', 'properties.bootstrap.servers' = '127.0.0.1:1',
           'properties.security.protocol' = 'SASL_PLAINTEXT', 'properties.sasl.mechanism' = 'PLAIN',
           'properties.sasl.jaas.config' = '${env:JAAS}');",
    );
    let jaas = "org.apache.kafka.common.security.plain.PlainLoginModule required username=\"u\" password=\"hunter2\";";
    let ask = |args: &[&str], code: i32| {
        let Output { status, stdout, stderr } = place.command(args).env("JAAS", jaas).env("RUST_LOG", "debug").output().unwrap();
        assert_eq!(status.code(), Some(code), "{}", String::from_utf8_lossy(&stderr));
        format!("{}{}", String::from_utf8_lossy(&stdout), String::from_utf8_lossy(&stderr))
    };
    let said = ask(&["run", &file], 0) + &ask(&["query", "SELECT * FROM k"], 3);
    assert!(!said.contains("hunter2"), "{said}");
    let kept = std::fs::read_to_string(place.dir.path().join("data/catalog/k.sql")).unwrap();
    assert!(kept.contains("${env:JAAS}") && !kept.contains("hunter2"), "{kept}");
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
fn the_demo_shows_windows_and_ends() {
    let place = Place::new();
    let (out, _) = place.run(&["demo", "--seconds", "3"], 0);
    assert!(out.lines().count() >= 9, "{out}");
    assert!(out.lines().all(|line| line.contains(" paid ") && line.contains(" transactions ")), "{out}");
    assert!(place.run(&["demo", "-o", "nonsense=1", "--seconds", "1"], 2).1.contains("nonsense"));
}

#[test]
fn explain_shows_stages_and_what_bounds_the_state() {
    let place = Place::new();
    let (out, _) = place.run(
        &["query", "--catalog", concat!(env!("CARGO_MANIFEST_DIR"), "/catalog"), "EXPLAIN SELECT window_end, COUNT(*) FROM TABLE(TUMBLE(TABLE transactions_table, DESCRIPTOR(event_timestamp), INTERVAL '3' SECOND)) GROUP BY window_start, window_end EMIT FINAL"],
        0,
    );
    for what in ["stage 0:", "LateFilterExec", "watermark=event_timestamp", "WindowAggregateExec", "bounded by the watermark"] {
        assert!(out.contains(what), "`{what}` is missing in:\n{out}");
    }
}
