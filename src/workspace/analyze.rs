//! EXPLAIN ANALYZE of continuous queries: a run to the end of what is there now, without a checkpoint folder and without sinks.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use crate::common::Result;
use crate::common::clock::{self, Clock, SystemClock};
use crate::common::faults::Faults;
use crate::connectors::StartMode;
use crate::planner::{Measured, Program, Session};
use crate::state::StateMemory;

use crate::jobs::commits::StoredSource;
use crate::jobs::inputs::{Inputs, Starts, ends_now, enumerators, prefetch};
use crate::jobs::pipeline::Pipeline;
use crate::jobs::spec::{JobSource, Settings};
use crate::jobs::stage_runner::InProcess;
use crate::jobs::{metrics, metrics_view};

/// How long one look for rows may take.
const WAIT: Duration = Duration::from_millis(50);

/// Runs a program over its tables from the earliest position to the end as of now. Windows that are open then stay open, unless
/// all tables end by themselves.
///
/// # Errors
/// What the servers say, also that one is away, and what fails an epoch.
pub(super) async fn analyze(session: Session, program: Arc<Program>, sources: &[JobSource], settings: &Settings) -> Result<Measured> {
    let memory = StateMemory::new(settings.state_memory, settings.tmp.clone());
    let mut pipeline = Pipeline::new(session, program, Arc::default(), &memory, Arc::new(InProcess))?;
    let mut starts = Starts::new();
    let mut enumerators = enumerators(sources)?;
    for (source, enumerator) in sources.iter().zip(&mut enumerators) {
        let positions = enumerator.start(StartMode::History).await?;
        starts.insert(source.table.clone(), StoredSource { positions, ..StoredSource::default() });
    }
    let until = if sources.iter().all(|s| s.stream.bounded()) { None } else { Some(ends_now(sources, &mut enumerators).await?) };
    let prefetch = prefetch(sources, settings.max_bytes_per_epoch, pipeline.parallelism());
    let mut inputs = Inputs::open(sources, enumerators, &starts, until.as_ref(), &pipeline.columns()?, prefetch)?;
    let mut measured = Measured::default();
    let begin = clock::instant();
    loop {
        let clock = SystemClock.now();
        inputs.align(clock);
        let fetch = inputs.fetch(settings.max_rows_per_epoch, WAIT).await?;
        let start = inputs.times();
        if fetch.count == 0 {
            let now = inputs.advance(&BTreeMap::new(), clock);
            if !pipeline.due(&now, clock) {
                if inputs.exhausted() {
                    break;
                }
                continue;
            }
        }
        let count = fetch.count as u64;
        let output = pipeline.epoch(&fetch.rows, &start, clock, &Faults::none(), |times| inputs.advance(times, clock)).await?;
        metrics::add_epoch(&mut measured, count, &output);
    }
    measured.elapsed = clock::since(begin);
    measured.state = metrics_view::sizes(pipeline.state());
    Ok(measured)
}

#[cfg(test)]
#[path = "analyze_tests.rs"]
mod tests;
