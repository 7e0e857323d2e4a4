use super::*;
use crate::common::Projection;
use crate::connectors::kafka::config::KafkaTable;
use crate::connectors::kafka::source::KafkaSource;
use crate::connectors::kafka::tests::away::Away;
use crate::connectors::{BoundedScan, Source};

#[tokio::test]
async fn keeps_to_the_contract_with_gaps_and_bad_records() {
    let (broker, kafka) = log(3);
    for i in 0..40 {
        let partition = (i % 3) as i32;
        let records = vec![record(partition, &row(i)), record(partition, "{broken"), record((partition + 1) % 3, &row(i + 100))];
        if i % 2 == 0 { transaction(&broker, records).await } else { broker.append("t", records).unwrap() }
    }
    broker.append("t", vec![OutRecord { value: None, ..record(0, "") }]).unwrap();
    transaction(&broker, vec![record(1, "[]"), record(2, &row(7))]).await;
    let source = kafka.source(table("t", PLAIN)).unwrap();
    conformance::source(&*source).await.unwrap();
    let counters = conformance::counted(&*source, &[0]).await.unwrap();
    assert!(SourceCounters::get(&counters.bad) > 0 && SourceCounters::get(&counters.tombstones) > 0);
}

#[tokio::test]
async fn a_control_record_at_the_end_is_no_wait() {
    let (broker, kafka) = log(1);
    transaction(&broker, vec![record(0, &row(1))]).await;
    let source = kafka.source(table("t", &with(&[("scan.bounded.mode", "latest-offset")]))).unwrap();
    let mut run = conformance::enumerator(&*source).unwrap();
    assert!(source.stream().unwrap().bounded());
    let ranges = run.start(StartMode::Declared).await.unwrap();
    assert_eq!(ranges, [PartitionRange { partition: 0, start: 0, end: Some(2) }]);
    let mut reader = run.reader(ranges, Projection::columns(&source.schema(), &[0]).unwrap(), Prefetch::default()).unwrap();
    let fetched = reader.next(100, Duration::from_secs(5)).await.unwrap();
    assert_eq!(ids(&fetched), [1]);
    assert_eq!((fetched.partitions[0].position, fetched.partitions[0].exhausted), (2, true));
    // Nothing more will come, so this does not wait.
    let start = std::time::Instant::now();
    assert!(reader.next(100, Duration::from_secs(5)).await.unwrap().partitions[0].exhausted);
    assert!(start.elapsed() < Duration::from_secs(1));
}

#[tokio::test]
async fn metadata_columns_are_built_in_the_declared_types() {
    let (broker, kafka) = log(2);
    let headers = vec![("h".to_string(), Some(b"1".to_vec())), ("h".to_string(), Some(b"2".to_vec()))];
    broker.append("t", vec![OutRecord { timestamp: Some(1_500), headers, ..record(1, &row(5)) }]).unwrap();
    let map = super::super::metadata::Metadata::Headers.data_type();
    let columns = vec![
        metadata("ts", DataType::Timestamp(TimeUnit::Millisecond, None), "timestamp"),
        column("id", DataType::Int32),
        metadata("p", DataType::Int64, "partition"),
        metadata("o", DataType::Int64, "offset"),
        metadata("topic", DataType::Utf8, "topic"),
        metadata("tt", DataType::Utf8, "timestamp-type"),
        metadata("le", DataType::Int32, "leader-epoch"),
        metadata("h", map, "headers"),
    ];
    let source = kafka.source(table_of("t", columns, PLAIN)).unwrap();
    let rows = conformance::read_all(&*source, &[0, 1, 2, 3, 4, 5, 6, 7]).await.unwrap();
    assert_eq!(rows[&1], ["1970-01-01T00:00:01.500|5|1|0|t|CreateTime|0|{h: 32}"]);
    assert_eq!(conformance::read_all(&*source, &[3, 1]).await.unwrap()[&1], ["0|5"]);
}

