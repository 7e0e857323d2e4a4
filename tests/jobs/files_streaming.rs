//! Continuous jobs that read folders and write files: however often they are killed, every row is in the files once.

use millstream::common::faults::{CrashPoint, EpochStep};
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::time::Duration;

use millstream::connectors::kafka::broker::OutRecord;
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};

use crate::common;
use crate::common::process::Job;

/// An input folder and an output folder, and the job that copies rows.
struct Copying {
    dir: tempfile::TempDir,
    job: Job,
}

const ROLLING: &str = "'sink.rolling-policy.file-size' = '300', 'sink.rolling-policy.rollover-interval' = '200 ms'";

impl Copying {
    fn new(sink: &str) -> Self {
        let dir = tempfile::tempdir().unwrap();
        std::fs::create_dir(dir.path().join("in")).unwrap();
        let sql = format!(
            "CREATE TABLE src (k BIGINT, p STRING) WITH ('connector' = 'filesystem', 'format' = 'csv', 'path' = 'DIR/in', 'source.monitor-interval' = '20 ms');
             CREATE TABLE dst (k BIGINT, p STRING) PARTITIONED BY (p) WITH ('connector' = 'filesystem', 'format' = 'json', {sink});
             INSERT INTO dst SELECT k, p FROM src;"
        );
        let script = dir.path().join("job.sql");
        std::fs::write(&script, sql.replace("DIR", &dir.path().to_string_lossy())).unwrap();
        let job = Job::new(&script).option("checkpoint.interval", "0").option("max.rows.per.epoch", "7");
        Self { dir, job }
    }

    /// Adds a file of twenty rows with numbers from `first` on, atomically.
    fn add(&self, first: i64) {
        let rows: String = (first..first + 20).map(|k| format!("{k},p{}\n", k % 3)).collect();
        let (hidden, shown) = (self.dir.path().join(format!("in/.{first}")), self.dir.path().join(format!("in/{first}.csv")));
        std::fs::write(&hidden, rows).unwrap();
        std::fs::rename(hidden, shown).unwrap();
    }

    fn out(&self) -> PathBuf {
        self.dir.path().join("out")
    }
}

/// Collects all visible files below a folder.
fn visible(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
        let hidden = entry.file_name().to_string_lossy().starts_with(['.', '_']);
        if entry.path().is_dir() && !hidden {
            visible(&entry.path(), found);
        } else if !hidden {
            found.push(entry.path());
        }
    }
}

/// Returns the numbers in the output, each of which must be there only once, and in its partition.
#[track_caller]
fn numbers(folder: &Path) -> BTreeSet<i64> {
    let (mut files, mut all) = (Vec::new(), BTreeSet::new());
    visible(folder, &mut files);
    for file in files {
        for line in std::fs::read_to_string(&file).unwrap().lines() {
            let row: serde_json::Value = serde_json::from_str(line).unwrap_or_else(|e| panic!("{}: {line}: {e}", file.display()));
            let k = row["k"].as_i64().unwrap();
            assert!(file.parent().unwrap().ends_with(format!("p=p{}", k % 3)), "{k} is in {}", file.display());
            assert!(all.insert(k), "{k} is there twice");
        }
    }
    all
}

/// Runs until all rows are there, stops, and checks again.
#[track_caller]
fn finish(copying: &Copying, rows: i64) {
    let (out, expected) = (copying.out(), (0..rows).collect::<BTreeSet<_>>());
    let mut running = copying.job.start();
    running.until(&format!("{rows} rows"), |_| numbers(&out) == expected);
    running.stop().code(0);
    assert_eq!(numbers(&out), expected);
}

