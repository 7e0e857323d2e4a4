use super::*;
use crate::common::Projection;
use crate::common::clock::{Clock, Millis};
use crate::connectors::{PartitionRange, Prefetch, Source, StartMode, TableColumn, conformance};
use crate::sql::ast::{Options, Pos};
use arrow::array::{Array, AsArray};
use arrow::datatypes::{DataType, Field, Int32Type, TimeUnit, TimestampMillisecondType};
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

fn table(columns: &[(&str, DataType)], pairs: &[(&str, &str)]) -> Arc<TableSpec> {
    let column = |(name, data_type): &(&str, DataType)| TableColumn {
        name: (*name).to_string(),
        data_type: data_type.clone(),
        nullable: true,
        metadata: None,
        is_virtual: false,
    };
    let mut options = Options::default();
    for (key, value) in pairs {
        options.push((*key).to_string(), (*value).to_string(), Pos::default()).unwrap();
    }
    Arc::new(TableSpec {
        name: "g".to_string(),
        connector: "datagen".to_string(),
        columns: columns.iter().map(column).collect(),
        primary_key: Vec::new(),
        partitioned_by: Vec::new(),
        options,
    })
}

/// A clock that moves only when it is advanced.
#[derive(Debug)]
struct FixedClock(AtomicI64);

impl FixedClock {
    fn at(now: Millis) -> Arc<Self> {
        Arc::new(Self(AtomicI64::new(now)))
    }

    fn advance(&self, ms: Millis) {
        self.0.fetch_add(ms, Ordering::SeqCst);
    }
}

impl Clock for FixedClock {
    fn now(&self) -> Millis {
        self.0.load(Ordering::SeqCst)
    }
}

const MILLIS: DataType = DataType::Timestamp(TimeUnit::Millisecond, None);

fn many() -> Vec<(&'static str, DataType)> {
    let list = DataType::List(Arc::new(Field::new("item", DataType::Int32, true)));
    let row = DataType::Struct(vec![Field::new("x", DataType::Float64, true), Field::new("y", DataType::Utf8, true)].into());
    let entry = DataType::Struct(vec![Field::new("key", DataType::Utf8, false), Field::new("value", DataType::Int64, true)].into());
    let map = DataType::Map(Arc::new(Field::new("entries", entry, false)), false);
    vec![
        ("id", DataType::Int32),
        ("ts", MILLIS),
        ("name", DataType::Utf8),
        ("flag", DataType::Boolean),
        ("price", DataType::Decimal128(10, 2)),
        ("small", DataType::Int8),
        ("f", DataType::Float32),
        ("bytes", DataType::Binary),
        ("l", list),
        ("r", row),
        ("m", map),
    ]
}

#[tokio::test]
async fn keeps_to_the_contract() {
    let options = [
        ("number-of-rows", "50"),
        ("rows-per-second", "unlimited"),
        ("scan.parallelism", "3"),
        ("fields.id.kind", "sequence"),
        ("fields.id.start", "1"),
        ("fields.ts.kind", "sequence"),
        ("fields.ts.start", "2024-05-01 12:00:00"),
        ("fields.ts.step", "200 ms"),
        ("fields.name.length", "7"),
        ("fields.name.null-rate", "0.3"),
        ("fields.name.var-len", "true"),
        ("fields.price.min", "1.50"),
        ("fields.price.max", "2"),
        ("fields.r.y.length", "2"),
    ];
    let source = DatagenConnector.source(table(&many(), &options)).unwrap();
    conformance::source(&*source).await.unwrap();
    let rows = conformance::read_all(&*source, &[0, 1, 4]).await.unwrap();
    assert_eq!(rows.values().map(Vec::len).collect::<Vec<_>>(), [17, 17, 16]);
    assert!(rows[&1][0].starts_with("2|2024-05-01T12:00:00.200|"), "{}", rows[&1][0]);
    let prices = rows.values().flatten().map(|row| row.split('|').nth(2).unwrap().parse::<f64>().unwrap());
    assert!(prices.into_iter().all(|price| (1.5..=2.0).contains(&price)));
    let names = conformance::read_all(&*source, &[2]).await.unwrap();
    let nulls = names.values().flatten().filter(|name| *name == "NULL").count();
    assert!((1..50).contains(&nulls) && names.values().flatten().all(|n| n.len() <= 7));
}

#[tokio::test]
async fn rows_come_at_their_pace() {
    let clock = FixedClock::at(1_000_000);
    let spec = table(&[("id", DataType::Int32)], &[("rows-per-second", "100"), ("fields.id.min", "1"), ("fields.id.max", "3")]);
    let source = DatagenSource::with_clock(&spec, clock.clone()).unwrap();
    let mut run = conformance::enumerator(&source).unwrap();
    assert!(!source.stream().unwrap().bounded() && run.start(StartMode::History).await.is_err());
    let from = run.start(StartMode::Declared).await.unwrap();
    let mut reader = run.reader(from, Projection::columns(&source.schema(), &[0]).unwrap(), Prefetch::default()).unwrap();
    assert_eq!(reader.next(1_000, Duration::ZERO).await.unwrap().rows(), 1);
    let none = reader.next(1_000, Duration::from_millis(5)).await.unwrap();
    assert!(none.rows() == 0 && none.partitions[0].at_end && !none.partitions[0].exhausted);
    clock.advance(1_000);
    let fetched = reader.next(60, Duration::ZERO).await.unwrap();
    assert_eq!((fetched.rows(), fetched.partitions[0].position, fetched.partitions[0].at_end), (60, 61, false));
    assert_eq!(reader.next(60, Duration::ZERO).await.unwrap().rows(), 40);
    let ids = fetched.chunks[0].batch.column(0).as_primitive::<Int32Type>().clone();
    assert!(ids.values().iter().all(|id| (1..=3).contains(id)) && ids.null_count() == 0);
}

