use std::fs;

use super::*;
use crate::connectors::kafka::conformance;

fn value(partition: i32, text: &str) -> OutRecord {
    OutRecord {
        partition: Some(partition),
        timestamp: Some(7),
        key: None,
        value: Some(text.to_string().into()),
        headers: vec![("h".to_string(), Some(b"1".to_vec())), ("n".to_string(), None)],
        common: None,
    }
}

/// Returns everything visible of topic `t` and group `g`.
async fn seen(broker: &EmbeddedBroker) -> String {
    let bounds = broker.bounds("t").await.unwrap_or_default();
    let from: Vec<(i32, i64)> = bounds.iter().map(|b| (b.partition, b.earliest)).collect();
    let mut rows = Vec::new();
    if !from.is_empty() {
        let mut consumer = broker.consumer("t", &from).unwrap();
        let mut each = |r: crate::connectors::kafka::broker::Record<'_>| {
            let mut headers = String::new();
            r.headers.each(&mut |key, value| headers.push_str(&format!("{key}={value:?}")));
            rows.push(format!("{}/{} {:?} {:?} {:?} {headers}", r.partition, r.offset, r.timestamp, r.key, r.value));
        };
        consumer.poll(1000, Duration::ZERO, &mut each).unwrap();
    }
    rows.sort();
    format!("{bounds:?} {rows:?} {:?}", broker.committed("g", "t").await.unwrap())
}

#[tokio::test(flavor = "multi_thread")]
async fn keeps_to_the_contract_on_disk() {
    let folder = tempfile::tempdir().unwrap();
    let broker = EmbeddedBroker::open(folder.path(), usize::MAX).unwrap();
    conformance::all(&broker, "c").await.unwrap();
    let topics = broker.topics(Duration::ZERO).await.unwrap();
    drop(broker);
    assert_eq!(EmbeddedBroker::open(folder.path(), usize::MAX).unwrap().topics(Duration::ZERO).await.unwrap(), topics);
}

#[test]
fn one_process_has_it_at_a_time() {
    let folder = tempfile::tempdir().unwrap();
    let broker = EmbeddedBroker::open(folder.path(), usize::MAX).unwrap();
    let second = EmbeddedBroker::open(folder.path(), usize::MAX).unwrap_err();
    assert!(second.message().contains("open in another process"), "{second}");
    drop(broker);
    EmbeddedBroker::open(folder.path(), usize::MAX).unwrap();
}

/// Cut at any byte, the log is as it was after one of its changes; a transaction is complete or absent.
#[tokio::test]
async fn a_torn_tail_is_cut_off() {
    let folder = tempfile::tempdir().unwrap();
    let journal = folder.path().join("journal");
    let broker = EmbeddedBroker::open(folder.path(), usize::MAX).unwrap();
    let length = || fs::metadata(&journal).unwrap().len();
    let mut states = vec![(length(), seen(&broker).await)];
    broker.create("t", Some(2)).unwrap();
    states.push((length(), seen(&broker).await));
    broker.append("t", vec![value(0, "a"), value(1, "b")]).unwrap();
    states.push((length(), seen(&broker).await));
    let mut producer = broker.producer(Some("id")).await.unwrap();
    producer.begin().await.unwrap();
    producer.send("t", vec![value(1, "c"), value(0, "d")]).await.unwrap();
    producer.send_offset("g", "t", 3, "meta").await.unwrap();
    producer.commit().await.unwrap();
    states.push((length(), seen(&broker).await));
    producer.begin().await.unwrap();
    producer.send("t", vec![value(1, "lost")]).await.unwrap();
    producer.abort().await.unwrap();
    broker.commit_group("g", "t", &[(1, 2)]).await.unwrap();
    states.push((length(), seen(&broker).await));
    drop((producer, broker));

    let whole = fs::read(&journal).unwrap();
    assert_eq!(whole.len() as u64, states.last().unwrap().0);
    for cut in 0..=whole.len() {
        fs::write(&journal, &whole[..cut]).unwrap();
        let broker = EmbeddedBroker::open(folder.path(), usize::MAX).unwrap();
        let expected = states.iter().rev().find(|(length, _)| *length <= cut as u64).unwrap_or(&states[0]);
        let aborted = states.len() - 1;
        // The last step is two changes, which are compared only together.
        if cut as u64 > states[aborted - 1].0 && cut < whole.len() {
            continue;
        }
        assert_eq!(seen(&broker).await, expected.1, "cut at {cut} of {}", whole.len());
        // Entries that are written after a cut are read.
        broker.create("more", Some(1)).unwrap();
        drop(broker);
        let again = EmbeddedBroker::open(folder.path(), usize::MAX).unwrap();
        assert_eq!(again.partitions("more").await.unwrap(), Some(1));
    }
    // A flipped bit, wherever it is, is refused, and the file stays as it is.
    for at in 0..whole.len() {
        for bit in [0, 6] {
            let mut spoilt = whole.clone();
            spoilt[at] ^= 1 << bit;
            fs::write(&journal, &spoilt).unwrap();
            let refused = EmbeddedBroker::open(folder.path(), usize::MAX).unwrap_err();
            assert!(at < 8 || refused.message().contains("damaged at byte"), "byte {at}: {refused}");
            assert_eq!(fs::read(&journal).unwrap(), spoilt);
        }
    }
    // A tail that was allocated but never written is an unfinished entry.
    fs::write(&journal, [whole.as_slice(), &[0; 100]].concat()).unwrap();
    assert_eq!(seen(&EmbeddedBroker::open(folder.path(), usize::MAX).unwrap()).await, states.last().unwrap().1);
    fs::write(&journal, b"something").unwrap();
    assert!(EmbeddedBroker::open(folder.path(), usize::MAX).is_err());
}

