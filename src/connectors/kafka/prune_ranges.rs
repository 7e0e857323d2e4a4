//! Prunes the ranges that a batch query reads, by its predicates on partitions, offsets and times.

use crate::common::Result;
use crate::connectors::{Intervals, MetadataPredicate, PartitionRange};

use super::broker::Broker;
use super::config::KafkaTable;

/// How many separate ranges of a partition are read; a partition with more is read from the first to the last of them.
const PIECES: usize = 16;

/// Cuts off the parts of ranges that cannot hold a wanted row, and removes empty ranges.
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
            // Only the beginning can be pruned: before the first record that is not older than t all records are older than t, in whatever
            // order they are. After the first newer record there can be older ones, where producers set the time. Brokers do not find times
            // before 1970.
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

/// Intersects a range with a set of offsets.
fn pieces(range: &PartitionRange, offsets: &Intervals) -> Vec<PartitionRange> {
    let within = Intervals::between(range.start, range.end.map_or(i64::MAX, |end| end.saturating_sub(1))).and(offsets);
    let within = match within.hull() {
        Some((first, last)) if within.parts().len() > PIECES => Intervals::between(first, last),
        _ => within,
    };
    let piece = |(start, last): &(i64, i64)| PartitionRange { start: *start, end: last.checked_add(1).or(range.end), ..*range };
    within.parts().iter().map(piece).collect()
}
