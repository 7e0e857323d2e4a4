//! The shell on a real Kafka: outages, slow queries, and results that continue.

use std::path::Path;

use super::cli::Home;
use super::terminal::Terminal;
use crate::own_kafka::OwnKafka;
use crate::topic::{Topic, record};

/// Declares a table of payments on a topic.
fn payments(topic: &str, address: &str) -> String {
    format!(
        "CREATE TABLE payments (id BIGINT, item STRING, at TIMESTAMP(3), WATERMARK FOR at AS at)
         WITH ('connector' = 'kafka', 'topic' = '{topic}', 'properties.bootstrap.servers' = '{address}', 'format' = 'json',
               'scan.startup.mode' = 'earliest-offset');
         CREATE TABLE more (id BIGINT, item STRING, at TIMESTAMP(3)) WITH ('connector' = 'datagen', 'rows-per-second' = '50',
           'fields.id.kind' = 'sequence', 'fields.id.start' = '0', 'fields.item.length' = '1');\n"
    )
}

fn shell(home: &Path, columns: u16, tables: &str) -> Terminal {
    std::fs::write(home.join("tables.sql"), tables).unwrap();
    Terminal::open(home, columns.try_into().unwrap(), &["--catalog", "tables.sql"], &[])
}

fn payment(id: u32, item: &str, second: u32) -> crate::topic::Record {
    record(format!(r#"{{"id":{id},"item":"{item}","at":"2026-05-01 12:00:{second:02}"}}"#)).at(1_777_636_800_000 + i64::from(second))
}

#[test]
fn a_job_writes_a_topic_that_a_live_answer_reads() {
    for columns in [80, 200] {
        let home = tempfile::tempdir().unwrap();
        let topic = Topic::new("shell-live", 2);
        let mut terminal = shell(home.path(), columns, &payments(&topic.name, &topic.address));
        terminal.enter("INSERT INTO payments SELECT id, 'x', LOCALTIMESTAMP FROM more;", "job payments started");
        terminal.line("SELECT id % 3 AS k, COUNT(*) AS n FROM payments GROUP BY id % 3 ORDER BY k DESC EMIT CHANGES;");
        let text = terminal.until("three groups", |text| text.contains("3 rows") && text.contains("watermark "));
        let keys: Vec<&str> = text.lines().filter_map(|line| line.strip_prefix("| ")?.split(' ').find(|word| !word.is_empty())).collect();
        assert_eq!(keys, ["k", "2", "1", "0"], "{text}");
        assert!(text.contains("lag ") && text.contains("late 0"), "{text}");
        terminal.keys("q");
        let text = terminal.enter("SHOW JOBS;", "RUNNING");
        assert!(text.contains("| payments |"), "{text}");
        assert_eq!(text.contains("columns shown"), columns == 80, "{text}");
        terminal.enter("STOP JOB payments;", "job payments stopped at commit");
        let text = terminal.enter("SELECT COUNT(*) > 0 AS some FROM payments;", "| true |");
        assert!(text.contains("1 row in 0."), "{text}");
        terminal.line("clear");
        let text = terminal.enter("\\peek payments 3", "3 rows");
        assert!(text.contains("raw") && text.contains("decoded"), "{text}");
    }
}

#[test]
fn a_live_answer_counts_late_and_bad_rows() {
    let home = tempfile::tempdir().unwrap();
    let topic = Topic::new("shell-late", 1);
    let mut terminal = shell(home.path(), 120, &payments(&topic.name, &topic.address));
    terminal.line(
        "SELECT window_end, COUNT(*) AS n FROM TABLE(TUMBLE(TABLE payments, DESCRIPTOR(at), INTERVAL '10' SECOND)) \
         GROUP BY window_start, window_end EMIT FINAL LIMIT 3;",
    );
    terminal.shows("[q] quit");
    topic.put(&[payment(1, "a", 1), payment(2, "a", 2), payment(3, "a", 25)]);
    terminal.shows("| 2026-05-01 12:00:10 |");
    topic.put(&[payment(4, "late", 3), record("{broken"), payment(5, "a", 31)]);
    let text = terminal.until("what was set aside", |text| text.contains("late 1") && text.contains("1 bad record"));
    assert!(text.contains("bad record(s) skipped"), "{text}");
    // The window of 20 to 30 is the second one; with the third the result ends by itself.
    topic.put(&[payment(6, "a", 45)]);
    let text = terminal.prompts();
    assert!(text.contains("3 rows\n") && !text.contains("[q] quit"), "{text}");
    assert!(text.contains("warning: ") && text.contains("1 bad record(s) skipped; one of them: table `payments`"), "{text}");
}

#[test]
fn a_broker_that_is_lost_is_one_clear_line() {
    let home = tempfile::tempdir().unwrap();
    let kafka = OwnKafka::new();
    kafka.services("start");
    Topic::at(&kafka.address(), "payments", 1);
    kafka.services("stop");
    let mut terminal = shell(home.path(), 120, &payments("payments", &kafka.address()));
    // A bounded query gives up, and names the server.
    let text = terminal.enter("SELECT * FROM payments;", "hint: is the broker running");
    assert!(text.contains(&format!("error: topic `payments` cannot be looked up (Kafka at {})", kafka.address())), "{text}");
    // A job and a live result wait, and say for what.
    terminal.enter("INSERT INTO payments SELECT id, 'x', LOCALTIMESTAMP FROM more;", "job payments started");
    let begin = std::time::Instant::now();
    while !terminal.text().contains("job payments: waiting: ") {
        assert!(begin.elapsed().as_secs() < 60, "the job does not wait:\n{}", terminal.text());
        terminal.enter("\\echo 'and now?'", "and now?");
        std::thread::sleep(std::time::Duration::from_millis(200));
    }
    terminal.line("clear");
    terminal.line("SELECT COUNT(*) AS n FROM payments EMIT CHANGES;");
    let text = terminal.shows("waiting: ");
    assert!(text.contains("[q] quit"), "{text}");
    kafka.services("start");
    terminal.until("rows when it is there", |text| text.contains("| n ") && text.contains("1 row\n") && !text.contains("waiting"));
    terminal.keys("q");
    terminal.prompts();
    terminal.enter("\\echo it goes on", "it goes on");

    kafka.services("stop");
    terminal.line("SELECT COUNT(*) AS n FROM payments EMIT CHANGES;");
    terminal.shows("waiting: ");
    terminal.keys("\x03");
    terminal.prompts();
    terminal.line("clear");
    // Long enough for several repetitions of a warning.
    std::thread::sleep(std::time::Duration::from_secs(25));
    terminal.line("\\echo now");
    let text = terminal.shows("now");
    let told = text.lines().filter(|line| line.contains(&kafka.address())).count();
    assert!(told <= 2, "a flood:\n{text}");
    kafka.services("start");
    terminal.line("SELECT COUNT(*) AS n FROM payments EMIT CHANGES;");
    terminal.until("what the job writes", |text| text.contains("1 row\n") && text.contains("[q] quit"));
    terminal.keys("q");
    terminal.line("STOP JOB payments;");
    terminal.shows("job payments stopped at commit");
}

#[test]
fn a_job_that_fails_says_so_before_the_next_prompt() {
    let home = tempfile::tempdir().unwrap();
    let topic = Topic::new("shell-fails", 1);
    let strict =
        payments(&topic.name, &topic.address).replace("'format' = 'json'", "'format' = 'json', 'json.ignore-parse-errors' = 'false'");
    let tables = format!("{strict} CREATE TABLE nowhere (id BIGINT) WITH ('connector' = 'blackhole');");
    let mut terminal = shell(home.path(), 100, &tables);
    terminal.enter("INSERT INTO nowhere SELECT id FROM payments;", "job nowhere started");
    topic.put(&[payment(1, "a", 1), record("{broken")]);
    let begin = std::time::Instant::now();
    while !terminal.text().contains("error: job nowhere: ") {
        assert!(begin.elapsed().as_secs() < 60, "no error:\n{}", terminal.text());
        terminal.enter("\\echo 'and now?'", "and now?");
        std::thread::sleep(std::time::Duration::from_millis(200));
    }
    let text = terminal.enter("SHOW JOBS;", "FAILED");
    assert!(text.contains("{broken"), "{text}");
    // Reported once.
    terminal.line("clear");
    let text = terminal.enter("SELECT 1 AS one;", "| one |");
    assert!(!text.contains("error"), "{text}");
}

#[test]
fn ctrl_c_ends_a_query_that_waits_for_a_slow_topic() {
    let home = tempfile::tempdir().unwrap();
    let topic = Topic::new("shell-long", 1);
    let mut terminal = shell(home.path(), 100, &payments(&topic.name, &topic.address));
    topic.put(&(0..80_000).map(|id| payment(id, "a", id % 60)).collect::<Vec<_>>());
    // Quadratic: the query would take minutes.
    terminal.line("SELECT COUNT(*) FROM payments AS a JOIN payments AS b ON a.id + b.id > 40000 * (a.id % 2);");
    terminal.shows("rows read");
    terminal.keys("\x03");
    terminal.shows("interrupted");
    let text = terminal.enter("SELECT 'after' AS that;", "| after |");
    assert!(!text.contains("rows read"), "{text}");
}

/// Jobs of one process share a table's declaration, but not its read positions.
#[test]
fn two_jobs_of_one_folder_read_all_of_it_although_one_waits_for_its_broker() {
    let kafka = OwnKafka::new();
    kafka.services("start");
    let topic = Topic::at(&kafka.address(), "late", 1);
    kafka.services("stop");
    let home = Home::new();
    home.file("in/a.csv", "1\n2\n");
    let sink = |name: &str, with: &str| format!("CREATE TABLE {name} (id INT) WITH ({with});\n");
    let script = sink("src", "'connector' = 'filesystem', 'path' = 'in', 'format' = 'csv', 'source.monitor-interval' = '20 ms'")
        + &sink(
            "away",
            &format!("'connector' = 'kafka', 'topic' = 'late', 'properties.bootstrap.servers' = '{}', 'format' = 'csv'", kafka.address()),
        )
        + &sink("here", "'connector' = 'filesystem', 'path' = 'out', 'format' = 'csv', 'sink.rolling-policy.rollover-interval' = '200 ms'")
        + "INSERT INTO away SELECT id FROM src;\nINSERT INTO here SELECT id FROM src;\n";
    home.file("jobs.sql", &script);
    let mut live = home.start(&["-f", "jobs.sql"]);
    let here = || {
        let files = std::fs::read_dir(home.path().join("out")).into_iter().flatten().flatten().map(|entry| entry.path());
        let shown = files.filter(|path| path.file_name().unwrap().to_str().is_some_and(|name| !name.starts_with(['.', '_'])));
        let mut rows: Vec<String> =
            shown.flat_map(|p| std::fs::read_to_string(p).unwrap().lines().map(String::from).collect::<Vec<_>>()).collect();
        rows.sort();
        rows
    };
    live.until("rows in the folder", |_| here() == ["1", "2"]);
    kafka.services("start");
    home.file("in/b.csv", "3\n4\n");
    let sorted = || {
        let mut values = topic.values();
        values.sort();
        values
    };
    live.until("rows in the topic", |_| sorted() == ["1", "2", "3", "4"]);
    live.until("all rows in the folder", |_| here() == ["1", "2", "3", "4"]);
    live.signal("INT");
    live.end();
    assert_eq!((sorted(), here()), (vec!["1", "2", "3", "4"].into_iter().map(String::from).collect(), here()));
}
