//! The conformance suite of [`Broker`], which each implementation runs against itself.
//!
//! The cases are plain functions that return what is wrong as an error, so that they run from a unit test (the
//! in-process topic log) as well as from a test that needs a server. Every case creates its own topics, groups and transactional ids, whose
//! names begin with `prefix`; nothing else may use such names.

use std::collections::{BTreeMap, HashMap};
use std::time::Duration;

use bytes::Bytes;

use super::broker::{Broker, Consumer, OutRecord, Position, Record, TimestampType};
use crate::common::clock::{self, Clock, SystemClock};
use crate::common::{Error, ErrorKind, Result};

/// The time limit of each step.
const PATIENCE: Duration = Duration::from_secs(30);

/// Fails a case with a message.
macro_rules! ensure {
    ($condition:expr, $($message:tt)+) => {
        if !$condition {
            return Err(Error::internal(format!($($message)+)));
        }
    };
}

/// A record that was read.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Seen {
    partition: i32,
    offset: i64,
    timestamp: Option<i64>,
    timestamp_type: TimestampType,
    key: Option<Bytes>,
    value: Option<Bytes>,
    headers: Vec<(String, Option<Vec<u8>>)>,
}

impl Seen {
    fn new(record: Record<'_>) -> Self {
        let mut headers = Vec::new();
        record.headers.each(&mut |name, value| headers.push((name.to_string(), value.map(<[u8]>::to_vec))));
        Self {
            partition: record.partition,
            offset: record.offset,
            timestamp: record.timestamp,
            timestamp_type: record.timestamp_type,
            key: record.key.map(Bytes::copy_from_slice),
            value: record.value.map(Bytes::copy_from_slice),
            headers,
        }
    }

    fn text(&self) -> String {
        self.value.as_deref().map_or_else(|| "-".to_string(), |v| String::from_utf8_lossy(v).into_owned())
    }
}

fn value(partition: i32, text: impl Into<String>) -> OutRecord {
    OutRecord { partition: Some(partition), value: Some(text.into().into()), ..OutRecord::default() }
}

fn texts(seen: &[Seen]) -> Vec<String> {
    seen.iter().map(Seen::text).collect()
}

/// Reads until every partition is at its end, and returns the records and the positions.
fn read_to_end(consumer: &mut dyn Consumer) -> Result<(Vec<Seen>, Vec<Position>)> {
    let (mut seen, begin) = (Vec::new(), clock::instant());
    loop {
        consumer.poll(1000, Duration::from_millis(50), &mut |r| seen.push(Seen::new(r)))?;
        let positions = consumer.positions();
        if positions.iter().all(|p| p.at_end) {
            return Ok((seen, positions));
        }
        ensure!(clock::since(begin) < PATIENCE, "not at the end after {PATIENCE:?}: {} records, {positions:?}", seen.len());
    }
}

/// Reads everything that a topic holds.
async fn read_all(broker: &dyn Broker, topic: &str) -> Result<Vec<Seen>> {
    let from: Vec<_> = broker.bounds(topic).await?.iter().map(|b| (b.partition, b.earliest)).collect();
    Ok(read_to_end(&mut *broker.consumer(topic, &from)?)?.0)
}

/// Writes records without a transaction.
async fn write(broker: &dyn Broker, topic: &str, records: Vec<OutRecord>) -> Result<()> {
    let mut producer = broker.producer(None).await?;
    producer.begin().await?;
    producer.send(topic, records).await?;
    producer.commit().await
}

