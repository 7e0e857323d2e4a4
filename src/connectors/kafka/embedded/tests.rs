//! Tests of the in-process topic log through its readers and writers.

use std::time::Instant;

use super::*;

fn value(text: &str) -> OutRecord {
    OutRecord { key: Some(text.to_string().into()), value: Some(text.to_string().into()), ..OutRecord::default() }
}

fn read(consumer: &mut dyn Consumer, wait: u64) -> Vec<(i32, i64)> {
    let mut got = Vec::new();
    consumer.poll(1000, Duration::from_millis(wait), &mut |r| got.push((r.partition, r.offset))).unwrap();
    got
}

#[tokio::test(flavor = "multi_thread")]
async fn keeps_to_the_contract() {
    let broker = EmbeddedBroker::new();
    crate::connectors::kafka::conformance::all(&broker, "c").await.unwrap();
}

#[tokio::test]
async fn transactions_appear_at_once_and_leave_a_gap() {
    let broker = EmbeddedBroker::new();
    broker.create("t", Some(1)).unwrap();
    let mut consumer = broker.consumer("t", &[(0, 0)]).unwrap();
    let mut producer = broker.producer(Some("id")).await.unwrap();
    producer.begin().await.unwrap();
    producer.send("t", vec![value("a"), value("b")]).await.unwrap();
    producer.send_offset("g", "t", 7, "meta").await.unwrap();
    assert!(read(&mut *consumer, 0).is_empty());
    assert!(broker.committed("g", "t").await.unwrap().is_empty());
    producer.commit().await.unwrap();
    assert_eq!(read(&mut *consumer, 0), [(0, 0), (0, 1)]);
    assert_eq!(broker.committed("g", "t").await.unwrap()[&0], (7, "meta".to_string()));
    let position = consumer.positions()[0];
    assert_eq!((position.next, position.end, position.at_end), (3, Some(3), true));
    broker.append("t", vec![value("c")]).unwrap();
    assert_eq!(read(&mut *consumer, 0), [(0, 3)]);
}

#[tokio::test]
async fn a_newer_producer_fences_the_older_one() {
    let broker = EmbeddedBroker::new();
    broker.create("t", None).unwrap();
    let mut old = broker.producer(Some("id")).await.unwrap();
    old.begin().await.unwrap();
    old.send("t", vec![value("lost")]).await.unwrap();
    let mut new = broker.producer(Some("id")).await.unwrap();
    assert_eq!(old.commit().await.unwrap_err().kind(), crate::common::ErrorKind::Fenced);
    new.begin().await.unwrap();
    new.send("t", vec![value("kept")]).await.unwrap();
    new.commit().await.unwrap();
    assert_eq!(broker.bounds("t").await.unwrap().iter().map(|b| b.latest).sum::<i64>(), 2);
}

#[test]
fn a_waiting_reader_wakes_at_once() {
    let broker = Arc::new(EmbeddedBroker::new());
    broker.create("t", Some(2)).unwrap();
    let mut consumer = broker.consumer("t", &[(0, 0), (1, 0)]).unwrap();
    let writer = Arc::clone(&broker);
    let start = Instant::now();
    let thread = std::thread::spawn(move || {
        std::thread::sleep(Duration::from_millis(20));
        writer.append("t", vec![OutRecord { partition: Some(1), ..value("x") }]).unwrap();
    });
    assert_eq!(read(&mut *consumer, 10_000), [(1, 0)]);
    assert!(start.elapsed() < Duration::from_secs(5));
    thread.join().unwrap();
}

#[test]
fn what_is_gone_is_an_error_and_what_is_paused_waits() {
    let broker = EmbeddedBroker::with(200, Arc::new(SystemClock));
    broker.create("t", Some(2)).unwrap();
    for _ in 0..9 {
        broker.append("t", vec![OutRecord { partition: Some(0), ..value("x") }]).unwrap();
    }
    let mut consumer = broker.consumer("t", &[(0, 0), (1, 0)]).unwrap();
    let gone = consumer.poll(1, Duration::ZERO, &mut |_| ()).unwrap_err();
    assert!(gone.message().contains("offset 0 is gone"), "{gone}");
    consumer.pause(&[0]).unwrap();
    assert!(read(&mut *consumer, 0).is_empty());
}