#[test]
fn a_kill_at_every_point_loses_and_doubles_nothing() {
    let steps = EpochStep::ALL.into_iter().skip(2).take(7);
    let mut points: Vec<String> =
        steps.flat_map(|step| [format!("{}@2", CrashPoint::Before(step)), format!("{}@3", CrashPoint::After(step))]).collect();
    points.extend(["before-prune".to_string(), "after-prune".to_string()]);
    for points in points.chunks(4) {
        std::thread::scope(|scope| {
            for point in points {
                scope.spawn(move || {
                    let copying = Copying::new(&format!("'path' = 'DIR/out', {ROLLING}"));
                    // Old commits are pruned only after a hundred commits.
                    let files = if point.contains("prune") { 70 } else { 20 };
                    (0..files).for_each(|i| copying.add(i * 20));
                    let ended = copying.job.start_to_crash(point).ended();
                    assert!(ended.killed(), "{point}: {:?}\n{}", ended.status, ended.said);
                    copying.add(files * 20);
                    finish(&copying, files * 20 + 20);
                });
            }
        });
    }
}

#[test]
fn kills_at_any_time_lose_and_double_nothing() {
    let copying = Copying::new(&format!("'path' = 'DIR/out', {ROLLING}, 'sink.partition-commit.policy.kind' = 'success-file'"));
    let mut random = StdRng::seed_from_u64(7);
    let (mut next, mut seen) = (0, BTreeSet::new());
    for _ in 0..12 {
        let running = copying.job.start();
        for _ in 0..random.random_range(1..8) {
            copying.add(next);
            next += 20;
            std::thread::sleep(Duration::from_millis(random.random_range(20..120)));
            let now = numbers(&copying.out());
            assert!(now.is_superset(&seen), "what was shown is gone");
            seen = now;
        }
        assert!(running.kill().killed());
    }
    finish(&copying, next);
    assert!(copying.out().join("p=p0/_SUCCESS").exists());
    let mut left = Vec::new();
    for folder in ["out/p=p0", "out/p=p1", "out/p=p2"] {
        let entries = std::fs::read_dir(copying.dir.path().join(folder)).unwrap();
        left.extend(entries.map(|e| e.unwrap().file_name().into_string().unwrap()).filter(|n| n.ends_with(".tmp")));
    }
    assert!(left.is_empty(), "{left:?}");
}

#[test]
fn bad_rows_go_to_their_table_once_over_kills() {
    let dir = tempfile::tempdir().unwrap();
    let sql = "CREATE TABLE dead (`offset` BIGINT, `value` STRING, error STRING) WITH ('connector' = 'filesystem', 'format' = 'json', 'path' = 'DIR/dead',
                   'sink.rolling-policy.rollover-interval' = '200 ms');
               CREATE TABLE src (k BIGINT, p STRING) WITH ('connector' = 'filesystem', 'format' = 'csv', 'path' = 'DIR/in', 'source.monitor-interval' = '20 ms',
                   'dead-letter.table' = 'dead');
               CREATE TABLE dst (k BIGINT, p STRING) PARTITIONED BY (p) WITH ('connector' = 'filesystem', 'format' = 'json', 'path' = 'DIR/out',
                   'sink.rolling-policy.rollover-interval' = '200 ms');
               INSERT INTO dst SELECT k, p FROM src;";
    let script = dir.path().join("job.sql");
    std::fs::write(&script, sql.replace("DIR", &dir.path().to_string_lossy())).unwrap();
    let job = Job::new(&script).option("checkpoint.interval", "0").option("max.rows.per.epoch", "7");
    std::fs::create_dir(dir.path().join("in")).unwrap();
    let (files, each) = (26, 20);
    let bad = |k: i64| k % 5 == 2;
    let mut random = StdRng::seed_from_u64(11);
    for file in 0..files {
        let row = |k| if bad(k) { format!("bad,{k}\n") } else { format!("{k},p{}\n", k % 3) };
        let rows: String = (file * each..(file + 1) * each).map(row).collect();
        std::fs::write(dir.path().join("in/.new"), rows).unwrap();
        std::fs::rename(dir.path().join("in/.new"), dir.path().join(format!("in/{file:02}.csv"))).unwrap();
        if file % 4 == 3 {
            let running = job.start();
            std::thread::sleep(Duration::from_millis(random.random_range(150..600)));
            assert!(running.kill().killed());
        }
    }
    let expected: (BTreeSet<i64>, BTreeSet<i64>) = (0..files * each).partition(|k| !bad(*k));
    let dead = || {
        let (mut found, mut all) = (Vec::new(), BTreeSet::new());
        visible(&dir.path().join("dead"), &mut found);
        for line in found.iter().flat_map(|f| std::fs::read_to_string(f).unwrap().lines().map(String::from).collect::<Vec<_>>()) {
            let row: serde_json::Value = serde_json::from_str(&line).unwrap();
            let k: i64 = row["value"].as_str().unwrap().strip_prefix("bad,").unwrap().parse().unwrap();
            let place = format!("{:02}.csv, line {}: field 'k'", k / each, k % each + 1);
            assert!(row["error"].as_str().unwrap().contains(&place), "{row}");
            assert!(all.insert(k), "{k} is there twice");
        }
        all
    };
    let mut running = job.start();
    running.until("all rows", |_| (numbers(&dir.path().join("out")), dead()) == expected);
    let said = running.stop().code(0);
    assert!(said.contains("bad record(s) routed to the dead-letter table; one of them: table `src`: "), "{said}");
    assert_eq!((numbers(&dir.path().join("out")), dead()), expected);
}