/// Runs every case.
///
/// # Errors
/// The first case that fails, by name, with what it saw.
pub async fn all(broker: &dyn Broker, prefix: &str) -> Result<()> {
    topics_are_made_and_found(broker, prefix).await.map_err(|e| e.context("topics_are_made_and_found"))?;
    records_come_back_as_written(broker, prefix).await.map_err(|e| e.context("records_come_back_as_written"))?;
    keys_choose_partitions_as_java_does(broker, prefix).await.map_err(|e| e.context("keys_choose_partitions_as_java_does"))?;
    reading_starts_where_it_is_told(broker, prefix).await.map_err(|e| e.context("reading_starts_where_it_is_told"))?;
    many_records_keep_their_order(broker, prefix).await.map_err(|e| e.context("many_records_keep_their_order"))?;
    new_records_arrive_at_a_waiting_consumer(broker, prefix).await.map_err(|e| e.context("new_records_arrive_at_a_waiting_consumer"))?;
    offsets_are_found_by_time(broker, prefix).await.map_err(|e| e.context("offsets_are_found_by_time"))?;
    open_transactions_are_invisible(broker, prefix).await.map_err(|e| e.context("open_transactions_are_invisible"))?;
    aborted_records_leave_gaps(broker, prefix).await.map_err(|e| e.context("aborted_records_leave_gaps"))?;
    an_offset_commits_with_its_transaction(broker, prefix).await.map_err(|e| e.context("an_offset_commits_with_its_transaction"))?;
    groups_keep_offsets(broker, prefix).await.map_err(|e| e.context("groups_keep_offsets"))?;
    a_newer_producer_fences_the_older(broker, prefix).await.map_err(|e| e.context("a_newer_producer_fences_the_older"))?;
    paused_partitions_wait(broker, prefix).await.map_err(|e| e.context("paused_partitions_wait"))?;
    an_offset_that_is_gone_is_an_error(broker, prefix).await.map_err(|e| e.context("an_offset_that_is_gone_is_an_error"))
}

/// Topics are created once and found by name; asking for a missing topic does not create it.
pub async fn topics_are_made_and_found(broker: &dyn Broker, prefix: &str) -> Result<()> {
    let (topic, missing) = (format!("{prefix}-made"), format!("{prefix}-missing"));
    ensure!(!broker.address().is_empty(), "a broker has an address");
    ensure!(broker.partitions(&missing).await?.is_none(), "a topic that was never created has no partitions");
    ensure!(broker.create_topic(&topic, Some(3)).await? == 3, "three partitions were asked for");
    ensure!(broker.create_topic(&topic, Some(5)).await? == 3, "a topic that is there stays as it is");
    ensure!(broker.partitions(&topic).await? == Some(3), "three partitions are there");
    ensure!(broker.create_topic(&format!("{prefix}-default"), None).await? >= 1, "the broker's default number of partitions");
    let topics = broker.topics(PATIENCE).await?;
    ensure!(topics.contains(&topic), "`{topic}` is among the topics {topics:?}");
    ensure!(!topics.contains(&missing), "asking for a topic made it");
    let bounds = broker.bounds(&topic).await?;
    ensure!(bounds.len() == 3 && bounds.iter().all(|b| b.earliest == 0 && b.latest == 0), "an empty topic: {bounds:?}");
    ensure!(broker.bounds(&missing).await.is_err(), "a missing topic has no bounds");
    let seen = read_all(broker, &topic).await?;
    ensure!(seen.is_empty(), "an empty topic is at its end at once: {seen:?}");
    Ok(())
}

