//! The broker trait over librdkafka, against a real Apache Kafka.

use std::future::Future;
use std::time::{Duration, Instant};

use millstream::common::ErrorKind;
use millstream::connectors::kafka::RdKafkaBroker;
use millstream::connectors::kafka::broker::{Broker, Consumer, OutRecord};
use millstream::connectors::kafka::conformance;

/// The broker that tests/services started.
fn address() -> String {
    std::env::var("MILLSTREAM_TEST_KAFKA")
        .unwrap_or_else(|_| panic!("no Kafka; run: tests/services start kafka && eval \"$(tests/services env)\""))
}

fn broker() -> RdKafkaBroker {
    RdKafkaBroker::new(&address(), &[]).unwrap()
}

/// A prefix that no other run uses: topics stay in the broker.
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
    groups_keep_offsets
    a_newer_producer_fences_the_older
    paused_partitions_wait
    an_offset_that_is_gone_is_an_error
}