#[tokio::test]
async fn keys_fill_their_columns() {
    let (broker, kafka) = log(1);
    let keyed = |key: Option<&str>, value: &str| OutRecord { key: key.map(|k| k.to_string().into()), ..record(0, value) };
    broker
        .append(
            "t",
            vec![
                keyed(Some("1"), "{\"name\":\"a\"}"),
                keyed(None, "{\"name\":\"b\"}"),
                keyed(Some("x"), "{\"name\":\"c\"}"),
                keyed(Some("4"), "{"),
            ],
        )
        .unwrap();
    let json = with(&[("key.format", "json"), ("key.fields", "k_id"), ("key.fields-prefix", "k_"), ("value.fields-include", "EXCEPT_KEY")]);
    let columns = || vec![column("k_id", DataType::Int32), column("name", DataType::Utf8)];
    let source = kafka.source(table_of("t", columns(), &json)).unwrap();
    assert_eq!(conformance::read_all(&*source, &[1, 0]).await.unwrap()[&0], ["a|1", "b|NULL"]);
    assert_eq!(SourceCounters::get(&conformance::counted(&*source, &[1, 0]).await.unwrap().bad), 2);
    let raw = with(&[("key.format", "raw"), ("key.fields", "k"), ("value.fields-include", "EXCEPT_KEY")]);
    let columns = vec![column("k", DataType::Utf8), column("name", DataType::Utf8)];
    let source = kafka.source(table_of("t", columns, &raw)).unwrap();
    assert_eq!(conformance::read_all(&*source, &[0, 1]).await.unwrap()[&0], ["1|a", "NULL|b", "x|c"]);
}

#[tokio::test]
async fn bad_records_fail_or_are_routed_when_asked() {
    let (broker, kafka) = log(1);
    let bad = OutRecord { key: Some("k".into()), timestamp: Some(9), ..record(0, "{\"id\":\"x\"}") };
    broker.append("t", vec![record(0, &row(1)), bad, record(0, &row(2)), record(0, "")]).unwrap();
    let all = |end| vec![PartitionRange { partition: 0, start: 0, end }];

    let source = kafka.source(table("t", &with(&[("json.ignore-parse-errors", "false")]))).unwrap();
    let mut run = conformance::enumerator(&*source).unwrap();
    let mut reader = run
        .reader(all(None), Projection::columns(&source.schema(), &[0]).unwrap(), Prefetch { batch_rows: 1, max_bytes: 1 << 20, threads: 1 })
        .unwrap();
    assert_eq!(ids(&reader.next(10, Duration::from_secs(5)).await.unwrap()), [1]);
    let error = reader.next(10, Duration::from_secs(5)).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Data);
    assert!(error.message().contains("topic `t`, partition 0, offset 1: field 'id'"), "{error}");

    let source = kafka.source(table("t", &with(&[("dead-letter.table", "dead")]))).unwrap();
    let mut run = conformance::enumerator(&*source).unwrap();
    let mut reader = run.reader(all(Some(4)), Projection::columns(&source.schema(), &[0]).unwrap(), Prefetch::default()).unwrap();
    let first = reader.next(1, Duration::from_secs(5)).await.unwrap();
    // Only the first row is taken: the bad record comes before the next row, so it is included.
    assert_eq!((ids(&first), first.partitions[0].position, first.rejected.len()), (vec![1], 2, 1));
    let rejected = &first.rejected[0];
    assert_eq!((rejected.position, rejected.timestamp, rejected.key.as_deref()), (1, Some(9), Some(b"k".as_ref())));
    let rest = reader.next(10, Duration::from_secs(5)).await.unwrap();
    assert_eq!((ids(&rest), rest.rejected.len(), rest.partitions[0].exhausted), (vec![2], 1, true));
    assert_eq!(rest.rejected[0].error, "empty");
}

