//! Where reading begins and ends: startup and bounded modes, and the check of a resumed job.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::common::{Error, Result, suggest};
use crate::connectors::{PartitionRange, StartMode};

use super::broker::{Broker, PartitionBounds};
use super::config::{Bounded, KafkaTable, Reset, Startup};

/// Returns the range of every partition for a read that begins now.
///
/// # Errors
/// When the topic does not exist, or a mode cannot be applied.
pub async fn plan(table: &KafkaTable, broker: &dyn Broker, mode: StartMode) -> Result<Vec<PartitionRange>> {
    let bounds = bounds(table, broker).await?;
    let startup = match (mode, &table.startup) {
        (StartMode::Declared, startup) => startup.clone(),
        // A batch query reads the whole history; only modes that name a position are honoured.
        (StartMode::History, startup @ (Startup::Timestamp(_) | Startup::Specific(_))) => startup.clone(),
        (StartMode::History | StartMode::Earliest, _) => Startup::Earliest,
        (StartMode::Latest, _) => Startup::Latest,
        (StartMode::Timestamp(ms), _) => Startup::Timestamp(ms),
    };
    let bounded = match (mode, &table.bounded) {
        (StartMode::History, Bounded::Never) => Bounded::Latest,
        (_, bounded) => bounded.clone(),
    };
    let starts = starts(table, broker, &startup, &bounds).await?;
    let ends = ends(table, broker, &bounded, &bounds).await?;
    let range = |bound: &PartitionBounds| {
        let partition = bound.partition;
        let start = starts.get(&partition).copied().unwrap_or(bound.earliest);
        // A partition that the bounded mode does not name is not read at all, as in Flink.
        let end = (bounded != Bounded::Never).then(|| ends.get(&partition).copied().unwrap_or(start));
        PartitionRange { partition, start, end }
    };
    Ok(bounds.iter().map(range).collect())
}

async fn starts(table: &KafkaTable, broker: &dyn Broker, startup: &Startup, bounds: &[PartitionBounds]) -> Result<BTreeMap<i32, i64>> {
    let earliest = || bounds.iter().map(|b| (b.partition, b.earliest)).collect();
    match startup {
        Startup::Earliest => Ok(earliest()),
        Startup::Latest => Ok(bounds.iter().map(|b| (b.partition, b.latest)).collect()),
        Startup::Timestamp(ms) => broker.offsets_for_time(&table.topic, *ms).await,
        Startup::Group => group_starts(table, broker, bounds).await,
        Startup::Specific(offsets) => {
            known_partitions(table, "scan.startup.specific-offsets", offsets, bounds)?;
            let committed = match &table.group {
                Some(group) if offsets.len() < bounds.len() => broker.committed(group, &table.topic).await?,
                _ => BTreeMap::new(),
            };
            let mut starts: BTreeMap<i32, i64> = earliest();
            for bound in bounds {
                let wanted = offsets.get(&bound.partition).copied();
                let Some(offset) = wanted.or(committed.get(&bound.partition).map(|(offset, _)| *offset)) else { continue };
                starts.insert(bound.partition, within(table, bound, offset)?);
            }
            Ok(starts)
        }
    }
}

/// Checks an offset that an option names against the partition's bounds.
fn within(table: &KafkaTable, bound: &PartitionBounds, offset: i64) -> Result<i64> {
    if offset > bound.latest {
        return Err(Error::sql(format!(
            "{}: offset {offset} of topic `{}`, partition {} does not exist yet: the newest is {}",
            table.label(),
            table.topic,
            bound.partition,
            bound.latest
        )));
    }
    if offset < bound.earliest {
        tracing::warn!(
            "{}: topic `{}`, partition {}: {} records before offset {} are gone; reading begins there",
            table.label(),
            table.topic,
            bound.partition,
            bound.earliest - offset,
            bound.earliest
        );
    }
    Ok(offset.max(bound.earliest))
}

async fn group_starts(table: &KafkaTable, broker: &dyn Broker, bounds: &[PartitionBounds]) -> Result<BTreeMap<i32, i64>> {
    let fix = "set 'scan.startup.mode' = 'earliest-offset' or 'latest-offset', or 'properties.auto.offset.reset' = 'earliest' or 'latest'";
    let committed = match (&table.group, table.reset) {
        (Some(group), _) => broker.committed(group, &table.topic).await?,
        (None, Some(_)) => BTreeMap::new(),
        (None, None) => {
            return Err(Error::sql(format!(
                "{}: 'scan.startup.mode' = 'group-offsets' (the default) needs `properties.group.id`",
                table.label()
            ))
            .hint(fix));
        }
    };
    let mut starts = BTreeMap::new();
    for bound in bounds {
        let offset = committed.get(&bound.partition).map(|(offset, _)| *offset);
        let kept = offset.filter(|offset| (bound.earliest..=bound.latest).contains(offset));
        let start = match (kept, table.reset) {
            (Some(offset), _) => offset,
            (None, Some(Reset::Earliest)) => bound.earliest,
            (None, Some(Reset::Latest)) => bound.latest,
            (None, None) => return Err(no_start(table, bound, offset).hint(fix)),
        };
        starts.insert(bound.partition, start);
    }
    Ok(starts)
}

