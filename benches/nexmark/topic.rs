//! The topic that all queries read: JSON, one partition, lz4.

use std::time::{Duration, Instant};

use millstream::connectors::kafka::RdKafkaBroker;
use millstream::connectors::kafka::broker::{Broker, OutRecord};

use super::generator::{Config, Generator};

/// 2024-05-01 00:00:00.
const MAY: i64 = 1_714_521_600_000;
/// Records that are made while those before are sent.
const CHUNK: u64 = 20_000;

/// A topic by its number of events and what they are like.
#[derive(Debug, Clone)]
pub struct Topic {
    /// Its name.
    pub name: String,
    /// How many events it holds.
    pub events: u64,
    /// What its events are like.
    pub config: Config,
}

impl Topic {
    /// What is measured: 50,000 events per second, from noon on.
    pub fn measured(events: u64) -> Self {
        Self { name: format!("nexmark-{events}"), events, config: Config { seed: 1, start: MAY + 12 * 3_600_000, rate: 50_000 } }
    }

    /// What is checked: few events over many windows (1,000 per second), and over two days.
    pub fn checked(events: u64) -> Self {
        let span = events.cast_signed();
        Self { name: format!("nexmark-check-{events}"), events, config: Config { seed: 2, start: MAY - span / 2, rate: 1000 } }
    }

    /// Writes the events that it does not hold yet, in order.
    pub async fn fill(&self, kafka: &str) {
        let begin = Instant::now();
        let broker = RdKafkaBroker::new(kafka, &[("compression.type".into(), "lz4".into())]).unwrap();
        if broker.partitions(&self.name).await.unwrap().is_none() {
            broker.create_topic(&self.name, Some(1)).await.unwrap();
        }
        let bounds = broker.bounds(&self.name).await.unwrap();
        let held = match bounds.as_slice() {
            [only] if only.earliest == 0 && only.latest.unsigned_abs() <= self.events => only.latest.unsigned_abs(),
            other => panic!("topic {} holds {other:?}, not the first of {} events: delete it", self.name, self.events),
        };
        if held == self.events {
            return;
        }
        let (events, topic) = (self.events, self.name.clone());
        let (sender, mut made) = tokio::sync::mpsc::channel(2);
        let generator = Generator::new(self.config);
        let making = std::thread::spawn(move || {
            for first in (held..events).step_by(usize::try_from(CHUNK).unwrap()) {
                let records = (first..events.min(first + CHUNK)).map(|n| record(&generator, n)).collect::<Vec<_>>();
                sender.blocking_send(records).unwrap();
            }
        });
        let mut producer = broker.producer(None).await.unwrap();
        producer.begin().await.unwrap();
        while let Some(records) = made.recv().await {
            producer.send(&topic, records).await.unwrap();
        }
        producer.commit().await.unwrap();
        making.join().unwrap();
        println!("filled {topic} with {} events in {:.1?}", events - held, begin.elapsed());
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}

fn record(generator: &Generator, n: u64) -> OutRecord {
    let value = serde_json::to_vec(&generator.event(n)).unwrap();
    OutRecord { partition: Some(0), value: Some(value.into()), ..OutRecord::default() }
}
