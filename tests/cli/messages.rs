//! Messages about errors and unsupported features, signals, and EXPLAIN.

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
    // File, exit code, and the texts in the message.
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
                  CREATE TABLE t (a BIGINT) WITH ('connector' = 'kafka', 'topic' = 't', 'format' = 'json',
                    'properties.bootstrap.servers' = '127.0.0.1:1');\n";
    let cases = [
        ("SELECT COUNT(*) FROM s", "the query updates rows that it gave before, and the table can only add rows"),
        ("SELECT x.a FROM s x LEFT JOIN s y ON x.a = y.a", "ways out: a table with a PRIMARY KEY"),
        ("SELECT a FROM s ORDER BY a LIMIT 3", "a changelog format"),
        // Rows are deleted as time passes.
        ("SELECT a FROM s WHERE ts > now()", "the query updates rows that it gave before, and the table can only add rows"),
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
    let endless = "CREATE TABLE ticks (n INT) WITH ('connector' = 'datagen', 'rows-per-second' = '1000');\n";
    let job = format!("{endless}CREATE TABLE hole (n INT) WITH ('connector' = 'blackhole');\nINSERT INTO hole SELECT n FROM ticks;");
    for signal in [libc::SIGINT, libc::SIGTERM] {
        // Commits of an earlier run would make this one look started.
        let place = Place::new();
        let job = place.file("job.sql", &job);
        let said = stopped(&place, &["run", &job], signal, 0);
        assert!(said.contains("the same command resumes it"), "{said}");
    }
    let place = Place::new();
    let many =
        "CREATE TABLE many (n BIGINT) WITH ('connector' = 'datagen', 'number-of-rows' = '2000000000', 'rows-per-second' = 'unlimited');";
    let file = place.file("many.sql", many);
    let said = stopped(&place, &["query", "-f", &file, "SELECT count(DISTINCT n) FROM many"], libc::SIGINT, 130);
    assert!(said.contains("interrupted"), "{said}");
}

/// Starts a command, waits a little, sends a signal, and returns its stderr.
#[track_caller]
fn stopped(place: &Place, args: &[&str], signal: i32, code: i32) -> String {
    let mut child = place.command(args).stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
    let data: PathBuf = place.dir.path().join("data");
    let begin = Instant::now();
    // A job has started when it has committed; a query has no such sign.
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

const TICKS: &str = "CREATE TABLE s (id BIGINT, k STRING, ts TIMESTAMP(3), WATERMARK FOR ts AS ts) WITH ('connector' = 'datagen',
  'number-of-rows' = '10000', 'rows-per-second' = 'unlimited', 'fields.id.kind' = 'sequence', 'fields.id.start' = '1',
  'fields.ts.kind' = 'sequence', 'fields.ts.start' = '2024-05-01 12:00:00', 'fields.ts.step' = '10 ms');
CREATE TABLE w (window_end TIMESTAMP(3), n BIGINT) WITH ('connector' = 'print');
CREATE TABLE c (k STRING, n BIGINT, PRIMARY KEY (k) NOT ENFORCED) WITH ('connector' = 'print');
SET 'max.rows.per.epoch' = '2500';";
const WINDOWED: &str = "INSERT INTO w SELECT window_end, COUNT(*) FROM TABLE(TUMBLE(TABLE s, DESCRIPTOR(ts), INTERVAL '10' SECOND))
  GROUP BY window_start, window_end";