/// Returns why row k cannot be written to the files, if so: with `.` for parts that differ between rows.
fn unwritable(k: i64) -> Option<(&'static str, &'static str)> {
    match k % 10 {
        2 => Some(("two\nlines", "what ends a field")),
        5 => Some(("wide", "column `k` (INT): .* does not fit")),
        7 => Some(("long", "partition column `p` is too long")),
        8 => Some(("none", "column `s` (STRING): NULL may not be NULL")),
        _ => None,
    }
}

fn unwritable_job(dir: &Path, on_error: &str) -> Job {
    let sql = format!("CREATE TABLE dead (`table` STRING, `value` STRING, error STRING) WITH ('connector' = 'filesystem', 'format' = 'json', 'path' = 'DIR/dead',
                   'sink.rolling-policy.rollover-interval' = '200 ms');
               CREATE TABLE src (k BIGINT, s STRING, p STRING) WITH ('connector' = 'filesystem', 'format' = 'json', 'path' = 'DIR/in', 'source.monitor-interval' = '20 ms');
               CREATE TABLE dst (k INT, s STRING NOT NULL, p STRING) PARTITIONED BY (p) WITH ('connector' = 'filesystem', 'format' = 'csv', 'path' = 'DIR/out',
                   'csv.disable-quote-character' = 'true', 'sink.rolling-policy.rollover-interval' = '200 ms', {on_error});
               INSERT INTO dst SELECT k, s, p FROM src;");
    let script = dir.join("job.sql");
    std::fs::write(&script, sql.replace("DIR", &dir.to_string_lossy())).unwrap();
    std::fs::create_dir_all(dir.join("in")).unwrap();
    Job::new(&script).option("checkpoint.interval", "0").option("max.rows.per.epoch", "7")
}

fn add_unwritable(dir: &Path, rows: std::ops::Range<i64>) {
    let row = |k: i64| {
        let what = unwritable(k).map_or("fine", |(what, _)| what);
        let (wide, long) = (if what == "wide" { 1 << 40 } else { 0 }, if what == "long" { "x".repeat(300) } else { String::new() });
        let text = if what == "none" { serde_json::Value::Null } else { what.into() };
        serde_json::json!({"k": k + wide, "s": text, "p": format!("p{}{long}", k % 3)}).to_string() + "\n"
    };
    let name = format!("{:04}", rows.start);
    std::fs::write(dir.join("in/.new"), rows.map(row).collect::<String>()).unwrap();
    std::fs::rename(dir.join("in/.new"), dir.join(format!("in/{name}.json"))).unwrap();
}

/// Returns the numbers in CSV files.
#[track_caller]
fn csv_numbers(folder: &Path) -> BTreeSet<i64> {
    let (mut files, mut all) = (Vec::new(), BTreeSet::new());
    visible(folder, &mut files);
    for line in files.iter().flat_map(|f| std::fs::read_to_string(f).unwrap().lines().map(String::from).collect::<Vec<_>>()) {
        let k = line.strip_suffix(",fine").unwrap_or_else(|| panic!("{line}")).parse().unwrap();
        assert!(all.insert(k), "{k} is there twice");
    }
    all
}

