//! The Kafka source as users meet it: modes, metadata, idleness and shared reading, with the real binary on a real Kafka.

use crate::common::{create, read, unique, write};
use crate::runs::{BASE, commit, committed, create_with, job, query, record, run, table};

/// Ids 0 to 9, one per second, the even ones in partition 0, the odd ones in partition 1.
fn ten() -> String {
    let topic = unique("ten");
    create(&topic, 2);
    write(&topic, (0..10).map(|id| record(id % 2, BASE + i64::from(id) * 1_000, &format!("{{\"id\":{id}}}"))).collect());
    topic
}

type Options = &'static [(&'static str, &'static str)];

const TIMESTAMP: Options = &[("scan.startup.mode", "timestamp"), ("scan.startup.timestamp-millis", "1714564806500")];
const SPECIFIC: Options =
    &[("scan.startup.mode", "specific-offsets"), ("scan.startup.specific-offsets", "partition:0,offset:3;partition:1,offset:4")];
const ONE_SPECIFIC: Options = &[("scan.startup.mode", "specific-offsets"), ("scan.startup.specific-offsets", "partition:0,offset:3")];
const EARLIEST: Options = &[("scan.startup.mode", "earliest-offset")];
const LATEST: Options = &[("scan.startup.mode", "latest-offset")];
const RESET_EARLIEST: Options = &[("properties.auto.offset.reset", "earliest")];
const RESET_LATEST: Options = &[("properties.auto.offset.reset", "latest")];
const GROUP: Options = &[("scan.startup.mode", "group-offsets")];

const AFTER_ALL: Options = &[("scan.startup.mode", "timestamp"), ("scan.startup.timestamp-millis", "1714564900000")];

const TO_LATEST: Options = &[("scan.bounded.mode", "latest-offset")];
const TO_TIMESTAMP: Options = &[("scan.bounded.mode", "timestamp"), ("scan.bounded.timestamp-millis", "1714564806500")];
const TO_AFTER_ALL: Options = &[("scan.bounded.mode", "timestamp"), ("scan.bounded.timestamp-millis", "1714564900000")];
const TO_SPECIFIC: Options =
    &[("scan.bounded.mode", "specific-offsets"), ("scan.bounded.specific-offsets", "partition:0,offset:3;partition:1,offset:1")];
const TO_ONE: Options = &[("scan.bounded.mode", "specific-offsets"), ("scan.bounded.specific-offsets", "partition:0,offset:3")];
const TO_GROUP: Options = &[("scan.bounded.mode", "group-offsets")];

