//! Bad input on a real Kafka, through the main job: a clear message or a counter, correct windows, and no loss.

use std::collections::BTreeMap;
use std::time::Instant;

use rdkafka::message::Message;

use crate::cli::{Home, MAIN_JOB};
use crate::main_job::{MainJob, paid, payment};
use crate::own_kafka::OwnKafka;
use crate::topic::{self, Record, Topic, record, tombstone, unique};

/// Ends at the newest record, and closes all windows.
const BOUNDED: &str = "transactions_table.scan.bounded.mode=latest-offset";

/// Messages that cannot be decoded, each with a part of its error.
fn broken() -> Vec<(Vec<u8>, &'static str)> {
    let payment = |amount: &str| payment(1000, amount);
    let time = |time: &str| format!(r#"{{"event_timestamp":{time},"total_paid":1000,"status":"Paid"}}"#);
    let messages: [(String, &str); 17] = [
        ("{broken".into(), "unexpected 'b'"),
        ("not json".into(), "expected a JSON object"),
        (format!("{}{}", payment("1000"), payment("1000")), "more than one JSON value"),
        (format!("{}\n{}", payment("1000"), payment("1000")), "more than one JSON value"),
        (payment("1000")[..60].into(), "ends in the middle of a value"),
        (String::new(), "empty"),
        (" ".into(), "empty"),
        ("7".into(), "expected a JSON object"),
        ("\"text\"".into(), "expected a JSON object"),
        ("null".into(), "expected a JSON object"),
        (payment("\"ten\""), "field 'total_paid'"),
        (payment("{}"), "field 'total_paid'"),
        (payment("2147483648"), "field 'total_paid'"),
        (payment("-2147483649"), "field 'total_paid'"),
        (time("\"yesterday\""), "field 'event_timestamp'"),
        (time("\"2024-02-30 12:00:00\""), "field 'event_timestamp'"),
        (time("{}"), "field 'event_timestamp'"),
    ];
    let not_utf8 = (vec![0xff, 0xfe, b'{', b'}'], "");
    messages.into_iter().map(|(text, why)| (text.into_bytes(), why)).chain([not_utf8]).collect()
}

/// Messages that look odd but are valid. They add 24 in four payments to the first window.
fn odd() -> Vec<Record> {
    let object = |rest: &str| record(format!(r#"{{"event_timestamp":"2024-05-01 12:00:01"{rest}}}"#));
    vec![
        object(r#","total_paid":null,"status":"Paid""#),
        object(r#","total_paid":1000,"status":null"#),
        object(r#","total_paid":1000"#),
        object(""),
        object(r#","total_paid":7,"status":"Paid","more":{"a":[1,{"b":"}"}]}"#),
        object(r#","total_paid":"8","status":"Paid""#),
        record(format!("\n  {}\n", payment(1000, "9"))),
    ]
}

#[test]
fn what_cannot_be_read_is_skipped_and_counted_and_its_neighbours_are_not_harmed() {
    let job = MainJob::new("skipped", 1, &[BOUNDED]);
    let mut records = vec![paid(0, 10)];
    for (message, _) in broken() {
        records.extend([record(message), paid(1000, 1)]);
    }
    records.extend(odd());
    records.extend([tombstone(), paid(2000, 20), tombstone(), paid(4000, 30)]);
    job.input.put(&records);
    let bad = broken().len();
    let ended = Home::new().run(&job.args()).ok();
    let good = i64::try_from(bad).unwrap();
    assert_eq!(job.windows(), [(0, 10 + good + 24 + 20, 1 + good + 4 + 1), (3, 30, 1)], "{ended}");
    let place = format!("table `transactions_table`: topic `{}`, partition 0, offset 1: ", job.input.name);
    let ended = ended.says(&[&format!("{bad} bad record(s) skipped; one of them: {place}"), ": `{broken`", "lag 0", "tombstones 2"]);
    let ended = ended.says(&[&format!(", bad {bad}, ")]);
    assert_eq!(ended.err.matches("bad record(s)").count(), 1, "a warning for each would be a flood:\n{ended}");
}

#[test]
fn a_row_without_its_time_belongs_to_no_window_and_is_counted() {
    let job = MainJob::new("timeless", 1, &[]);
    let timeless = || record(r#"{"event_timestamp":null,"total_paid":1000,"status":"Paid"}"#);
    let home = Home::new();
    job.input.put(&[paid(0, 10), timeless(), paid(4000, 20)]);
    let mut live = home.start(&job.args());
    live.until("first window", |_| job.windows() == [(0, 10, 1)]);
    job.input.put(&[timeless(), record(r#"{"total_paid":1000,"status":"Paid"}"#), paid(7000, 30)]);
    live.until("second window", |_| job.windows() == [(0, 10, 1), (3, 20, 1)]);
    live.stop().says(&[", bad 3", "row set aside: ", "event_timestamp"]);
}

#[test]
fn an_overflow_in_the_sink_sets_aside_that_window_alone() {
    let job = MainJob::new("overflow", 1, &[BOUNDED]);
    job.input.put(&[paid(0, 2_147_483_647), paid(1, 1), paid(3000, 2_147_483_647), paid(6000, -2_147_483_648)]);
    let ended = Home::new().run(&job.args()).ok();
    assert_eq!(job.windows(), [(3, 2_147_483_647, 1), (6, -2_147_483_648, 1)], "{ended}");
    ended.says(&["row set aside: table `transactions_paid_agg_table`, column `total_paid` (INT): 2147483648 does not fit", ", bad 1"]);
}

#[test]
fn on_error_fail_stops_the_job_at_the_record_and_skip_goes_on_from_there() {
    for option in ["on-error=fail", "json.ignore-parse-errors=false"] {
        let option = format!("transactions_table.{option}");
        let job = MainJob::new("fail", 1, &[&option]);
        job.input.put(&[paid(0, 10), paid(4000, 20)]);
        let home = Home::new();
        let mut live = home.start(&job.args());
        live.until("first window", |_| job.windows() == [(0, 10, 1)]);
        job.input.put(&[paid(5000, 5), record("{broken"), paid(5001, 5), paid(7000, 30)]);
        let place = format!("error: table `transactions_table`: topic `{}`, partition 0, offset 3: ", job.input.name);
        live.end().exits(1).says(&[&place, "`{broken`", "hint: 'on-error' = 'skip' counts such records"]);
        home.run(&job.args()).exits(1).says(&[&place]);
        assert_eq!(job.windows(), [(0, 10, 1)], "{option}");

        let mut live = home.start(&job.and(&["--option", "transactions_table.on-error=skip"]));
        live.says("resumed at commit");
        live.until("second window", |_| job.windows() == [(0, 10, 1), (3, 30, 3)]);
        live.stop().says(&[", bad 1"]);
    }
}

#[test]
fn a_dead_letter_table_gets_exactly_the_bad_messages_once() {
    let name = unique("dead");
    let dead = Topic::named(&format!("{name}-dead"));
    let home = Home::new();
    let columns = "`table` STRING, `partition` INT, `offset` BIGINT, `key` BYTES, `value` BYTES, `error` STRING";
    home.file(
        "0_dead.sql",
        &format!("CREATE TABLE dead ({columns}) WITH ('connector' = 'kafka', 'topic' = '{}', 'format' = 'json');", dead.name),
    );
    let job = MainJob::on(Topic::at(&topic::kafka(), &name, 2), &["transactions_table.dead-letter.table=dead"]);
    let mut args = job.args();
    args.insert(1, "0_dead.sql".into());

    let (first, second) = {
        let mut all = broken();
        let second = all.split_off(all.len() / 2);
        (all, second)
    };
    let mix = |messages: &[(Vec<u8>, &str)], second: i64| {
        let bad = messages.iter().map(|(message, _)| record(message).keyed("k"));
        let good = (0..).map(|_| paid(second * 1000, 1).on(1));
        bad.zip(good).flat_map(|(bad, good)| [bad, good]).chain([paid(second * 1000, 1), tombstone()]).collect::<Vec<_>>()
    };
    job.input.put(&mix(&first, 1));
    let mut live = home.start(&args);
    live.until("dead letters", |_| dead.values().len() == first.len());
    // Killed while it works, the job neither loses nor repeats a dead letter.
    live.signal("KILL");
    assert_eq!(live.end().code, None);
    job.input.put(&mix(&second, 4));
    args.push("--until-now".into());
    home.run(&args).ok().says(&["resumed at commit"]);
    home.run(&args).ok();

    let rows = i64::try_from(first.len() + 1).unwrap();
    assert_eq!(job.windows(), [(0, rows, rows)]);
    let mut letters = BTreeMap::new();
    for value in dead.values() {
        let row: serde_json::Value = serde_json::from_str(&value).unwrap();
        assert_eq!((row["table"].as_str(), row["partition"].as_i64()), (Some("transactions_table"), Some(0)), "{value}");
        assert_eq!(row["key"].as_str(), Some("aw=="), "{value}");
        let letter = (row["value"].as_str().unwrap().to_string(), row["error"].as_str().unwrap().to_string());
        assert!(letters.insert(row["offset"].as_i64().unwrap(), letter).is_none(), "twice: {value}");
    }
    let sent: BTreeMap<i64, Vec<u8>> = job
        .input
        .records()
        .iter()
        .filter_map(|m| Some((m.partition(), m.offset(), m.payload()?.to_vec())))
        .filter(|(partition, ..)| *partition == 0)
        .map(|(_, offset, value)| (offset, value))
        .collect();
    assert_eq!(letters.len(), first.len() + second.len(), "{letters:#?}");
    let all: Vec<_> = first.iter().chain(&second).collect();
    for ((offset, (value, error)), (message, why)) in letters.iter().zip(all) {
        assert_eq!(&sent[offset], message);
        let bytes = base64::Engine::decode(&base64::engine::general_purpose::STANDARD, value).unwrap();
        assert_eq!(&bytes, message, "offset {offset}");
        assert!(error.contains(why), "{error} lacks {why}");
    }
}

/// Rows that are too large for the topic: the job continues, also after a kill, and each of them is a dead letter once.
#[test]
fn rows_that_the_topic_finds_too_large_are_dead_letters_once() {
    let (input, name) = (Topic::new("large-in", 1), unique("large"));
    let out = Topic::with_settings(&topic::kafka(), &name, 1, &[("max.message.bytes", "3000")]);
    let dead = Topic::new("large-dead", 1);
    let home = Home::new();
    let table = |name: &str, columns: &str, topic: &Topic, more: &str| {
        format!(
            "CREATE TABLE {name} ({columns}) WITH ('connector' = 'kafka', 'topic' = '{}', 'properties.bootstrap.servers' = '{}',
             'format' = 'json', 'scan.startup.mode' = 'earliest-offset'{more});\n",
            topic.name, topic.address
        )
    };
    let sql = table("i", "id INT, text STRING", &input, "")
        + &table("dead", "`table` STRING, `value` STRING, `error` STRING", &dead, "")
        + &table("o", "id INT, text STRING", &out, ", 'dead-letter.table' = 'dead'")
        + "INSERT INTO o SELECT id, text FROM i;";
    home.file("large.sql", &sql);
    let args = ["run", "large.sql", "--name", &name, "-o", "checkpoint.interval=0", "-o", "max.rows.per.epoch=3"];
    // Random data, so that compression does not make it small enough.
    let noise = || (0..200).map(|_| uuid::Uuid::new_v4().simple().to_string()).collect::<String>();
    let rows = |ids: std::ops::Range<i32>| {
        let row = |id: i32| record(format!(r#"{{"id":{id},"text":"{}"}}"#, if id % 10 == 4 { noise() } else { "small".to_string() }));
        ids.map(row).collect::<Vec<_>>()
    };
    let ids = |topic: &Topic, of: &dyn Fn(&serde_json::Value) -> serde_json::Value| {
        let values = topic.values();
        let mut ids: Vec<i64> = values.iter().map(|v| of(&serde_json::from_str(v).unwrap())).map(|row| number(&row["id"])).collect();
        ids.sort_unstable();
        ids
    };
    fn number(value: &serde_json::Value) -> i64 {
        value.as_i64().unwrap_or_else(|| value.as_str().unwrap().parse().unwrap())
    }
    let small = || ids(&out, &|row| row.clone());
    let large = || ids(&dead, &|letter| serde_json::from_str(letter["value"].as_str().unwrap()).unwrap());
    let (larges, smalls): (Vec<i64>, Vec<i64>) = (0..120).partition(|id| id % 10 == 4);
    input.put(&rows(0..60));
    for (upto, next) in [(20, 60..80), (70, 80..100), (90, 100..120)] {
        let mut live = home.start(&args);
        live.until("rows", |_| small().len() * 10 / 9 >= upto);
        live.signal("KILL");
        live.end();
        input.put(&rows(next));
    }
    let mut live = home.start(&args);
    live.until("all rows", |_| small() == smalls && large() == larges);
    live.stop();
    assert_eq!((small(), large()), (smalls, larges));
    assert!(dead.values().iter().all(|letter| letter.contains("max.message.bytes") && letter.contains(r#""table":"o""#)));
}

#[test]
fn rows_out_of_order_are_in_time_until_their_window_is_closed() {
    let job = MainJob::new("order", 2, &[]);
    let home = Home::new();
    let mut live = home.start(&job.and(&["--option", "max.rows.per.epoch=1"]));
    job.input.put(&[paid(2900, 1), paid(100, 2), paid(2999, 4), paid(0, 8), paid(1000, 16).on(1)]);
    job.input.put(&[paid(3500, 1), paid(2000, 32), paid(2999, 64).on(1), paid(3000, 2).on(1)]);
    // Row 2000 comes after row 3500 of its own partition, but partition 1 still holds the window open.
    live.until("first window", |_| job.windows() == [(0, 127, 7)]);
    job.input.put(&[paid(1, 1000), paid(2999, 1000).on(1), paid(3100, 4), paid(6000, 1).on(1), paid(6000, 1)]);
    live.until("second window", |_| job.windows() == [(0, 127, 7), (3, 7, 3)]);
    live.stop().says(&[", late 2"]);
}

#[test]
fn an_empty_topic_is_waited_for_and_nothing_in_it_is_an_answer() {
    let job = MainJob::new("empty", 3, &[]);
    let home = Home::new();
    let mut live = home.start(&job.args());
    live.says("lag 0");
    job.input.put(&(0..3).map(|p| paid(0, 1).on(p)).chain((0..3).map(|p| paid(3000, 1).on(p))).collect::<Vec<_>>());
    live.until("the window", |_| job.windows() == [(0, 3, 3)]);
    live.stop();
    let nothing = Topic::new("nothing", 2);
    let option = format!("transactions_table.topic={}", nothing.name);
    let broker = format!("transactions_table.properties.bootstrap.servers={}", nothing.address);
    let ask = ["query", "SELECT count(*) AS n, sum(total_paid) AS s FROM transactions_table", "-o", &option, "-o", &broker];
    assert_eq!(home.run(&ask).ok().out, "n,s\n0,\n");
}

#[test]
fn a_topic_that_does_not_exist_is_an_error_with_near_names() {
    let there = Topic::new("missing", 1);
    let near = format!("{}x", there.name);
    let job = MainJob::on(Topic::named(&near), &[]);
    let home = Home::new();
    let what = format!("error: table `transactions_table`: topic `{near}` does not exist at {}", there.address);
    let hint = format!("hint: did you mean `{}`?", there.name);
    home.run(&job.args()).exits(1).says(&[&what, &hint]);
    let mut ask = job.args();
    ask.splice(
        0..4,
        ["query".to_string(), "SELECT * FROM transactions_table".to_string(), "-f".to_string(), format!("{MAIN_JOB}/1_source.sql")],
    );
    ask.truncate(ask.len() - 2);
    home.run(&ask).exits(1).says(&[&what, &hint]);
}

#[test]
fn markers_at_the_end_of_a_partition_do_not_hold_a_job_up() {
    let job = MainJob::new("markers", 2, &[]);
    let home = Home::new();
    // Partition 0 ends with the marker of a commit, partition 1 with an aborted record and its marker.
    job.input.put_in_transaction(&[paid(0, 1), paid(4000, 2), paid(1, 4).on(1), paid(4000, 8).on(1)], true);
    job.input.put_in_transaction(&[paid(2, 1000).on(1)], false);
    let mut live = home.start(&job.args());
    live.until("the window", |_| job.windows() == [(0, 5, 2)]);
    live.stop().says(&["lag 0", "in 4, out 1"]);

    // A restart after the gap reads nothing twice.
    home.run(&job.and(&["--until-now"])).ok().says(&["resumed at commit", "in 0, out 0"]);
    job.input.put_in_transaction(&[paid(7000, 1), paid(7000, 1).on(1)], true);
    job.input.put_in_transaction(&[paid(8000, 1000), paid(8000, 1000).on(1)], false);
    home.run(&job.and(&["--until-now"])).ok().says(&["lag 0", "in 2, out 1"]);
    assert_eq!(job.windows(), [(0, 5, 2), (3, 10, 2)]);

    // A bounded read ends; also that of a topic with nothing but a gap.
    let bounded = MainJob::on(job.input.clone(), &[BOUNDED]);
    home.run(&bounded.and(&["--fresh", "--yes"])).ok().says(&["FINISHED", "lag 0", "in 6, out 3"]);
    let aborted = MainJob::new("aborted", 1, &[BOUNDED]);
    aborted.input.put_in_transaction(&[paid(0, 1000)], false);
    home.run(&aborted.args()).ok().says(&["FINISHED", "lag 0", "in 0, out 0"]);
}

#[test]
fn a_broker_that_is_away_is_waited_for_and_costs_nothing() {
    let kafka = OwnKafka::new();
    kafka.services("start");
    let job = MainJob::on(Topic::at(&kafka.address(), "transactions", 2), &["transactions_table.scan.watermark.idle-timeout=1 s"]);
    let both = |millis: i64| [paid(millis, 1), paid(millis, 1).on(1)];
    job.input.put(&[both(0), both(4000)].concat());
    kafka.services("stop");

    // Down at the start: a job waits and says so, a query fails after ten seconds.
    let home = Home::new();
    let mut live = home.start(&job.args());
    let ask = ["query", "SELECT count(*) AS n FROM transactions_table", "-f", &format!("{MAIN_JOB}/1_source.sql"), "--option"];
    let ask =
        ask.map(ToString::to_string).into_iter().chain([format!("properties.bootstrap.servers={}", kafka.address())]).collect::<Vec<_>>();
    let begin = Instant::now();
    let refused = home.run(&ask).exits(3).says(&[&kafka.address(), "refused", "hint: is the broker running"]);
    assert!((8..20).contains(&begin.elapsed().as_secs()), "{:?}: {refused}", begin.elapsed());
    live.says("waiting: ");
    kafka.services("start");
    live.until("the first window", |_| job.windows() == [(0, 2, 2)]);
    let waited = live.err();
    assert!(waited.contains(&kafka.address()) && (1..=3).contains(&waited.matches("waiting: ").count()), "{waited}");

    // Down in the middle for longer than the idle timeout: the watermark must not advance without the broker.
    job.input.put(&both(5000));
    kafka.services("stop");
    live.says("no answer from Kafka");
    kafka.services("start");
    job.input.put(&[both(5500), both(8000)].concat());
    live.until("the second window", |_| job.windows() == [(0, 2, 2), (3, 6, 6)]);
    let ended = live.stop();
    let told = &ended.err[waited.len()..];
    let lines = |part: &str| told.lines().filter(|l| l.contains(part)).count();
    assert!((1..=3).contains(&lines("no answer from Kafka")) && lines("sink ") <= 3, "clear, but not a flood:\n{ended}");
    assert!(!told.contains(", late") && !told.contains(", bad"), "{ended}");
    assert_eq!(home.run(&ask).ok().out, "n\n10\n");
}

/// The new topic has records at offsets that were read already, of the old one.
#[test]
fn a_topic_made_anew_and_longer_than_before_stops_the_job() {
    let rows = |count: i64| (0..count).map(|i| paid(i * 50, 1)).collect::<Vec<_>>();
    let anew = |topic: &Topic, count: i64| {
        topic.delete();
        let again = Topic::at(&topic.address, &topic.name, 1);
        again.put(&rows(count));
        again
    };
    let job = MainJob::new("anew", 1, &["scan.topic-partition-discovery.interval=200 ms"]);
    let home = Home::new();
    job.input.put(&rows(300));
    home.run(&job.and(&["--until-now"])).ok();
    let before = job.windows();
    // The topic is recreated between two runs.
    anew(&job.input, 700);
    for _ in 0..2 {
        home.run(&job.args()).exits(1).says(&["table `transactions_table`", &job.input.name, "was deleted and made anew", "--fresh"]);
    }
    assert_eq!(job.windows(), before);
    // The topic is recreated during a run.
    let mut live = home.start(&job.and(&["--fresh", "--yes"]));
    live.until("windows of the new topic", |_| job.windows().len() > before.len() + 3);
    anew(&job.input, 900);
    let ended = live.end().exits(1);
    assert!(ended.err.contains(&job.input.name), "{ended}");
    home.run(&job.args()).exits(1).says(&["was deleted and made anew"]);
}