/// Keys, values, tombstones, headers and times, per partition in order and without gaps.
pub async fn records_come_back_as_written(broker: &dyn Broker, prefix: &str) -> Result<()> {
    let topic = format!("{prefix}-records");
    broker.create_topic(&topic, Some(2)).await?;
    let full = OutRecord {
        partition: Some(1),
        timestamp: Some(1_700_000_000_123),
        key: Some(Bytes::from_static(b"k\0\xff")),
        value: Some("häuser".into()),
        headers: vec![
            ("a".into(), Some(b"1".to_vec())),
            ("a".into(), Some(b"2".to_vec())),
            ("empty".into(), Some(Vec::new())),
            ("none".into(), None),
        ],
        common: Some(("common", "c".into())),
    };
    let tombstone = OutRecord { partition: Some(1), key: Some("gone".into()), ..OutRecord::default() };
    let old = OutRecord { timestamp: Some(-86_400_123), ..value(1, "old") };
    let empty = OutRecord { partition: Some(1), key: Some(Bytes::new()), value: Some(Bytes::new()), ..OutRecord::default() };
    let before = now();
    write(broker, &topic, vec![full.clone(), value(0, "x"), tombstone.clone(), empty.clone(), old.clone(), value(0, "y")]).await?;
    let after = now();

    let seen = read_all(broker, &topic).await?;
    let of = |partition| seen.iter().filter(|s| s.partition == partition).collect::<Vec<_>>();
    let (zero, one) = (of(0), of(1));
    ensure!(zero.iter().map(|s| (s.offset, s.text())).eq([(0, "x".to_string()), (1, "y".to_string())]), "partition 0: {zero:?}");
    ensure!(one.iter().map(|s| s.offset).eq(0..4), "offsets of partition 1 follow each other: {one:?}");
    ensure!(one[0].key == full.key && one[0].value == full.value, "bytes come back: {:?}", one[0]);
    ensure!(one[0].timestamp == full.timestamp && one[0].timestamp_type == TimestampType::CreateTime, "its time: {:?}", one[0]);
    let headers: Vec<_> = full.headers().map(|(key, value)| (key.to_string(), value.map(<[u8]>::to_vec))).collect();
    ensure!(one[0].headers == headers, "headers in order, doubles too: {:?}", one[0].headers);
    ensure!(one[1].key == tombstone.key && one[1].value.is_none(), "a tombstone has a key and no value: {:?}", one[1]);
    ensure!(one[2].key == empty.key && one[2].value == empty.value, "empty is not missing: {:?}", one[2]);
    ensure!(one[3].timestamp == old.timestamp, "a time before 1970: {:?}", one[3]);
    ensure!(zero[0].key.is_none() && zero[0].headers.is_empty(), "no key, no headers: {:?}", zero[0]);
    let time = zero[0].timestamp.unwrap_or(0);
    ensure!((before..=after).contains(&time), "without a time it is now: {time} in {before}..{after}");
    Ok(())
}

/// `murmur2_random`: a key goes to the partition that Java's producer would choose; records without a key go anywhere.
pub async fn keys_choose_partitions_as_java_does(broker: &dyn Broker, prefix: &str) -> Result<()> {
    let topic = format!("{prefix}-keys");
    broker.create_topic(&topic, Some(8)).await?;
    // The hashes are from Kafka's own tests: sign bit off, modulo 8.
    let expected: HashMap<&[u8], i32> = [
        (&b"21"[..], (-973_932_308_i32 & 0x7fff_ffff) % 8),
        (b"foobar", (-790_332_482_i32 & 0x7fff_ffff) % 8),
        (b"a-little-bit-long-string", (-985_981_536_i32 & 0x7fff_ffff) % 8),
        (b"a-little-bit-longer-string", (-1_486_304_829_i32 & 0x7fff_ffff) % 8),
        (b"lkjh234lh9fiuh90y23oiuhsafujhadof229phr9h19h89h8", (-58_897_971_i32 & 0x7fff_ffff) % 8),
        (b"abc", 479_470_107 % 8),
    ]
    .into_iter()
    .collect();
    let record = |key: Option<&[u8]>| OutRecord { key: key.map(Bytes::copy_from_slice), value: Some("v".into()), ..OutRecord::default() };
    let mut records: Vec<_> = expected.keys().chain(expected.keys()).map(|k| record(Some(k))).collect();
    records.extend((0..10).map(|_| record(None)));
    write(broker, &topic, records).await?;
    let seen = read_all(broker, &topic).await?;
    ensure!(seen.len() == 2 * expected.len() + 10, "all records arrive: {}", seen.len());
    for s in seen.iter().filter(|s| s.key.is_some()) {
        let wanted = s.key.as_deref().and_then(|k| expected.get(k));
        ensure!(
            wanted == Some(&s.partition),
            "key {:?} goes to {wanted:?}, not {}",
            s.key.as_deref().map(String::from_utf8_lossy),
            s.partition
        );
    }
    Ok(())
}

