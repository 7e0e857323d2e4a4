//! The contents of one commit, collected between two epochs and encoded while the next ones run.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::common::Result;
use crate::connectors::SinkMode;
use crate::operators::epoch::context::StateId;
use crate::state::{ChunkedSectionWriter, CommitFile, PendingChanges, Section, SpillableBatches, WrittenSection};

use super::changes::consolidate;
use super::commits::{Commits, Header, sink_section};
use super::snapshots::StateParts;
use super::stored_view::change_section;

/// The approximate size in bytes of a piece of rows for a sink: a sink receives a piece at once.
const ROWS_PIECE: usize = 32 << 20;
/// The approximate size in bytes of a piece of a view's changes.
const CHANGES_PIECE: usize = 8 << 20;

/// Rows for one sink.
#[derive(Debug)]
pub(super) struct SinkRows {
    /// The id of the sink in the job.
    pub(super) id: String,
    /// The changelog mode of the sink.
    pub(super) mode: SinkMode,
    /// Whether the rows come with weights.
    pub(super) updating: bool,
    /// The rows of all epochs since the previous commit.
    pub(super) rows: SpillableBatches,
}

/// The parts of a commit. All of them are shared or frozen, so that epochs run at the same time.
#[derive(Debug)]
pub(super) struct CommitContents {
    /// Snapshots and deltas of state tables.
    pub(super) state: StateParts,
    /// Changes of views whose snapshot is in this commit: readers of a view read only changes.
    pub(super) views: BTreeMap<StateId, PendingChanges>,
    /// The state of sources.
    pub(super) remembered: Vec<Section>,
    /// Rows for sinks.
    pub(super) sinks: Vec<SinkRows>,
}

impl CommitContents {
    /// Encodes the commit with its header, and writes large sections.
    ///
    /// # Errors
    /// When the store cannot be written, or spilled rows cannot be read.
    pub(super) async fn encode(self, commits: &Commits, header: &Header) -> Result<CommitFile> {
        let Self { mut state, views, remembered, sinks } = self;
        let (store, stem) = (commits.store(), commits.stem(header.n, &header.attempt));
        state.encode(store, &stem).await?;
        let StateParts { mut sections, mut written, .. } = state;
        sections.extend(remembered);
        for (id, delta) in views {
            let stem = format!("{stem}-v{}.{}", id.node, id.groups);
            let mut writer = ChunkedSectionWriter::new(Arc::clone(store), change_section(&id.to_string()), stem, CHANGES_PIECE);
            writer.extend(delta.into_rows()).await?;
            writer.finish_into(&mut sections, &mut written).await?;
        }
        for (index, sink) in sinks.into_iter().enumerate() {
            sink_rows(sink, commits, format!("{stem}-r{index}"), &mut sections, &mut written).await?;
        }
        commits.encode(header, &sections, written)
    }
}

async fn sink_rows(
    sink: SinkRows,
    commits: &Commits,
    stem: String,
    small: &mut Vec<Section>,
    large: &mut Vec<WrittenSection>,
) -> Result<()> {
    let SinkRows { id, mode, updating, rows } = sink;
    let mut writer = ChunkedSectionWriter::new(Arc::clone(commits.store()), sink_section(&id), stem, ROWS_PIECE);
    writer.extend(consolidate(&mode, updating, rows)?).await?;
    writer.finish_into(small, large).await
}
