//! What a Kafka table can be told about reading, on a real Kafka, through `run` and `query`.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

#[path = "common/cli.rs"]
mod cli;
#[path = "common/topic.rs"]
mod topic;

use std::time::{Duration, Instant};

use cli::{Ended, Home};
use topic::{Record, Topic, kafka, record, unique};

/// A table of numbers on a topic, and a job that prints them.
struct Numbers {
    home: Home,
    topic: Topic,
    declared: String,
}

impl Numbers {
    /// `options` come behind connector, topic, broker and format.
    fn on(topic: &Topic, options: &str) -> Self {
        Self::with("n INT", topic, options)
    }

    fn with(columns: &str, topic: &Topic, options: &str) -> Self {
        let declared = format!(
            "CREATE TABLE numbers ({columns}) WITH ('connector' = 'kafka', 'topic' = '{}', 'properties.bootstrap.servers' = '{}', \
             'format' = 'json'{options});\n",
            topic.name,
            kafka()
        );
        let job = format!("{declared}CREATE TABLE shown (n INT) WITH ('connector' = 'print');\nINSERT INTO shown SELECT n FROM numbers;\n");
        let home = Home::new();
        home.file("job.sql", &job);
        home.file("table.sql", &declared);
        Self { home, topic: topic.clone(), declared }
    }

    /// What a bounded job prints, sorted.
    fn printed(&self) -> Vec<i32> {
        numbers(&self.home.run(&["run", "job.sql", "--name", &self.topic.name]).ok().out)
    }

    /// What a query answers.
    fn answer(&self, sql: &str) -> Ended {
        self.home.run(&["query", "-f", "table.sql", sql])
    }

    /// The numbers that a query finds, sorted.
    fn found(&self) -> Vec<i32> {
        let mut all: Vec<i32> = self.answer("SELECT n FROM numbers").ok().out.lines().skip(1).map(|l| l.parse().unwrap()).collect();
        all.sort_unstable();
        all
    }
}

/// `+I[7]` a line.
fn numbers(out: &str) -> Vec<i32> {
    let number = |line: &str| line.strip_prefix("+I[").unwrap().strip_suffix(']').unwrap().parse().unwrap();
    let mut all: Vec<i32> = out.lines().map(number).collect();
    all.sort_unstable();
    all
}