/// A consumer begins at its offsets, reads only its partitions, and knows its positions before the first record.
pub async fn reading_starts_where_it_is_told(broker: &dyn Broker, prefix: &str) -> Result<()> {
    let topic = format!("{prefix}-start");
    broker.create_topic(&topic, Some(3)).await?;
    let records = (0..3).flat_map(|p| (0..10).map(move |i| value(p, format!("{p}.{i}")))).collect();
    write(broker, &topic, records).await?;
    let mut consumer = broker.consumer(&topic, &[(2, 7), (0, 10)])?;
    let first: BTreeMap<_, _> = consumer.positions().iter().map(|p| (p.partition, (p.next, p.at_end))).collect();
    ensure!(first == BTreeMap::from([(0, (10, false)), (2, (7, false))]), "positions before the first poll: {first:?}");
    let (seen, positions) = read_to_end(&mut *consumer)?;
    ensure!(texts(&seen) == ["2.7", "2.8", "2.9"], "from offset 7 of partition 2 alone: {seen:?}");
    for p in positions {
        ensure!(p.next == 10 && p.end == Some(10), "at the end: {p:?}");
    }
    let mut few = broker.consumer(&topic, &[(1, 0)])?;
    let (mut seen, begin) = (Vec::new(), clock::instant());
    while seen.is_empty() {
        let n = few.poll(4, Duration::from_millis(100), &mut |r| seen.push(Seen::new(r)))?;
        ensure!(n == seen.len() && n <= 4, "at most 4 were asked for, {n} said, {} came", seen.len());
        ensure!(clock::since(begin) < PATIENCE, "nothing came");
    }
    let next = few.positions()[0].next;
    ensure!(next == i64::try_from(seen.len()).unwrap_or(0), "the position is behind what was handed out: {next}, {}", seen.len());
    Ok(())
}

/// Thousands of records, in several partitions, in several batches.
pub async fn many_records_keep_their_order(broker: &dyn Broker, prefix: &str) -> Result<()> {
    const EACH: usize = 15_000;
    let topic = format!("{prefix}-many");
    broker.create_topic(&topic, Some(2)).await?;
    let mut producer = broker.producer(None).await?;
    producer.begin().await?;
    for chunk in 0..3 {
        let rows = (0..EACH / 3).flat_map(|i| (0..2).map(move |p| value(p, format!("{}", chunk * EACH / 3 + i))));
        producer.send(&topic, rows.collect()).await?;
    }
    producer.commit().await?;
    let seen = read_all(broker, &topic).await?;
    ensure!(seen.len() == 2 * EACH, "{} of {} records", seen.len(), 2 * EACH);
    let mut next = [0; 2];
    for s in seen {
        let at = &mut next[usize::try_from(s.partition).unwrap_or(0)];
        ensure!(s.offset == *at && s.text() == at.to_string(), "expected {at}, got {} at offset {}", s.text(), s.offset);
        *at += 1;
    }
    Ok(())
}

/// A consumer at the end soon sees new records, and is at the end again.
pub async fn new_records_arrive_at_a_waiting_consumer(broker: &dyn Broker, prefix: &str) -> Result<()> {
    let topic = format!("{prefix}-tail");
    broker.create_topic(&topic, Some(1)).await?;
    let mut consumer = broker.consumer(&topic, &[(0, 0)])?;
    read_to_end(&mut *consumer)?;
    for round in 0..3 {
        write(broker, &topic, vec![value(0, round.to_string())]).await?;
        let (mut seen, begin) = (Vec::new(), clock::instant());
        while seen.is_empty() {
            consumer.poll(100, Duration::from_millis(100), &mut |r| seen.push(Seen::new(r)))?;
            ensure!(clock::since(begin) < PATIENCE, "round {round}: nothing came");
        }
        ensure!(texts(&seen) == [round.to_string()], "round {round}: {seen:?}");
        let (more, positions) = read_to_end(&mut *consumer)?;
        ensure!(more.is_empty() && positions[0].next == round + 1, "round {round}: {more:?}, {positions:?}");
    }
    ensure!(consumer.outage().is_none(), "nothing was away: {:?}", consumer.outage());
    Ok(())
}

/// The offset of the first record at or after a time, or the end.
pub async fn offsets_are_found_by_time(broker: &dyn Broker, prefix: &str) -> Result<()> {
    let topic = format!("{prefix}-times");
    broker.create_topic(&topic, Some(2)).await?;
    let at = |time: i64| OutRecord { timestamp: Some(time), ..value(0, time.to_string()) };
    write(broker, &topic, [1000, 2000, 3000].into_iter().map(at).collect()).await?;
    for (time, offset) in [(0, 0), (1000, 0), (1001, 1), (3000, 2), (3001, 3)] {
        let found = broker.offsets_for_time(&topic, time).await?;
        ensure!(found == BTreeMap::from([(0, offset), (1, 0)]), "time {time}: {found:?}, expected offset {offset}");
    }
    Ok(())
}