/// Statements and their EXPLAIN output; a time is shown as `#`.
const EXPLAINED: [(&str, &str, &str); 6] = [
    (
        "EXPLAIN ANALYZE",
        WINDOWED,
        "\
read 10.0k rows in 4 epochs, #; nothing was written

stage 0: reads s
    measured     out 12 rows, #
    AggregateExec: mode=Partial, gby=[window_start@0 as window_start, window_end@1 as window_end], aggr=[count(Int64(1))]
      LateFilterExec: node=0, window_start + 10000 ms
        ProjectionExec: expr=[window_start@1 as window_start, window_end@2 as window_end]
          WindowAssignExec: time=ts, TUMBLE(size=10000 ms)
            CooperativeExec
              SourceScanExec: table=s, columns=[ts], watermark=ts@0

stage 1: WindowAggregate, node 0
    strategy     incremental
    changelog    [I] append-only
    unique keys  (window_start, window_end)
    watermark    of s; bounds window_start, window_end
    state        panes: bounded by the watermark (window end); 0 rows, 0 bytes
    measured     in 12 rows, out 10 rows, #
    WindowAggregate: node=0, final on window_start, aggregates=[count(Int64(1))]
      ExchangeExec: stage=0

stage 2: INSERT INTO w
    changelog    [I] append-only
    measured     in 10 rows, out 10 rows, #
    ProjectionExec: expr=[window_end@1 as window_end, count(Int64(1))@2 as count(*)]
      CooperativeExec
        ExchangeExec: stage=1
",
    ),
    (
        "EXPLAIN",
        "INSERT INTO c SELECT k, COUNT(*) FROM s GROUP BY k",
        "\
stage 0: reads s
    AggregateExec: mode=Partial, gby=[k@0 as k], aggr=[count(Int64(1))]
      ProjectionExec: expr=[k@0 as k]
        CooperativeExec
          SourceScanExec: table=s, columns=[k, ts], watermark=ts@1

stage 1: KeyedAggregate, node 0
    strategy     incremental
    changelog    [I,UB,UA,D] updating
    unique keys  (k)
    state        groups: UNBOUNDED
    KeyedAggregate: node=0, keys=[k], aggregates=[count(Int64(1))]
      ExchangeExec: stage=0

stage 2: INSERT INTO c
    changelog    [I,UB,UA,D] updating
    unique keys  (k)
    ProjectionExec: expr=[k@0 as k, count(Int64(1))@1 as count(*), __weight@2 as __weight]
      CooperativeExec
        ExchangeExec: stage=1
",
    ),
    (
        "EXPLAIN",
        "INSERT INTO c SELECT k, id FROM (SELECT *, ROW_NUMBER() OVER (PARTITION BY k ORDER BY ts) AS rn FROM s) WHERE rn = 1",
        "\
stage 0: reads s
    LateFilterExec: node=0, ts + 1 ms
      CooperativeExec
        SourceScanExec: table=s, columns=[id, k, ts], watermark=ts@2

stage 1: OverAggregate, node 0
    strategy     incremental, final per row
    changelog    [I] append-only
    watermark    of s; bounds ts
    state        waiting: bounded by the watermark (ts + 1 ms)
    state        totals: UNBOUNDED
    OverAggregate: node=0, final on ts, partition=[k@1], functions=[row_number()]
      ExchangeExec: stage=0

stage 2: INSERT INTO c
    changelog    [I] append-only
    unique keys  (k)
    FilterExec: row_number() PARTITION BY [s.k] ORDER BY [s.ts ASC NULLS LAST, s.id ASC NULLS LAST] RANGE BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW@2 = 1, projection=[k@1, id@0]
      ProjectionExec: expr=[id@0 as id, k@1 as k, row_number() PARTITION BY [s.k] ORDER BY [s.ts ASC NULLS LAST, s.id ASC NULLS LAST] RANGE BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW@3 as row_number() PARTITION BY [s.k] ORDER BY [s.ts ASC NULLS LAST, s.id ASC NULLS LAST] RANGE BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW]
        CooperativeExec
          ExchangeExec: stage=1
",
    ),
    (
        "EXPLAIN",
        "SELECT MEDIAN(id) FROM (SELECT k, MAX(id) AS id FROM s GROUP BY k) EMIT CHANGES",
        "\
stage 0: reads s
    AggregateExec: mode=Partial, gby=[k@1 as k], aggr=[max(s.id)]
      ProjectionExec: expr=[id@0 as id, k@1 as k]
        CooperativeExec
          SourceScanExec: table=s, columns=[id, k, ts], watermark=ts@2

stage 1: KeyedAggregate, node 0
    strategy     incremental
    changelog    [I,UB,UA,D] updating
    unique keys  (k)
    state        groups: UNBOUNDED
    KeyedAggregate: node=0, keys=[k], aggregates=[max(s.id)]
      ExchangeExec: stage=0

stage 2: over stage 1
    ProjectionExec: expr=[max(s.id)@1 as id, __weight@2 as __weight]
      CooperativeExec
        ExchangeExec: stage=1

stage 3: Recompute, node 1
    strategy     recompute (Aggregate has no incremental form here; all of it, whenever something changes)
    changelog    [I,UB,UA,D] updating
    unique keys  (), one row at most
    state        input: UNBOUNDED
    state        output: UNBOUNDED
    Recompute: node=1, Aggregate, partitioned by everything
      ExchangeExec: stage=2

stage 4: over stage 3
    FilterExec: __rows@1 > 0
      CooperativeExec
        ExchangeExec: stage=3

stage 5: SELECT
    changelog    [I,UB,UA,D] updating
    unique keys  (), one row at most
    ProjectionExec: expr=[median(id)@0 as median(id), __weight@2 as __weight]
      CooperativeExec
        ExchangeExec: stage=4
",
    ),
    (
        "EXPLAIN",
        "SELECT k, COUNT(DISTINCT id) FROM s GROUP BY k EMIT CHANGES",
        "\
stage 0: reads s
    AggregateExec: mode=Partial, gby=[k@1 as k, id@0 as DISTINCT s.id], aggr=[]
      ProjectionExec: expr=[id@0 as id, k@1 as k]
        CooperativeExec
          SourceScanExec: table=s, columns=[id, k, ts], watermark=ts@2

stage 1: KeyedAggregate, node 0
    strategy     incremental
    changelog    [I] append-only
    unique keys  (k, DISTINCT s.id)
    state        groups: UNBOUNDED
    KeyedAggregate: node=0, keys=[k, DISTINCT s.id], aggregates=[]
      ExchangeExec: stage=0

stage 2: over stage 1
    AggregateExec: mode=Partial, gby=[k@0 as k], aggr=[sum(__weight) FILTER (WHERE DISTINCT s.id IS NOT NULL)]
      ProjectionExec: expr=[k@0 as k, DISTINCT s.id@1 as DISTINCT s.id, false as __raw, 1 as __weight]
        CooperativeExec
          ExchangeExec: stage=1

stage 3: KeyedAggregate, node 1
    strategy     incremental
    changelog    [I,UB,UA,D] updating
    unique keys  (k)
    state        groups: UNBOUNDED
    KeyedAggregate: node=1, keys=[k], aggregates=[sum(__weight) FILTER (WHERE DISTINCT s.id IS NOT NULL)]
      ExchangeExec: stage=2

stage 4: SELECT
    changelog    [I,UB,UA,D] updating
    unique keys  (k)
    ProjectionExec: expr=[k@0 as k, CASE WHEN sum(__weight) FILTER (WHERE DISTINCT s.id IS NOT NULL)@1 IS NOT NULL THEN sum(__weight) FILTER (WHERE DISTINCT s.id IS NOT NULL)@1 ELSE 0 END as count(DISTINCT s.id), __weight@2 as __weight]
      CooperativeExec
        ExchangeExec: stage=3
",
    ),
    (
        "EXPLAIN",
        "SELECT window_end, COUNT(*) FROM TABLE(HOP(TABLE s, DESCRIPTOR(ts), INTERVAL '1' SECOND, INTERVAL '5' SECOND)) GROUP BY window_start, window_end EMIT FINAL",
        "\
stage 0: reads s
    AggregateExec: mode=Partial, gby=[window_start@0 as window_start, window_end@1 as window_end], aggr=[count(Int64(1))]
      LateFilterExec: node=0, window_start + 1000 ms, panes of HOP(slide=1000 ms, size=5000 ms)
        ProjectionExec: expr=[window_start@1 as window_start, window_end@2 as window_end]
          WindowAssignExec: time=ts, TUMBLE(size=1000 ms)
            CooperativeExec
              SourceScanExec: table=s, columns=[ts], watermark=ts@0

stage 1: PaneAggregate, node 0
    strategy     incremental
    changelog    [I] append-only
    unique keys  (window_start, window_end)
    watermark    of s; bounds window_start, window_end
    state        panes: bounded by the watermark (window end)
    state        ends: bounded by the watermark (window end)
    PaneAggregate: node=0, final per window of HOP(slide=1000 ms, size=5000 ms), which share panes of 1000 ms, aggregates=[count(Int64(1))]
      ExchangeExec: stage=0

stage 2: SELECT
    changelog    [I] append-only
    ProjectionExec: expr=[window_end@1 as window_end, count(Int64(1))@2 as count(*)]
      CooperativeExec
        ExchangeExec: stage=1
",
    ),
];