fn n(n: i32) -> Record {
    record(format!(r#"{{"n":{n}}}"#)).at(1_700_000_000_000 + i64::from(n) * 1000)
}

/// 0 to 4 in partition 0, 10 to 14 in partition 1; record 3 has the time 1,700,000,003,000.
fn ten() -> Topic {
    let topic = Topic::new("ten", 2);
    topic.put(&(0..5).flat_map(|i| [n(i), n(10 + i).on(1)]).collect::<Vec<_>>());
    topic
}

const TO_THE_END: &str = ", 'scan.bounded.mode' = 'latest-offset'";

#[test]
fn every_startup_mode_begins_where_it_says() {
    let topic = ten();
    topic.commit("of-the-test", 0, 4);
    topic.commit("of-the-test", 1, 1);
    for (mode, job, query) in [
        ("'earliest-offset'", vec![0, 1, 2, 3, 4, 10, 11, 12, 13, 14], None),
        ("'latest-offset'", vec![], Some(10)),
        ("'group-offsets', 'properties.group.id' = 'of-the-test'", vec![4, 11, 12, 13, 14], Some(10)),
        ("'timestamp', 'scan.startup.timestamp-millis' = '1700000003000'", vec![3, 4, 10, 11, 12, 13, 14], None),
        ("'specific-offsets', 'scan.startup.specific-offsets' = 'partition:0,offset:2;partition:1,offset:5'", vec![2, 3, 4], None),
    ] {
        let numbers = Numbers::on(&topic, &format!(", 'scan.startup.mode' = {mode}{TO_THE_END}"));
        // A query reads history: it goes by the modes that name a place in it, and else begins at the oldest record.
        assert_eq!(numbers.found().len(), query.unwrap_or(job.len()), "{mode}");
        assert_eq!(numbers.printed(), job, "{mode}");
    }
}

#[test]
fn every_bounded_mode_ends_where_it_says() {
    let topic = ten();
    topic.commit("end-of-the-test", 0, 4);
    topic.commit("end-of-the-test", 1, 1);
    for (mode, expected) in [
        ("'latest-offset'", vec![0, 1, 2, 3, 4, 10, 11, 12, 13, 14]),
        ("'group-offsets', 'properties.group.id' = 'end-of-the-test'", vec![0, 1, 2, 3, 10]),
        ("'timestamp', 'scan.bounded.timestamp-millis' = '1700000003000'", vec![0, 1, 2]),
        (
            "'specific-offsets', 'scan.bounded.specific-offsets' = 'partition:0,offset:2;partition:1,offset:5'",
            vec![0, 1, 10, 11, 12, 13, 14],
        ),
    ] {
        let numbers = Numbers::on(&topic, &format!(", 'scan.startup.mode' = 'earliest-offset', 'scan.bounded.mode' = {mode}"));
        assert_eq!(numbers.found(), expected, "{mode}");
        assert_eq!(numbers.printed(), expected, "{mode}");
    }
}

#[test]
fn unbounded_jobs_go_on_from_latest_and_report_to_their_group() {
    let topic = ten();
    let group = unique("group");
    let job = Numbers::on(&topic, &format!(", 'scan.startup.mode' = 'latest-offset', 'properties.group.id' = '{group}'"));
    let args = ["run", "job.sql", "--name", &topic.name];
    let mut live = job.home.start(&args);
    live.says("lag 0");
    topic.put(&[n(20), n(21).on(1)]);
    live.until("both rows", |live| numbers(&live.out()) == [20, 21]);
    live.stop();
    // Another job goes on from there by the group alone.
    topic.put(&[n(30), n(31).on(1)]);
    let from_group = Numbers::on(&topic, &format!(", 'properties.group.id' = '{group}'{TO_THE_END}"));
    assert_eq!(from_group.printed(), [30, 31]);
}

#[test]
fn group_offsets_without_a_commit_fail_and_name_the_fix() {
    let topic = ten();
    let group = unique("nobody");
    let numbers = Numbers::on(&topic, &format!(", 'properties.group.id' = '{group}'{TO_THE_END}"));
    let ended = numbers.home.run(&["run", "job.sql", "--name", &topic.name]).exits(1);
    let ended = ended.says(&[&format!("group '{group}' has no committed offset on topic `{}`, partition 0", topic.name)]);
    ended.says(&["'scan.startup.mode' = 'earliest-offset'", "'properties.auto.offset.reset'"]);
    for (reset, count) in [("earliest", 10), ("latest", 0)] {
        let set = format!("properties.auto.offset.reset={reset}");
        let ended = numbers.home.run(&["run", "job.sql", "--name", &unique(reset), "-o", &set]).ok();
        assert_eq!(ended.out.lines().count(), count, "{ended}");
    }
    let ended = Numbers::on(&topic, "").home.run(&["run", "job.sql", "--name", &topic.name]).exits(1);
    ended.says(&["needs `properties.group.id`"]);
    let beyond =
        Numbers::on(&topic, ", 'scan.startup.mode' = 'specific-offsets', 'scan.startup.specific-offsets' = 'partition:2,offset:0'");
    beyond.home.run(&["run", "job.sql", "--name", &topic.name]).exits(1).says(&["names partition 2", "has 2 partitions"]);
}

#[test]
fn metadata_columns_tell_where_a_row_came_from() {
    let topic = Topic::new("metadata", 2);
    topic.put(&[n(1).with_header("a", "x").with_header("b", "y"), n(2), n(3).on(1)]);
    let columns = "n INT, t STRING METADATA FROM 'topic', p INT METADATA FROM 'partition', `offset` BIGINT METADATA, \
                   `timestamp` TIMESTAMP_LTZ(3) METADATA, plain TIMESTAMP(3) METADATA FROM 'timestamp', \
                   kind STRING METADATA FROM 'timestamp-type', epoch INT METADATA FROM 'leader-epoch', headers MAP<STRING, BYTES> METADATA";
    let table = Numbers::with(columns, &topic, ", 'scan.startup.mode' = 'earliest-offset'");
    let rows = table.answer("SELECT * FROM numbers ORDER BY n").ok().out;
    let name = &topic.name;
    let expected = [
        "n,t,p,offset,timestamp,plain,kind,epoch,headers".to_string(),
        format!(r#"1,{name},0,0,2023-11-14 22:13:21Z,2023-11-14 22:13:21,CreateTime,0,"{{""a"":""eA=="",""b"":""eQ==""}}""#),
        format!("2,{name},0,1,2023-11-14 22:13:22Z,2023-11-14 22:13:22,CreateTime,0,{{}}"),
        format!("3,{name},1,0,2023-11-14 22:13:23Z,2023-11-14 22:13:23,CreateTime,0,{{}}"),
    ];
    assert_eq!(rows.lines().collect::<Vec<_>>(), expected);
    // Only metadata, which needs nothing of the value.
    let rows = table.answer("SELECT max(`offset`) AS last, count(*) AS rows_ FROM numbers WHERE p = 0").ok().out;
    assert_eq!(rows, "last,rows_\n1,2\n");
    let wrong = Numbers::with("n INT, t INT METADATA FROM 'topik'", &topic, "");
    wrong.answer("SELECT 1").exits(1).says(&["no metadata 'topik'", "did you mean `topic`?"]);
}

#[test]
fn the_records_time_can_be_the_event_time_as_a_plain_timestamp() {
    let topic = Topic::new("record-time", 1);
    topic.put(&(0..7).map(n).collect::<Vec<_>>());
    let options = format!(", 'scan.startup.mode' = 'earliest-offset'{TO_THE_END}");
    let table = Numbers::with("n INT, at TIMESTAMP(3) METADATA FROM 'timestamp', WATERMARK FOR at AS at", &topic, &options);
    table.home.file(
        "windows.sql",
        &format!(
            "{}CREATE TABLE windows (s TIMESTAMP(3), n BIGINT) WITH ('connector' = 'print');
             INSERT INTO windows SELECT window_start, count(*) FROM TABLE(TUMBLE(TABLE numbers, DESCRIPTOR(at), INTERVAL '5' SECONDS))
             GROUP BY window_start, window_end;",
            table.declared
        ),
    );
    let ended = table.home.run(&["run", "windows.sql", "--name", &topic.name]).ok();
    assert_eq!(ended.out, "+I[2023-11-14T22:13:20, 5]\n+I[2023-11-14T22:13:25, 2]\n");
}

#[test]
fn keys_are_columns() {
    let topic = Topic::new("keys", 1);
    topic.put(&[n(1).keyed("ann"), n(2), n(3).keyed("ä")]);
    let options =
        ", 'scan.startup.mode' = 'earliest-offset', 'key.format' = 'raw', 'key.fields' = 'k', 'value.fields-include' = 'EXCEPT_KEY'";
    let table = Numbers::with("k STRING, n INT", &topic, options);
    assert_eq!(table.answer("SELECT k, n FROM numbers ORDER BY n").ok().out, "k,n\nann,1\n,2\nä,3\n");
    let prefixed = options.replace("'k',", "'key_k', 'key.fields-prefix' = 'key_',");
    let table = Numbers::with("key_k STRING, n INT", &topic, &prefixed);
    assert_eq!(table.answer("SELECT key_k FROM numbers WHERE n = 3").ok().out, "key_k\nä\n");
    let wrong = Numbers::with("k STRING, n INT", &topic, &options.replace("'k',", "'kk',"));
    wrong.answer("SELECT 1").exits(1).says(&["option `key.fields` names `kk`", "did you mean `k`?"]);

    // And they are written: what an INSERT gives as the key is the record's key.
    let out = Topic::named(&unique("keys-out"));
    table.home.file(
        "write.sql",
        &format!(
            "CREATE TABLE keyed (k STRING, n INT) WITH ('connector' = 'kafka', 'topic' = '{}', 'properties.bootstrap.servers' = '{}',
               'format' = 'json', 'key.format' = 'raw', 'key.fields' = 'k');
             INSERT INTO keyed VALUES ('bob', 7), (NULL, 8);",
            out.name,
            kafka()
        ),
    );
    table.home.run(&["run", "write.sql"]).ok().says(&["2 rows"]);
    let mut written: Vec<_> = out.records().iter().map(|r| (text(rdkafka::Message::key(r)), text(rdkafka::Message::payload(r)))).collect();
    written.sort();
    let row = |k: &str, n: i32| Some(format!(r#"{{"k":{k},"n":{n}}}"#));
    assert_eq!(written, [(None, row("null", 8)), (Some("bob".into()), row(r#""bob""#, 7))]);
}

fn text(bytes: Option<&[u8]>) -> Option<String> {
    bytes.map(|b| String::from_utf8_lossy(b).into_owned())
}

/// Windows of two seconds over rows that are stamped with the time at which they are made.
fn live_windows(topic: &Topic, idle: &str) -> Home {
    let options = format!(", 'scan.startup.mode' = 'earliest-offset', 'scan.watermark.idle-timeout' = '{idle}'");
    let table = Numbers::with("n INT, at TIMESTAMP(3) METADATA FROM 'timestamp', WATERMARK FOR at AS at", topic, &options);
    table.home.file(
        "windows.sql",
        &format!(
            "{}CREATE TABLE windows (n BIGINT) WITH ('connector' = 'print');
             INSERT INTO windows SELECT sum(n) FROM TABLE(TUMBLE(TABLE numbers, DESCRIPTOR(at), INTERVAL '2' SECONDS))
             GROUP BY window_start, window_end;",
            table.declared
        ),
    );
    table.home
}

/// A row of now, or of some milliseconds from it.
fn of_now(n: i32, after: i64) -> Record {
    record(format!(r#"{{"n":{n}}}"#)).at(chrono::Utc::now().timestamp_millis() + after)
}

#[test]
fn the_last_window_of_live_rows_comes_out_when_all_is_silent() {
    let topic = Topic::new("silent", 2);
    let home = live_windows(&topic, "1 s");
    let mut live = home.start(&["run", "windows.sql", "--name", &topic.name]);
    live.says("lag 0");
    topic.put(&[of_now(1, 0), of_now(2, 0).on(1)]);
    let begin = Instant::now();
    live.until("the last window", |live| numbers(&live.out()).iter().sum::<i32>() == 3);
    // Idle after one second; then time goes on by itself to the window's end, at most two seconds later.
    assert!(begin.elapsed() < Duration::from_secs(12), "{:?}", begin.elapsed());
    // A row that comes after the silence is not late.
    topic.put(&[of_now(4, 0)]);
    live.until("the window after it", |live| numbers(&live.out()).iter().sum::<i32>() == 7);
    let ended = live.stop();
    assert!(!ended.err.contains(", late"), "{ended}");
}

#[test]
fn a_partition_without_rows_holds_windows_only_until_its_timeout() {
    let topic = Topic::new("one-idle", 2);
    let home = live_windows(&topic, "1 s");
    topic.put(&[of_now(1, -8000), of_now(2, -2000)]);
    let mut live = home.start(&["run", "windows.sql", "--name", &topic.name]);
    live.until("the first window", |live| live.out().starts_with("+I[1]\n"));
    live.stop();
    // A timeout of zero means that no partition is ever left out.
    let home = live_windows(&topic, "0");
    let mut live = home.start(&["run", "windows.sql", "--name", &unique("never-idle")]);
    live.says("lag 0");
    let begin = Instant::now();
    live.until("a while", |_| begin.elapsed() > Duration::from_millis(2500));
    assert_eq!(live.out(), "");
    topic.put(&[of_now(4, -2000).on(1)]);
    live.until("the first window", |live| live.out() == "+I[1]\n");
    live.stop();
}

#[test]
fn inserts_of_one_run_share_their_source() {
    let topic = ten();
    let options = format!(", 'scan.startup.mode' = 'earliest-offset'{TO_THE_END}");
    let table = Numbers::on(&topic, &options);
    let sinks = "CREATE TABLE small (n INT) WITH ('connector' = 'print', 'print-identifier' = 'small');
        CREATE TABLE big (n INT) WITH ('connector' = 'print', 'print-identifier' = 'big');\n";
    let inserts = "INSERT INTO small SELECT n FROM numbers WHERE n < 10;
        INSERT INTO big SELECT n * 100 FROM numbers WHERE n >= 10;\n";
    for (name, body) in [("plain", inserts.to_string()), ("set", format!("EXECUTE STATEMENT SET\nBEGIN\n{inserts}END;\n"))] {
        table.home.file(&format!("{name}.sql"), &format!("{}{sinks}{body}", table.declared));
        let ended = table.home.run(&["run", &format!("{name}.sql"), "--name", &unique(name)]).ok();
        let mut lines: Vec<&str> = ended.out.lines().collect();
        lines.sort_unstable();
        let expected = ["big> +I[1000]", "big> +I[1100]", "big> +I[1200]", "big> +I[1300]", "big> +I[1400]"];
        let small = ["small> +I[0]", "small> +I[1]", "small> +I[2]", "small> +I[3]", "small> +I[4]"];
        assert_eq!(lines, [expected, small].concat(), "{ended}");
        // Ten rows were read, not twenty.
        ended.says(&[": 2 INSERTs", "in 10, out 10"]);
    }
}
