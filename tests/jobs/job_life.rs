//! The life of a job on a real Kafka: resumed, refused, started afresh, stopped at the end of its topic, finished, taken over.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use millstream::connectors::kafka::broker::OutRecord;

use crate::common;
use crate::common::process::repo;
use crate::common::transactions::{Transactions, windows};

/// Returns every line `n` times.
fn times(n: usize, lines: &[String]) -> Vec<String> {
    let mut all: Vec<String> = (0..n).flat_map(|_| lines.to_vec()).collect();
    all.sort();
    all
}

/// Returns the number after a text.
#[track_caller]
fn number_after(said: &str, text: &str) -> u64 {
    let rest = said.split_once(text).unwrap_or_else(|| panic!("`{text}` is missing in:\n{said}")).1;
    rest.chars().take_while(char::is_ascii_digit).collect::<String>().parse().unwrap()
}

#[test]
fn a_job_resumes_where_it_stopped_and_says_so() {
    let t = Transactions::with(0..200);
    let job = t.job.args(&["--until-now"]);
    let said = job.run().code(0);
    assert!(!said.contains("resumed"), "{said}");
    let stopped = number_after(&said, "stopped at commit ");
    assert_eq!(t.out(), windows(200, false), "nothing is flushed");
    t.add(200..300);
    let said = job.run().code(0);
    assert_eq!(number_after(&said, "resumed at commit "), stopped, "{said}");
    assert_eq!(t.out(), windows(300, false));
    // No new rows: none read, none committed.
    let stopped = number_after(&said, "stopped at commit ");
    let said = job.run().code(0);
    assert_eq!((number_after(&said, "resumed at commit "), number_after(&said, "stopped at commit ")), (stopped, stopped), "{said}");
    assert_eq!(t.out(), windows(300, false));
}

#[test]
fn a_second_copy_on_the_same_folder_is_refused() {
    let t = Transactions::with(0..200);
    let mut first = t.job.start();
    first.until("windows", |_| t.out() == windows(200, false));
    let said = t.job.run().code(1);
    assert!(said.contains("is in use by another running copy") && said.contains("--name") && said.contains("--data"), "{said}");
    t.add(200..300);
    first.until("more windows", |_| t.out().len() >= windows(300, false).len());
    first.stop().code(0);
    assert_eq!(t.out(), windows(300, false));
}

#[test]
fn fresh_begins_anew_and_loses_nothing() {
    let t = Transactions::with(0..300);
    // More commits than may be pending for a sink: the new job counts on from them.
    let job = t.job.option("checkpoint.interval", "0").option("max.rows.per.epoch", "3").args(&["--until-now"]);
    let before = number_after(&job.run().code(0), "stopped at commit ");
    assert!(before > 64, "{before}");
    let once = windows(300, false);

    let said = job.args(&["--fresh"]).run().code(2);
    assert!(said.contains("--fresh drops the state") && said.contains("--yes"), "{said}");
    assert_eq!(t.out(), once);

    let said = job.args(&["--fresh", "--yes"]).run().code(0);
    let after = number_after(&said, "stopped at commit ");
    assert!(after > before && !said.contains("resumed"), "{said}");
    assert_eq!(t.out(), times(2, &once));

    let said = job.run().code(0);
    assert_eq!(number_after(&said, "resumed at commit "), after, "{said}");
    assert_eq!(t.out(), times(2, &once));
}

#[test]
fn fresh_can_begin_elsewhere_in_the_topic() {
    let t = Transactions::with(0..200);
    let job = t.job.args(&["--until-now"]);
    let said = job.args(&["--from", "latest"]).run().code(2);
    assert!(said.contains("--fresh"), "{said}");
    job.args(&["--fresh", "--yes", "--from", "latest"]).run().code(0);
    assert!(t.out().is_empty());
    // Windows that began before are incomplete, those after them are complete.
    t.add(200..400);
    job.run().code(0);
    let whole: Vec<String> = windows(400, false).into_iter().filter(|w| !windows(240, true).contains(w)).collect();
    assert!(!whole.is_empty() && whole.iter().all(|w| t.out().contains(w)), "{:?}", t.out());
    assert!(windows(200, false).iter().all(|w| !t.out().contains(w)));
}

