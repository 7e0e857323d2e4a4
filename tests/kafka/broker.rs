//! Tests the broker trait with librdkafka, against a real Apache Kafka.

use std::future::Future;
use std::time::{Duration, Instant};

use millstream::common::ErrorKind;
use millstream::connectors::kafka::RdKafkaBroker;
use millstream::connectors::kafka::broker::{Broker, Consumer, OutRecord, Position};
use millstream::connectors::kafka::conformance;
use rdkafka::admin::{AdminClient, AdminOptions};
use rdkafka::client::DefaultClientContext;

use crate::own_kafka::OwnKafka;

/// The address of the broker that tests/services started.
fn address() -> String {
    std::env::var("MILLSTREAM_TEST_KAFKA")
        .unwrap_or_else(|_| panic!("no Kafka; run: tests/services start kafka && eval \"$(tests/services env)\""))
}

fn broker() -> RdKafkaBroker {
    RdKafkaBroker::new(&address(), &[]).unwrap()
}

/// Returns a prefix that no other run uses: topics stay in the broker.
fn unique(name: &str) -> String {
    format!("{name}-{}", uuid::Uuid::now_v7().simple())
}

fn run<T>(future: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap().block_on(future)
}

macro_rules! conforms {
    ($($case:ident)*) => {
        $(
            #[test]
            fn $case() {
                run(async {
                    if let Err(error) = conformance::$case(&broker(), &unique("conformance")).await {
                        panic!("{error}");
                    }
                });
            }
        )*
    };
}

conforms! {
    topics_are_made_and_found
    records_come_back_as_written
    keys_choose_partitions_as_java_does
    reading_starts_where_it_is_told
    many_records_keep_their_order
    new_records_arrive_at_a_waiting_consumer
    offsets_are_found_by_time
    open_transactions_are_invisible
    aborted_records_leave_gaps
    an_offset_commits_with_its_transaction
    committed_offsets_wait_for_open_transactions
    groups_keep_offsets
    a_newer_producer_fences_the_older
    paused_partitions_wait
    an_offset_that_is_gone_is_an_error
}

fn records(partition: i32, texts: &[&str]) -> Vec<OutRecord> {
    texts.iter().map(|t| OutRecord { partition: Some(partition), value: Some(t.to_string().into()), ..OutRecord::default() }).collect()
}

async fn write(broker: &dyn Broker, topic: &str, texts: &[&str]) {
    let mut producer = broker.producer(None).await.unwrap();
    producer.begin().await.unwrap();
    producer.send(topic, records(0, texts)).await.unwrap();
    producer.commit().await.unwrap();
}

/// Polls until a condition is true; returns what was read meanwhile.
fn until(
    consumer: &mut dyn Consumer,
    patience: u64,
    what: &str,
    holds: &mut dyn FnMut(&mut dyn Consumer, &[String]) -> bool,
) -> Vec<String> {
    let (mut seen, begin) = (Vec::new(), Instant::now());
    loop {
        consumer
            .poll(1000, Duration::from_millis(50), &mut |r| seen.push(String::from_utf8_lossy(r.value.unwrap_or_default()).into_owned()))
            .unwrap();
        if holds(consumer, &seen) {
            return seen;
        }
        assert!(begin.elapsed() < Duration::from_secs(patience), "{what}: {seen:?}, {:?}, {:?}", consumer.positions(), consumer.outage());
    }
}

fn position(consumer: &mut dyn Consumer) -> Position {
    consumer.positions()[0]
}

#[test]
fn the_first_record_of_a_short_topic_comes() {
    run(async {
        let (broker, topic) = (broker(), unique("soon"));
        broker.create_topic(&topic, Some(2)).await.unwrap();
        write(&broker, &topic, &["a"]).await;
        let mut consumer = broker.consumer(&topic, &[(0, 0), (1, 0)]).unwrap();
        assert_eq!(until(&mut *consumer, 10, "the first record", &mut |_, seen| !seen.is_empty()), ["a"]);
    });
}

