use std::fs;

use super::*;
use crate::connectors::kafka::conformance;

fn value(partition: i32, text: &str) -> OutRecord {
    OutRecord {
        partition: Some(partition),
        timestamp: Some(7),
        key: None,
        value: Some(text.as_bytes().to_vec()),
        headers: vec![("h".to_string(), Some(b"1".to_vec())), ("n".to_string(), None)],
    }
}

/// Everything that can be seen of topic `t` and group `g`.
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
    let broker = EmbeddedBroker::open(folder.path()).unwrap();
    conformance::all(&broker, "c").await.unwrap();
    let topics = broker.topics(Duration::ZERO).await.unwrap();
    drop(broker);
    assert_eq!(EmbeddedBroker::open(folder.path()).unwrap().topics(Duration::ZERO).await.unwrap(), topics);
}

#[test]
fn one_process_has_it_at_a_time() {
    let folder = tempfile::tempdir().unwrap();
    let broker = EmbeddedBroker::open(folder.path()).unwrap();
    let second = EmbeddedBroker::open(folder.path()).unwrap_err();
    assert!(second.message().contains("open in another process"), "{second}");
    drop(broker);
    EmbeddedBroker::open(folder.path()).unwrap();
}

/// Cut at any byte, the log is as it was after one of its changes; a transaction is there as a whole or not at all.
#[tokio::test]
async fn a_torn_tail_is_cut_off() {
    let folder = tempfile::tempdir().unwrap();
    let journal = folder.path().join("journal");
    let broker = EmbeddedBroker::open(folder.path()).unwrap();
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
        let broker = EmbeddedBroker::open(folder.path()).unwrap();
        let expected = states.iter().rev().find(|(length, _)| *length <= cut as u64).unwrap_or(&states[0]);
        let aborted = states.len() - 1;
        // The last step is two changes, of which only both together are compared.
        if cut as u64 > states[aborted - 1].0 && cut < whole.len() {
            continue;
        }
        assert_eq!(seen(&broker).await, expected.1, "cut at {cut} of {}", whole.len());
        // What is written behind a cut is found.
        broker.create("more", Some(1)).unwrap();
        drop(broker);
        let again = EmbeddedBroker::open(folder.path()).unwrap();
        assert_eq!(again.partitions("more").await.unwrap(), Some(1));
    }
    // A bit that has changed, wherever, is refused, and the file stays as it is.
    for at in 0..whole.len() {
        for bit in [0, 6] {
            let mut spoilt = whole.clone();
            spoilt[at] ^= 1 << bit;
            fs::write(&journal, &spoilt).unwrap();
            let refused = EmbeddedBroker::open(folder.path()).unwrap_err();
            assert!(at < 8 || refused.message().contains("damaged at byte"), "byte {at}: {refused}");
            assert_eq!(fs::read(&journal).unwrap(), spoilt);
        }
    }
    // Room that was never written to is an unfinished tail.
    fs::write(&journal, [whole.as_slice(), &[0; 100]].concat()).unwrap();
    assert_eq!(seen(&EmbeddedBroker::open(folder.path()).unwrap()).await, states.last().unwrap().1);
    fs::write(&journal, b"something").unwrap();
    assert!(EmbeddedBroker::open(folder.path()).is_err());
}