#[test]
fn a_second_data_folder_is_another_job_and_loses_nothing() {
    let t = Transactions::with(0..300);
    let job = t.job.args(&["--until-now"]);
    job.run().code(0);
    job.elsewhere().run().code(0);
    assert_eq!(t.out(), times(2, &windows(300, false)));
    // The first one continues as if nothing had happened.
    t.add(300..400);
    job.run().code(0);
    let mut expected = [windows(300, false), windows(400, false)].concat();
    expected.sort();
    assert_eq!(t.out(), expected);
}

#[test]
fn a_changed_query_under_the_same_name_is_refused() {
    let t = Transactions::with(0..200);
    let job = t.job.args(&["--until-now"]);
    job.run().code(0);
    let folder = repo().join("sql/transactions/flink");
    let changed = job.folder().join("changed.sql");
    let text = std::fs::read_to_string(folder.join("3_insert.sql")).unwrap();
    std::fs::write(&changed, text.replace("'3' SECONDS", "'6' SECONDS")).unwrap();
    let edited = job.of_files(&[folder.join("1_source.sql"), folder.join("2_sink.sql"), changed]);
    let said = edited.run().code(1);
    assert!(said.contains("another query") && said.contains("--fresh") && said.contains("--name"), "{said}");
    assert_eq!(t.out(), windows(200, false));
    edited.args(&["--fresh", "--yes"]).run().code(0);
    assert!(t.out().len() > windows(200, false).len());
    // The unchanged query is now the changed one.
    job.run().code(1);
}

/// Returns every file of a data folder with its text, except locks.
fn files_of(folder: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    let mut all = BTreeMap::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            all.extend(files_of(&path));
        } else if !path.ends_with("lock") {
            all.insert(path.clone(), std::fs::read(&path).unwrap());
        }
    }
    all
}

#[test]
fn a_refused_run_changes_nothing() {
    let t = Transactions::with(0..200);
    let job = t.job.args(&["--until-now"]);
    job.run().code(0);
    let folder = repo().join("sql/transactions/flink");
    let file = |name: &str, text: &str| {
        let path = job.folder().join(name);
        std::fs::write(&path, text).unwrap();
        path
    };
    let source = std::fs::read_to_string(folder.join("1_source.sql")).unwrap();
    let (rows, copied) = (job.folder().join("rows/all"), job.folder().join("copies/copied.csv"));
    let more = source.replace("total_paid INT", "total_paid BIGINT")
        + &format!(
            "\nCREATE TABLE more (a INT) WITH ('connector' = 'filesystem', 'path' = '{}', 'format' = 'csv');
               INSERT INTO more VALUES (1);
               COPY (SELECT 1 AS a) TO '{}';",
            rows.display(),
            copied.display()
        );
    assert_ne!(more, source);
    let insert = std::fs::read_to_string(folder.join("3_insert.sql")).unwrap();
    let (more, unplanned) = (file("more.sql", &more), file("unplanned.sql", &insert.replace("total_paid", "missing_column")));
    let changed = file("changed.sql", &insert.replace("'3' SECONDS", "'6' SECONDS"));
    let edited = |insert: &Path| job.of_files(&[more.clone(), folder.join("2_sink.sql"), insert.to_path_buf()]);

    let data = || (files_of(&job.folder().join("jobs")), files_of(&job.folder().join("catalog")));
    let nothing = || !rows.exists() && !copied.exists();
    let before = data();
    let said = edited(&changed).run().code(1);
    assert!(said.contains("another query"), "{said}");
    assert!(data() == before && nothing());
    edited(&unplanned).run().code(1);
    assert!(data() == before && nothing());

    // While a copy runs and keeps committing.
    let mut running = t.job.start();
    running.until("it goes on", |running| running.said().contains("resumed"));
    let said = edited(&changed).run().code(1);
    assert!(said.contains("in use by another running copy"), "{said}");
    assert!(data().1 == before.1 && nothing());
    running.stop().code(0);

    // A run that is not refused executes everything.
    edited(&folder.join("3_insert.sql")).args(&["--fresh", "--yes"]).run().code(0);
    assert!(data().1 != before.1 && rows.exists() && copied.exists());
}

