use arrow::array::{Array, AsArray};
use arrow::datatypes::{Int32Type, Int64Type, TimestampMillisecondType};

use crate::catalog::{Catalog, Overrides};
use crate::connectors::Connectors;
use crate::connectors::kafka::EmbeddedBroker;
use crate::connectors::kafka::broker::{Broker, OutRecord};
use crate::sql::ast;
use crate::sql::parse;

use crate::workspace::Workspace;
use crate::workspace::peek::*;

/// A record of second `at`.
fn record(partition: i32, at: i64, key: Option<&str>, value: Option<&[u8]>) -> OutRecord {
    let key = key.map(|key| key.as_bytes().to_vec().into());
    OutRecord {
        partition: Some(partition),
        timestamp: Some(at * 1000),
        key,
        value: value.map(|value| value.to_vec().into()),
        ..OutRecord::default()
    }
}

async fn connection(broker: &Arc<EmbeddedBroker>, script: &str) -> Connection {
    let connection = Workspace::new(Catalog::in_memory(), Connectors::embedded(Arc::clone(broker)), Overrides::default()).into_connection();
    for parsed in parse(&ast::Source::new("a.sql", script)).unwrap() {
        connection.declare(&parsed).await.unwrap();
    }
    connection
}

/// `partition offset second key raw | decoded` of each row.
async fn peeked(connection: &Connection, table: &str, rows: usize) -> Vec<String> {
    let (schema, batch) = connection.peek(table, rows).await.unwrap();
    let names: Vec<&str> = schema.fields().iter().map(|f| f.name().as_str()).collect();
    assert_eq!(names, ["partition", "offset", "timestamp", "key", "raw", "decoded"]);
    let text = |column: usize, row: usize| {
        let column = batch.column(column).as_string::<i32>();
        if column.is_null(row) { "NULL" } else { column.value(row) }
    };
    let row = |row: usize| {
        let partition = batch.column(0).as_primitive::<Int32Type>().value(row);
        let offset = batch.column(1).as_primitive::<Int64Type>().value(row);
        let second = batch.column(2).as_primitive::<TimestampMillisecondType>().value(row) / 1000;
        format!("{partition} {offset} {second} {} {} | {}", text(3, row), text(4, row), text(5, row))
    };
    (0..batch.num_rows()).map(row).collect()
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
    let connection = connection(&broker, &script).await;
    let expected = [
        r#"0 34 17 NULL {"id":17,"name":"n"} | {"id":17,"name":"n"}"#,
        r#"0 36 18 NULL {"id":18,"name":"n"} | {"id":18,"name":"n"}"#,
        r"1 0 18 NULL {broken\n | NULL",
        r#"0 38 19 NULL {"id":19,"name":"n"} | {"id":19,"name":"n"}"#,
    ];
    assert_eq!(peeked(&connection, "orders", 4).await, expected);
    assert_eq!(peeked(&connection, "Orders", 4).await, expected);
    let all = peeked(&connection, "orders", 1000).await;
    assert_eq!((all.len(), all[4].as_str()), (22, "1 1 3 NULL 0xff00 | NULL"));
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
    let connection = connection(&broker, script).await;
    assert_eq!(peeked(&connection, "newest", 10).await, [r#"0 0 1 a {"n":1} | +{"k":"a","n":1}"#, r#"0 1 2 a NULL | -{"k":"a","n":null}"#]);
    let shown = peeked(&connection, "changes", 10).await;
    assert!(shown[0].ends_with(r#"| -{"k":"a","n":1} +{"k":"a","n":2}"#), "{shown:?}");
}

#[tokio::test]
async fn keys_and_messages_without_a_value() {
    let broker = Arc::new(EmbeddedBroker::new());
    broker.create("t", Some(1)).unwrap();
    let records = [
        record(0, 1, Some("a"), Some(b"{\"n\":1}")),
        record(0, 2, Some("b\n"), None),
        record(0, 3, None, None),
        OutRecord { key: Some(b"\xfe".to_vec().into()), ..record(0, 4, None, Some(b"{\"n\":4}")) },
    ];
    broker.append("t", records.to_vec()).unwrap();
    let script = "CREATE TABLE plain (n INT) WITH ('connector' = 'kafka', 'topic' = 't', 'format' = 'json');
        CREATE TABLE headed (k STRING, h MAP<STRING, BYTES> METADATA FROM 'headers', n INT) WITH ('connector' = 'kafka', 'topic' = 't',
          'key.format' = 'raw', 'key.fields' = 'k', 'value.format' = 'json', 'value.fields-include' = 'EXCEPT_KEY');
        CREATE TABLE changes (n INT) WITH ('connector' = 'kafka', 'topic' = 't', 'format' = 'debezium-json');";
    let connection = connection(&broker, script).await;
    let raw = ["0 0 1 a {\"n\":1}", "0 1 2 b\\n NULL", "0 2 3 NULL NULL", "0 3 4 0xfe {\"n\":4}"];
    let shown = |decoded: [&str; 4]| raw.iter().zip(decoded).map(|(raw, decoded)| format!("{raw} | {decoded}")).collect::<Vec<_>>();
    assert_eq!(peeked(&connection, "plain", 9).await, shown([r#"{"n":1}"#, "NULL", "NULL", r#"{"n":4}"#]));
    // The last one's key is no text, so it cannot be read by a table that wants it.
    assert_eq!(peeked(&connection, "headed", 9).await, shown([r#"{"k":"a","h":{},"n":1}"#, "NULL", "NULL", "NULL"]));
    assert_eq!(peeked(&connection, "changes", 9).await, shown(["NULL"; 4]));
    assert_eq!(peeked(&connection, "plain", 2).await.len(), 2);
}

#[tokio::test]
async fn tables_that_have_neither_messages_nor_files() {
    let script = "CREATE TABLE made (n INT) WITH ('connector' = 'datagen');
         CREATE TABLE gone (n INT) WITH ('connector' = 'blackhole');
         CREATE TABLE away (n INT) WITH ('connector' = 'kafka', 'topic' = 'away', 'format' = 'json');
         CREATE VIEW seen AS SELECT n FROM made;";
    let connection = connection(&Arc::default(), script).await;
    for (table, message) in [
        ("made", "table `made` has neither messages nor files to peek at"),
        ("gone", "table `gone` has neither messages nor files to peek at"),
        ("seen", "`seen` is a view, which has no messages of its own"),
        ("mede", "no table is called `mede`"),
        ("away", "table `away`: topic `away` does not exist at embedded"),
    ] {
        let error = connection.peek(table, 2).await.unwrap_err();
        assert_eq!(error.message(), message);
        assert!(error.hint_text().is_some());
    }
}
