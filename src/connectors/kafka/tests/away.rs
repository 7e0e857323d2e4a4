//! A wrapper of a broker that can be unreachable, and that counts its open consumers.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use async_trait::async_trait;

use super::super::broker::{Broker, Consumer, PartitionBounds, Position, Producer, Record};
use super::EmbeddedBroker;
use crate::common::{Error, Result};

/// Another broker, with an outage in between.
#[derive(Debug, Clone)]
pub struct Away {
    inner: Arc<EmbeddedBroker>,
    since: Arc<Mutex<Option<Instant>>>,
    /// How many consumers are open.
    open: Arc<AtomicUsize>,
}

impl Away {
    pub fn new(inner: &Arc<EmbeddedBroker>) -> Self {
        Self { inner: Arc::clone(inner), since: Arc::default(), open: Arc::default() }
    }

    /// Starts or ends an outage.
    pub fn set(&self, away: bool) {
        *self.since.lock().unwrap() = away.then(Instant::now);
    }

    /// How many consumers are open.
    pub fn consumers(&self) -> usize {
        self.open.load(Ordering::SeqCst)
    }

    fn answer(&self) -> Result<&EmbeddedBroker> {
        match *self.since.lock().unwrap() {
            Some(_) => Err(Error::unavailable("no broker answers")),
            None => Ok(&self.inner),
        }
    }
}

#[async_trait]
impl Broker for Away {
    fn address(&self) -> String {
        self.inner.address()
    }

    async fn topics(&self, timeout: Duration) -> Result<Vec<String>> {
        self.answer()?.topics(timeout).await
    }

    async fn partitions(&self, topic: &str) -> Result<Option<usize>> {
        self.answer()?.partitions(topic).await
    }

    async fn create_topic(&self, topic: &str, partitions: Option<usize>) -> Result<usize> {
        self.answer()?.create_topic(topic, partitions).await
    }

    async fn bounds(&self, topic: &str) -> Result<Vec<PartitionBounds>> {
        self.answer()?.bounds(topic).await
    }

    async fn offsets_for_time(&self, topic: &str, timestamp: i64) -> Result<BTreeMap<i32, i64>> {
        self.answer()?.offsets_for_time(topic, timestamp).await
    }

    async fn committed(&self, group: &str, topic: &str) -> Result<BTreeMap<i32, (i64, String)>> {
        self.answer()?.committed(group, topic).await
    }

    async fn commit_group(&self, group: &str, topic: &str, offsets: &[(i32, i64)]) -> Result<()> {
        self.answer()?.commit_group(group, topic, offsets).await
    }

    fn consumer(&self, topic: &str, from: &[(i32, i64)]) -> Result<Box<dyn Consumer>> {
        let (inner, since, open) = (self.inner.consumer(topic, from)?, Arc::clone(&self.since), Arc::clone(&self.open));
        open.fetch_add(1, Ordering::SeqCst);
        Ok(Box::new(AwayConsumer { inner, since, open }))
    }

    async fn producer(&self, transactional_id: Option<&str>) -> Result<Box<dyn Producer>> {
        self.answer()?.producer(transactional_id).await
    }
}

struct AwayConsumer {
    inner: Box<dyn Consumer>,
    since: Arc<Mutex<Option<Instant>>>,
    open: Arc<AtomicUsize>,
}

impl Drop for AwayConsumer {
    fn drop(&mut self) {
        self.open.fetch_sub(1, Ordering::SeqCst);
    }
}

impl AwayConsumer {
    fn since(&self) -> Option<Instant> {
        *self.since.lock().unwrap()
    }
}

impl Consumer for AwayConsumer {
    fn poll(&mut self, max: usize, wait: Duration, each: &mut dyn FnMut(Record<'_>)) -> Result<usize> {
        if self.since().is_some() {
            std::thread::sleep(wait);
            return Ok(0);
        }
        self.inner.poll(max, wait, each)
    }

    fn positions(&mut self) -> Vec<Position> {
        let away = self.since().is_some();
        self.inner.positions().into_iter().map(|position| Position { at_end: position.at_end && !away, ..position }).collect()
    }

    fn outage(&self) -> Option<(Instant, String)> {
        Some((self.since()?, "no broker answers".to_string()))
    }

    fn add(&mut self, from: &[(i32, i64)]) -> Result<()> {
        self.inner.add(from)
    }

    fn pause(&mut self, partitions: &[i32]) -> Result<()> {
        self.inner.pause(partitions)
    }
}