#[test]
fn rows_that_files_cannot_take_go_to_their_table_once_over_kills() {
    let dir = tempfile::tempdir().unwrap();
    let job = unwritable_job(dir.path(), "'dead-letter.table' = 'dead'");
    let mut random = StdRng::seed_from_u64(13);
    let (files, each) = (26, 20);
    for file in 0..files {
        add_unwritable(dir.path(), file * each..(file + 1) * each);
        if file % 4 == 3 {
            let running = job.start();
            std::thread::sleep(Duration::from_millis(random.random_range(150..600)));
            assert!(running.kill().killed());
        }
    }
    let dead = || {
        let (mut found, mut all) = (Vec::new(), BTreeSet::new());
        visible(&dir.path().join("dead"), &mut found);
        for line in found.iter().flat_map(|f| std::fs::read_to_string(f).unwrap().lines().map(String::from).collect::<Vec<_>>()) {
            let letter: serde_json::Value = serde_json::from_str(&line).unwrap();
            let row: serde_json::Value = serde_json::from_str(letter["value"].as_str().unwrap()).unwrap();
            let k = row["k"].as_str().unwrap().parse::<i64>().unwrap() & ((1 << 40) - 1);
            assert!(row["p"].as_str().unwrap().starts_with(&format!("p{}", k % 3)), "{letter}");
            let why = unwritable(k).unwrap_or_else(|| panic!("{letter}")).1;
            let error = letter["error"].as_str().unwrap();
            assert!(letter["table"] == "dst" && why.split(".*").all(|part| error.contains(part)), "{letter}");
            assert!(all.insert(k), "{k} is there twice");
        }
        all
    };
    let expected: (BTreeSet<i64>, BTreeSet<i64>) = (0..files * each).partition(|k| unwritable(*k).is_none());
    let mut running = job.start();
    running.until("all rows", |_| (csv_numbers(&dir.path().join("out")), dead()) == expected);
    running.stop().code(0);
    assert_eq!((csv_numbers(&dir.path().join("out")), dead()), expected);
}

#[test]
fn rows_that_files_cannot_take_end_the_job_or_are_counted() {
    for (k, (what, why)) in [2, 5, 7, 8].map(|k| (k, unwritable(k).unwrap())) {
        let dir = tempfile::tempdir().unwrap();
        let job = unwritable_job(dir.path(), "'on-error' = 'fail'");
        add_unwritable(dir.path(), 0..2);
        let mut running = job.start();
        running.until("good rows", |_| csv_numbers(&dir.path().join("out")).len() == 2);
        add_unwritable(dir.path(), k..k + 1);
        let said = running.ended().code(1);
        assert!(said.contains("table `dst`") && why.split(".*").all(|part| said.contains(part)), "{what}: {said}");
        assert!(said.contains("hint: 'on-error' = 'skip' counts such records"), "{what}: {said}");
        let again = job.run().code(1);
        assert!(why.split(".*").all(|part| again.contains(part)), "{what}: {again}");

        let mut running = job.option("dst.on-error", "skip").start();
        add_unwritable(dir.path(), 10..12);
        running.until("later rows", |_| csv_numbers(&dir.path().join("out")).len() == 4);
        let said = running.stop().code(0);
        assert!(said.contains(", bad 1"), "{what}: {said}");
    }
}