/// Startup mode, bounded mode, the committed offsets of its group, the ids that `run` reads, and those that `query` reads.
type Case = (Options, Options, &'static [(i32, i64)], &'static [i32], &'static [i32]);

const ALL: &[i32] = &[0, 1, 2, 3, 4, 5, 6, 7, 8, 9];

const MODES: &[Case] = &[
    (EARLIEST, TO_LATEST, &[], ALL, ALL),
    (LATEST, TO_LATEST, &[], &[], ALL),
    (TIMESTAMP, TO_LATEST, &[], &[7, 8, 9], &[7, 8, 9]),
    (SPECIFIC, TO_LATEST, &[], &[6, 8, 9], &[6, 8, 9]),
    // As in Flink, a partition that is not named begins at its group's offset, else at the earliest record.
    (ONE_SPECIFIC, TO_LATEST, &[], &[1, 3, 5, 6, 7, 8, 9], &[1, 3, 5, 6, 7, 8, 9]),
    (ONE_SPECIFIC, TO_LATEST, &[(1, 3)], &[6, 7, 8, 9], &[6, 7, 8, 9]),
    (GROUP, TO_LATEST, &[(0, 3), (1, 2)], &[5, 6, 7, 8, 9], ALL),
    (&[], TO_LATEST, &[(0, 5), (1, 4)], &[9], ALL),
    (RESET_EARLIEST, TO_LATEST, &[], ALL, ALL),
    (RESET_EARLIEST, TO_LATEST, &[(0, 4)], &[1, 3, 5, 7, 8, 9], ALL),
    (RESET_LATEST, TO_LATEST, &[], &[], ALL),
    (RESET_LATEST, TO_LATEST, &[(0, 4)], &[8], ALL),
    (EARLIEST, TO_TIMESTAMP, &[], &[0, 1, 2, 3, 4, 5, 6], &[0, 1, 2, 3, 4, 5, 6]),
    (AFTER_ALL, TO_LATEST, &[], &[], &[]),
    (EARLIEST, TO_AFTER_ALL, &[], ALL, ALL),
    (EARLIEST, TO_SPECIFIC, &[], &[0, 1, 2, 4], &[0, 1, 2, 4]),
    (EARLIEST, TO_ONE, &[], &[0, 2, 4], &[0, 2, 4]),
    (EARLIEST, TO_GROUP, &[(0, 2), (1, 3)], &[0, 1, 2, 3, 5], &[0, 1, 2, 3, 5]),
    (ONE_SPECIFIC, TO_TIMESTAMP, &[], &[1, 3, 5, 6], &[1, 3, 5, 6]),
    (TIMESTAMP, TO_TIMESTAMP, &[], &[], &[]),
    // The start is after the end.
    (SPECIFIC, TO_SPECIFIC, &[], &[], &[]),
    (LATEST, TO_GROUP, &[(0, 2), (1, 3)], &[], &[0, 1, 2, 3, 5]),
];

/// Lines `<case>,<id>`, sorted.
fn expected(pick: fn(&Case) -> &'static [i32]) -> Vec<String> {
    let mut lines: Vec<String> =
        MODES.iter().enumerate().flat_map(|(i, case)| pick(case).iter().map(move |id| format!("{i},{id}"))).collect();
    lines.sort();
    lines
}

/// Declares a table for each mode over one topic, each with its own group.
fn mode_tables(topic: &str) -> String {
    let declare = |(i, (startup, bounded, offsets, ..)): (usize, &Case)| {
        let group = unique("group");
        if !offsets.is_empty() {
            commit(&group, topic, offsets);
        }
        table(&format!("t{i}"), topic, "id INT", &[&[("properties.group.id", group.as_str())], *startup, *bounded].concat())
    };
    MODES.iter().enumerate().map(declare).collect()
}

#[test]
fn a_job_begins_and_ends_where_the_modes_say() {
    let mut script = mode_tables(&ten());
    script.push_str("CREATE TABLE p (c INT, id INT) WITH ('connector' = 'print');\n");
    for i in 0..MODES.len() {
        script.push_str(&format!("INSERT INTO p SELECT {i}, id FROM t{i};\n"));
    }
    let lines = run(&script, &[]).lines();
    let plain: Vec<String> = lines.iter().map(|l| l.trim_start_matches("+I[").trim_end_matches(']').replace(", ", ",")).collect();
    assert_eq!(plain, expected(|case| case.3));
}

#[test]
fn a_query_reads_history_unless_told_a_place_in_it() {
    let selects: Vec<String> = (0..MODES.len()).map(|i| format!("SELECT {i} AS c, id FROM t{i}")).collect();
    let lines = query(&mode_tables(&ten()), &selects.join(" UNION ALL "), "csv").lines();
    let rows: Vec<String> = lines.into_iter().filter(|l| l != "c,id").collect();
    assert_eq!(rows, expected(|case| case.4));
}

#[test]
fn a_mode_that_has_nothing_to_go_by_names_the_fix() {
    let (topic, group, half) = (ten(), unique("group"), unique("half"));
    commit(&half, &topic, &[(0, 3)]);
    let gone = unique("gone");
    commit(&gone, &topic, &[(0, 3), (1, 99)]);
    for (options, words) in [
        (
            vec![("properties.group.id", group.as_str())],
            vec!["has no committed offset", "partition 0", "earliest-offset", "properties.auto.offset.reset"],
        ),
        (vec![("properties.group.id", &half)], vec!["has no committed offset", "partition 1", "earliest-offset"]),
        (vec![("properties.group.id", &gone)], vec!["has committed offset 99", "partition 1", "0 to 5", "earliest-offset"]),
        (vec![], vec!["needs `properties.group.id`", "earliest-offset"]),
        (vec![EARLIEST[0], TO_GROUP[0]], vec!["scan.bounded.mode", "needs `properties.group.id`"]),
        (vec![EARLIEST[0], TO_GROUP[0], ("properties.group.id", &group)], vec!["scan.bounded.mode", "has no committed offset"]),
        (
            vec![ONE_SPECIFIC[0], ("scan.startup.specific-offsets", "partition:0,offset:99")],
            vec!["offset 99", "does not exist yet", "the newest is 5"],
        ),
        (vec![ONE_SPECIFIC[0], ("scan.startup.specific-offsets", "partition:7,offset:0")], vec!["partition 7", "has 2 partitions"]),
    ] {
        let script = table("t", &topic, "id INT", &options)
            + "CREATE TABLE p (id INT) WITH ('connector' = 'print');\nINSERT INTO p SELECT id FROM t;\n";
        let ran = run(&script, &["--until-now"]);
        let said = ran.said(1);
        assert!(words.iter().all(|word| said.contains(word)), "{options:?} {words:?}\n{said}");
    }
}

#[test]
fn a_query_needs_no_group() {
    let topic = ten();
    for options in [vec![], vec![GROUP[0]], vec![("properties.group.id", "unused")]] {
        assert_eq!(query(&table("t", &topic, "id INT", &options), "SELECT COUNT(*) AS n FROM t", "csv").lines(), ["10", "n"]);
    }
}

#[test]
fn a_job_that_begins_at_the_latest_offset_reads_what_comes_after() {
    let (topic, out) = (ten(), unique("out"));
    let script = table("t", &topic, "id INT", LATEST) + &table("o", &out, "id INT", &[]) + "INSERT INTO o SELECT id FROM t;\n";
    let job = job(&script).args(&["--until-now"]);
    job.run().code(0);
    assert!(read(&out).is_empty());
    write(&topic, vec![record(0, BASE, r#"{"id":10}"#), record(1, BASE, r#"{"id":11}"#)]);
    job.run().code(0);
    assert_eq!(read(&out), [r#"{"id":10}"#, r#"{"id":11}"#]);
}

#[test]
fn the_group_is_told_how_far_a_job_has_read() {
    let (topic, group) = (ten(), unique("group"));
    let print = "CREATE TABLE p (id INT) WITH ('connector' = 'print');\nINSERT INTO p SELECT id FROM t;\n";
    let first = [EARLIEST[0], TO_LATEST[0], ("properties.group.id", &group)];
    assert_eq!(run(&(table("t", &topic, "id INT", &first) + print), &[]).lines().len(), 10);
    assert_eq!(committed(&group, &topic), [(0, 5), (1, 5)]);
    // Another job can continue there.
    write(&topic, vec![record(0, BASE, r#"{"id":10}"#)]);
    let next = [GROUP[0], TO_LATEST[0], ("properties.group.id", &group)];
    assert_eq!(run(&(table("t", &topic, "id INT", &next) + print), &[]).lines(), ["+I[10]"]);
}

#[test]
fn the_group_is_told_while_a_job_runs_and_waits() {
    let (topic, group) = (ten(), unique("group"));
    let options = [EARLIEST[0], ("properties.group.id", &group)];
    let script = table("t", &topic, "id INT", &options)
        + "CREATE TABLE b (id INT) WITH ('connector' = 'blackhole');\nINSERT INTO b SELECT id FROM t;\n";
    let mut job = job(&script).start();
    // All rows are read at once, and no later row triggers a commit of offsets.
    job.until("the group's offsets", |_| committed(&group, &topic) == [(0, 5), (1, 5)]);
    write(&topic, vec![record(0, BASE, r#"{"id":10}"#)]);
    job.until("the group's next offset", |_| committed(&group, &topic) == [(0, 6), (1, 5)]);
    job.stop().code(0);
}

#[test]
fn metadata_columns_say_where_a_record_stands() {
    let topic = unique("metadata");
    create(&topic, 2);
    let mut with_headers = record(1, BASE + 1, r#"{"id":2}"#);
    let text = |bytes: &[u8]| Some(bytes.to_vec());
    with_headers.headers = vec![("a".into(), text(b"one")), ("b".into(), text(&[0, 255])), ("a".into(), text(b"two"))];
    write(&topic, vec![record(0, BASE, r#"{"id":1}"#), with_headers, record(1, BASE + 2_000, r#"{"id":3}"#)]);
    let columns = "id INT, t STRING METADATA FROM 'topic', p INT METADATA FROM 'partition', `offset` BIGINT METADATA,
        plain TIMESTAMP(3) METADATA FROM 'timestamp', zoned TIMESTAMP_LTZ(3) METADATA FROM 'timestamp',
        kind STRING METADATA FROM 'timestamp-type', epoch INT METADATA FROM 'leader-epoch', headers MAP<STRING, BYTES> METADATA";
    let sql = "SELECT id, t, p, `offset`, plain, zoned, kind, epoch, headers FROM m ORDER BY id";
    let row = |id, place: &str, fraction: &str, headers: &str| {
        format!(
            r#"{{"id":{id},"t":"{topic}",{place},"plain":"2024-05-01 12:00:0{fraction}","zoned":"2024-05-01 12:00:0{fraction}Z","kind":"CreateTime","epoch":0,"headers":{headers}}}"#
        )
    };
    assert_eq!(
        query(&table("m", &topic, columns, &[]), sql, "ndjson").lines(),
        [
            row(1, r#""p":0,"offset":0"#, "0", "{}"),
            row(2, r#""p":1,"offset":0"#, "0.001", r#"{"b":"AP8=","a":"dHdv"}"#),
            row(3, r#""p":1,"offset":1"#, "2", "{}"),
        ]
    );
}

#[test]
fn keys_headers_and_record_times_can_be_written() {
    let topic = unique("written");
    create(&topic, 1);
    let columns = "who STRING, n INT, at TIMESTAMP_LTZ(3) METADATA FROM 'timestamp', headers MAP<STRING, BYTES> METADATA,
        kind STRING METADATA FROM 'timestamp-type' VIRTUAL";
    let keyed = [("key.format", "raw"), ("key.fields", "who"), ("value.fields-include", "EXCEPT_KEY")];
    let script = table("k", &topic, columns, &keyed)
        + "INSERT INTO k VALUES ('u1', 1, TIMESTAMP '2024-05-01 12:00:00.123', MAP['a', X'6f6e65']);\n"
        + "INSERT INTO k (n, who) VALUES (2, 'u2'), (3, NULL);\n";
    let ran = run(&script, &[]);
    let said = ran.said(0);
    assert!(said.contains("1 row") && said.contains("2 rows"), "{said}");
    // The key is not in the value.
    assert_eq!(read(&topic), [r#"{"n":1}"#, r#"{"n":2}"#, r#"{"n":3}"#]);
    let sql = "SELECT who, n, at = TIMESTAMP '2024-05-01 12:00:00.123' AS then, at > now() - INTERVAL '1' HOUR AS recent, kind, headers['a'] AS a FROM k ORDER BY n";
    assert_eq!(
        query(&table("k", &topic, columns, &keyed), sql, "ndjson").lines(),
        [
            r#"{"who":"u1","n":1,"then":true,"recent":false,"kind":"CreateTime","a":"b25l"}"#,
            r#"{"who":"u2","n":2,"then":false,"recent":true,"kind":"CreateTime","a":null}"#,
            r#"{"who":null,"n":3,"then":false,"recent":true,"kind":"CreateTime","a":null}"#,
        ]
    );
}

#[test]
fn a_topic_can_set_the_time_itself() {
    let topic = unique("append-time");
    create_with(&topic, &[("message.timestamp.type", "LogAppendTime")]);
    write(&topic, vec![record(0, BASE, r#"{"id":1}"#)]);
    let columns = "id INT, at TIMESTAMP_LTZ(3) METADATA FROM 'timestamp', kind STRING METADATA FROM 'timestamp-type'";
    let sql = "SELECT kind, at > now() - INTERVAL '1' HOUR AS recent FROM t";
    assert_eq!(query(&table("t", &topic, columns, &[]), sql, "csv").lines(), ["LogAppendTime,true", "kind,recent"].map(String::from));
}

/// A separate key in the record, beside a value column of the same name.
const PREFIXED: Options =
    &[("key.format", "raw"), ("key.fields", "k_id"), ("key.fields-prefix", "k_"), ("value.fields-include", "EXCEPT_KEY")];

#[test]
fn a_job_passes_keys_headers_and_record_times_on() {
    let (from, to) = (unique("from"), unique("to"));
    create(&from, 2);
    let mut records: Vec<_> = (0..6).map(|i| record(i % 2, BASE + i64::from(i) * 1_500, &format!("{{\"id\":{i}}}"))).collect();
    for (i, record) in records.iter_mut().enumerate() {
        record.key = (i != 4).then(|| format!("key-{i}").into());
        record.headers = vec![("h".into(), Some(vec![b'a' + u8::try_from(i).unwrap()]))];
    }
    write(&from, records);
    let columns = "k_id STRING, id INT, at TIMESTAMP(3) METADATA FROM 'timestamp', headers MAP<STRING, BYTES> METADATA,
        `offset` BIGINT METADATA VIRTUAL";
    let source = table("s", &from, columns, &[PREFIXED, EARLIEST, TO_LATEST].concat());
    let sink = table("o", &to, columns, PREFIXED);
    run(&(source + &sink + "INSERT INTO o SELECT k_id, id, at, headers FROM s;\n"), &[]).said(0);
    assert_eq!(read(&to), (0..6).map(|i| format!("{{\"id\":{i}}}")).collect::<Vec<_>>());
    let expected: Vec<String> = (0..6)
        .map(|i| {
            let at = chrono::DateTime::from_timestamp_millis(BASE + i * 1_500).unwrap().format("%Y-%m-%d %H:%M:%S%.f");
            let at = at.to_string().replace(".500", ".5");
            let key = if i == 4 { "null".into() } else { format!("\"key-{i}\"") };
            let header = ["YQ==", "Yg==", "Yw==", "ZA==", "ZQ==", "Zg=="][usize::try_from(i).unwrap()];
            format!(r#"{{"id":{i},"k_id":{key},"at":"{at}","h":"{header}"}}"#)
        })
        .collect();
    assert_eq!(query(&sink, "SELECT id, k_id, at, headers['h'] AS h FROM o", "ndjson").lines(), expected);
}

#[test]
fn metadata_that_cannot_be_is_refused_with_the_fix() {
    let topic = ten();
    let print = "CREATE TABLE p (id INT) WITH ('connector' = 'print');\nINSERT INTO p SELECT id FROM t;\n";
    for (columns, job, words) in [
        ("id INT, x STRING METADATA FROM 'topics'", print, ["no metadata 'topics'", "topic"]),
        ("id INT, headers STRING METADATA", print, ["metadata 'headers'", "MAP<STRING, BYTES>"]),
        ("id INT, at BOOLEAN METADATA FROM 'timestamp'", print, ["metadata 'timestamp'", "TIMESTAMP_LTZ(3)"]),
        ("id INT, `offset` BIGINT METADATA", "INSERT INTO t VALUES (1, 2);\n", ["offset", "VIRTUAL"]),
    ] {
        let ran = run(&(table("t", &topic, columns, &[EARLIEST[0], TO_LATEST[0]]) + job), &[]);
        let said = ran.said(1);
        assert!(words.iter().all(|word| said.contains(word)), "{columns} {words:?}\n{said}");
    }
}

#[test]
fn set_and_option_choose_the_mode_too() {
    let topic = ten();
    let ids = |script: &str, more: &[&str]| run(script, more).lines().len();
    let rest =
        table("t", &topic, "id INT", &[]) + "CREATE TABLE p (id INT) WITH ('connector' = 'print');\nINSERT INTO p SELECT id FROM t;\n";
    let set = "SET 'scan.startup.mode' = 'earliest-offset';\nSET 'scan.bounded.mode' = 'latest-offset';\n";
    assert_eq!(ids(&format!("{set}{rest}"), &[]), 10);
    // The command line takes precedence.
    let specific = "t.scan.bounded.specific-offsets=partition:0,offset:3";
    assert_eq!(ids(&format!("{set}{rest}"), &["--option", "t.scan.bounded.mode=specific-offsets", "--option", specific]), 3);
    assert_eq!(ids(&rest, &["--option", "scan.startup.mode=earliest-offset", "--option", "execution.runtime-mode=batch"]), 10);
}

const INSERTS: &str = "INSERT INTO evens SELECT id FROM t WHERE id % 2 = 0;
    INSERT INTO doubles SELECT id * 2 FROM t;
    INSERT INTO evens SELECT id + 100 FROM t WHERE id > 7;
    INSERT INTO windows SELECT window_start, COUNT(*) FROM TABLE(TUMBLE(TABLE t, DESCRIPTOR(at), INTERVAL '4' SECONDS)) GROUP BY window_start, window_end;\n";

#[test]
fn several_inserts_share_a_source_and_every_sink_gets_its_rows() {
    for text in [INSERTS.to_string(), format!("EXECUTE STATEMENT SET BEGIN {INSERTS} END;\n")] {
        let (evens, doubles, windows) = (unique("evens"), unique("doubles"), unique("windows"));
        let columns = "id INT, at TIMESTAMP(3) METADATA FROM 'timestamp', WATERMARK FOR at AS at";
        let script = table("t", &ten(), columns, &[EARLIEST[0], TO_LATEST[0]])
            + &table("evens", &evens, "id INT", &[])
            + &table("doubles", &doubles, "id INT", &[])
            + &table("windows", &windows, "window_start TIMESTAMP(3), n BIGINT", &[])
            + &text;
        let ran = run(&script, &[]);
        let said = ran.said(0);
        // The topic is read once for all queries.
        assert!(said.contains("FINISHED") && said.contains("lag 0, ") && said.contains(", in 10, out 20"), "{said}");
        let ids = |ids: &[i32]| {
            let mut lines: Vec<String> = ids.iter().map(|id| format!("{{\"id\":{id}}}")).collect();
            lines.sort();
            lines
        };
        assert_eq!(read(&evens), ids(&[0, 2, 4, 6, 8, 108, 109]));
        assert_eq!(read(&doubles), ids(&[0, 2, 4, 6, 8, 10, 12, 14, 16, 18]));
        let window = |second, n| format!("{{\"window_start\":\"2024-05-01 12:00:0{second}\",\"n\":{n}}}");
        assert_eq!(read(&windows), [window(0, 4), window(4, 4), window(8, 2)]);
    }
}

#[test]
fn print_shows_rows_as_flink_does() {
    let topic = unique("print");
    create(&topic, 1);
    write(
        &topic,
        vec![
            record(0, BASE, r#"{"s":"a, b","n":1,"d":1.50,"b":true,"at":"2024-05-01 12:00:00.5","l":[1,null]}"#),
            record(0, BASE, r#"{"n":2}"#),
        ],
    );
    let columns = "s STRING, n INT, d DECIMAL(5, 2), b BOOLEAN, at TIMESTAMP(3), l ARRAY<INT>";
    let script = table("t", &topic, columns, &[EARLIEST[0], TO_LATEST[0]])
        + &format!("CREATE TABLE p ({columns}) WITH ('connector' = 'print');\n")
        + &format!("CREATE TABLE q ({columns}) WITH ('connector' = 'print', 'print-identifier' = 'q', 'standard-error' = 'true');\n")
        + "INSERT INTO p SELECT * FROM t;\nINSERT INTO q SELECT * FROM t;\n";
    let ran = run(&script, &[]);
    let rows = ["+I[a, b, 1, 1.50, true, 2024-05-01T12:00:00.500, [1, null]]", "+I[null, 2, null, null, null, null]"];
    assert_eq!(ran.lines(), rows);
    let said = ran.said(0);
    assert!(rows.iter().all(|row| said.lines().any(|line| line == format!("q> {row}"))), "{said}");
}

const IDLE: (&str, &str) = ("scan.watermark.idle-timeout", "1 s");
const EVENTS: &str = "at TIMESTAMP(3), WATERMARK FOR at AS at";
const WINDOWS: &str = "window_start TIMESTAMP(3), n BIGINT";

/// Counts rows in windows of two seconds, from a table to another.
fn count_windows(from: &str, to: &str) -> String {
    format!(
        "INSERT INTO {to} SELECT window_start, COUNT(*) FROM TABLE(TUMBLE(TABLE {from}, DESCRIPTOR(at), INTERVAL '2' SECONDS)) GROUP BY window_start, window_end;\n"
    )
}

fn event(partition: i32, at: i64) -> millstream::connectors::kafka::broker::OutRecord {
    let text = chrono::DateTime::from_timestamp_millis(at).unwrap().format("%Y-%m-%d %H:%M:%S%.3f");
    record(partition, at, &format!("{{\"at\":\"{text}\"}}"))
}

/// Returns the sum of all counts.
fn counted(topic: &str) -> i64 {
    read(topic).iter().map(|line| serde_json::from_str::<serde_json::Value>(line).unwrap()["n"].as_i64().unwrap()).sum()
}

/// Declares a table `<name>` on a topic and its windows in a topic, which is returned with the script.
fn windowed(name: &str, topic: &str, idle: (&str, &str)) -> (String, String) {
    let (out, sink) = (unique("out"), format!("{name}_out"));
    create(&out, 1);
    let script = table(name, topic, EVENTS, &[EARLIEST[0], idle]) + &table(&sink, &out, WINDOWS, &[]) + &count_windows(name, &sink);
    (script, out)
}

#[test]
fn silence_closes_the_last_window_of_live_rows_only() {
    let (live, old, never) = (unique("live"), unique("old"), unique("never"));
    for topic in [&live, &old, &never] {
        create(topic, 2);
    }
    write(&old, (0..5).map(|i| event(i % 2, BASE + i64::from(i) * 1_000)).collect());
    let (a, live_out) = windowed("live", &live, IDLE);
    let (b, old_out) = windowed("old", &old, IDLE);
    // No partition is ever idle there.
    let (c, never_out) = windowed("never", &never, ("scan.watermark.idle-timeout", "0"));
    // The newest row begins a window, which only idleness can close.
    let now = chrono::Utc::now().timestamp_millis() / 2_000 * 2_000;
    for topic in [&never, &live] {
        write(topic, (0..=20).map(|i| event(i % 2, now - 2_000 + i64::from(i) * 100)).collect());
    }
    let mut job = job(&(a + &b + &c)).start();
    job.until("all live windows", |_| counted(&live_out) == 21);
    assert_eq!(counted(&old_out), 4, "the last window of old rows stays open");
    assert_eq!(counted(&never_out), 0, "{:?}", read(&never_out));
    job.stop().code(0);
}

#[test]
fn silence_closes_the_last_window_after_a_restart_too() {
    let topic = unique("restarted");
    create(&topic, 2);
    let (script, out) = windowed("t", &topic, IDLE);
    let now = chrono::Utc::now().timestamp_millis() / 2_000 * 2_000;
    write(&topic, (0..=20).map(|i| event(i % 2, now - 2_000 + i64::from(i) * 100)).collect());
    let job = job(&script);
    job.args(&["--until-now"]).run().code(0);
    assert_eq!(counted(&out), 0);
    let mut again = job.start();
    again.until("all windows", |_| counted(&out) == 21);
    again.stop().code(0);
    assert_eq!(read(&out).len(), 2);
}

#[test]
fn an_empty_partition_holds_windows_only_until_it_is_idle() {
    let (busy, held) = (unique("busy"), unique("held"));
    create(&busy, 2);
    create(&held, 2);
    let (a, busy_out) = windowed("busy", &busy, IDLE);
    let (b, held_out) = windowed("held", &held, ("scan.watermark.idle-timeout", "0"));
    let mut job = job(&(a + &b)).start();
    // Partition 0 is never idle meanwhile.
    job.until("windows of the full partition", |_| {
        let at = chrono::Utc::now().timestamp_millis();
        write(&busy, vec![event(0, at)]);
        write(&held, vec![event(0, at)]);
        counted(&busy_out) > 0
    });
    assert!(read(&held_out).is_empty());
    job.stop().code(0);
}
