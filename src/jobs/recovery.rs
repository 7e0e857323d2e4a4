//! Recovery: from the newest commit to state, positions, and unpublished commits.

use std::sync::Arc;

use futures::{StreamExt, stream};

use crate::common::{Error, Result};
use crate::operators::epoch::context::StateId;
use crate::state::key_hash::HASH_VERSION;

use super::commits::{Commit, Commits, Header, KeyedBy, snapshot_section};
use super::inputs::Starts;
use super::pipeline::Pipeline;
use super::publish::SinkPositions;
use super::snapshots::{SnapshotPolicy, Snapshots};
use super::source_state::SourceState;

/// The number of commits that are read concurrently, because of network latency.
const AT_ONCE: usize = 16;

/// The recovered state of a job.
#[derive(Debug, Default)]
pub struct Recovered {
    /// Positions and event time per table.
    pub stored: Starts,
    /// The commits that the sinks hold.
    pub held: SinkPositions,
    /// Commits that a sink may not hold, in order.
    pub unpublished: Vec<Arc<Commit>>,
    /// The snapshots of the state tables.
    pub snapshots: Snapshots,
    /// The state of the sources.
    pub source_state: SourceState,
    /// Whether the bounded input was exhausted.
    pub finished: bool,
}

/// Restores the state as of commit `last`: each table from its snapshot and the deltas since.
///
/// # Errors
/// When a commit is missing or damaged, or does not fit the job.
pub async fn recover(commits: &Commits, pipeline: &mut Pipeline, last: &Commit, policy: SnapshotPolicy) -> Result<Recovered> {
    let body = &last.body;
    let mut recovered = Recovered {
        stored: body.sources.clone(),
        held: SinkPositions { confirmed: body.confirmed.clone(), written: body.written.clone() },
        finished: body.finished,
        snapshots: Snapshots::new(policy),
        ..Recovered::default()
    };
    let least = recovered.held.confirmed.values().min().copied().unwrap_or(0);
    let (n, base) = (body.n, body.base());
    // Commits below the base that a sink does not hold are read only for their rows.
    let from = base.min((least + 1).max(commits.floor().await? + 1));
    restore_carried(pipeline, body, commits).await?;
    let mut chain = stream::iter(from..=n).map(|i| async move { (i, commits.read(i).await) }).buffered(AT_ONCE);
    while let Some((i, commit)) = chain.next().await {
        let commit = match commit? {
            Some(commit) if commit.body.job_uuid == commits.incarnation.job_uuid => commit,
            // From before `--fresh`, whose rows are not published any more.
            Some(_) if i < base => continue,
            None if i < base && i <= commits.floor().await? => continue,
            _ => return Err(Error::state(format!("commit {i}, which commit {n} builds on, is gone"))),
        };
        if i >= base {
            restore(pipeline, &commit, body, commits).await?;
            recovered.snapshots.observe(&commit);
            recovered.source_state.restore(&commit, &body.bases, commits.store().as_ref()).await?;
        }
        if i > least {
            recovered.unpublished.push(Arc::new(commit));
        }
    }
    let KeyedBy { groups, hash } = body.keyed_by;
    if groups != pipeline.key_groups() && pipeline.is_keyed() {
        return Err(Error::state(format!("the state of this job has {groups} key groups, this run {}", pipeline.key_groups()))
            .hint(format!("SET 'pipeline.max-parallelism' = '{groups}', or drop the state with --fresh")));
    }
    let rebuilt = pipeline.rescale(hash != HASH_VERSION)?;
    recovered.snapshots.retain(|id| pipeline.state().contains_key(&id) && !rebuilt.contains(&id));
    Ok(recovered)
}

/// Restores the snapshots that a later commit contains for an older base.
async fn restore_carried(pipeline: &mut Pipeline, newest: &Header, commits: &Commits) -> Result<()> {
    for (name, carrier) in &newest.carried_by {
        let gone = || Error::state(format!("commit {carrier}, which commit {} builds on, is gone", newest.n));
        let commit = commits.read(*carrier).await?.ok_or_else(gone)?;
        let (section, table) = (snapshot_section(name), pipeline.restore(name.parse()?)?);
        commit.each(&section, commits.store().as_ref(), |batch| table.restore(&batch)).await?;
        commit.body.closed.get(&section).map_or(Ok(()), |to| table.close(*to))?;
    }
    Ok(())
}

/// Restores the state sections of a commit, except those of tables with a later snapshot or with other key groups.
async fn restore(pipeline: &mut Pipeline, commit: &Commit, newest: &Header, commits: &Commits) -> Result<()> {
    let n = commit.body.n;
    let counts = |name: &str| newest.rebuilds_from(name, n);
    let id = |name: &str| name.parse::<StateId>().map_err(|e| e.context(format!("commit {n}")));
    for section in commit.names().filter(|s| s.starts_with("state/")) {
        let name = section.trim_start_matches("state/");
        if counts(name) {
            let table = pipeline.restore(id(name)?)?;
            commit.each(section, commits.store().as_ref(), |batch| table.restore(&batch)).await?;
        }
    }
    for (name, to) in commit.body.closed.iter().filter(|(name, _)| counts(name)) {
        pipeline.restore(id(name)?)?.close(*to)?;
    }
    Ok(())
}
