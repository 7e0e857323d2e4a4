use super::*;

async fn plan(
    kafka: &KafkaConnector,
    options: &[(&'static str, &'static str)],
    mode: StartMode,
) -> Result<Vec<(i64, Option<i64>)>, String> {
    let source = kafka.source(table("t", options)).map_err(|e| e.to_string())?;
    let mut run = conformance::enumerator(&*source).map_err(|e| e.to_string())?;
    let ranges = run.start(mode).await.map_err(|e| e.to_string())?;
    Ok(ranges.iter().map(|r| (r.start, r.end)).collect())
}

async fn filled() -> (Arc<EmbeddedBroker>, KafkaConnector) {
    let (broker, kafka) = log(2);
    for i in 0..10 {
        broker.append("t", vec![OutRecord { timestamp: Some(i * 1_000), ..record((i % 2) as i32, &row(1)) }]).unwrap();
    }
    broker.truncate("t", 0, 2);
    (broker, kafka)
}

#[tokio::test]
async fn startup_modes() {
    let (broker, kafka) = filled().await;
    let stream = |options| (options, StartMode::Declared);
    for ((options, mode), expected) in [
        (stream(with(&[])), [(2, None), (0, None)]),
        (stream(with(&[("scan.startup.mode", "latest-offset")])), [(5, None), (5, None)]),
        (stream(with(&[("scan.startup.mode", "timestamp"), ("scan.startup.timestamp-millis", "6500")])), [(4, None), (3, None)]),
        (
            stream(with(&[("scan.startup.mode", "specific-offsets"), ("scan.startup.specific-offsets", "partition:1,offset:4")])),
            [(2, None), (4, None)],
        ),
        (
            stream(with(&[("scan.startup.mode", "specific-offsets"), ("scan.startup.specific-offsets", "partition:0,offset:0")])),
            [(2, None), (0, None)],
        ),
        (stream(with(&[("scan.startup.mode", "group-offsets"), ("properties.auto.offset.reset", "latest")])), [(5, None), (5, None)]),
        ((with(&[("scan.startup.mode", "latest-offset")]), StartMode::History), [(2, Some(5)), (0, Some(5))]),
        ((with(&[("scan.startup.mode", "latest-offset")]), StartMode::Earliest), [(2, None), (0, None)]),
        ((with(&[]), StartMode::Timestamp(9_000)), [(5, None), (4, None)]),
        ((with(&[]), StartMode::Latest), [(5, None), (5, None)]),
        (stream(with(&[("scan.bounded.mode", "timestamp"), ("scan.bounded.timestamp-millis", "6500")])), [(2, Some(4)), (0, Some(3))]),
        (
            stream(with(&[("scan.bounded.mode", "specific-offsets"), ("scan.bounded.specific-offsets", "partition:0,offset:3")])),
            [(2, Some(3)), (0, Some(0))],
        ),
    ] {
        assert_eq!(plan(&kafka, &options, mode).await.unwrap(), expected, "{options:?} {mode:?}");
    }
    let group = with(&[("scan.startup.mode", "group-offsets"), ("properties.group.id", "g")]);
    let error = plan(&kafka, &group, StartMode::Declared).await.unwrap_err();
    assert!(error.contains("group 'g' has no committed offset") && error.contains("scan.startup.mode"), "{error}");
    broker.commit_group("g", "t", &[(0, 3), (1, 2)]).await.unwrap();
    assert_eq!(plan(&kafka, &group, StartMode::Declared).await.unwrap(), [(3, None), (2, None)]);
    let until = with(&[("scan.bounded.mode", "group-offsets"), ("properties.group.id", "g")]);
    assert_eq!(plan(&kafka, &until, StartMode::Declared).await.unwrap(), [(2, Some(3)), (0, Some(2))]);
    let error = plan(&kafka, &[("topic", "t"), ("format", "json")], StartMode::Declared).await.unwrap_err();
    assert!(error.contains("needs `properties.group.id`"), "{error}");
}

#[tokio::test]
async fn what_does_not_exist_is_named() {
    let (_, kafka) = filled().await;
    let error = plan(&kafka, &with(&[("topic", "tt")]), StartMode::Declared).await.unwrap_err();
    assert!(error.contains("topic `tt` does not exist") && error.contains("known: `t`"), "{error}");
    let options = with(&[("scan.startup.mode", "specific-offsets"), ("scan.startup.specific-offsets", "partition:7,offset:0")]);
    assert!(plan(&kafka, &options, StartMode::Declared).await.unwrap_err().contains("has 2 partitions"));
    let options = with(&[("scan.startup.mode", "specific-offsets"), ("scan.startup.specific-offsets", "partition:0,offset:99")]);
    assert!(plan(&kafka, &options, StartMode::Declared).await.unwrap_err().contains("does not exist yet"));
}

#[tokio::test]
async fn resuming_finds_new_partitions_and_lost_records() {
    let (broker, kafka) = filled().await;
    let source = kafka.source(table("t", PLAIN)).unwrap();
    let mut run = conformance::enumerator(&*source).unwrap();
    let at = |a, b| [(0, a), (1, b)].map(|(partition, start)| PartitionRange { partition, start, end: None });
    broker.grow("t", 3);
    let new = run.resume(&at(2, 5), &[]).await.unwrap();
    assert_eq!(new, [PartitionRange { partition: 2, start: 0, end: None }]);
    let gone = run.resume(&at(0, 5), &[]).await.unwrap_err();
    assert_eq!(gone.kind(), ErrorKind::State);
    assert!(gone.message().contains("2 records that were not read yet are gone"), "{gone}");
    assert!(run.resume(&at(2, 6), &[]).await.unwrap_err().message().contains("the topic ends at 5"));
    // An exhausted partition does not need the removed records.
    let done = [PartitionRange { partition: 0, start: 1, end: Some(1) }, PartitionRange { partition: 1, start: 5, end: None }];
    assert!(run.resume(&done, &[]).await.is_ok());
}

#[tokio::test]
async fn unknown_options_are_refused_with_the_nearest() {
    let (_, kafka) = log(1);
    let error = kafka.validate(&table("t", &with(&[("scan.startup.moed", "x")]))).unwrap_err().to_string();
    assert!(error.contains("did you mean `scan.startup.mode`?"), "{error}");
    for known in ["scan.watermark.idle-timeout", "late-rows.table", "json.fail-on-missing-field", "value.json.ignore-parse-errors"] {
        let value = if known.contains("json") { "true" } else { "1" };
        kafka.validate(&table("t", &with(&[(known, value)]))).unwrap();
    }
}

#[tokio::test]
async fn progress_is_reported_to_the_group() {
    let (broker, kafka) = filled().await;
    let source = kafka.source(table("t", &with(&[("properties.group.id", "g")]))).unwrap();
    source.stream().unwrap().commit_offsets(&[(0, 4), (1, 5)]).await;
    assert_eq!(broker.committed("g", "t").await.unwrap()[&0].0, 4);
}