#[test]
fn explain_shows_each_stage_its_strategy_its_changes_and_what_bounds_its_state() {
    let place = Place::new();
    let file = place.file("s.sql", TICKS);
    for (explain, statement, shown) in EXPLAINED {
        let (out, _) = place.run(&["query", "--threads", "1", "-f", &file, &format!("{explain} {statement}")], 0);
        assert_eq!(without_times(&out), shown, "{explain} {statement}");
    }
    assert!(!place.dir.path().join("data/jobs").exists(), "EXPLAIN ANALYZE has left something");
}

#[test]
fn explain_tells_of_partitions_and_of_keys_that_most_rows_have() {
    let place = Place::new();
    let file = place.file("s.sql", TICKS);
    let explain = |threads: &str, key: &str| {
        let over = format!("SELECT k, ROW_NUMBER() OVER (PARTITION BY {key} ORDER BY ts) AS n FROM s");
        let statement = format!("EXPLAIN ANALYZE INSERT INTO c SELECT k, n FROM ({over})");
        place.run(&["query", "--threads", threads, "-f", &file, &statement], 0).0
    };
    let apart = explain("3", "id");
    assert!(apart.contains(", partitions=3") && apart.contains("hash=[") && apart.contains("    partitions   "), "{apart}");
    assert!(!apart.contains("    skew "), "{apart}");
    assert!(!explain("1", "id").contains("partitions"));
    let skewed = explain("3", "id / 100000");
    assert!(skewed.contains("] one of 3 partitions gets 10.0k of 10.0k rows, about 10.0k of them with (0)"), "{skewed}");
    let one_of_many = explain("3", "LEAST(id % 5, 1)");
    assert!(one_of_many.contains(" of them with (1)"), "{one_of_many}");
    let (out, err) = place.run(&["query", "--threads", "0", "SELECT 1"], 2);
    assert!(err.contains("a number from 1 to 1024 is needed"), "{out}{err}");
}

