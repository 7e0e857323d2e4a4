//! What a batch query asks of partitions, offsets and times, taken out of the ranges that it reads.

use crate::common::Result;
use crate::connectors::{Intervals, MetadataPredicate, PartitionRange};

use super::broker::Broker;
use super::config::KafkaTable;

/// How many separate ranges of a partition are read; a partition with more is read from the first to the last.
const PIECES: usize = 16;

/// The same ranges without what no wanted row can stand in; one that is left empty is gone.
///
/// # Errors
/// When the broker does not answer.
pub(super) async fn prune(
    table: &KafkaTable,
    broker: &dyn Broker,
    mut ranges: Vec<PartitionRange>,
    predicate: &MetadataPredicate,
) -> Result<Vec<PartitionRange>> {
    if let Some(partitions) = predicate.get("partition") {
        ranges.retain(|range| partitions.contains(i64::from(range.partition)));
    }
    if let Some(times) = predicate.get("timestamp") {
        match times.hull() {
            None => ranges.clear(),
            // Only where to begin can be told: before the first record that is not older than t all are older than t, in whatever
            // order they stand. Behind the first one that is newer there can be older ones, where producers set the time. Brokers do
            // not find times before 1970.
            Some((first, _)) if first > 0 && !ranges.is_empty() => {
                let starts = broker.offsets_for_time(&table.topic, first).await?;
                for range in &mut ranges {
                    range.start = starts.get(&range.partition).map_or(range.start, |start| range.start.max(*start));
                }
            }
            Some(_) => {}
        }
    }
    if let Some(offsets) = predicate.get("offset") {
        ranges = ranges.iter().flat_map(|range| pieces(range, offsets)).collect();
    }
    ranges.retain(|range| range.end.is_none_or(|end| range.start < end));
    Ok(ranges)
}

/// What of a range is in a set of offsets.
fn pieces(range: &PartitionRange, offsets: &Intervals) -> Vec<PartitionRange> {
    let within = Intervals::between(range.start, range.end.map_or(i64::MAX, |end| end.saturating_sub(1))).and(offsets);
    let within = match within.hull() {
        Some((first, last)) if within.parts().len() > PIECES => Intervals::between(first, last),
        _ => within,
    };
    let piece = |(start, last): &(i64, i64)| PartitionRange { start: *start, end: last.checked_add(1).or(range.end), ..*range };
    within.parts().iter().map(piece).collect()
}
