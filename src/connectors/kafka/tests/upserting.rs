//! Tests of tables whose records are changes.

use super::*;
use crate::common::Projection;
use crate::common::WEIGHT;
use crate::connectors::{Changes, CommitInfo, Sink, SinkMode, Source, Writer};
use arrow::datatypes::{Field, Schema};

const UPSERT: &[(&str, &str)] = &[("topic", "t"), ("key.format", "json"), ("value.format", "json")];

fn said(partition: i32, key: Option<&str>, value: Option<&str>) -> OutRecord {
    let bytes = |text: &str| bytes::Bytes::from(text.to_string());
    OutRecord { partition: Some(partition), key: key.map(bytes), value: value.map(bytes), ..OutRecord::default() }
}

/// Connectors over one log with an empty topic `t`.
fn connectors(partitions: usize) -> (Arc<EmbeddedBroker>, KafkaConnector, KafkaConnector) {
    let (broker, kafka) = log(partitions);
    let upsert = kafka.upsert();
    (broker, kafka, upsert)
}

fn upsert(more: &[(&'static str, &'static str)]) -> Vec<(&'static str, &'static str)> {
    UPSERT.iter().copied().chain(more.iter().copied()).collect()
}

#[tokio::test]
async fn a_record_without_a_value_takes_its_key_away() {
    let (broker, _, kafka) = connectors(1);
    let records = vec![
        said(0, Some("{\"id\":1}"), None),
        said(0, Some("{\"id\":1}"), Some("{\"id\":1,\"name\":\"a\",\"amount\":5}")),
        said(0, Some("{\"id\":2}"), Some("{\"name\":\"b\"}")),
        said(0, Some("{\"id\":2}"), None),
        said(0, None, Some("{\"id\":3}")),
        said(0, None, None),
        said(0, Some("{}"), None),
        said(0, Some("{\"id\":4}"), Some("{")),
        said(0, Some("{\"id\":1}"), None),
    ];
    broker.append("t", records).unwrap();
    let source = kafka.source(keyed("upsert-kafka", "t", UPSERT)).unwrap();
    assert_eq!(source.changes(), Changes::Upsert(vec!["id".into()]));
    assert_eq!(source.schema().fields().last().unwrap().name(), WEIGHT);
    let rows = conformance::read_all(&*source, &[3, 0, 1, 2]).await.unwrap();
    assert_eq!(rows[&0], ["-1|1|NULL|NULL", "1|1|a|5", "1|2|b|NULL", "-1|2|NULL|NULL", "-1|1|NULL|NULL"]);
    assert_eq!(SourceCounters::get(&conformance::counted(&*source, &[0]).await.unwrap().bad), 4);
    // The records are the same for any projection.
    assert_eq!(conformance::read_all(&*source, &[2]).await.unwrap()[&0], ["NULL", "5", "NULL", "NULL", "NULL"]);
    conformance::source(&*source).await.unwrap();
    assert_eq!(SourceCounters::get(&conformance::counted(&*source, &[0]).await.unwrap().tombstones), 0);
}

#[tokio::test]
async fn a_key_may_stand_in_the_key_alone() {
    let (broker, _, kafka) = connectors(2);
    let value = |i: usize| format!("{{\"name\":\"n{i}\",\"amount\":{i}}}");
    for i in 0..20 {
        let records =
            vec![said((i % 2) as i32, Some(&i.to_string()), Some(&value(i))), said((i % 2) as i32, Some(&(i / 3).to_string()), None)];
        broker.append("t", records).unwrap();
    }
    let raw = [("topic", "t"), ("key.format", "raw"), ("value.format", "json"), ("value.fields-include", "EXCEPT_KEY")];
    let mut spec = (*keyed("upsert-kafka", "t", &raw)).clone();
    spec.columns[0].data_type = DataType::Utf8;
    let source = kafka.source(Arc::new(spec)).unwrap();
    conformance::source(&*source).await.unwrap();
    assert_eq!(conformance::read_all(&*source, &[0, 1, 3]).await.unwrap()[&1][..2], ["1|n1|1", "0|NULL|-1"]);
}

#[tokio::test]
async fn a_bad_tombstone_goes_to_the_dead_letters() {
    let (broker, _, kafka) = connectors(1);
    broker.append("t", vec![said(0, Some("{"), None)]).unwrap();
    let source = kafka.source(keyed("upsert-kafka", "t", &upsert(&[("dead-letter.table", "dead")]))).unwrap();
    let mut run = conformance::enumerator(&*source).unwrap();
    let range = PartitionRange { partition: 0, start: 0, end: Some(1) };
    let mut reader = run.reader(vec![range], Projection::columns(&source.schema(), &[0]).unwrap(), Prefetch::default()).unwrap();
    let fetched = reader.next(10, Duration::from_secs(5)).await.unwrap();
    assert_eq!((fetched.rejected[0].key.as_deref(), fetched.rejected[0].value.as_deref()), (Some(b"{".as_ref()), None));
}