#[test]
fn a_bounded_read_passes_over_bad_rows_or_fails_and_says_where() {
    let dir = tempfile::tempdir().unwrap();
    std::fs::create_dir_all(dir.path().join("parquet")).unwrap();
    std::fs::write(dir.path().join("a.csv"), "1,x\n2\n3,y\n").unwrap();
    std::fs::write(dir.path().join("parquet/broken.parquet"), "PAR1 and no more").unwrap();
    let run = |with: &str, name: &str| {
        let sql = format!(
            "CREATE TABLE src (k BIGINT, p STRING) WITH ('connector' = 'filesystem', {with});
             CREATE TABLE copy (k BIGINT) WITH ('connector' = 'filesystem', 'format' = 'csv', 'path' = 'DIR/copy-{name}');
             INSERT INTO copy SELECT k FROM src;"
        );
        let script = dir.path().join(format!("{name}.sql"));
        std::fs::write(&script, sql.replace("DIR", &dir.path().to_string_lossy())).unwrap();
        Job::new(&script)
    };
    let job = run("'path' = 'DIR/a.csv'", "skip");
    let said = job.run().code(0);
    assert!(
        said.contains("1 bad record(s) skipped; one of them: table `src`: ")
            && said.contains("a.csv, line 2: 1 fields where 2 belong: `2`"),
        "{said}"
    );
    assert_eq!(job.query("SELECT SUM(k) AS s, COUNT(*) AS n FROM copy"), "s,n\n4,2\n");
    let said = run("'path' = 'DIR/a.csv', 'csv.ignore-parse-errors' = 'false'", "fail").run().code(1);
    assert!(said.contains("a.csv, line 2: 1 fields where 2 belong"), "{said}");
    let said = run("'path' = 'DIR/parquet', 'format' = 'parquet', 'source.monitor-interval' = '20 ms'", "parquet").run().code(1);
    assert!(said.contains("/parquet/broken.parquet cannot be read"), "{said}");
}

#[test]
fn partitions_are_complete_when_event_time_has_passed_them() {
    let dir = tempfile::tempdir().unwrap();
    std::fs::create_dir(dir.path().join("in")).unwrap();
    let script = |name: &str, monitor: &str| {
        let sql = format!(
            "CREATE TABLE src (k BIGINT, ts TIMESTAMP(3), WATERMARK FOR ts AS ts) WITH ('connector' = 'filesystem', 'format' = 'csv', 'path' = 'DIR/in'{monitor});
             CREATE TABLE days (k BIGINT, dt STRING) PARTITIONED BY (dt) WITH ('connector' = 'filesystem', 'format' = 'csv', 'path' = 'DIR/{name}',
                 'sink.partition-commit.trigger' = 'partition-time', 'sink.partition-commit.delay' = '1 d',
                 'sink.partition-commit.policy.kind' = 'success-file');
             INSERT INTO days SELECT k, DATE_FORMAT(ts, 'yyyy-MM-dd') FROM src;"
        );
        let path = dir.path().join(format!("{name}.sql"));
        std::fs::write(&path, sql.replace("DIR", &dir.path().to_string_lossy())).unwrap();
        Job::new(&path)
    };
    let add = |name: &str, rows: &[(i64, u32)]| {
        let rows: String = rows.iter().map(|(k, day)| format!("{k},2024-05-{day:02} 12:00:00\n")).collect();
        std::fs::write(dir.path().join("in/.new"), rows).unwrap();
        std::fs::rename(dir.path().join("in/.new"), dir.path().join(format!("in/{name}.csv"))).unwrap();
    };
    let success = |name: &str, day: u32| dir.path().join(format!("{name}/dt=2024-05-{day:02}/_SUCCESS"));
    let complete = |name: &str| (1..=4).filter(|day| success(name, *day).exists()).collect::<Vec<u32>>();
    let rows = |name: &str| {
        let mut files = Vec::new();
        visible(&dir.path().join(name), &mut files);
        files.iter().map(|f| std::fs::read_to_string(f).unwrap().lines().count()).sum::<usize>()
    };

    let job = script("live", ", 'source.monitor-interval' = '20 ms'");
    add("1", &[(1, 1), (2, 2)]);
    let mut running = job.start();
    running.until("the first day", |_| complete("live") == [1]);
    // All pending rows become visible with it, but the second day is not complete.
    assert_eq!(rows("live"), 2);
    add("2", &[(3, 2), (4, 3)]);
    running.until("the second day", |_| complete("live") == [1, 2]);
    assert!(running.kill().killed());
    std::fs::remove_file(success("live", 1)).unwrap();
    let mut running = job.start();
    add("3", &[(5, 4)]);
    running.until("the third day", |_| complete("live") == [2, 3]);
    // After a late row its day is announced again.
    add("4", &[(6, 1)]);
    running.until("the first day again", |_| complete("live") == [1, 2, 3]);
    running.stop().code(0);
    assert_eq!((complete("live"), rows("live")), (vec![1, 2, 3], 6));

    // The end of all input completes all days.
    script("once", "").run().code(0);
    assert_eq!((complete("once"), rows("once")), (vec![1, 2, 3, 4], 6));
}