/// No record of a transaction is seen before it commits, then all are; the end is the last stable offset.
pub async fn open_transactions_are_invisible(broker: &dyn Broker, prefix: &str) -> Result<()> {
    let topic = format!("{prefix}-open");
    broker.create_topic(&topic, Some(1)).await?;
    write(broker, &topic, vec![value(0, "before")]).await?;
    let mut producer = broker.producer(Some(&format!("{prefix}-open"))).await?;
    producer.begin().await?;
    producer.send(&topic, vec![value(0, "one"), value(0, "two")]).await?;
    // Gives the records time to reach the broker.
    tokio::time::sleep(Duration::from_millis(300)).await;
    let bounds = broker.bounds(&topic).await?;
    ensure!(bounds[0].latest == 1, "the last stable offset is before an open transaction: {bounds:?}");
    let mut consumer = broker.consumer(&topic, &[(0, 0)])?;
    let (seen, positions) = read_to_end(&mut *consumer)?;
    ensure!(texts(&seen) == ["before"], "an open transaction is invisible: {seen:?}");
    ensure!(positions[0].next == 1, "the end is the last stable offset: {positions:?}");
    producer.commit().await?;
    // The marker is written after the broker has answered the producer; until then the end does not move.
    let (mut seen, begin) = (Vec::new(), clock::instant());
    loop {
        let (more, positions) = read_to_end(&mut *consumer)?;
        seen.extend(more);
        let latest = broker.bounds(&topic).await?[0].latest;
        if latest >= 3 && positions[0].next == latest {
            break;
        }
        ensure!(clock::since(begin) < PATIENCE, "the end {latest} is not reached, or passed: {positions:?}");
    }
    ensure!(texts(&seen) == ["one", "two"], "a committed transaction is seen once: {seen:?}");
    Ok(())
}

/// Aborted records are never seen, and a gap at the end of a partition is passed without waiting for a record.
pub async fn aborted_records_leave_gaps(broker: &dyn Broker, prefix: &str) -> Result<()> {
    let topic = format!("{prefix}-aborted");
    broker.create_topic(&topic, Some(1)).await?;
    let mut producer = broker.producer(Some(&format!("{prefix}-aborted"))).await?;
    for round in 0..3 {
        producer.begin().await?;
        producer.send(&topic, vec![value(0, format!("kept {round}"))]).await?;
        producer.commit().await?;
        producer.begin().await?;
        producer.send(&topic, vec![value(0, "dropped"), value(0, "dropped")]).await?;
        tokio::time::sleep(Duration::from_millis(50)).await;
        producer.abort().await?;
    }
    let begin = clock::instant();
    // The marker of the last abort is written after the broker has answered the producer, so the end may still move once.
    let (seen, positions, latest) = loop {
        let (seen, positions) = read_to_end(&mut *broker.consumer(&topic, &[(0, 0)])?)?;
        let latest = broker.bounds(&topic).await?[0].latest;
        if positions[0].next == latest || clock::since(begin) > PATIENCE {
            break (seen, positions, latest);
        }
    };
    ensure!(texts(&seen) == ["kept 0", "kept 1", "kept 2"], "aborted records are never seen: {seen:?}");
    ensure!(positions[0].next == latest, "the gap at the end is passed: {positions:?}, latest {latest}");
    ensure!(clock::since(begin) < Duration::from_secs(10), "it took {:?}", clock::since(begin));
    // Empty transactions can be aborted and committed.
    producer.begin().await?;
    producer.abort().await?;
    producer.begin().await?;
    producer.commit().await
}