#[tokio::test]
async fn envelopes_are_changes() {
    let (broker, kafka, _) = connectors(1);
    let records = [
        "{\"before\":null,\"after\":{\"id\":1,\"name\":\"a\"},\"op\":\"c\"}",
        "{\"before\":{\"id\":1,\"name\":\"a\"},\"after\":{\"id\":1,\"name\":\"b\"},\"op\":\"u\"}",
        "{\"before\":null,\"after\":{\"id\":2},\"op\":\"u\"}",
        "{\"before\":{\"id\":1,\"name\":\"b\"},\"after\":null,\"op\":\"d\"}",
    ];
    broker.append("t", records.iter().map(|value| said(0, None, Some(value))).collect()).unwrap();
    broker.append("t", vec![said(0, Some("k"), None)]).unwrap();
    let format = with(&[("format", "debezium-json")]);
    let source = kafka.source(table("t", &format)).unwrap();
    let rows = conformance::read_all(&*source, &[0, 1, 3]).await.unwrap();
    assert_eq!(rows[&0], ["1|a|1", "1|a|-1", "1|b|1", "1|b|-1"]);
    let counters = conformance::counted(&*source, &[0, 1, 3]).await.unwrap();
    assert_eq!((SourceCounters::get(&counters.bad), SourceCounters::get(&counters.tombstones)), (1, 1));
    conformance::read_all(&*source, &[3]).await.unwrap();
    let by_key = kafka.source(keyed("kafka", "t", &format)).unwrap();
    let rows = conformance::read_all(&*by_key, &[0, 1, 3]).await.unwrap();
    assert_eq!(rows[&0], ["1|a|1", "1|b|1", "2|NULL|1", "1|b|-1"]);
}

fn writer() -> Writer {
    Writer { job: "j".into(), job_uuid: "u-1".into(), folder: "f-1".into(), incarnation: 1, sink: "s".into() }
}

fn changes(rows: &[(Option<i32>, Option<&str>, i64)]) -> RecordBatch {
    let fields = vec![
        Field::new("id", DataType::Int32, true),
        Field::new("name", DataType::Utf8, true),
        Field::new("amount", DataType::Int64, true),
        Field::new(WEIGHT, DataType::Int64, false),
    ];
    let columns: [ArrayRef; 4] = [
        Arc::new(rows.iter().map(|r| r.0).collect::<Int32Array>()),
        Arc::new(rows.iter().map(|r| r.1).collect::<StringArray>()),
        Arc::new(rows.iter().map(|_| None).collect::<Int64Array>()),
        Arc::new(Int64Array::from_iter_values(rows.iter().map(|r| r.2))),
    ];
    RecordBatch::try_new(Arc::new(Schema::new(fields)), columns.to_vec()).unwrap()
}

async fn written(sink: &dyn Sink, broker: &EmbeddedBroker, rows: &[RecordBatch]) -> Vec<(Option<String>, Option<String>)> {
    let (mut open, _) = sink.open(&writer()).await.unwrap();
    open.write(&CommitInfo::new(1, ""), rows).await.unwrap();
    open.commit(&CommitInfo::new(1, "")).await.unwrap();
    let text = |bytes: Option<&[u8]>| bytes.map(|b| String::from_utf8_lossy(b).into_owned());
    let mut all = Vec::new();
    let mut consumer = broker.consumer("t", &[(0, 0)]).unwrap();
    while consumer.poll(100, Duration::ZERO, &mut |r| all.push((text(r.key), text(r.value)))).unwrap() > 0 {}
    all
}

