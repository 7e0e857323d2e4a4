use super::*;
use crate::connectors::{CommitInfo, Writer};

fn writer(incarnation: u64) -> Writer {
    Writer { job: "j".into(), job_uuid: "u-1".into(), folder: "f-1".into(), incarnation, sink: "s".into() }
}

fn rows(ids: &[Option<i32>]) -> RecordBatch {
    let ids = Arc::new(Int32Array::from(ids.to_vec())) as ArrayRef;
    let names: ArrayRef = Arc::new(StringArray::from_iter_values((0..ids.len()).map(|i| format!("n{i}"))));
    let amounts: ArrayRef = Arc::new(Int64Array::from_iter_values((0..ids.len()).map(|i| i as i64)));
    RecordBatch::try_from_iter_with_nullable([("id", ids, true), ("name", names, true), ("amount", amounts, true)]).unwrap()
}

type Written = (Option<String>, Option<String>, Option<i64>, Vec<String>);

/// Returns key, value, time and headers of every record of a topic, by offset per partition.
fn records(broker: &EmbeddedBroker, topic: &str, partitions: i32) -> Vec<Written> {
    let from: Vec<(i32, i64)> = (0..partitions).map(|p| (p, 0)).collect();
    let mut consumer = broker.consumer(topic, &from).unwrap();
    let text = |bytes: Option<&[u8]>| bytes.map(|b| String::from_utf8_lossy(b).into_owned());
    let mut all = Vec::new();
    let mut each = |r: super::super::broker::Record<'_>| {
        let mut headers = Vec::new();
        r.headers.each(&mut |k, v| headers.push(format!("{k}={}", text(v).unwrap_or_default())));
        all.push((text(r.key), text(r.value), r.timestamp, headers));
    };
    while consumer.poll(100, Duration::ZERO, &mut each).unwrap() > 0 {}
    all
}

#[tokio::test]
async fn keeps_to_the_contract() {
    let (broker, kafka) = log(1);
    let spec = table("out", &with(&[("topic", "out")]));
    let (sink, source) = (kafka.sink(Arc::clone(&spec)).unwrap(), kafka.source(spec).unwrap());
    let made = sink.prepare().await.unwrap().unwrap();
    assert_eq!(made, "created topic `out` with 3 partition(s) at embedded");
    conformance::sink(&*sink, &*source, &rows(&[Some(1), Some(2), Some(3)])).await.unwrap();
    assert!(broker.bounds("out").await.unwrap().iter().any(|b| b.latest > 0));
}

#[tokio::test]
async fn the_header_tells_the_commit_when_the_offset_is_gone() {
    let (broker, kafka) = log(2);
    let sink = kafka.sink(table("t", PLAIN)).unwrap();
    let (mut open, _) = sink.open(&writer(1)).await.unwrap();
    for n in 1..=3 {
        open.write(&CommitInfo::new(n, ""), &[rows(&[Some(1), Some(2), Some(3)])]).await.unwrap();
        open.commit(&CommitInfo::new(n, "")).await.unwrap();
    }
    assert_eq!(records(&broker, "t", 2)[0].3, ["millstream.commit=u-1/s:1:1:"]);
    broker.forget_group("millstream.j.s.f-1", "t");
    assert_eq!(sink.open(&writer(1)).await.unwrap().1.map(|r| r.n), Some(3));
    broker.forget_group("millstream.j.s.f-1", "t");
    let (mut open, _) = sink.open(&writer(5)).await.unwrap();
    open.write(&CommitInfo::new(4, ""), &[rows(&[Some(1)])]).await.unwrap();
    open.commit(&CommitInfo::new(4, "")).await.unwrap();
    broker.forget_group("millstream.j.s.f-1", "t");
    assert_eq!(sink.open(&writer(4)).await.map(|_| ()).unwrap_err().kind(), ErrorKind::Fenced);
}

#[tokio::test]
async fn keys_times_and_headers_are_written() {
    let (broker, kafka) = log(3);
    let map = super::super::metadata::Metadata::Headers.data_type();
    let columns = vec![
        column("id", DataType::Int32),
        column("name", DataType::Utf8),
        metadata("ts", DataType::Timestamp(TimeUnit::Millisecond, None), "timestamp"),
        metadata("h", map, "headers"),
        crate::connectors::TableColumn { is_virtual: true, ..metadata("o", DataType::Int64, "offset") },
    ];
    let options =
        with(&[("key.format", "raw"), ("key.fields", "name"), ("value.fields-include", "EXCEPT_KEY"), ("sink.partitioner", "fixed")]);
    let sink = kafka.sink(table_of("t", columns, &options)).unwrap();
    assert_eq!(sink.schema().fields().len(), 4);
    let mut headers = MapBuilder::new(None, StringBuilder::new(), BinaryBuilder::new());
    headers.keys().append_value("a");
    headers.values().append_value(b"1");
    headers.append(true).unwrap();
    headers.append(false).unwrap();
    let batch = RecordBatch::try_from_iter_with_nullable([
        ("id", Arc::new(Int32Array::from(vec![1, 2])) as ArrayRef, true),
        ("name", Arc::new(StringArray::from(vec![Some("k"), None])), true),
        ("ts", Arc::new(TimestampMillisecondArray::from(vec![Some(77), None])), true),
        ("h", Arc::new(headers.finish()), true),
    ]);
    let (mut open, _) = sink.open(&writer(1)).await.unwrap();
    let write = open.write(&CommitInfo::new(1, ""), &[batch.unwrap()]).await;
    write.unwrap();
    open.commit(&CommitInfo::new(1, "")).await.unwrap();
    let written = records(&broker, "t", 1);
    assert_eq!(written[0].0.as_deref(), Some("k"));
    assert_eq!(written[0].1.as_deref(), Some("{\"id\":1}"));
    assert_eq!(written[0].2, Some(77));
    assert_eq!(written[0].3, ["a=1", "millstream.commit=u-1/s:1:1:"]);
    assert_eq!((written[1].0.as_deref(), written[1].3.len()), (None, 1));
}