/// The number of a commit: atomic with the records, with its metadata, and only when the transaction commits.
pub async fn an_offset_commits_with_its_transaction(broker: &dyn Broker, prefix: &str) -> Result<()> {
    let (topic, group) = (format!("{prefix}-numbered"), format!("{prefix}-numbered-group"));
    broker.create_topic(&topic, Some(2)).await?;
    ensure!(broker.committed(&group, &topic).await?.is_empty(), "a new group has no offsets");
    let mut producer = broker.producer(Some(&group)).await?;
    for n in 1..=2 {
        producer.begin().await?;
        producer.send(&topic, vec![value(1, n.to_string())]).await?;
        producer.send_offset(&group, &topic, n, &format!("uuid-ä {n}")).await?;
        producer.commit().await?;
        let found = broker.committed(&group, &topic).await?;
        ensure!(found == BTreeMap::from([(0, (n, format!("uuid-ä {n}")))]), "after commit {n}: {found:?}");
    }
    producer.begin().await?;
    producer.send(&topic, vec![value(1, "3")]).await?;
    producer.send_offset(&group, &topic, 3, "dropped").await?;
    producer.abort().await?;
    let found = broker.committed(&group, &topic).await?;
    ensure!(found.get(&0).map(|f| f.0) == Some(2), "an aborted offset does not count: {found:?}");
    // A producer that died in the middle of a transaction: its successor sees the state before.
    producer.begin().await?;
    producer.send(&topic, vec![value(1, "4")]).await?;
    producer.send_offset(&group, &topic, 4, "died").await?;
    drop(producer);
    drop(broker.producer(Some(&group)).await?);
    let found = broker.committed(&group, &topic).await?;
    ensure!(found.get(&0).map(|f| f.0) == Some(2), "what a dead copy left open does not count: {found:?}");
    let seen = texts(&read_all(broker, &topic).await?);
    ensure!(seen == ["1", "2"], "records and offsets together: {seen:?}");
    Ok(())
}

/// While a transaction is open on an offset, a query for that offset waits for the outcome.
///
/// Not part of [`all`]: a log that applies a transaction in one step never has an undecided one.
pub async fn committed_offsets_wait_for_open_transactions(broker: &dyn Broker, prefix: &str) -> Result<()> {
    let (topic, group) = (format!("{prefix}-wait"), format!("{prefix}-wait-group"));
    broker.create_topic(&topic, Some(1)).await?;
    let mut producer = broker.producer(Some(&group)).await?;
    producer.begin().await?;
    producer.send_offset(&group, &topic, 1, "first").await?;
    producer.commit().await?;
    producer.begin().await?;
    producer.send_offset(&group, &topic, 2, "second").await?;
    let commit = async {
        tokio::time::sleep(Duration::from_millis(500)).await;
        producer.commit().await
    };
    let (found, committed) = tokio::join!(broker.committed(&group, &topic), commit);
    committed?;
    let found = found?;
    ensure!(found == BTreeMap::from([(0, (2, "second".to_string()))]), "the outcome, not the state before: {found:?}");
    Ok(())
}

/// Offsets of a group outside of transactions.
pub async fn groups_keep_offsets(broker: &dyn Broker, prefix: &str) -> Result<()> {
    let (topic, group) = (format!("{prefix}-group"), format!("{prefix}-group-group"));
    broker.create_topic(&topic, Some(3)).await?;
    broker.commit_group(&group, &topic, &[(0, 5), (2, 7)]).await?;
    broker.commit_group(&group, &topic, &[(0, 6)]).await?;
    let found: BTreeMap<_, _> = broker.committed(&group, &topic).await?.into_iter().map(|(p, (offset, _))| (p, offset)).collect();
    ensure!(found == BTreeMap::from([(0, 6), (2, 7)]), "the newest offset per partition: {found:?}");
    ensure!(broker.committed(&format!("{group}-other"), &topic).await?.is_empty(), "another group has none");
    Ok(())
}