#[test]
fn rows_wait_for_their_file_and_a_stop_shows_them() {
    let copying = Copying::new("'path' = 'DIR/out', 'sink.rolling-policy.rollover-interval' = '1 h'");
    copying.add(0);
    let mut running = copying.job.start();
    // Far more commits than a lagging sink may leave pending.
    (1..40).for_each(|i| copying.add(i * 20));
    running.until("the last rows to be read", |r| r.said().contains(", in 800"));
    assert!(numbers(&copying.out()).is_empty());
    running.stop().code(0);
    assert_eq!(numbers(&copying.out()), (0..800).collect());
}

#[test]
fn a_bounded_read_ends_and_shows_all() {
    let dir = tempfile::tempdir().unwrap();
    std::fs::create_dir(dir.path().join("in")).unwrap();
    for (name, rows) in [("b", "3,x\n4,y\n"), ("a", "1,x\n2,x\n")] {
        std::fs::write(dir.path().join(format!("in/{name}.csv")), rows).unwrap();
    }
    let sql = "CREATE TABLE src (k BIGINT, p STRING) WITH ('connector' = 'filesystem', 'format' = 'csv', 'path' = 'DIR/in');
               CREATE TABLE copy (k BIGINT) WITH ('connector' = 'filesystem', 'format' = 'parquet', 'path' = 'DIR/copy');
               INSERT INTO copy SELECT k FROM src;";
    let script = dir.path().join("job.sql");
    std::fs::write(&script, sql.replace("DIR", &dir.path().to_string_lossy())).unwrap();
    let job = Job::new(&script);
    let said = job.run().code(0);
    assert!(said.contains("finished"), "{said}");
    assert_eq!(job.query("SELECT SUM(k) AS s, COUNT(*) AS n FROM copy"), "s,n\n10,4\n");
    // A second run: the job is finished, and no row is written twice.
    job.run().code(0);
    assert_eq!(job.query("SELECT COUNT(*) AS n FROM copy"), "n\n4\n");
}