#[tokio::test]
async fn a_forbidden_null_is_left_out_and_counted_or_fails() {
    let (broker, kafka) = log(1);
    let strict = |more: &[(&'static str, &'static str)]| {
        let mut spec = (*table("t", &with(more))).clone();
        spec.columns[0].nullable = false;
        Arc::new(spec)
    };
    let sink = kafka.sink(strict(&[])).unwrap();
    let (mut open, _) = sink.open(&writer(1)).await.unwrap();
    open.write(&CommitInfo::new(1, ""), &[rows(&[Some(1), None, Some(3)])]).await.unwrap();
    open.commit(&CommitInfo::new(1, "")).await.unwrap();
    assert_eq!(records(&broker, "t", 1).len(), 2);
    let sink = kafka.sink(strict(&[("on-error", "fail")])).unwrap();
    let (mut open, _) = sink.open(&writer(2)).await.unwrap();
    assert_eq!(open.write(&CommitInfo::new(2, ""), &[rows(&[None])]).await.unwrap_err().kind(), ErrorKind::Data);
}

#[tokio::test]
async fn at_least_once_writes_at_once_and_remembers_nothing() {
    let (broker, kafka) = log(2);
    let options = with(&[("sink.delivery-guarantee", "at-least-once"), ("sink.partitioner", "round-robin")]);
    let sink = kafka.sink(table("t", &options)).unwrap();
    assert!(!sink.exactly_once());
    let (mut open, newest) = sink.open(&writer(1)).await.unwrap();
    open.write(&CommitInfo::new(1, ""), &[rows(&[Some(1), Some(2)])]).await.unwrap();
    assert_eq!(records(&broker, "t", 2).len(), 2);
    open.commit(&CommitInfo::new(1, "")).await.unwrap();
    assert!(newest.is_none() && sink.open(&writer(1)).await.unwrap().1.is_none());
}

#[test]
fn what_a_sink_cannot_have_is_refused() {
    let (_, kafka) = log(1);
    let offsets = table_of("t", vec![column("a", DataType::Int32), metadata("o", DataType::Int64, "offset")], PLAIN);
    assert!(kafka.sink(offsets).map(|_| ()).unwrap_err().to_string().contains("METADATA VIRTUAL"));
    let isolation = table("t", &with(&[("properties.isolation.level", "read_uncommitted")]));
    assert!(kafka.source(Arc::clone(&isolation)).is_ok());
    assert!(kafka.sink(isolation).is_err());
}

/// Tests every format that can be a value, also as a key.
#[tokio::test]
async fn formats_are_read_as_they_are_written() {
    for format in ["csv", "avro", "json"] {
        let (broker, kafka) = log(1);
        let spec = table("out", &with(&[("topic", "out"), ("format", format), ("key.format", format), ("key.fields", "name;id")]));
        let (sink, source) = (kafka.sink(Arc::clone(&spec)).unwrap(), kafka.source(spec).unwrap());
        sink.prepare().await.unwrap();
        conformance::sink(&*sink, &*source, &rows(&[Some(1), Some(2), None])).await.unwrap_or_else(|e| panic!("{format}: {e}"));
        assert!(broker.bounds("out").await.unwrap().iter().any(|b| b.latest > 0));
        // Without the value, the key's columns come from the key.
        let split = with(&[
            ("topic", "split"),
            ("format", format),
            ("key.format", format),
            ("key.fields", "id"),
            ("value.fields-include", "EXCEPT_KEY"),
        ]);
        let spec = table("split", &split);
        let (sink, source) = (kafka.sink(Arc::clone(&spec)).unwrap(), kafka.source(spec).unwrap());
        sink.prepare().await.unwrap();
        conformance::sink(&*sink, &*source, &rows(&[Some(1), Some(2), Some(3)])).await.unwrap_or_else(|e| panic!("{format}: {e}"));
    }
}