#[tokio::test]
async fn what_goes_is_written_as_a_tombstone() {
    let (broker, _, kafka) = connectors(1);
    let mut spec = (*keyed("upsert-kafka", "t", &upsert(&[("value.fields-include", "EXCEPT_KEY")]))).clone();
    spec.columns[1].nullable = false;
    let sink = kafka.sink(Arc::new(spec)).unwrap();
    assert_eq!(sink.mode(), SinkMode::Upsert(vec!["id".into()]));
    let rows =
        changes(&[(Some(1), None, -1), (Some(2), Some("b"), 1), (Some(3), None, 1), (None, Some("x"), -1), (Some(4), Some("d"), -1)]);
    let plain = changes(&[(Some(5), Some("e"), 1)]).project(&[0, 1, 2]).unwrap();
    let pair = |key: &str, value: Option<&str>| (Some(format!("{{\"id\":{key}}}")), value.map(String::from));
    let value = |name: &str| format!("{{\"name\":\"{name}\",\"amount\":null}}");
    let expected = [pair("1", None), pair("2", Some(&value("b"))), pair("4", None), pair("5", Some(&value("e")))];
    assert_eq!(written(&*sink, &broker, &[rows, plain]).await, expected);
}

#[tokio::test]
async fn changes_are_written_one_by_one() {
    let (broker, kafka, _) = connectors(1);
    let sink = kafka.sink(table("t", &with(&[("format", "debezium-json")]))).unwrap();
    assert_eq!(sink.mode(), SinkMode::Changelog);
    let out = written(&*sink, &broker, &[changes(&[(Some(1), Some("a"), -2), (Some(2), None, 1)])]).await;
    let row = |id: i32, name: &str| format!("{{\"id\":{id},\"name\":{name},\"amount\":null}}");
    let gone = format!("{{\"before\":{},\"after\":null,\"op\":\"d\"}}", row(1, "\"a\""));
    let came = format!("{{\"before\":null,\"after\":{},\"op\":\"c\"}}", row(2, "null"));
    assert_eq!(out, [(None, Some(gone.clone())), (None, Some(gone)), (None, Some(came))]);
}

#[tokio::test]
async fn changes_of_a_row_stand_in_one_partition() {
    let json = with(&[("format", "debezium-json")]);
    let rows: Vec<_> = (0..20).map(|i| (Some(i), Some("a"), 1)).chain((0..20).map(|i| (Some(i), Some("a"), -1))).collect();
    for (spec, has_key) in [(keyed("kafka", "t", &json), true), (table("t", &json), false)] {
        let (broker, kafka, _) = connectors(3);
        let sink = kafka.sink(spec).unwrap();
        let (mut open, _) = sink.open(&writer()).await.unwrap();
        open.write(&CommitInfo::new(1, ""), &[changes(&rows)]).await.unwrap();
        open.commit(&CommitInfo::new(1, "")).await.unwrap();
        let mut places: std::collections::BTreeMap<i64, Vec<i32>> = Default::default();
        for partition in 0..3 {
            let mut consumer = broker.consumer("t", &[(partition, 0)]).unwrap();
            let mut each = |r: super::super::broker::Record<'_>| {
                let value: serde_json::Value = serde_json::from_slice(r.value.unwrap()).unwrap();
                let row = value.get("after").filter(|row| !row.is_null()).unwrap_or(&value["before"]);
                let id = row["id"].as_i64().unwrap();
                assert_eq!(r.key.map(|k| String::from_utf8_lossy(k).into_owned()), has_key.then(|| format!("{{\"id\":{id}}}")));
                places.entry(id).or_default().push(partition);
            };
            while consumer.poll(100, Duration::ZERO, &mut each).unwrap() > 0 {}
        }
        assert!(places.len() == 20 && places.values().all(|p| p.len() == 2 && p[0] == p[1]), "{places:?}");
        let used: std::collections::BTreeSet<i32> = places.values().flatten().copied().collect();
        assert!(used.len() > 1, "{used:?}");
    }
    let (_, kafka, _) = connectors(3);
    for wrong in [[("sink.partitioner", "round-robin"), ("format", "debezium-json")].to_vec(), {
        [("format", "debezium-json"), ("key.format", "raw"), ("key.fields", "name")].to_vec()
    }] {
        assert!(kafka.sink(keyed("kafka", "t", &with(&wrong))).is_err(), "{wrong:?}");
    }
}

#[tokio::test]
async fn an_upsert_sink_keeps_to_the_contract() {
    let (_, _, kafka) = connectors(1);
    let spec = keyed("upsert-kafka", "out", &[("topic", "out"), ("key.format", "json"), ("value.format", "json")]);
    let (sink, source): (Arc<dyn Sink>, Arc<dyn Source>) = (kafka.sink(Arc::clone(&spec)).unwrap(), kafka.source(spec).unwrap());
    let rows = changes(&[(Some(1), Some("a"), 1), (Some(2), Some("b"), 1), (Some(3), None, 1)]).project(&[0, 1, 2]).unwrap();
    sink.prepare().await.unwrap();
    conformance::sink(&*sink, &*source, &rows).await.unwrap();
}