#[test]
fn other_connection_options_are_not_another_query() {
    let t = Transactions::with(0..200);
    let job = t.job.args(&["--until-now"]);
    job.run().code(0);
    t.add(200..300);
    job.option("properties.group.id", "another-group").run().code(0);
    assert_eq!(t.out(), windows(300, false));
}

#[test]
fn a_bounded_job_flushes_finishes_and_stays_finished() {
    let t = Transactions::with(0..250);
    let job = t.job.option("transactions_table.scan.bounded.mode", "latest-offset");
    let said = job.run().code(0);
    assert!(said.contains("FINISHED") && said.contains("finished at commit"), "{said}");
    assert_eq!(t.out(), windows(250, true));
    t.add(250..300);
    let said = job.run().code(0);
    assert!(said.contains("finished at commit"), "{said}");
    assert_eq!(t.out(), windows(250, true), "its end was fixed when it began");
}

#[test]
fn a_job_that_resumes_takes_a_bound_that_is_new() {
    let t = Transactions::with(0..200);
    t.job.args(&["--until-now"]).run().code(0);
    t.add(200..300);
    let said = t.job.option("transactions_table.scan.bounded.mode", "latest-offset").run().code(0);
    assert!(said.contains("resumed at commit") && said.contains("finished at commit"), "{said}");
    assert_eq!(t.out(), windows(300, true));
}

#[test]
fn two_jobs_of_one_name_run_side_by_side_from_two_data_folders() {
    for prefix in ["", "mine"] {
        let t = Transactions::with(0..100);
        let job = t.job.option("checkpoint.interval", "0").option("max.rows.per.epoch", "20");
        let job = if prefix.is_empty() { job } else { job.option("transactions_paid_agg_table.sink.transactional-id-prefix", prefix) };
        let (mut first, mut second) = (job.start(), job.elsewhere().start());
        let mut expected = times(2, &windows(100, false));
        first.until("both have read it", |_| t.out().len() >= expected.len());
        t.add(100..300);
        expected = times(2, &windows(300, false));
        second.until("both go on", |_| t.out().len() >= expected.len());
        first.stop().code(0);
        second.stop().code(0);
        assert_eq!(t.out(), expected, "{prefix}");
    }
}

#[test]
fn a_bounded_job_over_an_empty_topic_finishes() {
    let t = Transactions::with(0..0);
    let said = t.job.option("transactions_table.scan.bounded.mode", "latest-offset").run().code(0);
    assert!(said.contains("finished at commit"), "{said}");
    assert!(t.out().is_empty());
}

#[test]
fn a_bounded_job_killed_on_its_way_keeps_its_end() {
    let t = Transactions::with(0..250);
    let job = t.job.option("transactions_table.scan.bounded.mode", "latest-offset");
    let job = job.option("checkpoint.interval", "0").option("max.rows.per.epoch", "20");
    assert!(job.start_to_crash("after-put-commit@4").ended().killed());
    t.add(250..300);
    job.run().code(0);
    assert_eq!(t.out(), windows(250, true));
}