/// A second producer of an id aborts the first one's transaction, and the first one gets an error.
pub async fn a_newer_producer_fences_the_older(broker: &dyn Broker, prefix: &str) -> Result<()> {
    let (topic, id) = (format!("{prefix}-fence"), format!("{prefix}-fence-id"));
    broker.create_topic(&topic, Some(1)).await?;
    let mut old = broker.producer(Some(&id)).await?;
    old.begin().await?;
    old.send(&topic, vec![value(0, "old")]).await?;
    tokio::time::sleep(Duration::from_millis(100)).await;
    let mut new = broker.producer(Some(&id)).await?;
    let Err(error) = old.commit().await else { return Err(Error::internal("a fenced producer committed")) };
    ensure!(error.kind() == ErrorKind::Fenced, "the kind is Fenced, not {:?}: {error}", error.kind());
    let again = match old.begin().await {
        Ok(()) => old.commit().await,
        Err(error) => Err(error),
    };
    ensure!(again.as_ref().is_err_and(|e| e.kind() == ErrorKind::Fenced), "it stays fenced: {again:?}");
    new.begin().await?;
    new.send(&topic, vec![value(0, "new")]).await?;
    new.commit().await?;
    let seen = texts(&read_all(broker, &topic).await?);
    ensure!(seen == ["new"], "only the newer producer's records count: {seen:?}");
    Ok(())
}

/// Paused partitions are not read, lose no records, and are never reported to be at their end.
pub async fn paused_partitions_wait(broker: &dyn Broker, prefix: &str) -> Result<()> {
    let topic = format!("{prefix}-pause");
    broker.create_topic(&topic, Some(2)).await?;
    write(broker, &topic, vec![value(0, "a"), value(1, "b")]).await?;
    let mut consumer = broker.consumer(&topic, &[(0, 0), (1, 0)])?;
    let (seen, _) = read_to_end(&mut *consumer)?;
    ensure!(seen.len() == 2, "both at first: {seen:?}");
    consumer.pause(&[1])?;
    write(broker, &topic, vec![value(1, "c"), value(0, "d"), value(1, "e")]).await?;
    let (mut seen, begin) = (Vec::new(), clock::instant());
    while clock::since(begin) < Duration::from_secs(1) || seen.is_empty() {
        consumer.poll(100, Duration::from_millis(50), &mut |r| seen.push(Seen::new(r)))?;
        let paused = consumer.positions().into_iter().find(|p| p.partition == 1);
        ensure!(paused.is_some_and(|p| p.next == 1 && !p.at_end), "a paused partition stands still, unconfirmed: {paused:?}");
        ensure!(clock::since(begin) < PATIENCE, "the other partition is read on");
    }
    ensure!(texts(&seen) == ["d"], "only the other partition: {seen:?}");
    consumer.pause(&[0])?;
    let (mut seen, begin) = (Vec::new(), clock::instant());
    while seen.len() < 2 {
        consumer.poll(100, Duration::from_millis(50), &mut |r| seen.push(Seen::new(r)))?;
        ensure!(clock::since(begin) < PATIENCE, "what was not paused this time is read again: {seen:?}");
    }
    ensure!(texts(&seen) == ["c", "e"], "nothing is lost by a pause: {seen:?}");
    consumer.pause(&[])?;
    let (seen, positions) = read_to_end(&mut *consumer)?;
    ensure!(seen.is_empty() && positions.iter().all(|p| p.next == if p.partition == 0 { 2 } else { 3 }), "{seen:?} {positions:?}");
    Ok(())
}

/// An offset that the topic no longer has is an error that names it, and is never skipped.
pub async fn an_offset_that_is_gone_is_an_error(broker: &dyn Broker, prefix: &str) -> Result<()> {
    let topic = format!("{prefix}-gone");
    broker.create_topic(&topic, Some(1)).await?;
    write(broker, &topic, vec![value(0, "a")]).await?;
    let mut consumer = broker.consumer(&topic, &[(0, 1000)])?;
    let begin = clock::instant();
    let error = loop {
        match consumer.poll(100, Duration::from_millis(100), &mut |_| ()) {
            Ok(n) => ensure!(n == 0 && clock::since(begin) < PATIENCE, "{n} records, and no error"),
            Err(error) => break error,
        }
    };
    ensure!(error.kind() == ErrorKind::Data, "the kind is Data, not {:?}: {error}", error.kind());
    let text = error.to_string();
    ensure!(text.contains(&topic) && text.contains("1000") && text.contains("partition 0"), "it names the place: {text}");
    Ok(())
}

fn now() -> i64 {
    SystemClock.now()
}