#[tokio::test]
async fn a_start_relative_to_now_is_tied_to_the_wall_clock() {
    let clock = FixedClock::at(1_714_564_800_000);
    let columns = [("ts", MILLIS), ("id", DataType::Int32)];
    let options = [
        ("rows-per-second", "1000"),
        ("scan.parallelism", "2"),
        ("fields.ts.kind", "sequence"),
        ("fields.ts.start", "-30 s"),
        ("fields.id.kind", "sequence"),
        ("fields.id.start", "1"),
        ("fields.id.end", "10"),
    ];
    let spec = table(&columns, &options);
    let source = DatagenSource::with_clock(&spec, clock.clone()).unwrap();
    let mut run = conformance::enumerator(&source).unwrap();
    let from = run.start(StartMode::Declared).await.unwrap();
    let mut reader = run.reader(from.clone(), Projection::columns(&source.schema(), &[0, 1]).unwrap(), Prefetch::default()).unwrap();
    // The past 30 seconds at once, and no row of the future.
    let mut rows = 0;
    let mut first = i64::MAX;
    let mut last: i64 = 0;
    loop {
        let fetched = reader.next(10_000, Duration::ZERO).await.unwrap();
        if fetched.rows() == 0 {
            break;
        }
        rows += fetched.rows();
        for chunk in &fetched.chunks {
            let times = chunk.batch.column(0).as_primitive::<TimestampMillisecondType>().values();
            first = first.min(times[0]);
            last = last.max(times[times.len() - 1]);
            assert!(chunk.batch.column(1).as_primitive::<Int32Type>().values().iter().all(|id| (1..=10).contains(id)));
        }
    }
    assert_eq!((rows, first, last), (30_000, clock.now() - 30_000, clock.now() - 1));
    // Another reader, an hour later, from the same position: the same rows as if the first one had continued.
    clock.advance(3_600_000);
    let stood: Vec<PartitionRange> = reader
        .next(0, Duration::ZERO)
        .await
        .unwrap()
        .partitions
        .iter()
        .map(|p| PartitionRange { partition: p.partition, start: p.position, end: None })
        .collect();
    assert!(run.resume(&stood, &[]).await.unwrap().is_empty());
    let mut again = run.reader(stood, Projection::columns(&source.schema(), &[0]).unwrap(), Prefetch::default()).unwrap();
    let next = again.next(1, Duration::ZERO).await.unwrap().chunks[0].batch.clone();
    assert_eq!(next.column(0).as_primitive::<TimestampMillisecondType>().value(0), last + 1);
    let batch = run.start(StartMode::History).await.unwrap();
    assert_eq!(batch.iter().map(|r| r.end.unwrap() - r.start).sum::<i64>(), 30_000);
}

#[tokio::test]
async fn a_sequence_with_an_end_is_bounded() {
    let options = [("fields.id.kind", "sequence"), ("fields.id.start", "5"), ("fields.id.end", "9"), ("rows-per-second", "1000000")];
    let source = DatagenConnector.source(table(&[("id", DataType::Int32)], &options)).unwrap();
    assert!(source.stream().unwrap().bounded());
    conformance::source(&*source).await.unwrap();
    assert_eq!(conformance::read_all(&*source, &[0]).await.unwrap()[&0], ["5", "6", "7", "8", "9"]);
}

#[test]
fn what_is_wrong_is_named() {
    for (options, message) in [
        (&[("rows-per-second", "0")][..], "option `rows-per-second` cannot be '0'"),
        (&[("fields.idd.kind", "random")], "option `fields.idd.kind` names no column"),
        (&[("fields.id.kind", "sequence")], "option `fields.id.start` is missing"),
        (&[("fields.id.min", "9"), ("fields.id.max", "1")], "`fields.id.min` is greater"),
        (&[("fields.id.max", "3000000000")], "cannot be '3000000000'"),
        (&[("fields.id.null-rate", "2")], "cannot be '2'"),
        (&[("fields.ts.kind", "sequence"), ("fields.ts.start", "soon")], "`fields.ts.start` cannot be 'soon'"),
        (
            &[("rows-per-second", "unlimited"), ("fields.ts.kind", "sequence"), ("fields.ts.start", "2024-05-01")],
            "`fields.ts.step` is missing",
        ),
        (&[("rows_per_second", "1")], "unknown option `rows_per_second`"),
    ] {
        let spec = table(&[("id", DataType::Int32), ("ts", MILLIS)], options);
        let error = DatagenConnector.validate(&spec).unwrap_err();
        assert!(error.message().starts_with("table `g`: ") && error.message().contains(message), "{error}");
    }
    let error = DatagenConnector.validate(&table(&[("d", DataType::Duration(TimeUnit::Second))], &[])).unwrap_err();
    assert!(error.message().contains("cannot make values"), "{error}");
}
