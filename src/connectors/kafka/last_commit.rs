//! Finds the newest commit of a job at the end of a topic, from the headers of its records.

use std::sync::Arc;
use std::time::Duration;

use crate::common::{Error, Result, clock};
use crate::connectors::{Recorded, Writer};

use super::broker::{Broker, PartitionBounds};

/// The header that every record of a sink carries: `<owner>:<incarnation>:<n>:<attempt>`.
pub(super) const HEADER: &str = "millstream.commit";

/// The owner of records: `<job uuid>/<sink>`. Several sinks of a job may write to one topic, each at its own pace, and the records of one
/// of them say nothing about the others.
pub(super) fn owner(writer: &Writer) -> String {
    format!("{}/{}", writer.job_uuid, writer.sink)
}
/// How many offsets at the end of each partition are searched.
const DEPTH: i64 = 1_000;
/// The time limit of the search.
const PATIENCE: Duration = Duration::from_secs(30);

/// Finds incarnation, number and attempt of the newest commit of this owner.
pub(super) async fn newest(broker: &Arc<dyn Broker>, topic: &str, owner: &str) -> Result<Option<(u64, Recorded)>> {
    if broker.partitions(topic).await?.is_none() {
        return Ok(None);
    }
    let bounds: Vec<PartitionBounds> = broker.bounds(topic).await?.into_iter().filter(|b| b.earliest < b.latest).collect();
    if bounds.is_empty() {
        return Ok(None);
    }
    let (broker, topic, owner) = (Arc::clone(broker), topic.to_string(), owner.to_string());
    let found = tokio::task::spawn_blocking(move || scan(&*broker, &topic, &owner, &bounds)).await;
    found.map_err(|e| Error::internal("the end of a topic could not be read").with_source(e))?
}

fn scan(broker: &dyn Broker, topic: &str, owner: &str, bounds: &[PartitionBounds]) -> Result<Option<(u64, Recorded)>> {
    let from: Vec<(i32, i64)> = bounds.iter().map(|b| (b.partition, b.earliest.max(b.latest - DEPTH))).collect();
    let mut consumer = broker.consumer(topic, &from)?;
    let mut newest: Option<(u64, Recorded)> = None;
    let until = clock::instant() + PATIENCE;
    loop {
        consumer.poll(1_000, Duration::from_millis(100), &mut |record| {
            record.headers.each(&mut |key, value| {
                if key == HEADER
                    && let Some((incarnation, recorded)) = value.and_then(|value| parse(value, owner))
                    && newest.as_ref().is_none_or(|(_, newer)| recorded.n >= newer.n)
                {
                    newest = Some((incarnation, recorded));
                }
            });
        })?;
        let positions = consumer.positions();
        let done = |b: &PartitionBounds| positions.iter().any(|p| p.partition == b.partition && (p.next >= b.latest || p.at_end));
        if bounds.iter().all(done) {
            return Ok(newest);
        }
        if clock::instant() > until {
            let why = consumer.outage().map_or_else(|| "no answer".to_string(), |(_, why)| why);
            return Err(Error::unavailable(format!("the end of topic `{topic}` could not be read from {}: {why}", broker.address())));
        }
    }
}

/// Parses incarnation, number and attempt, if the header belongs to this owner.
fn parse(value: &[u8], owner: &str) -> Option<(u64, Recorded)> {
    let rest = std::str::from_utf8(value).ok()?.strip_prefix(owner)?.strip_prefix(':')?;
    let mut parts = rest.split(':');
    let (incarnation, n) = (parts.next()?.parse().ok()?, parts.next()?.parse().ok()?);
    Some((incarnation, Recorded { n, attempt: parts.next().filter(|a| !a.is_empty()).map(ToString::to_string) }))
}