#[tokio::test]
async fn an_exploded_array_is_never_cut() {
    let (broker, kafka) = log(1);
    broker.append("t", vec![record(0, &row(1)), record(0, "[{\"id\":2},{\"id\":3},{\"id\":4}]"), record(0, &row(5))]).unwrap();
    let source = kafka.source(table("t", PLAIN)).unwrap();
    let mut run = conformance::enumerator(&*source).unwrap();
    let range = vec![PartitionRange { partition: 0, start: 0, end: Some(3) }];
    let mut reader = run.reader(range, Projection::columns(&source.schema(), &[0]).unwrap(), Prefetch::default()).unwrap();
    let mut steps = Vec::new();
    for max in [2, 1, 1] {
        let fetched = reader.next(max, Duration::from_secs(5)).await.unwrap();
        steps.push((ids(&fetched), fetched.partitions[0].position));
    }
    assert_eq!(steps, [(vec![1], 1), (vec![2, 3, 4], 2), (vec![5], 3)]);
}

#[tokio::test]
async fn paused_partitions_wait_and_do_not_block_the_others() {
    let (broker, kafka) = log(2);
    for i in 0..50 {
        broker.append("t", vec![record(0, &row(i)), record(1, &row(i + 100))]).unwrap();
    }
    let source = kafka.source(table("t", PLAIN)).unwrap();
    for threads in [1, 2] {
        let mut run = conformance::enumerator(&*source).unwrap();
        let ranges = run.start(StartMode::Declared).await.unwrap();
        let prefetch = Prefetch { batch_rows: 4, max_bytes: 100, threads };
        let mut reader = run.reader(ranges, Projection::columns(&source.schema(), &[0]).unwrap(), prefetch).unwrap();
        reader.pause(&[0]);
        let mut got = Vec::new();
        while got.len() < 50 {
            let fetched = reader.next(7, Duration::from_secs(5)).await.unwrap();
            assert!(fetched.rows() > 0);
            got.extend(ids(&fetched));
        }
        assert!(got.iter().all(|id| *id >= 100), "{got:?}");
        reader.pause(&[]);
        assert!(ids(&reader.next(7, Duration::from_secs(5)).await.unwrap()).iter().all(|id| *id < 100));
    }
}

#[tokio::test]
async fn partitions_are_divided_among_consumers() {
    let partition = |partition| PartitionRange { partition, start: 0, end: None };
    for (option, threads, partitions, consumers) in
        [(None, 1, 5, 1), (None, 3, 5, 3), (None, 4, 2, 2), (Some("4"), 1, 5, 4), (Some("2"), 3, 5, 2)]
    {
        let (broker, _) = log(6);
        for p in 0..6 {
            broker.append("t", vec![record(p, &row(usize::try_from(p).unwrap()))]).unwrap();
        }
        let away = Away::new(&broker);
        let options = option.map_or(with(&[]), |n| with(&[("scan.parallelism", n)]));
        let source = KafkaSource::new(Arc::new(KafkaTable::read(table("t", &options)).unwrap()), Arc::new(away.clone()));
        let mut run = conformance::enumerator(&source).unwrap();
        let ranges = (0..partitions).map(partition).collect();
        let prefetch = Prefetch { threads, ..Prefetch::default() };
        let mut reader = run.reader(ranges, Projection::columns(&source.schema(), &[0]).unwrap(), prefetch).unwrap();
        assert_eq!(away.consumers(), consumers);
        let mut rows = Vec::new();
        while rows.len() < 6 {
            if rows.len() == usize::try_from(partitions).unwrap() {
                // A partition that is new goes to one of the consumers that are there.
                reader.assign((partitions..6).map(partition).collect()).unwrap();
            }
            rows.extend(ids(&reader.next(100, Duration::from_secs(5)).await.unwrap()));
        }
        rows.sort_unstable();
        assert_eq!((rows, away.consumers()), (vec![0, 1, 2, 3, 4, 5], consumers));
    }
}