/// However much is written, memory and disk stay bounded, and offsets continue.
#[tokio::test]
async fn a_journal_is_written_anew_without_what_is_gone() {
    const KEPT: usize = 2 << 20;
    let folder = tempfile::tempdir().unwrap();
    let broker = EmbeddedBroker::open(folder.path(), KEPT).unwrap();
    let (journal, length) = (folder.path().join("journal"), |path: &Path| fs::metadata(path).unwrap().len());
    broker.create("t", Some(3)).unwrap();
    let large = "x".repeat(100_000);
    let (mut longest, mut producer) = (0, broker.producer(Some("id")).await.unwrap());
    for n in 0..1_500 {
        producer.begin().await.unwrap();
        producer.send("t", vec![value(n % 2, &large)]).await.unwrap();
        producer.send_offset("g", "t", i64::from(n), "meta").await.unwrap();
        if n % 50 == 7 {
            producer.abort().await.unwrap()
        } else {
            producer.commit().await.unwrap()
        }
        longest = length(&journal).max(longest);
    }
    assert!(longest < 40 << 20, "{longest} bytes of 150 MB that were written");
    broker.append("t", vec![value(2, "few")]).unwrap();
    let bounds = broker.bounds("t").await.unwrap();
    assert!(bounds[0].earliest > 1_000 && bounds[0].latest > bounds[0].earliest && bounds[2].earliest == 0, "{bounds:?}");
    let before = seen(&broker).await;
    drop((producer, broker));
    // An unfinished temporary file is ignored.
    fs::write(folder.path().join(".journal.tmp"), b"mstopic2 and half an entry").unwrap();
    let broker = EmbeddedBroker::open(folder.path(), KEPT).unwrap();
    assert_eq!(seen(&broker).await, before);
    assert!(!folder.path().join(".journal.tmp").exists());
    // A reader that is too far behind gets an error.
    let mut consumer = broker.consumer("t", &[(0, 3)]).unwrap();
    let gone = consumer.poll(1, Duration::ZERO, &mut |_| ()).unwrap_err();
    assert!(gone.message().contains("topic `t`, partition 0: offset 3 is gone; the log holds"), "{gone}");
    // Every cut of a compacted journal is a valid state, too.
    broker.append("t", vec![value(1, "last")]).unwrap();
    let after = seen(&broker).await;
    drop((consumer, broker));
    let whole = fs::read(&journal).unwrap();
    fs::write(&journal, &whole[..whole.len() - 1]).unwrap();
    assert_eq!(seen(&EmbeddedBroker::open(folder.path(), KEPT).unwrap()).await, before);
    fs::write(&journal, &whole).unwrap();
    assert_eq!(seen(&EmbeddedBroker::open(folder.path(), KEPT).unwrap()).await, after);
}