#[test]
fn a_topic_meets_files() {
    let topic = common::unique("orders");
    common::create(&topic, 1);
    let dir = tempfile::tempdir().unwrap();
    std::fs::create_dir(dir.path().join("users")).unwrap();
    std::fs::write(dir.path().join("users/a.csv"), "id,name\n1,ann\n2,bob\n").unwrap();
    let sql = "CREATE TABLE orders (id INT, user_id INT) WITH ('connector' = 'kafka', 'topic' = 'TOPIC', 'properties.bootstrap.servers' = 'BROKER',
                   'format' = 'json', 'scan.startup.mode' = 'earliest-offset');
               CREATE TABLE users (id INT, name STRING) WITH ('connector' = 'filesystem', 'format' = 'csv', 'path' = 'DIR/users');
               CREATE TABLE named (id INT, name STRING) WITH ('connector' = 'filesystem', 'format' = 'csv', 'path' = 'DIR/named',
                   'sink.rolling-policy.rollover-interval' = '100 ms');
               INSERT INTO named SELECT o.id, u.name FROM orders AS o JOIN users AS u ON o.user_id = u.id;";
    let sql = sql.replace("DIR", &dir.path().to_string_lossy()).replace("TOPIC", &topic).replace("BROKER", &common::address());
    let script = dir.path().join("job.sql");
    std::fs::write(&script, sql).unwrap();
    let order =
        |id: i32, user: i32| OutRecord { value: Some(format!(r#"{{"id": {id}, "user_id": {user}}}"#).into()), ..OutRecord::default() };
    common::write(&topic, vec![order(1, 1), order(2, 2), order(3, 3)]);
    let job = Job::new(&script);
    let mut running = job.start();
    let shown = || {
        let mut files = Vec::new();
        visible(&dir.path().join("named"), &mut files);
        let mut rows: Vec<String> =
            files.iter().flat_map(|f| std::fs::read_to_string(f).unwrap().lines().map(String::from).collect::<Vec<_>>()).collect();
        rows.sort();
        rows
    };
    running.until("two rows", |_| shown() == ["1,ann", "2,bob"]);
    common::write(&topic, vec![order(4, 1)]);
    running.until("three rows", |_| shown() == ["1,ann", "2,bob", "4,ann"]);
    running.stop().code(0);
    // The result equals that of a query that ends.
    assert_eq!(
        job.query("SELECT u.name, COUNT(*) AS n FROM orders o JOIN users u ON o.user_id = u.id GROUP BY u.name ORDER BY 1"),
        "name,n\nann,2\nbob,1\n"
    );
}

#[test]
fn files_on_s3_are_whole_and_hold_each_row_once() {
    let endpoint = std::env::var("MILLSTREAM_TEST_S3")
        .unwrap_or_else(|_| panic!("no S3; run: tests/services start s3 && eval \"$(tests/services env)\""));
    let path = format!("s3://millstream/{}", common::unique("out"));
    let keys = format!("'s3.endpoint' = '{endpoint}', 's3.access-key' = 'millstream', 's3.secret-key' = 'millstream-secret'");
    let copying = Copying::new(&format!("'path' = '{path}', {keys}, {ROLLING}"));
    for i in 0..4 {
        (0..10).for_each(|k| copying.add(i * 200 + k * 20));
        if i < 3 {
            let running = copying.job.start();
            std::thread::sleep(Duration::from_millis(700));
            assert!(running.kill().killed());
        }
    }
    let mut running = copying.job.start();
    let question = "SELECT COUNT(*) AS n, COUNT(DISTINCT k) AS d, MAX(k) AS m FROM dst";
    running.until("all rows", |_| copying.job.query(question) == "n,d,m\n800,800,799\n");
    running.stop().code(0);
    assert_eq!(copying.job.query(question), "n,d,m\n800,800,799\n");
}

#[test]
fn a_file_is_read_when_it_has_stopped_growing() {
    let copying = Copying::new("'path' = 'DIR/out', 'sink.rolling-policy.rollover-interval' = '50 ms'");
    let job = copying.job.option("source.monitor-interval", "400 ms");
    let growing = copying.dir.path().join("in/growing.csv");
    let mut running = job.start();
    let mut text = String::new();
    for k in 0..10 {
        text.push_str(&format!("{k},p{}\n", k % 3));
        std::fs::write(&growing, &text).unwrap();
        std::thread::sleep(Duration::from_millis(150));
        assert!(numbers(&copying.out()).is_empty(), "read while it grew");
    }
    let expected: BTreeSet<i64> = (0..10).collect();
    running.until("its rows", |_| numbers(&copying.out()) == expected);
    // A later change of a file is not read again, but reported.
    std::fs::write(&growing, "99,p0\n").unwrap();
    running.until("a warning", |r| r.said().contains("has changed after it was read"));
    running.stop().code(0);
    assert_eq!(numbers(&copying.out()), expected);
}

#[test]
fn an_interrupted_copy_leaves_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let sql = "CREATE TABLE ticks (id INT) WITH ('connector' = 'datagen', 'rows-per-second' = '100', 'number-of-rows' = '1000000000');
               COPY (SELECT * FROM ticks) TO 'DIR/out/ticks.csv';";
    let script = dir.path().join("job.sql");
    std::fs::write(&script, sql.replace("DIR", &dir.path().to_string_lossy())).unwrap();
    let running = Job::new(&script).start();
    let names = || std::fs::read_dir(dir.path().join("out")).into_iter().flatten().map(|e| e.unwrap().file_name()).collect::<Vec<_>>();
    let begin = std::time::Instant::now();
    while names().is_empty() {
        assert!(begin.elapsed() < common::process::PATIENCE, "{}", running.said());
        std::thread::sleep(Duration::from_millis(20));
    }
    assert!(names()[0].to_string_lossy().starts_with(".ticks.csv."), "{:?}", names());
    running.stop().code(130);
    assert_eq!(names().len(), 0, "{:?}", names());
}