/// Replaces `1.2 ms` and `1.234 s` by `#`.
fn without_times(text: &str) -> String {
    let mut words: Vec<String> = text.split(' ').map(ToString::to_string).collect();
    for i in 1..words.len() {
        let unit = words[i].trim_end_matches(['\n', ';']).split('\n').next().unwrap_or_default().trim_end_matches(';');
        if ["ms", "s"].contains(&unit) && words[i - 1].contains('.') && words[i - 1].parse::<f64>().is_ok() {
            words[i] = words[i].replacen(unit, "", 1);
            words[i - 1] = "#".to_string();
        }
    }
    words.join(" ").replace("# ;", "#;").replace("# \n", "#\n")
}

#[test]
fn state_without_a_bound_is_told_in_one_line_for_each_operator() {
    let place = Place::new();
    let script = format!("{TICKS}INSERT INTO c SELECT a.k, COUNT(*) FROM s a JOIN s b ON a.id = b.id GROUP BY a.k;");
    let (_, err) = place.run(&["run", &place.file("job.sql", &script)], 0);
    let told: Vec<_> = err.lines().filter(|l| l.contains("UNBOUNDED")).collect();
    assert_eq!(told.len(), 2, "{err}");
    assert!(told[0].contains("the state of DeltaJoin (node 0: left, right) is UNBOUNDED: SET 'table.exec.state.ttl' bounds it"), "{err}");
    let file = place.file("ttl.sql", &format!("SET 'table.exec.state.ttl' = '1 h';{script}"));
    assert!(!place.run(&["run", &file], 0).1.contains("UNBOUNDED"));
    let top = "INSERT INTO c SELECT k, id FROM s ORDER BY id LIMIT 3;";
    let file = place.file("top.sql", &format!("{TICKS}{top}"));
    let (_, err) = place.run(&["run", &file], 0);
    assert!(err.contains("is UNBOUNDED: it grows") && !err.contains("table.exec.state.ttl"), "{err}");
}

#[test]
fn operators_that_take_no_late_rows_are_told() {
    let place = Place::new();
    let session = "INSERT INTO w SELECT window_end, COUNT(*) FROM TABLE(SESSION(TABLE s, DESCRIPTOR(ts), INTERVAL '10' SECOND))
      GROUP BY window_start, window_end;";
    let late = "SET 'table.exec.emit.allow-lateness' = '1 s';\n";
    let keyed = TICKS.replace("'print'", "'blackhole'");
    for (script, told) in [
        (format!("{TICKS}{session}"), None),
        (format!("{late}{TICKS}{session}"), Some("`table.exec.emit.allow-lateness` does not work for SessionAggregate (node 0)")),
        (format!("{late}{keyed}{WINDOWED};").replace("n BIGINT) WITH", "n BIGINT, PRIMARY KEY (window_end) NOT ENFORCED) WITH"), None),
    ] {
        let (_, err) = place.run(&["run", "--fresh", "--yes", &place.file("job.sql", &script)], 0);
        assert_eq!(err.contains("allow-lateness"), told.is_some(), "{err}");
        assert!(told.is_none_or(|t| err.contains(t)), "{err}");
    }
}

#[test]
fn a_memory_limit_is_a_size() {
    let place = Place::new();
    for (size, says) in [("much", "`much` is not a size"), ("1kb", "at least 16MB")] {
        assert!(place.run(&["query", "--memory-limit", size, "SELECT 1"], 2).1.contains(says));
    }
    let file = place.file("s.sql", TICKS);
    let sorted =
        ["query", "--memory-limit", "16MB", "-f", &file, "-o", "s.number-of-rows=300000", "SELECT k, id FROM s ORDER BY k DESC, id"];
    assert_eq!(place.run(&sorted, 0).0.lines().count(), 300_001);
    assert!(
        std::fs::read_dir(place.dir.path().join("data/tmp")).is_ok_and(|mut d| d.next().is_none()),
        "nothing was spilled, or it is still there"
    );
}