#[test]
fn read_uncommitted_sees_open_transactions() {
    run(async {
        let topic = unique("uncommitted");
        let broker = RdKafkaBroker::new(&address(), &[("isolation.level".into(), "read_uncommitted".into())]).unwrap();
        broker.create_topic(&topic, Some(1)).await.unwrap();
        let mut producer = broker.producer(Some(&topic)).await.unwrap();
        producer.begin().await.unwrap();
        producer.send(&topic, records(0, &["a", "b"])).await.unwrap();
        let mut consumer = broker.consumer(&topic, &[(0, 0)]).unwrap();
        until(&mut *consumer, 10, "both records", &mut |_, seen| seen == ["a", "b"]);
        assert_eq!(broker.bounds(&topic).await.unwrap()[0].latest, 2);
        producer.abort().await.unwrap();
    });
}

#[test]
fn an_unreachable_address_is_named_in_the_error() {
    run(async {
        let broker = RdKafkaBroker::new("127.0.0.1:1", &[]).unwrap();
        let error = broker.topics(Duration::from_secs(1)).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Unavailable);
        assert!(error.to_string().contains("127.0.0.1:1") && error.to_string().contains("refused"), "{error}");
        let mut consumer = broker.consumer("any", &[(0, 0)]).unwrap();
        until(&mut *consumer, 10, "the outage", &mut |c, _| c.outage().is_some_and(|(_, why)| why.contains("refused")));
        assert!(!position(&mut *consumer).at_end);
    });
}

#[test]
fn a_topic_that_is_deleted_or_never_was_is_an_error_that_names_it() {
    run(async {
        let (broker, topic) = (broker(), unique("deleted"));
        broker.create_topic(&topic, Some(1)).await.unwrap();
        write(&broker, &topic, &["a"]).await;
        let mut consumer = broker.consumer(&topic, &[(0, 0)]).unwrap();
        until(&mut *consumer, 10, "the end", &mut |c, _| position(c).at_end);
        let admin: AdminClient<DefaultClientContext> = rdkafka::ClientConfig::new().set("bootstrap.servers", address()).create().unwrap();
        admin.delete_topics(&[&topic], &AdminOptions::new()).await.unwrap();
        let mut never = broker.consumer(&unique("never"), &[(0, 0)]).unwrap();
        for (consumer, name) in [(&mut consumer, topic.as_str()), (&mut never, "never-")] {
            let begin = Instant::now();
            let error = loop {
                match consumer.poll(100, Duration::from_millis(100), &mut |_| ()) {
                    Err(error) => break error,
                    Ok(_) => assert!(begin.elapsed() < Duration::from_secs(60), "no error: {:?}", consumer.positions()),
                }
            };
            println!("{name} told after {:?}", begin.elapsed());
            assert_eq!(error.kind(), ErrorKind::Data);
            assert!(error.to_string().contains(name), "{error}");
        }
    });
}

#[test]
fn a_broker_that_goes_away_is_an_outage_and_nothing_is_lost() {
    let kafka = OwnKafka::new();
    kafka.services("start");
    run(async {
        let (broker, topic) = (RdKafkaBroker::new(&kafka.address(), &[]).unwrap(), unique("outage"));
        broker.create_topic(&topic, Some(1)).await.unwrap();
        write(&broker, &topic, &["a"]).await;
        let mut consumer = broker.consumer(&topic, &[(0, 0)]).unwrap();
        until(&mut *consumer, 10, "the end", &mut |c, _| position(c).at_end);
        assert!(consumer.outage().is_none());

        kafka.services("stop");
        until(&mut *consumer, 20, "the outage", &mut |c, _| c.outage().is_some());
        assert!(!position(&mut *consumer).at_end, "no broker confirms the end");
        let error = broker.topics(Duration::from_secs(1)).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Unavailable, "{error}");
        let error = broker.bounds(&topic).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Unavailable, "{error}");

        kafka.services("start");
        until(&mut *consumer, 20, "the end again", &mut |c, _| position(c).at_end);
        assert!(consumer.outage().is_none());
        write(&broker, &topic, &["b"]).await;
        until(&mut *consumer, 20, "the next record", &mut |_, seen| seen == ["b"]);
    });
}