#[test]
fn the_last_window_of_a_live_topic_comes_out_when_all_is_silent() {
    let t = Transactions::with(0..0);
    let mut running = t.job.option("scan.watermark.idle-timeout", "1 s").start();
    running.until("the first commit", |_| t.job.folder().join("jobs").join(&t.output).join("commits").is_dir());
    let now = chrono::Utc::now().format("%Y-%m-%d %H:%M:%S%.3f");
    let value = format!(r#"{{"event_timestamp": "{now}", "user_id": "1", "transaction_id": 1, "total_paid": 10, "status": "Paid"}}"#);
    // One partition only: the others have never had a row, and must not hold back the watermark for ever.
    let record = || OutRecord { partition: Some(1), value: Some(value.clone().into()), ..OutRecord::default() };
    common::write(&t.input, vec![record(), record(), record()]);
    running.until("the window", |_| !t.out().is_empty());
    running.stop().code(0);
    let out = t.out();
    assert!(out.len() == 1 && out[0].contains(r#""total_paid":30,"total_transactions":3,"average_transaction_value":10"#), "{out:?}");
}

#[test]
fn on_a_shared_store_the_older_copy_stops_and_nothing_is_doubled() {
    let t = Transactions::with(0..200);
    let store = tempfile::tempdir().unwrap();
    let url = format!("file://{}", store.path().display());
    let job = t.job.args(&["--checkpoints", &url]).option("checkpoint.interval", "0").option("max.rows.per.epoch", "20");
    let mut older = job.start();
    older.until("windows", |_| t.out() == windows(200, false));
    let mut newer = job.elsewhere().start();
    newer.until("the start of the newer copy", |r| r.said().contains("resumed at commit"));
    t.add(200..400);
    let older = older.ended();
    assert!(older.said.contains("taken over by incarnation 2"), "{}", older.said);
    older.code(1);
    newer.until("all windows", |_| t.out().len() >= windows(400, false).len());
    newer.stop().code(0);
    assert_eq!(t.out(), windows(400, false));
}

#[test]
fn copies_that_start_amid_the_stream_take_over_from_each_other() {
    let t = Transactions::with(0..600);
    let store = tempfile::tempdir().unwrap();
    let url = format!("file://{}", store.path().display());
    let job = t.job.args(&["--checkpoints", &url]).option("checkpoint.interval", "0").option("max.rows.per.epoch", "7");
    let mut copies = Vec::new();
    for _ in 0..3 {
        copies.push(job.elsewhere().start());
        std::thread::sleep(std::time::Duration::from_millis(700));
    }
    t.add(600..800);
    let mut last = copies.pop().unwrap();
    for copy in copies {
        let ended = copy.ended();
        assert!(ended.said.contains("taken over by incarnation"), "{}", ended.said);
        ended.code(1);
    }
    last.until("all windows", |_| t.out().len() >= windows(800, false).len());
    last.stop().code(0);
    assert_eq!(t.out(), windows(800, false));
}

/// A kill or a full disk in the middle of a write leaves such files.
#[test]
fn unfinished_files_are_removed_at_the_next_start() {
    let t = Transactions::with(0..100);
    let mut running = t.job.start();
    running.until("windows", |_| !t.out().is_empty());
    assert!(running.kill().killed());
    let jobs = t.job.folder().join("jobs");
    let job = std::fs::read_dir(&jobs).unwrap().map(|entry| entry.unwrap().path()).find(|path| path.join("commits").exists()).unwrap();
    let mut left = Vec::new();
    for (folder, name) in [("", "floor"), ("commits", "00000000000000000099"), ("incarnations", "00000000000000000002"), ("objects", "x")] {
        std::fs::create_dir_all(job.join(folder)).unwrap();
        left.push(job.join(folder).join(format!(".{name}.{}.tmp", uuid::Uuid::new_v4().simple())));
        std::fs::write(left.last().unwrap(), b"half").unwrap();
    }
    // A copy that is refused must not remove files of the running one.
    let mut running = t.job.start();
    running.until("it goes on", |running| running.said().contains("resumed"));
    assert!(left.iter().all(|file| !file.exists()), "{left:?}");
    std::fs::write(&left[1], b"half").unwrap();
    t.job.run().code(1);
    assert!(left[1].exists());
    running.stop().code(0);
}
