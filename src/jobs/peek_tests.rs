use arrow::util::pretty::pretty_format_batches;

use crate::catalog::{Catalog, Overrides};
use crate::connectors::Connectors;
use crate::connectors::kafka::EmbeddedBroker;
use crate::connectors::kafka::broker::{Broker, OutRecord};
use crate::sql::ast;
use crate::sql::parse;

use super::*;

/// A record of second `at`.
fn record(partition: i32, at: i64, key: Option<&str>, value: Option<&[u8]>) -> OutRecord {
    let key = key.map(|key| key.as_bytes().to_vec());
    OutRecord { partition: Some(partition), timestamp: Some(at * 1000), key, value: value.map(<[u8]>::to_vec), ..OutRecord::default() }
}

async fn workspace(broker: &Arc<EmbeddedBroker>, script: &str) -> Workspace {
    let workspace = Workspace::new(Catalog::in_memory(), Connectors::embedded(Arc::clone(broker)), Overrides::default());
    for parsed in parse(&ast::Source::new("a.sql", script)).unwrap() {
        workspace.declare(&parsed).await.unwrap();
    }
    workspace
}

/// `partition offset second raw | decoded` of each row.
async fn peeked(workspace: &Workspace, table: &str, rows: usize) -> Vec<String> {
    let (_, batch) = workspace.peek(table, rows).await.unwrap();
    let texts = |i: usize| batch.column(i).as_string::<i32>().iter().map(|t| t.unwrap_or("NULL").to_string()).collect::<Vec<_>>();
    let (raw, decoded) = (texts(3), texts(4));
    let places = places(&batch, 0).unwrap().into_iter();
    places
        .map(|(row, (partition, offset), time)| {
            format!("{partition} {offset} {} {} | {}", time.unwrap_or(-1) / 1000, raw[row], decoded[row])
        })
        .collect()
}

const OPTIONS: &str = "'topic' = 't', 'scan.startup.mode' = 'latest-offset', 'json.ignore-parse-errors' = 'false', 'format' = 'json'";

#[tokio::test]
async fn the_newest_of_all_partitions_with_what_cannot_be_read() {
    let broker = Arc::new(EmbeddedBroker::new());
    broker.create("t", Some(2)).unwrap();
    let mut producer = broker.producer(Some("test")).await.unwrap();
    for i in 0..20 {
        // Each transaction ends with a control record, which takes an offset.
        producer.begin().await.unwrap();
        let value = format!("{{\"id\":{i},\"name\":\"n\"}}");
        producer.send("t", vec![record(0, i, None, Some(value.as_bytes()))]).await.unwrap();
        producer.commit().await.unwrap();
    }
    broker.append("t", vec![record(1, 18, None, Some(b"{broken\n")), record(1, 3, None, Some(b"\xff\x00"))]).unwrap();
    let script = format!("CREATE TABLE orders (id INT, name STRING, twice AS id * 2) WITH ('connector' = 'kafka', {OPTIONS});");
    let workspace = workspace(&broker, &script).await;
    let expected = [
        r#"0 34 17 {"id":17,"name":"n"} | {"id":17,"name":"n"}"#,
        r#"0 36 18 {"id":18,"name":"n"} | {"id":18,"name":"n"}"#,
        r"1 0 18 {broken\n | NULL",
        r#"0 38 19 {"id":19,"name":"n"} | {"id":19,"name":"n"}"#,
    ];
    assert_eq!(peeked(&workspace, "orders", 4).await, expected);
    assert_eq!(peeked(&workspace, "Orders", 4).await, expected);
    let all = peeked(&workspace, "orders", 1000).await;
    assert_eq!((all.len(), all[4].as_str()), (22, "1 1 3 0xff00 | NULL"));
}

#[tokio::test]
async fn rows_that_come_and_go() {
    let broker = Arc::new(EmbeddedBroker::new());
    broker.create("t", Some(1)).unwrap();
    broker.append("t", vec![record(0, 1, Some("a"), Some(b"{\"n\":1}")), record(0, 2, Some("a"), None)]).unwrap();
    broker.create("c", Some(1)).unwrap();
    let change = br#"{"before":{"k":"a","n":1},"after":{"k":"a","n":2},"op":"u"}"#;
    broker.append("c", vec![record(0, 1, None, Some(change))]).unwrap();
    let script = "CREATE TABLE newest (k STRING, n INT, PRIMARY KEY (k) NOT ENFORCED) WITH ('connector' = 'upsert-kafka', 'topic' = 't', \
        'key.format' = 'raw', 'value.format' = 'json', 'value.fields-include' = 'EXCEPT_KEY');
        CREATE TABLE changes (k STRING, n INT) WITH ('connector' = 'kafka', 'topic' = 'c', 'format' = 'debezium-json');";
    let workspace = workspace(&broker, script).await;
    assert_eq!(peeked(&workspace, "newest", 10).await, [r#"0 0 1 {"n":1} | +{"k":"a","n":1}"#, r#"0 1 2 NULL | -{"k":"a","n":null}"#]);
    let shown = peeked(&workspace, "changes", 10).await;
    assert!(shown[0].ends_with(r#"| -{"k":"a","n":1} +{"k":"a","n":2}"#), "{shown:?}");
}

#[tokio::test]
async fn the_last_rows_of_files_and_tables_that_have_neither() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("numbers.csv");
    std::fs::write(&path, (1..=30_000).map(|i| format!("{i},n{i}\n")).collect::<String>()).unwrap();
    let script = format!(
        "CREATE TABLE numbers (n INT, name STRING) WITH ('connector' = 'filesystem', 'path' = '{}', 'format' = 'csv');
         CREATE VIEW seen AS SELECT n FROM numbers;
         CREATE TABLE made (n INT) WITH ('connector' = 'datagen');
         CREATE TABLE gone (n INT) WITH ('connector' = 'blackhole');",
        path.display()
    );
    let workspace = workspace(&Arc::default(), &script).await;
    for table in ["numbers", &path.display().to_string()] {
        let (_, rows) = workspace.peek(table, 2).await.unwrap();
        let text = pretty_format_batches(&[rows]).unwrap().to_string();
        assert!(text.contains("29999") && text.contains("n30000") && text.lines().count() == 6, "{text}");
    }
    for (table, message) in [
        ("made", "table `made` has neither messages nor files to peek at"),
        ("gone", "table `gone` has neither messages nor files to peek at"),
        ("seen", "`seen` is a view, which has no messages of its own"),
        ("numbrs", "no table is called `numbrs`"),
    ] {
        let error = workspace.peek(table, 2).await.unwrap_err();
        assert_eq!(error.message(), message);
        assert!(error.hint_text().is_some());
    }
}

#[test]
fn bytes_in_one_line() {
    for (bytes, text) in [
        (&b"{\"id\":1}"[..], "{\"id\":1}"),
        (b"a\nb\tc\x1b\x00", "a\\nb\\tc\\u{1b}\\u{0}"),
        ("ä".as_bytes(), "ä"),
        (b"\xff\x01", "0xff01"),
        (b"", ""),
    ] {
        assert_eq!(as_text(bytes), text);
    }
}
