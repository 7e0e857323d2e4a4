use super::*;
use crate::connectors::blackhole::BlackholeConnector;
use crate::connectors::{CommitInfo, TableColumn};
use crate::sql::ast::{Options, Pos};
use arrow::array::*;
use arrow::datatypes::{DataType, Field, Schema};

fn table(pairs: &[(&str, &str)]) -> Arc<TableSpec> {
    let mut options = Options::default();
    for (key, value) in pairs {
        options.push((*key).to_string(), (*value).to_string(), Pos::default()).unwrap();
    }
    let column =
        |name: &str| TableColumn { name: name.into(), data_type: DataType::Utf8, nullable: true, metadata: None, is_virtual: false };
    let columns = ["a", "t", "z", "l", "f", "b", "d"].map(column).to_vec();
    Arc::new(TableSpec {
        name: "p".into(),
        connector: "print".into(),
        columns,
        primary_key: Vec::new(),
        partitioned_by: Vec::new(),
        options,
    })
}

fn writer() -> Writer {
    Writer { job: "j".into(), job_uuid: "u".into(), folder: "f-1".into(), incarnation: 1, sink: "s".into() }
}

#[tokio::test]
async fn rows_look_as_flink_shows_them() {
    let out = Arc::new(Mutex::new(Vec::<u8>::new()));
    let sink = PrintSink::new(table(&[("print-identifier", "x")]), Some(Arc::clone(&out) as Output)).unwrap();
    assert!(!sink.exactly_once());
    let (mut open, newest) = sink.open(&writer()).await.unwrap();
    assert!(newest.is_none());
    let at = Arc::new(TimestampMillisecondArray::from(vec![Some(1_714_564_800_000), Some(1_714_564_803_500)])) as ArrayRef;
    let zoned = TimestampMillisecondArray::from(vec![Some(0), None]).with_timezone("UTC");
    let list = ListArray::from_iter_primitive::<arrow::datatypes::Int32Type, _, _>([Some(vec![Some(1), None]), None]);
    let rows = RecordBatch::try_from_iter_with_nullable([
        ("a", Arc::new(StringArray::from(vec![Some("häuser"), None])) as ArrayRef, true),
        ("t", at, true),
        ("z", Arc::new(zoned) as ArrayRef, true),
        ("l", Arc::new(list) as ArrayRef, true),
        ("f", Arc::new(Float64Array::from(vec![1.0, f64::NAN])) as ArrayRef, true),
        ("b", Arc::new(BinaryArray::from(vec![b"\xff\x01".as_ref(), b""])) as ArrayRef, true),
        ("d", Arc::new(Decimal128Array::from(vec![150, 5]).with_precision_and_scale(5, 2).unwrap()) as ArrayRef, true),
    ]);
    open.write(&CommitInfo::new(1, ""), &[rows.unwrap()]).await.unwrap();
    open.commit(&CommitInfo::new(1, "")).await.unwrap();
    let text = String::from_utf8(out.lock().unwrap().clone()).unwrap();
    assert_eq!(
        text,
        "x> +I[häuser, 2024-05-01T12:00, 1970-01-01T00:00:00Z, [1, null], 1.0, [-1, 1], 1.50]\n\
         x> +I[null, 2024-05-01T12:00:03.500, null, null, NaN, [], 0.05]\n"
    );
}

#[tokio::test]
async fn changes_have_the_kinds_of_flink() {
    let fields =
        vec![Field::new("a", DataType::Utf8, true), Field::new("t", DataType::Utf8, true), Field::new("__weight", DataType::Int64, false)];
    let columns: [ArrayRef; 3] = [
        Arc::new(StringArray::from(vec!["x", "y", "y", "z"])),
        Arc::new(StringArray::from(vec!["1", "1", "2", "1"])),
        Arc::new(Int64Array::from(vec![-1, -1, 1, 2])),
    ];
    let changes = RecordBatch::try_new(Arc::new(Schema::new(fields)), columns.to_vec()).unwrap();
    for (key, expected) in
        [(&[][..], "-D[x, 1]\n-D[y, 1]\n+I[y, 2]\n+I[z, 1]\n+I[z, 1]\n"), (&["a"], "-D[x, 1]\n-U[y, 1]\n+U[y, 2]\n+I[z, 1]\n+I[z, 1]\n")]
    {
        let out = Arc::new(Mutex::new(Vec::<u8>::new()));
        let mut spec = (*table(&[])).clone();
        spec.columns.truncate(2);
        spec.primary_key = key.iter().map(ToString::to_string).collect();
        let sink = PrintSink::new(Arc::new(spec), Some(Arc::clone(&out) as Output)).unwrap();
        assert_eq!(sink.mode(), SinkMode::Changelog);
        sink.open(&writer()).await.unwrap().0.write(&CommitInfo::new(1, ""), std::slice::from_ref(&changes)).await.unwrap();
        assert_eq!(String::from_utf8(out.lock().unwrap().clone()).unwrap(), expected);
    }
}

#[tokio::test]
async fn a_blackhole_swallows() {
    let sink = BlackholeConnector.sink(table(&[])).unwrap();
    let (mut open, newest) = sink.open(&writer()).await.unwrap();
    open.write(&CommitInfo::new(1, ""), &[]).await.unwrap();
    open.commit(&CommitInfo::new(1, "")).await.unwrap();
    assert!(newest.is_none() && BlackholeConnector.source(table(&[])).is_err());
    assert!(BlackholeConnector.validate(&table(&[("topic", "t")])).is_err());
}