#[tokio::test]
async fn the_error_of_one_consumer_comes_after_the_rows_before_it() {
    let (broker, kafka) = log(2);
    broker.append("t", vec![record(0, &row(1)), record(0, "{"), record(1, &row(2)), record(1, &row(3))]).unwrap();
    let source = kafka.source(table("t", &with(&[("json.ignore-parse-errors", "false"), ("scan.parallelism", "2")]))).unwrap();
    let mut run = conformance::enumerator(&*source).unwrap();
    let ranges = run.start(StartMode::History).await.unwrap();
    let prefetch = Prefetch { batch_rows: 1, ..Prefetch::default() };
    let mut reader = run.reader(ranges, Projection::columns(&source.schema(), &[0]).unwrap(), prefetch).unwrap();
    let mut rows = Vec::new();
    let error = loop {
        match reader.next(1, Duration::from_secs(5)).await {
            Ok(fetched) => rows.extend(ids(&fetched)),
            Err(error) => break error,
        }
    };
    assert!(error.message().contains("partition 0, offset 1"), "{error}");
    // The other consumer may have had no time to read.
    assert!(rows.contains(&1), "{rows:?}");
}

#[tokio::test]
async fn new_rows_come_at_once_and_an_outage_is_no_end() {
    let (broker, _) = log(1);
    let away = Away::new(&broker);
    let source = KafkaSource::new(Arc::new(KafkaTable::read(table("t", PLAIN)).unwrap()), Arc::new(away.clone()));
    let mut run = conformance::enumerator(&source).unwrap();
    let ranges = run.start(StartMode::Declared).await.unwrap();
    let mut reader = run.reader(ranges, Projection::columns(&source.schema(), &[0, 2]).unwrap(), Prefetch::default()).unwrap();
    let empty = reader.next(10, Duration::from_millis(150)).await.unwrap();
    assert!(empty.rows() == 0 && empty.partitions[0].at_end && !empty.partitions[0].exhausted);
    let writer = Arc::clone(&broker);
    tokio::spawn(async move {
        tokio::time::sleep(Duration::from_millis(50)).await;
        writer.append("t", vec![record(0, &row(3))]).unwrap();
    });
    let fetched = reader.next(10, Duration::from_secs(10)).await.unwrap();
    assert_eq!(ids(&fetched), [3]);
    assert_eq!(fetched.chunks[0].batch.column(1).as_primitive::<Int64Type>().value(0), 30);
    away.set(true);
    tokio::time::sleep(Duration::from_millis(150)).await;
    let none = reader.next(10, Duration::from_millis(50)).await.unwrap();
    assert!(none.rows() == 0 && !none.partitions[0].at_end);
    away.set(false);
    broker.append("t", vec![record(0, &row(4))]).unwrap();
    assert_eq!(ids(&reader.next(10, Duration::from_secs(10)).await.unwrap()), [4]);
}

#[tokio::test]
async fn a_dropped_stream_stops_its_thread() {
    let (broker, _) = log(1);
    broker.append("t", vec![record(0, &row(1))]).unwrap();
    let away = Away::new(&broker);
    let source = KafkaSource::new(Arc::new(KafkaTable::read(table("t", PLAIN)).unwrap()), Arc::new(away.clone()));
    let Some(BoundedScan::Splits(scan)) = source.scan() else { panic!("a topic is read by splits") };
    // An end that is never reached.
    let split = crate::connectors::Split { table: "t".into(), partition: 0, start: 0, end: 1_000 };
    let stream = scan.read(&split, &Projection::columns(&source.schema(), &[0]).unwrap(), None).unwrap();
    assert_eq!(away.consumers(), 1);
    drop(stream);
    let until = std::time::Instant::now() + Duration::from_secs(10);
    while away.consumers() > 0 {
        assert!(std::time::Instant::now() < until, "the topic is read on");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}