fn no_start(table: &KafkaTable, bound: &PartitionBounds, committed: Option<i64>) -> Error {
    let group = table.group.as_deref().unwrap_or_default();
    let (label, topic, partition) = (table.label(), &table.topic, bound.partition);
    let message = match committed {
        None => format!("{label}: group '{group}' has no committed offset on topic `{topic}`, partition {partition}"),
        Some(offset) => format!(
            "{label}: group '{group}' has committed offset {offset} on topic `{topic}`, partition {partition}, \
             which holds {} to {} now",
            bound.earliest, bound.latest
        ),
    };
    Error::sql(message)
}

async fn ends(table: &KafkaTable, broker: &dyn Broker, bounded: &Bounded, bounds: &[PartitionBounds]) -> Result<BTreeMap<i32, i64>> {
    match bounded {
        Bounded::Never => Ok(BTreeMap::new()),
        Bounded::Latest => Ok(bounds.iter().map(|b| (b.partition, b.latest)).collect()),
        Bounded::Timestamp(ms) => broker.offsets_for_time(&table.topic, *ms).await,
        Bounded::Specific(offsets) => {
            known_partitions(table, "scan.bounded.specific-offsets", offsets, bounds)?;
            Ok(offsets.clone())
        }
        Bounded::Group => {
            let needs = || format!("{}: 'scan.bounded.mode' = 'group-offsets'", table.label());
            let Some(group) = &table.group else {
                return Err(Error::sql(format!("{} needs `properties.group.id`", needs())));
            };
            let committed = broker.committed(group, &table.topic).await?;
            if let Some(bound) = bounds.iter().find(|b| !committed.contains_key(&b.partition)) {
                return Err(Error::sql(format!(
                    "{}: group '{group}' has no committed offset on topic `{}`, partition {}",
                    needs(),
                    table.topic,
                    bound.partition
                )));
            }
            Ok(committed.into_iter().map(|(partition, (offset, _))| (partition, offset)).collect())
        }
    }
}

fn known_partitions(table: &KafkaTable, option: &str, offsets: &BTreeMap<i32, i64>, bounds: &[PartitionBounds]) -> Result<()> {
    match offsets.keys().find(|partition| !bounds.iter().any(|b| b.partition == **partition)) {
        None => Ok(()),
        Some(partition) => Err(Error::sql(format!(
            "{}: option `{option}` names partition {partition}, but topic `{}` has {} partitions",
            table.label(),
            table.topic,
            bounds.len()
        ))
        .hint("partitions are counted from 0")),
    }
}

/// Returns the bounds of all partitions, in order.
///
/// # Errors
/// When there is no such topic; the error names similar ones.
pub(super) async fn bounds(table: &KafkaTable, broker: &dyn Broker) -> Result<Vec<PartitionBounds>> {
    if broker.partitions(&table.topic).await?.is_none() {
        return Err(missing(table, broker).await);
    }
    let mut bounds = broker.bounds(&table.topic).await?;
    bounds.sort_by_key(|b| b.partition);
    Ok(bounds)
}

/// The error of a missing topic, with similar names.
async fn missing(table: &KafkaTable, broker: &dyn Broker) -> Error {
    let error = Error::sql(format!("{}: topic `{}` does not exist at {}", table.label(), table.topic, broker.address()));
    let topics = broker.topics(Duration::from_secs(5)).await.unwrap_or_default();
    let shown: Vec<&str> = topics.iter().map(String::as_str).filter(|name| !name.starts_with("__")).collect();
    match (suggest::nearest(&table.topic, shown.iter().copied()), shown.len()) {
        (_, 0) => error.hint("there are no topics yet"),
        (None, 21..) => error.hint(format!("none of the {} topics has a name like it", shown.len())),
        (Some(near), 21..) => error.hint(format!("did you mean `{near}`?")),
        _ => error.hint(suggest::hint(&table.topic, &shown)),
    }
}

/// Checks stored positions before a job resumes, and returns partitions that are new since.
///
/// # Errors
/// When records that were not read yet are gone, or the topic was created again.
pub async fn resume(table: &KafkaTable, broker: &dyn Broker, positions: &[PartitionRange]) -> Result<Vec<PartitionRange>> {
    let bounds = bounds(table, broker).await?;
    for stored in positions {
        let place = format!("{}: topic `{}`, partition {}", table.label(), table.topic, stored.partition);
        let again = "was the topic deleted and made again? `--fresh` starts the job anew, from the table's startup mode";
        let Some(bound) = bounds.iter().find(|b| b.partition == stored.partition) else {
            return Err(Error::state(format!("{place} does not exist any more")).hint(again));
        };
        if stored.end.is_some_and(|end| stored.start >= end) {
            continue;
        }
        if stored.start < bound.earliest {
            return Err(Error::state(format!(
                "{place}: {} records that were not read yet are gone: the job stands at {}, the topic begins at {}",
                bound.earliest - stored.start,
                stored.start,
                bound.earliest
            ))
            .hint("the topic's retention was shorter than the job's pause; `--fresh` starts anew"));
        }
        if stored.start > bound.latest {
            return Err(
                Error::state(format!("{place}: the job stands at {}, but the topic ends at {}", stored.start, bound.latest)).hint(again)
            );
        }
    }
    if table.is_bounded() {
        return Ok(Vec::new());
    }
    let new = bounds.iter().filter(|b| !positions.iter().any(|p| p.partition == b.partition));
    Ok(new.map(|b| PartitionRange { partition: b.partition, start: b.earliest, end: None }).collect())
}
